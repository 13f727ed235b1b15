"""Splits: stratified, reproducible, and without a text on both sides."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.study.sampling import split
from training.contract.prompt import normalise
from training.contract.spec import Row

rows = st.lists(
    st.tuples(
        st.sampled_from(["a", "b http://x.y", "b https://z.w/q", "c @one", "c @two", "d", "e", "f", "g"]),
        st.sampled_from(["en", "ko", "ar"]),
        st.sampled_from(["pro", "anti"]),
    ),
    max_size=60,
).map(lambda found: [Row(f"{i:03}", text, lang, label) for i, (text, lang, label) in enumerate(found)])


@given(rows, st.sampled_from([0.0, 0.1, 0.4]), st.integers(0, 5))
def test_each_row_lands_on_one_side_and_equal_texts_on_the_same(
    found: list[Row], share: float, seed: int
) -> None:
    rest, drawn = split(found, share, seed)
    assert sorted(row.id for row in [*rest, *drawn]) == [row.id for row in found]
    assert not {normalise(r.text) for r in rest} & {normalise(r.text) for r in drawn}


@given(rows, st.dictionaries(st.integers(0, 59).map("{:03}".format), st.integers(1, 6)), st.integers(0, 5))
def test_no_group_of_near_duplicates_is_divided(
    found: list[Row], group_of: dict[str, int], seed: int
) -> None:
    rest, drawn = split(found, 0.4, seed, group_of)
    assert sorted(row.id for row in [*rest, *drawn]) == [row.id for row in found]
    assert not {normalise(r.text) for r in rest} & {normalise(r.text) for r in drawn}
    left, right = ({group_of[row.id] for row in side if row.id in group_of} for side in (rest, drawn))
    assert not left & right


@given(rows, st.integers(0, 5), st.randoms())
def test_the_order_of_the_rows_does_not_matter(found: list[Row], seed: int, random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(found)
    random.shuffle(shuffled)
    assert split(found, 0.3, seed) == split(shuffled, 0.3, seed)


def test_each_stratum_gives_its_share() -> None:
    found = [
        Row(f"{lang}{label}{i}", f"{lang} {label} {i}", lang, label)
        for lang, n in (("en", 100), ("ko", 10), ("tr", 4))
        for label in ("pro", "anti")
        for i in range(n)
    ]
    _, drawn = split(found, 0.1, 1)
    counts = Counter((row.lang, row.label) for row in drawn)
    assert counts["en", "pro"] == counts["en", "anti"] == 10
    assert counts["ko", "pro"] == counts["ko", "anti"] == 1
    assert len(drawn) == 23
    assert split(found, 0.1, 2)[1] != drawn
