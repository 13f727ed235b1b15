"""Measures of agreement: published examples, figures worked out by hand, the libraries, and what must hold."""

import math
import random
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from app.study import agreement_measures as measures
from app.study.agreement_measures import (
    AC1,
    ALPHA,
    KAPPA,
    MEASURES,
    PERCENT,
    Estimate,
    all_measures,
    cohens_kappa,
    gwets_ac1,
    krippendorffs_alpha,
    percent_agreement,
)

Rows = list[list[str | None]]


def crossed(table: dict[tuple[str, str], int]) -> Rows:
    """Return the rows of two coders from their cross table."""
    return [[first, second] for (first, second), times in table.items() for _ in range(times)]


def typed(*coders: str) -> Rows:
    """Return rows from one line a coder, a character a unit; a dot is a missing code."""
    return [[None if code == "." else code for code in unit] for unit in zip(*coders, strict=True)]


# Cohen 1960, table 1: 200 cases, two clinicians, personality disorder, neurosis, psychosis.
COHEN = crossed(
    {
        ("pd", "pd"): 88, ("pd", "n"): 14, ("pd", "ps"): 18,
        ("n", "pd"): 10, ("n", "n"): 40, ("n", "ps"): 10,
        ("ps", "pd"): 2, ("ps", "n"): 6, ("ps", "ps"): 12,
    }
)  # fmt: skip

# Krippendorff 2011, "Computing Krippendorff's alpha-reliability", https://repository.upenn.edu/asc_papers/43:
# A binary, two observers; B nominal, two observers; C nominal, four observers, missing data.
KRIPPENDORFF_A = typed("0100000010", "1110010000")
KRIPPENDORFF_B = typed("aabbdcccedda", "babbbccceddd")
KRIPPENDORFF_C = typed("123321412...", "1233224125.3", ".3332342251.", "12332441251.")

# The data of Gwet's R package irrCAC with the values of its README, https://github.com/kgwet/irrCAC: the
# procedures of Gwet 2014. `cac.raw4raters` has missing codes and one unit that one rater rated alone.
RAW4RATERS = typed("123321412...", "1233224125..", ".33323422513", "12332441251.")
ABSTRACTORS = crossed(
    {("ectopic", "ectopic"): 13, ("aiu", "aiu"): 20, ("aiu", "niu"): 7, ("niu", "aiu"): 4, ("niu", "niu"): 56}
)
# `distrib.6raters`, first in Fleiss 1971: how many of six raters gave each of five diagnoses to 15 patients.
SIX_RATERS: Rows = [
    [code for code, times in zip("abcde", counts, strict=True) for _ in range(int(times))]
    for counts in (
        "00060", "03003", "01401", "00006", "03030", "20400", "00402", "20310",
        "20040", "00006", "10050", "11040", "03300", "10050", "02031",
    )
]  # fmt: skip


@pytest.mark.parametrize(
    ("measure", "rows", "published", "decimals"),
    [
        (percent_agreement, COHEN, 0.70, 2),
        (cohens_kappa, COHEN, 0.492, 3),
        (krippendorffs_alpha, KRIPPENDORFF_A, 0.095, 3),
        (krippendorffs_alpha, KRIPPENDORFF_B, 0.692, 3),
        (krippendorffs_alpha, KRIPPENDORFF_C, 0.743, 3),
        (percent_agreement, RAW4RATERS, 0.8181818, 7),
        (gwets_ac1, RAW4RATERS, 0.77544, 5),
        (krippendorffs_alpha, RAW4RATERS, 0.74342, 5),
        (percent_agreement, ABSTRACTORS, 0.89, 2),
        (cohens_kappa, ABSTRACTORS, 0.7964094, 7),
        (gwets_ac1, ABSTRACTORS, 0.8493305, 7),
        (krippendorffs_alpha, ABSTRACTORS, 0.7972585, 7),
        (percent_agreement, SIX_RATERS, 0.5511111, 7),
        (gwets_ac1, SIX_RATERS, 0.4448007, 7),
        (krippendorffs_alpha, SIX_RATERS, 0.4204384, 7),
    ],
)
def test_published_examples(
    measure: Callable[[Rows], Estimate], rows: Rows, published: float, decimals: int
) -> None:
    value = measure(rows).value
    assert value is not None
    assert round(value, decimals) == published


