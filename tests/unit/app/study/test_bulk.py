"""Many tweets labelled in one stroke: what is told before, what is done, and that it is all or nothing."""

import multiprocessing
import random
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.errors import UserError
from app.study import bulk, locks, tweets
from app.study.codebook import Codebook
from app.study.labelling import Labelling
from app.study.study import Study
from app.study.tweets import TweetFilter
from db.tables import LabelEvent, Tweet
from tests.unit.app.study.conftest import add_tweets


def events_of(study: Study) -> list[LabelEvent]:
    with study.reading() as session:
        return list(session.scalars(select(LabelEvent).order_by(LabelEvent.seq)))


def leaves_of(study: Study, coder: str = "Ana") -> list[str | None]:
    return [dict(row.labels).get(coder) for row in tweets.page(study)]


@pytest.fixture
def eight(study: Study, tmp_path: Path) -> Study:
    """Return a study of eight tweets: two labelled pro, one anti, one locked, one sealed."""
    add_tweets(study, tmp_path / "x", 8)
    work = Labelling(study, "Ana")
    for tweet, leaf in ((1, "pro"), (2, "pro"), (3, "anti")):
        work.show(tweet)
        work.label(leaf)
    locks.lock(study, "pilot", "Ana", [4])
    with study.writing() as session:
        session.execute(update(Tweet).where(Tweet.id == 5).values(sealed=True))
    return study


def test_the_preview_tells_what_will_change(eight: Study) -> None:
    told = bulk.preview(eight, "Ana", TweetFilter())
    assert list(told.ids) == list(range(1, 9))
    assert (told.locked, told.sealed, told.new()) == (1, 1, 3)
    assert told.changed("pro") == {"anti": 1} and told.same("pro") == 2 and told.given("pro") == 4
    assert told.changed("neutral") == {"pro": 2, "anti": 1} and told.same("neutral") == 0
    assert bulk.preview(eight, "Ben", [1, 2, 2]).had == {None: 2}
    assert list(bulk.preview(eight, "Ana", TweetFilter(language="de")).ids) == [1, 3, 5, 7]


def test_labels_are_given_in_one_act_and_locked_and_sealed_tweets_left_out(eight: Study) -> None:
    told = bulk.label(eight, "Ana", range(1, 9), "pro")
    assert told.given("pro") == 4 and (told.locked, told.sealed) == (1, 1)
    assert leaves_of(eight) == ["pro", "pro", "pro", None, None, "pro", "pro", "pro"]
    new = events_of(eight)[3:]
    assert [event.tweet_id for event in new] == [3, 6, 7, 8]
    assert len({event.act for event in new}) == 1 and new[0].act is not None
    assert {(event.source, event.seconds, event.note) for event in new} == {("bulk", None, "")}
    assert new[0].parents == [events_of(eight)[2].id]
    assert bulk.label(eight, "Ana", range(1, 9), "pro").given("pro") == 0
    assert len(events_of(eight)) == 7, "again adds nothing"


def test_one_undo_and_one_redo_across_restarts(eight: Study) -> None:
    before = leaves_of(eight)
    bulk.label(eight, "Ana", range(1, 9), "neutral", bulk.GROUP)
    after = leaves_of(eight)
    path = eight.path
    eight.close()
    with Study.open(path) as again:
        work = Labelling(again, "Ana")
        assert work.next_undo == 6
        shown = work.undo()
        assert shown is not None and (shown.id, shown.label) == (1, "pro")
        assert leaves_of(again) == before and work.next_undo == 1 and work.next_redo == 6
    with Study.open(path) as again:
        work = Labelling(again, "Ana")
        assert work.redo() is not None and leaves_of(again) == after
        assert work.undo() is not None and leaves_of(again) == before
        assert work.undo() is not None and leaves_of(again)[2] is None, "then the labels before, one by one"


