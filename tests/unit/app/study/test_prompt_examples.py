"""Which labelled tweets become examples in a prompt."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from app.study import importing, prompt_examples
from app.study.prompt_examples import Candidate, choose, pick
from app.study.study import Study
from training.contract.spec import Row

from .conftest import LEAVES

CANDIDATES = st.lists(
    st.builds(
        lambda number, text, lang, label, certainty, group: Candidate(
            Row(str(number), text, lang, label), certainty, group
        ),
        st.integers(0, 60),
        st.sampled_from(["one", "two", "three", "four", "five", "x" * 500]),
        st.sampled_from(["en", "de", "es"]),
        st.sampled_from(LEAVES),
        st.integers(0, 2),
        st.none() | st.integers(1, 5),
    ),
    unique_by=lambda c: c.row.id,
    max_size=25,
)


@given(CANDIDATES, st.integers(0, 12), st.integers(0, 99))
def test_examples_are_different_balanced_and_follow_from_seed_and_ids(
    candidates: list[Candidate], number: int, seed: int
) -> None:
    chosen = choose(candidates, LEAVES, number, seed)
    assert chosen == choose(candidates[::-1], LEAVES, number, seed)
    assert len(chosen) <= number
    assert len({row.text for row in chosen}) == len(chosen)
    group = {c.row.id: c.group for c in candidates}
    groups = [group[row.id] for row in chosen if group[row.id] is not None]
    assert len(set(groups)) == len(groups)


def test_classes_and_languages_take_turns_and_adjudicated_tweets_come_first() -> None:
    candidates = [
        Candidate(Row(f"{leaf}{lang}{n}", f"{leaf} {lang} {n}", lang, leaf), certainty=2 - n % 3)
        for leaf in LEAVES
        for lang in ("en", "de")
        for n in range(6)
    ]
    chosen = choose(candidates, LEAVES, 8, 1)
    assert Counter((row.label, row.lang) for row in chosen) == {
        (leaf, lang): 1 for leaf in LEAVES for lang in ("en", "de")
    }
    assert all(row.id[-1] in "25" for row in chosen)
    assert choose(candidates, LEAVES, 8, 2) != chosen


def test_a_long_text_comes_only_where_there_is_no_other() -> None:
    long = Candidate(Row("1", "x " * 400, "en", "pro"), 0)
    short = Candidate(Row("2", "short", "en", "pro"), 2)
    assert [row.id for row in choose([long, short], LEAVES, 1, 1)] == ["2"]
    assert [row.id for row in choose([long], LEAVES, 1, 1)] == ["1"]


def test_sealed_disputed_and_unlabelled_tweets_are_never_examples(
    study: Study, write: Callable[..., Path]
) -> None:
    words = "they should be allowed to stay here with all of us for as long as they want"
    rows = [
        "id,text,lang,label",
        f"1,Sealed: {words},en,pro",
        "2,An adjudicated one,en,anti",
        "3,Nobody labelled this,en,",
        "4,They differ on this,en,neutral",
        "5,One coder said so,en,unrelated",
    ]
    importing.import_file(study, write("\n".join(rows)))
    copy = f"id,text,lang,label\n6,RT @someone: Sealed: {words} https://t.co/x,en,pro"
    test = f"id,text,lang,label\n1,Sealed: {words},en,pro"
    importing.import_file(study, write(test, "test.csv"), test=True)
    importing.import_file(study, write(copy, "copy.csv"))
    again = "id,text,lang,label\n4,They differ on this,en,pro"
    importing.import_file(study, write(again, "again.csv"), coder="Ben")
    for seed in range(5):
        assert {row.id for row in pick(study, 10, seed)} == {"2", "5"}
    assert pick(study, 0, 1) == []
    assert len(pick(study, 1, 1)) == 1
    assert prompt_examples.MOST_EXAMPLES == 64