def test_values_worked_out_by_hand() -> None:
    # Ana: 3 × a, 1 × b; Ben: 2 × a, 2 × b; equal on three of four. One tweet Ana labelled alone.
    rows: Rows = [["a", "a"], ["a", "a"], ["a", "b"], ["b", "b"]]
    found = all_measures(rows)
    assert [found[measure].n for measure in MEASURES] == [4, 4, 4, 4]
    assert found[PERCENT].value == pytest.approx(3 / 4)
    # Chance: 3/4 · 2/4 + 1/4 · 2/4 = 1/2.
    assert found[KAPPA].value == pytest.approx((3 / 4 - 1 / 2) / (1 - 1 / 2))
    # Eight codes, five a and three b: 7 · 2 / (64 − 25 − 9).
    assert found[ALPHA].value == pytest.approx(1 - 7 * 2 / (64 - 25 - 9))
    # Chance: (5/8 · 3/8 + 3/8 · 5/8) / (2 − 1).
    chance = 2 * 5 / 8 * 3 / 8
    assert found[AC1].value == pytest.approx((3 / 4 - chance) / (1 - chance))
    # A third class that nobody used spreads chance over two others.
    assert gwets_ac1(rows, ["a", "b", "c"]).value == pytest.approx((3 / 4 - chance / 2) / (1 - chance / 2))
    with_single = all_measures([*rows, ["b", None]])
    assert with_single[KAPPA] == found[KAPPA]
    assert with_single[ALPHA].value == found[ALPHA].value
    # b has 3/8 of four votes and all of the fifth.
    share = (4 * 3 / 8 + 1) / 5
    chance = 2 * share * (1 - share)
    assert with_single[AC1].value == pytest.approx((3 / 4 - chance) / (1 - chance))


def test_more_than_two_coders_have_the_mean_kappa_of_their_pairs() -> None:
    rows = typed("aabbab", "abbba.", "aabb.a")
    pairs = []
    for first, second in combinations(range(3), 2):
        both = [(row[first], row[second]) for row in rows if row[first] and row[second]]
        pairs.append(cohen_kappa_score(*zip(*both, strict=True)))
    assert cohens_kappa(rows).value == pytest.approx(sum(pairs) / 3)


def test_a_pair_of_one_class_is_left_out_of_the_mean_and_that_is_told() -> None:
    rows = typed("aab..", "aba..", "...aa", ".a.aa")
    found = cohens_kappa(rows)
    both = [("a", "a"), ("a", "b"), ("b", "a")]
    # First with second, first with fourth (one class), second with fourth (one code), third with fourth (one class).
    assert found.value == pytest.approx(
        (cohen_kappa_score(*zip(*both, strict=True)) + cohen_kappa_score(["b"], ["a"])) / 2
    )
    assert "The mean over 2 of 4 pairs" in found.note


@pytest.mark.parametrize("rows", [[], [[]], [["a", None]], [["a", None], [None, "b"]], [[None, None]]])
def test_nothing_is_defined_where_no_unit_is_coded_twice(rows: Rows) -> None:
    for found in all_measures(rows, ["a", "b"]).values():
        assert (found.value, found.low, found.high, found.n) == (None, None, None, 0)
        assert found.undefined == "Not defined because no unit was coded by two coders."


def test_one_class_leaves_kappa_and_alpha_without_a_value() -> None:
    found = all_measures([["a", "a"], ["a", "a"]], ["a", "b"])
    for measure in (KAPPA, ALPHA):
        assert (found[measure].value, found[measure].low) == (None, None)
        assert found[measure].undefined == "Not defined because only one class was used."
    assert found[PERCENT].value == 1
    assert found[AC1].value == 1
    for measure in (PERCENT, AC1):
        assert (found[measure].low, found[measure].high) == (None, None)
        assert found[measure].note.startswith("No interval: nearly all resamples")
    alone = gwets_ac1([["a", "a"]], ["a"])
    assert alone.value is None
    assert "only one class to choose from" in alone.undefined


