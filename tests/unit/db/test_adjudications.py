"""Adjudications are only added, the last one is the gold label, and locked tweets stay as they are."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db import adjudications, label_overview, labels, locks
from db.engine import StudyFile
from db.errors import TweetLocked
from db.migrations import downgrade, upgrade
from db.tables import Adjudication, LabelEvent, Lock, Merge, Tweet
from tests.unit.db.conftest import WHEN, event

MakeStudy = Callable[[int], StudyFile]


def decided(tweet: int, leaf: str | None, coder: int = 1, **other: Any) -> dict[str, Any]:
    """Return the values of an adjudication."""
    return {
        "coder_id": f"00000000-0000-4000-8000-00000000000{coder}",
        "tweet_id": tweet,
        "codebook_version_id": 1,
        "leaf": leaf,
        "reason": "",
        "given": WHEN,
    } | other


def _lock(session: Session, *tweets: int) -> Lock:
    lock = Lock(name="first", coder_id=decided(1, None)["coder_id"], created=WHEN)
    session.add(lock)
    locks.add_tweets(session, lock, tweets)
    return lock


def _merge(session: Session) -> int:
    merge = Merge(file_name="copy", merged=WHEN)
    session.add(merge)
    session.flush()
    return merge.id


@pytest.mark.parametrize("statement", ["UPDATE adjudications SET leaf = 'anti'", "DELETE FROM adjudications"])
def test_decisions_are_never_changed_or_removed(make_study: MakeStudy, statement: str) -> None:
    file = make_study(2)
    with file.writing() as session:
        adjudications.add_event(session, decided(1, "pro"))
    with pytest.raises(IntegrityError, match="only ever added"), file.writing() as session:
        session.execute(text(statement))
    with file.reading() as session:
        assert session.scalar(select(Adjudication.leaf)) == "pro"


def test_the_last_decision_is_the_gold_label_and_stands(make_study: MakeStudy) -> None:
    file = make_study(2)
    with file.writing() as session:
        labels.add_event(session, event(1, "pro"))
        labels.add_event(session, event(1, "anti", 2))
        assert label_overview.disputed(session) == [1]
        # All at the same moment by the clock: each still comes after the one before.
        for leaf in ("neutral", "anti", "unrelated"):
            adjudications.add_event(session, decided(1, leaf))
            assert labels.state(session, 1)[:2] == (True, leaf)
        assert label_overview.disputed(session) == [] and label_overview.count_disputed(session) == 0
        adjudications.add_event(session, decided(1, None, 2))
        assert label_overview.disputed(session) == [1] and label_overview.count_disputed(session) == 1
        adjudications.add_event(session, decided(2, "pro"))
        assert labels.state(session, 2)[:2] == (True, "pro")
        assert adjudications.used_leaves(session) == ["pro"] and adjudications.count(session) == 1


def test_the_gold_label_depends_on_the_time_and_not_on_the_order_in_the_file(make_study: MakeStudy) -> None:
    file = make_study(1)
    with file.writing() as session:
        merge = _merge(session)
        rows = [
            decided(1, "anti", given="2026-11-24T12", id="00000000-0000-4000-8000-0000000000b2"),
            decided(1, "pro", given="2026-11-24T12", id="00000000-0000-4000-8000-0000000000b1"),
            decided(1, "neutral", given="2026-11-24T11"),
        ]
        for row in rows:
            session.execute(insert(Adjudication).values(reason="", merge_id=merge, **_without(row, "reason")))
        adjudications.derive_gold(session, [1])
        assert labels.state(session, 1)[:2] == (True, "anti")
        # A clock that is behind decides all the same.
        adjudications.add_event(session, decided(1, "unrelated", given="2026-11-24T10:00:00.000000+00:00"))
        assert labels.state(session, 1)[:2] == (True, "unrelated")


def _without(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {k: v for k, v in values.items() if k != name}


def test_what_stands_after_others_decided_too(make_study: MakeStudy) -> None:
    file = make_study(1)
    with file.writing() as session:
        _, mine = adjudications.add_event(session, decided(1, "pro"))
        adjudications.add_event(session, decided(1, "anti", 2))
        # What Ana decided is taken back; what Ben decided after her goes on to stand.
        assert adjudications.leaf_without(session, 1, mine) == "anti"
        _, undo = adjudications.add_event(session, decided(1, "anti", undoes=mine))
        found = adjudications.decision(adjudications.history(session, 1))
        assert found is not None and (found.coder, found.leaf) == ("Ben", "anti")
        assert adjudications.leaf_without(session, 1, undo) == "pro"
        adjudications.add_event(session, decided(1, "pro", undoes=undo))
        found = adjudications.decision(adjudications.history(session, 1))
        assert found is not None and (found.coder, found.leaf, found.id) == ("Ana", "pro", mine)


def test_labels_and_decisions_of_locked_tweets_are_refused(make_study: MakeStudy) -> None:
    file = make_study(3)
    with file.writing() as session:
        labels.add_event(session, event(1, "pro"))
        lock = _lock(session, 1, 2)
        assert locks.locked(session, [1, 2, 3]) == {1, 2}
        assert locks.lock_of(session, [3, 2]) == "first" and locks.lock_of(session, [3]) is None
        key = lock.id
    for write in (
        lambda session: labels.add_event(session, event(1, None)),
        lambda session: labels.add_event(session, event(2, "pro")),
        lambda session: labels.add_first_labels(
            session, [_without(event(n, "pro", 2), "kind") for n in (3, 2)]
        ),
        lambda session: adjudications.add_event(session, decided(1, "anti")),
    ):
        with pytest.raises(TweetLocked, match="locked batch"), file.writing() as session:
            write(session)
    with file.writing() as session:
        assert label_overview.agreed(session) == {1: "pro"}
        # A repeat changes no label; what came with a merge was given elsewhere, before the lock was known.
        labels.add_event(session, event(1, "anti", repeat=True))
        merge = _merge(session)
        labels.add_event(session, event(1, "neutral", 2, merge_id=merge))
        adjudications.add_event(session, decided(2, "anti", merge_id=merge))
        assert label_overview.disputed(session) == [1] and label_overview.agreed(session) == {2: "anti"}
        found = session.get(Lock, key)
        assert found is not None
        found.released = WHEN
        locks.derive_locked(session, found)
        labels.add_event(session, event(1, None))
        assert label_overview.agreed(session) == {1: "neutral", 2: "anti"}


def test_a_tweet_in_two_locks_is_free_when_both_are_released(make_study: MakeStudy) -> None:
    file = make_study(3)
    with file.writing() as session:
        both = [_lock(session, 1, 2), _lock(session, 2, 3)]
        for lock, left in zip(both, [{2, 3}, set()], strict=True):
            lock.released = WHEN
            locks.derive_locked(session, lock)
            assert locks.locked(session, [1, 2, 3]) == left


def test_the_queue_leaves_out_what_is_locked(make_study: MakeStudy) -> None:
    file = make_study(4)
    with file.writing() as session:
        _lock(session, 1, 2, 3)
        assert labels.next_unlabelled(session, (0, 0), None, None) == labels.next_unlabelled(
            session, (10**9, 0), None, str(event(1, None)["coder_id"])
        )
        found = labels.next_unlabelled(session, (0, 0), None, None)
        assert found is not None and found[1] == 4


def test_going_back_a_schema_leaves_what_the_coders_agree_on(make_study: MakeStudy) -> None:
    file = make_study(3)
    with file.writing() as session:
        for tweet, leaf, coder in ((1, "pro", 1), (2, "pro", 1), (2, "anti", 2)):
            labels.add_event(session, event(tweet, leaf, coder))
        for tweet in (1, 2, 3):
            adjudications.add_event(session, decided(tweet, "neutral"))
        _lock(session, 1)
    downgrade(file._writer, 1)
    with file.reading() as session:
        states = session.execute(text("SELECT labelled, agreed_leaf FROM tweets ORDER BY id")).all()
        assert [tuple(state) for state in states] == [(1, "pro"), (1, None), (0, None)]
    upgrade(file._writer)
    with file.writing() as session:
        labels.add_event(session, event(1, None))
        assert session.scalars(select(Tweet.gold_leaf)).all() == [None] * 3


def test_a_disputed_tweet_of_a_million_is_found_by_an_index(make_study: MakeStudy) -> None:
    file = make_study(5)
    with file.reading() as session:
        plan = session.execute(
            text(
                "EXPLAIN QUERY PLAN SELECT id FROM tweets WHERE labelled IS 1 AND agreed_leaf IS NULL "
                "AND id > 2 ORDER BY id LIMIT 1"
            )
        ).all()
    assert "ix_tweets_disputed" in str(plan) and "TEMP B-TREE" not in str(plan)


def test_labels_side_by_side_and_at_a_time(make_study: MakeStudy) -> None:
    file = make_study(1)
    with file.writing() as session:
        _, first = labels.add_event(
            session, event(1, "pro", given="2026-11-24T10", note="irony", marks=["uncertain"])
        )
        labels.add_event(session, event(1, "anti", 2, given="2026-11-24T11", marks=["quoting"]))
        ana, ben = labels.side_by_side(session, 1)
        assert (ana.coder, ana.leaf, ana.note, ana.marks) == ("Ana", "pro", "irony", ["uncertain"])
        assert not ana.contested
        assert (ben.coder, ben.leaf, ben.marks) == ("Ben", "anti", ["quoting"])
        # The same label given again elsewhere, with another leaf: both of Ana's are side by side.
        for leaf, given in (("neutral", "2026-11-24T12"), ("unrelated", "2026-11-24T13")):
            values = event(1, leaf, given=given, parents=[first], suggestion_shown="", note="", flag=False)
            session.execute(insert(LabelEvent).values(**values))
        labels.derive(session, [(1, str(event(1, None)["coder_id"]))])
        assert [(e.coder, e.leaf, e.contested) for e in labels.side_by_side(session, 1)] == [
            ("Ana", "neutral", True),
            ("Ana", "unrelated", True),
            ("Ben", "anti", False),
        ]
        assert labels.labels_at(session, 1, "2026-11-24T10:30") == [("Ana", "pro")]
        assert labels.labels_at(session, 1, "2026-11-24T11:30") == [("Ana", "pro"), ("Ben", "anti")]