def test_an_undo_is_refused_as_a_whole_where_a_tweet_was_locked_meanwhile(eight: Study) -> None:
    bulk.label(eight, "Ana", range(1, 9), "neutral")
    after = leaves_of(eight)
    batch = locks.lock(eight, "finished", "Ana", [8])
    work = Labelling(eight, "Ana")
    with pytest.raises(UserError, match="Some of these tweets are in the locked batch “finished”"):
        work.undo()
    assert leaves_of(eight) == after and work.next_undo == 6
    locks.release(eight, batch.id)
    assert work.undo() is not None and leaves_of(eight)[7] is None
    batch = locks.lock(eight, "finished again", "Ana", [8])
    with pytest.raises(UserError, match="finished again"):
        work.redo()
    assert leaves_of(eight)[6] is None


def test_an_undo_brings_back_no_label_that_the_codebook_lost(eight: Study) -> None:
    bulk.label(eight, "Ana", range(1, 9), "neutral")
    toml = eight.codebook.to_toml()
    without = Codebook.from_toml(toml)
    leaves = [code for code in without.leaf_codes if code != "anti"]
    eight.codebook = _Shortened(eight.codebook, leaves)  # type: ignore[assignment]
    with pytest.raises(UserError, match="anti"):
        Labelling(eight, "Ana").undo()
    assert leaves_of(eight)[2] == "neutral"


class _Shortened:
    """A codebook of fewer classes."""

    def __init__(self, codebook: Codebook, leaf_codes: list[str]) -> None:
        self._codebook, self.leaf_codes = codebook, leaf_codes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codebook, name)


def test_what_cannot_be_is_refused(eight: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no class"):
        bulk.label(eight, "Ana", [1], "purple")
    monkeypatch.setattr(bulk, "MOST", 5)
    with pytest.raises(UserError, match="one stroke"):
        bulk.preview(eight, "Ana", TweetFilter())
    with pytest.raises(UserError, match="one stroke"):
        bulk.label(eight, "Ana", range(9), "pro")
    assert len(events_of(eight)) == 3


def test_other_coders_labels_stay(eight: Study) -> None:
    bulk.label(eight, "Ben", range(1, 9), "anti")
    assert leaves_of(eight)[:3] == ["pro", "pro", "anti"]
    assert [row.disputed for row in tweets.page(eight)][:3] == [True, True, False]
    assert Labelling(eight, "Ana").next_undo == 1 and Labelling(eight, "Ben").next_undo == 6


TWEETS = 4000


def _label_all(path: Path, begun: Any) -> None:
    with Study.open(path) as study:
        begun.set()
        bulk.label(study, "Ana", range(1, TWEETS + 1), "pro")


def _undo_all(path: Path, begun: Any) -> None:
    with Study.open(path) as study:
        work = Labelling(study, "Ana")
        begun.set()
        work.undo()


@pytest.mark.parametrize("act", [_label_all, _undo_all])
def test_a_killed_act_is_done_as_a_whole_or_not_at_all(study: Study, tmp_path: Path, act: Any) -> None:
    add_tweets(study, tmp_path / "x", TWEETS)
    before = 0
    if act is _undo_all:
        before = bulk.label(study, "Ana", range(1, TWEETS + 1), "pro").given("pro")
    study.close()
    whole = tmp_path / "whole"
    shutil.copyfile(study.path, whole)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.unit.app.study.test_bulk"])
    pick, seconds, killed = random.Random(5), 0.0, 0
    for attempt in range(9):
        shutil.copyfile(whole, study.path)
        begun = context.Event()
        child = context.Process(target=act, args=(study.path, begun))
        child.start()
        assert begun.wait(120)
        start = time.monotonic()
        if attempt:
            child.join(pick.uniform(0, seconds))
            child.kill()
        child.join(120)
        if child.exitcode == 0:
            seconds = time.monotonic() - start
        else:
            killed += 1
        with Study.open(study.path) as again, again.reading() as session:
            events = session.scalar(select(func.count()).select_from(LabelEvent)) or 0
            labelled = session.scalar(select(func.count()).where(Tweet.labelled.is_(True))) or 0
        done = events - before == TWEETS
        assert done or events == before
        assert labelled == TWEETS * (done if act is _label_all else not done)
        assert done or attempt, "undisturbed it is done"
    assert killed, "some were killed under way"
