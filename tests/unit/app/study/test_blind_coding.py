"""Blind coding: what a coder sees of others' labels before and after labelling a tweet."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.study import tweets
from app.study.labelling import Labelling
from app.study.review import Review
from app.study.study import Study
from app.study.tweets import TweetFilter
from tests.unit.app.study.conftest import add_tweets


def _label(study: Study, coder: str, **given: str) -> None:
    for tweet, leaf in given.items():
        work = Labelling(study, coder)
        work.show(int(tweet[1:]))
        work.label(leaf, note=f"says {coder}")


@pytest.fixture
def coded(study: Study, tmp_path: Path) -> Study:
    """Return a study in which Ana labelled four tweets, Ben two of them, and Zoe decided on two."""
    add_tweets(study, tmp_path / "x", 6)
    _label(study, "Ana", t1="pro", t2="pro", t3="anti", t4="pro")
    _label(study, "Ben", t1="pro", t2="anti")
    decider = Review(study, "Zoe")
    decider.adjudicate(3, "neutral", "after a talk")
    decider.adjudicate(1, "pro", "clear")
    return study


def _told(study: Study, **asked: str | bool) -> dict[int, tuple[object, ...]]:
    rows = tweets.page(study, TweetFilter(**asked))
    return {r.id: (r.label, dict(r.labels), r.gold, r.disputed, r.gold_reason, r.blind) for r in rows}


def test_only_what_the_coder_labelled_shows_what_others_did(coded: Study) -> None:
    blank = (None, {}, None, False, "")
    assert _told(coded, viewer="Ben", blind=True) == {
        1: ("pro", {"Ana": "pro", "Ben": "pro"}, "pro", False, "clear", False),
        2: (None, {"Ana": "pro", "Ben": "anti"}, None, True, "", False),
        3: (*blank, True),
        4: (*blank, True),
        5: (*blank, False),
        6: (*blank, False),
    }
    assert _told(coded)[3] == ("neutral", {"Ana": "anti"}, "neutral", False, "after a talk", False)


def test_a_label_taken_off_hides_again(coded: Study) -> None:
    Labelling(coded, "Ben").undo()
    assert _told(coded, viewer="Ben", blind=True)[2][:2] == (None, {})


@pytest.mark.parametrize(
    ("filter", "seen", "all_of_them"),
    [
        (TweetFilter(leaf="pro"), [1], [1, 4]),
        (TweetFilter(status="disputed"), [2], [2]),
        (TweetFilter(status="adjudicated"), [1], [1, 3]),
        (TweetFilter(coders=("Ana",)), [1, 2], [1, 2, 3, 4]),
        (TweetFilter(between=("anti",)), [2], [2, 3]),
        (TweetFilter(status="labelled"), [1, 2, 3, 4], [1, 2, 3, 4]),
        (TweetFilter(status="unlabelled"), [5, 6], [5, 6]),
        (TweetFilter(status="labelled", leaf="pro"), [1], [1, 4]),
    ],
)
def test_no_filter_tells_what_others_labelled(
    coded: Study, filter: TweetFilter, seen: list[int], all_of_them: list[int]
) -> None:
    blind = replace(filter, viewer="Ben", blind=True)
    assert [row.id for row in tweets.page(coded, blind)] == seen and tweets.count(coded, blind) == len(seen)
    assert [row.id for row in tweets.page(coded, filter)] == all_of_them
    assert not tweets.page(coded, replace(filter, viewer="Nobody", blind=True)) or not filter.asks_for_labels


def test_the_history_is_ones_own_until_one_has_labelled(coded: Study) -> None:
    assert [e.coder for e in tweets.history(coded, 1, "Ben", blind=True)] == ["Ana", "Ben", "Zoe"]
    assert tweets.history(coded, 3, "Ben", blind=True) == [] == tweets.history(coded, 3, "Zoe", blind=True)
    assert [e.coder for e in tweets.history(coded, 3, "Ben")] == ["Ana", "Zoe"]
    Labelling(coded, "Ben").undo()
    assert {e.coder for e in tweets.history(coded, 2, "Ben", blind=True)} == {"Ben"}


def test_who_looks_is_no_part_of_what_is_asked(coded: Study) -> None:
    assert TweetFilter(viewer="Ben", blind=True) == TweetFilter()
    assert tweets.count(coded, TweetFilter(viewer="Ben", blind=True)) == 6