def test_a_class_that_only_a_single_code_uses_does_not_define_alpha() -> None:
    assert krippendorffs_alpha([["a", "a"], ["a", "a"], ["b", None]]).value is None


def test_one_unit_has_a_value_and_no_interval() -> None:
    found = percent_agreement([["a", "b"], ["a", None]])
    assert (found.value, found.low, found.high, found.n) == (0, None, None, 1)
    assert found.note == "One unit alone gives no interval."


def test_resamples_of_one_class_are_left_out_and_counted() -> None:
    rows: Rows = [*[["a", "a"]] * 7, ["b", "b"]]
    found = krippendorffs_alpha(rows)
    assert found.value == 1
    few = krippendorffs_alpha([*[["a", "a"]] * 7, ["b", "a"]])
    assert few.low is not None and not math.isnan(few.low)
    # (7/8)^8, a third of all resamples, has no b.
    left_out = int(few.note.split("leaves out ")[1].split()[0].replace(",", ""))
    assert left_out == pytest.approx(2000 * (7 / 8) ** 8, rel=0.15)


def test_a_kappa_that_no_resample_moves_has_a_reason_in_place_of_an_interval() -> None:
    found = all_measures([*[["a", "a"]] * 7, ["b", "a"]])
    assert found[PERCENT].value == 7 / 8 and found[PERCENT].low is not None
    kappa = found[KAPPA].as_dict()
    assert (kappa["value"], kappa["low"], kappa["high"]) == (0, None, None)
    assert kappa["note"].startswith("No interval: nearly all resamples give this one value.")


def test_the_interval_is_that_of_plain_resampling() -> None:
    generator = np.random.default_rng(1)
    rows: Rows = [
        ["ab"[int(a)], "ab"[int(a ^ wrong)]]
        for a, wrong in zip(generator.random(150) < 0.4, generator.random(150) < 0.2, strict=True)
    ]
    found = cohens_kappa(rows)
    table = np.array(rows)
    values = []
    for _ in range(2000):
        drawn = table[generator.integers(0, len(table), len(table))]
        values.append(cohen_kappa_score(drawn[:, 0], drawn[:, 1]))
    low, high = np.percentile(values, (2.5, 97.5))
    assert found.low == pytest.approx(low, abs=0.02)
    assert found.high == pytest.approx(high, abs=0.02)
    assert found.low < found.value < found.high


def test_the_seed_alone_decides_the_interval() -> None:
    assert all_measures(COHEN) == all_measures(COHEN)
    assert percent_agreement(COHEN, seed=1) == percent_agreement(COHEN, seed=1)
    assert cohens_kappa(COHEN, seed=1).low != cohens_kappa(COHEN, seed=2).low
    assert cohens_kappa(COHEN, seed=1).value == cohens_kappa(COHEN, seed=2).value


def test_every_resample_has_as_many_units_coded_twice() -> None:
    # Ten among ten thousand: drawn together, some resamples would have none.
    rows: Rows = [*[["a", "a"]] * 5, *[["b", "b"]] * 4, ["a", "b"], *[["a", None]] * 10_000]
    found = all_measures(rows)
    assert found[PERCENT].value == 0.9
    assert all_measures(rows[:10])[PERCENT] == found[PERCENT]
    assert all_measures(rows[:10])[ALPHA] == found[ALPHA]


# What must hold for any table

CLASSES = ["pro", "anti", "neutral", "unrelated"]
CODES = st.sampled_from(CLASSES)


@st.composite
def tables(draw: st.DrawFn) -> Rows:
    """Draw a table that need not have anything coded twice."""
    coders = draw(st.integers(2, 4))
    row = st.lists(st.none() | CODES, min_size=coders, max_size=coders)
    return draw(st.lists(row, max_size=14))


