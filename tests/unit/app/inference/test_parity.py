"""The parity check against scikit-learn's figures and its decision rule at its edges."""

import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from app.inference.parity import ParityReport, choose_form, compare, macro_f1, wilson

LEAVES = ["pro", "anti", "neutral", "unrelated"]


def _rows(n: int, seed: int = 0) -> tuple[np.ndarray, list[str], list[str]]:
    random = np.random.default_rng(seed)
    gold = random.integers(0, 4, n)
    p = random.dirichlet(np.ones(4), n)
    sure = random.random(n) < 0.7
    p[sure] = 0.1 * p[sure] + 0.9 * np.eye(4)[gold[sure]]
    return p, [LEAVES[g] for g in gold], ["en" if i % 3 else "ko" for i in range(n)]


def _flipped(p: np.ndarray, rows: list[int]) -> np.ndarray:
    q = p.copy()
    q[rows] = np.roll(q[rows], 1, axis=1)
    return q


def _report(trained: np.ndarray, served: np.ndarray, gold: list[str], langs: list[str]) -> ParityReport:
    return compare(trained, served, gold, LEAVES, langs)


def test_the_same_answers_pass() -> None:
    p, gold, langs = _rows(260)
    report = _report(p, p, gold, langs)
    assert report.passed and report.flips == 0 and report.difference == 0 and report.kl == pytest.approx(0)
    assert report.difference_interval == (0.0, 0.0) and report.flips_interval[0] == 0
    assert json.loads(json.dumps(report.as_dict(), allow_nan=False)) == report.as_dict()


def test_figures_are_those_of_scikit_learn() -> None:
    p, gold, langs = _rows(300)
    q = _flipped(p, list(range(0, 300, 11)))
    report = _report(p, q, gold, langs)
    a, b = ([LEAVES[i] for i in r.argmax(axis=1)] for r in (p, q))
    assert report.macro_f1_trained == pytest.approx(f1_score(gold, a, average="macro"))
    assert report.macro_f1_served == pytest.approx(f1_score(gold, b, average="macro"))
    assert report.accuracy_served == pytest.approx(accuracy_score(gold, b))
    assert report.difference == pytest.approx(report.macro_f1_served - report.macro_f1_trained)
    assert report.flips == sum(x != y for x, y in zip(a, b, strict=True)) == 28
    assert report.difference_interval[0] < report.difference < report.difference_interval[1]
    assert report.kl > 0 and not report.passed
    assert {name: figures["n"] for name, figures in report.languages.items()} == {"en": 200, "ko": 100}
    assert sum(figures["flips"] for figures in report.languages.values()) == 28


def test_the_interval_of_the_difference_is_paired_and_seeded() -> None:
    """Where both models change together the paired interval is far narrower than two apart would be."""
    p, gold, langs = _rows(400)
    q = _flipped(p, [1, 2, 3])
    low, high = _report(p, q, gold, langs).difference_interval
    assert high - low < 0.03
    assert _report(p, q, gold, langs).difference_interval == (low, high)


def test_a_loss_beyond_half_a_point_fails_whatever_the_flips() -> None:
    p, gold, langs = _rows(2000)
    right = [i for i in range(2000) if LEAVES[int(p[i].argmax())] == gold[i]]
    report = _report(p, _flipped(p, right[:30]), gold, langs)
    assert report.flips_interval[1] < 0.05 and report.difference < -0.005
    assert not report.passed and "where half a point is allowed" in report.reason
    assert 0.005 < report.cost < 0.02 and report.cost_interval[0] < report.cost < report.cost_interval[1]


def test_labels_that_change_at_a_tie_cost_next_to_nothing() -> None:
    """Six of 260 labels change where two classes are all but equally likely: gold cannot tell, the model can."""
    p, gold, langs = _rows(260)
    p[:6] = [0.005, 0.496, 0.499, 0.0]
    q = p.copy()
    q[:6] = [0.005, 0.499, 0.496, 0.0]
    report = _report(p, q, gold, langs)
    assert report.flips == 6 and report.passed
    assert 0 <= report.cost <= report.cost_interval[1] < 0.004
    assert report.reason.startswith("it changes 6 of 260 labels and is expected to lose 0.")


