"""Locked batches: finished work whose labels stay as they are until the batch is released."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import UserError
from app.study import tweets
from app.study.study import LOCKED_NEXT_STEP, Coder, Study, now
from app.study.tweets import TweetFilter
from db import locks
from db.tables import Lock


@dataclass(frozen=True)
class Batch:
    """A batch that is, or was, locked. `coder` is who locked it; `released` is "" while it is locked."""

    id: str
    name: str
    coder: str
    created: str
    released: str
    tweets: int

    @property
    def is_locked(self) -> bool:
        """Say whether its labels stay as they are."""
        return not self.released


def count_locked(study: Study, which: TweetFilter) -> int:
    """Return how many of the tweets that pass a filter are locked."""
    with study.reading() as session:
        found = tweets.selection(session, which)
        return 0 if found is None else locks.count_locked(session, found)


def lock(study: Study, name: str, coder: Coder | str, which: TweetFilter | Sequence[int]) -> Batch:
    """Lock all tweets that pass a filter and are not locked yet, or those of a list of keys, under a name."""
    name = " ".join(name.split())
    if not name:
        raise UserError("A locked batch needs a name.", "Type a name, such as “first hundred”.")
    who = study.coder(coder) if isinstance(coder, str) else coder
    with study.writing() as session:
        if session.scalar(select(Lock.id).where(Lock.name == name, Lock.released.is_(None))) is not None:
            raise UserError(f"There is a locked batch “{name}” already.", "Choose another name.")
        found = tweets.selection(session, which) if isinstance(which, TweetFilter) else which
        row = Lock(name=name, coder_id=who.id, created=now())
        session.add(row)
        held = 0 if found is None else locks.add_tweets(session, row, found)
        if not held:
            raise UserError(
                "There is no tweet to lock.", "Choose a filter that tweets pass which are not locked yet."
            )
        return Batch(row.id, name, who.name, row.created, "", held)


def release(study: Study, batch: str) -> None:
    """Let the labels of a batch, named by its id, be changed again; those in another locked batch stay."""
    with study.writing() as session:
        row = session.get(Lock, batch)
        if row is None:
            raise UserError("There is no such batch.", "Look at the list of locked batches again.")
        if row.released is None:
            row.released = now()
            locks.derive_locked(session, row)


def batches(study: Study) -> list[Batch]:
    """Return all batches that are or were locked, the newest first."""
    with study.reading() as session:
        return [
            Batch(row.id, row.name, row.coder, row.created, row.released or "", row.tweets)
            for row in locks.all_locks(session)
        ]


def lock_of(study: Study, tweet: int) -> str:
    """Return the name of the batch that locks a tweet, "" for none."""
    with study.reading() as session:
        return locks.lock_of(session, [tweet]) or ""


def refuse_locked(session: Session, which: Sequence[int]) -> None:
    """Raise `UserError` where one of the tweets is locked: to be called before a label is changed."""
    name = locks.lock_of(session, which)
    if name is not None:
        what = "This tweet is" if len(which) == 1 else "Some of these tweets are"
        raise UserError(
            f"{what} in the locked batch “{name}”, whose labels stay as they are.", LOCKED_NEXT_STEP
        )