def quick(rows: Sequence[Sequence[str | None]]) -> dict[str, Estimate]:
    return all_measures(rows, CLASSES, resamples=60)


def values(found: dict[str, Estimate]) -> list[float | None]:
    return [None if one.value is None else round(one.value, 10) for one in found.values()]


@given(tables())
def test_no_table_gives_a_warning_or_a_nan(rows: Rows) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = quick(rows)
    for one in found.values():
        assert (one.value is None) == bool(one.undefined)
        assert (one.low is None) == (one.high is None)
        for value in (one.value, one.low, one.high):
            assert value is None or (math.isfinite(value) and -1 - 1e-9 <= value <= 1 + 1e-9)
        if one.low is not None and one.high is not None:
            assert one.low <= one.high
        assert one.n == sum(sum(code is not None for code in row) > 1 for row in rows)


@given(tables(), st.permutations(CLASSES))
def test_the_classes_names_do_not_matter(rows: Rows, names: list[str]) -> None:
    other = dict(zip(CLASSES, names, strict=True))
    renamed = [[None if code is None else other[code] for code in row] for row in rows]
    assert values(quick(renamed)) == values(quick(rows))


@given(tables(), st.randoms())
def test_the_order_of_units_changes_nothing_at_all(rows: Rows, chance: random.Random) -> None:
    shuffled = chance.sample(rows, len(rows))
    assert quick(shuffled) == quick(rows)
    assert quick(Counter(tuple(row) for row in rows)) == quick(rows)  # type: ignore[arg-type]


@given(tables(), st.randoms())
def test_the_order_of_coders_changes_no_value(rows: Rows, chance: random.Random) -> None:
    width = len(rows[0]) if rows else 0
    order = chance.sample(range(width), width)
    assert values(quick([[row[column] for column in order] for row in rows])) == values(quick(rows))


@given(tables())
def test_alpha_is_that_of_the_library_and_so_are_the_resamples(rows: Rows) -> None:
    found = quick(rows)[ALPHA]
    coded = [[np.nan if c is None else float(CLASSES.index(c)) for c in row] for row in rows]
    if found.value is None:
        return
    expected = krippendorff.alpha(np.array(coded).T, level_of_measurement="nominal")
    assert found.value == pytest.approx(expected)
    table = measures._Table.of(rows)
    weights = measures._drawn(table, 20, np.random.default_rng(3))
    for value, drawn in zip(measures._alpha(table, weights), weights, strict=True):
        counts = np.repeat(table.counts, drawn.astype(int), axis=0)
        pairable = counts[counts.sum(axis=1) > 1]
        if (pairable.sum(axis=0) > 0).sum() < 2:
            assert np.isnan(value)
            continue
        assert value == pytest.approx(
            krippendorff.alpha(value_counts=counts, level_of_measurement="nominal"), abs=1e-9
        )


@given(tables())
def test_kappa_is_that_of_scikit_learn_and_so_are_the_resamples(rows: Rows) -> None:
    two = [row[:2] for row in rows]
    both = [(str(a), str(b)) for a, b in two if a is not None and b is not None]
    if len(set(both) | {(b, a) for a, b in both}) < 2:
        return
    assert cohens_kappa(two, resamples=20).value == pytest.approx(
        cohen_kappa_score(*zip(*both, strict=True)), abs=1e-9
    )
    table = measures._Table.of(two)
    (pair,) = table.pairs()
    weights = measures._drawn(table, 10, np.random.default_rng(3))
    for value, drawn in zip(measures._kappa(table, weights), weights[:, pair[2]], strict=True):
        first, second = (np.repeat(codes, drawn.astype(int)) for codes in pair[:2])
        if len({*first.tolist(), *second.tolist()}) < 2:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(cohen_kappa_score(first, second), abs=1e-9)


def test_rows_of_different_widths_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="one place for each coder"):
        percent_agreement([["a", "b"], ["a"]])