def test_what_the_gold_labels_prove_fails_whatever_is_expected() -> None:
    """A model that is unsure of everything expects no change to cost; the labels tell otherwise."""
    random = np.random.default_rng(1)
    places = random.integers(0, 4, 1000)
    p = np.full((1000, 4), 0.2499)
    p[np.arange(1000), places] = 0.2503
    report = _report(p, _flipped(p, list(range(0, 1000, 2))), [LEAVES[i] for i in places], ["en"] * 1000)
    assert report.difference < -0.3 and not report.passed


def test_lucky_flips_fail_too() -> None:
    p, gold, langs = _rows(260)
    wrong = [i for i in range(260) if LEAVES[int(p[i].argmax())] != gold[i]]
    q = p.copy()
    for i in wrong[:20]:
        q[i] = np.eye(4)[LEAVES.index(gold[i])]
    report = _report(p, q, gold, langs)
    assert report.difference > 0 and not report.passed and "where half a point is allowed" in report.reason


def test_too_few_rows_prove_nothing() -> None:
    for n, passes in ((72, False), (73, True)):
        p, gold, langs = _rows(n)
        assert _report(p, p, gold, langs).passed is passes


def test_too_few_rows_are_told_as_such_and_no_difference_as_none() -> None:
    p, gold, langs = _rows(7)
    report = _report(p, p, gold, langs)
    assert report.reason == (
        "there are too few validation tweets (7, 73 are needed) to tell; it changes 0 of 7 labels."
    )
    _, reason = choose_form({"single": report, "adapter": report})
    assert reason.count("too few") == 1 and reason.endswith("The same holds for the base with its adapter.")


def test_rows_without_probabilities_are_left_out_and_counted() -> None:
    p, gold, langs = _rows(200)
    q = p.copy()
    q[:3] = np.nan
    report = _report(p, q, gold, langs)
    assert (report.n, report.left_out, report.flips) == (197, 3, 0)
    with pytest.raises(ValueError, match="no rows"):
        _report(p * np.nan, q, gold, langs)
    with pytest.raises(ValueError, match="same rows"):
        _report(p[:-1], q, gold, langs)


def test_the_single_form_is_served_only_where_it_passes() -> None:
    p, gold, langs = _rows(300)
    good = _report(p, p, gold, langs)
    right = [i for i in range(300) if LEAVES[int(p[i].argmax())] == gold[i]]
    poor = _report(p, _flipped(p, right[:40]), gold, langs)
    poorer = _report(p, _flipped(p, right[:80]), gold, langs)
    assert choose_form({"single": good, "adapter": good})[0] == "single"
    form, reason = choose_form({"single": poor, "adapter": good})
    assert form == "adapter" and "40 of 300" in reason and "did not pass either" not in reason
    form, reason = choose_form({"single": poorer, "adapter": poor})
    assert form == "adapter" and "did not pass either" in reason
    form, reason = choose_form({"single": poor, "adapter": poorer})
    assert form == "single" and "did worse" in reason
    assert choose_form({"single": good})[1].startswith("The single file is served: it changes 0 of 300")
    form, reason = choose_form({"single": poor})
    assert form == "single" and "not passed" in reason


def test_wilson_by_hand() -> None:
    """10 of 100: from Wilson's formula, 5.52% to 17.44%."""
    low, high = wilson(10, 100)
    assert (low, high) == (pytest.approx(0.0552, abs=1e-4), pytest.approx(0.1744, abs=1e-4))
    assert wilson(0, 50)[0] == 0 and wilson(50, 50)[1] == 1


def test_macro_f1_runs_over_the_leaves_that_occur() -> None:
    gold, predicted = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 3])
    expected = f1_score(gold, predicted, labels=[0, 1], average="macro")
    assert macro_f1(gold, predicted, 4) == pytest.approx(expected)
