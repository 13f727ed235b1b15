"""Locked batches: whose tweets they hold, and which tweets are locked. Writes need the write lock."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, insert, literal, select, text
from sqlalchemy.orm import Session

from db.tables import Coder, Lock, LockedTweet, Tweet
from db.tweets import batches

_LOCKED: Any = LockedTweet.__table__

# The schema is named, as another copy of the study may be attached.
_DERIVE_ALL = (
    "UPDATE main.tweets SET locked = EXISTS (SELECT 1 FROM main.locked_tweets x JOIN main.locks l "
    "ON l.id = x.lock_id WHERE x.tweet_id = tweets.id AND l.released IS NULL) "
    "WHERE id IN (SELECT tweet_id FROM main.locked_tweets"
)


def add_tweets(session: Session, lock: Lock, tweets: Select[int] | Sequence[int]) -> int:
    """Put tweets into a lock that is in the session and return how many it holds.

    By keys; or by a query, of which those that are locked already are left out.
    """
    session.flush()
    if isinstance(tweets, Select):
        held = select(literal(lock.id, _LOCKED.c.lock_id.type), Tweet.id)
        held = held.where(Tweet.locked.is_(False), Tweet.id.in_(tweets))
        session.execute(insert(_LOCKED).from_select(["lock_id", "tweet_id"], held))
    elif tweets:
        session.execute(insert(_LOCKED), [{"lock_id": lock.id, "tweet_id": tweet} for tweet in set(tweets)])
    derive_locked(session, lock)
    return session.scalar(select(func.count()).where(_LOCKED.c.lock_id == lock.id)) or 0


def derive_locked(session: Session, lock: Lock) -> None:
    """Derive anew which of a lock's tweets are locked: those that it, or another, still holds."""
    session.flush()
    session.execute(text(f"{_DERIVE_ALL} WHERE lock_id = :lock)"), {"lock": lock.id.replace("-", "")})


def derive_all_locked(session: Session) -> None:
    """Derive anew which tweets are locked, after locks came with a copy of the study or were released there."""
    session.execute(text(f"{_DERIVE_ALL})"))


def all_locks(session: Session) -> list[Any]:
    """Return (id, name, coder, created, released, tweets) of every lock, the newest first."""
    held = select(func.count()).where(_LOCKED.c.lock_id == Lock.id).scalar_subquery()
    statement = (
        select(
            Lock.id, Lock.name, Coder.name.label("coder"), Lock.created, Lock.released, held.label("tweets")
        )
        .join(Coder, Coder.id == Lock.coder_id)
        .order_by(Lock.created.desc(), Lock.id)
    )
    return list(session.execute(statement))


def lock_of(session: Session, tweets: Sequence[int]) -> str | None:
    """Return the name of a batch that locks one of the tweets, None where none is locked."""
    for batch in batches(tweets):
        name = session.scalar(
            select(Lock.name)
            .join(_LOCKED, _LOCKED.c.lock_id == Lock.id)
            .where(Lock.released.is_(None), _LOCKED.c.tweet_id.in_(batch))
            .order_by(Lock.created)
            .limit(1)
        )
        if name is not None:
            return name
    return None


def count_locked(session: Session, which: Select[int]) -> int:
    """Return how many of the tweets that a query selects are locked."""
    statement = select(func.count()).where(Tweet.locked.is_(True), Tweet.id.in_(which))
    return session.scalar(statement) or 0


def locked(session: Session, tweets: Sequence[int]) -> set[int]:
    """Return those of the tweets that are locked."""
    found: set[int] = set()
    for batch in batches(tweets):
        found.update(session.scalars(select(Tweet.id).where(Tweet.id.in_(batch), Tweet.locked.is_(True))))
    return found


def count_unlabelled(session: Session, languages: Sequence[str] | None = None) -> int:
    """Return how many locked tweets nobody has labelled, in these languages, None for all."""
    # Locked tweets are few beside those that nobody has labelled.
    held = select(_LOCKED.c.tweet_id).distinct().subquery()
    statement = (
        select(func.count())
        .select_from(held)
        .join(Tweet, Tweet.id == held.c.tweet_id)
        .where(Tweet.locked.is_(True), Tweet.labelled.is_(False))
    )
    if languages is not None:
        statement = statement.where(Tweet.lang.in_(languages))
    return session.scalar(statement) or 0
