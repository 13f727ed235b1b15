"""The labels of a study as a whole: who gave some, how many there are, where they contradict each other."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from db.tables import Coder, CurrentLabel, LabelEvent, Tweet
from db.tweets import TweetQuery, matching, outdated_labels

_EVENTS: Any = LabelEvent.__table__
_CURRENT: Any = CurrentLabel.__table__
_TWEETS: Any = Tweet.__table__


def coders(session: Session) -> list[str]:
    """Return the names of all who have a label on some tweet, in alphabetical order."""
    has = select(_CURRENT.c.tweet_id).where(_CURRENT.c.coder_id == Coder.id).exists()
    return list(session.scalars(select(Coder.name).where(has).order_by(func.lower(Coder.name))))


def count_outdated(session: Session) -> dict[str, int]:
    """Return {coder's name: number of labels given before a codebook version touched their leaf}."""
    found = outdated_labels().subquery()
    statement = (
        select(Coder.name, func.count())
        .join(found, found.c.coder_id == Coder.id)
        .group_by(Coder.name)
        .order_by(func.lower(Coder.name))
    )
    return {row[0]: row[1] for row in session.execute(statement)}


def count_of_leaves(session: Session) -> dict[str, int]:
    """Return {leaf: number of labels of all coders}."""
    statement = select(_CURRENT.c.leaf, func.count()).group_by(_CURRENT.c.leaf)
    return {row[0]: row[1] for row in session.execute(statement)}


def agreed(session: Session) -> dict[int, str]:
    """Return {tweet: leaf} for tweets whose current labels agree."""
    statement = select(_TWEETS.c.id, _TWEETS.c.agreed_leaf).where(_TWEETS.c.agreed_leaf.is_not(None))
    return {row.id: row.agreed_leaf for row in session.execute(statement.order_by(_TWEETS.c.id))}


def certainty(session: Session) -> dict[int, int]:
    """Return {tweet: 0 adjudicated, 1 several coders agree, 2 one coder} for tweets whose current labels agree."""
    coders = select(func.count()).where(_CURRENT.c.tweet_id == _TWEETS.c.id).scalar_subquery()
    statement = select(_TWEETS.c.id, _TWEETS.c.gold_leaf, coders.label("coders"))
    return {
        row.id: 0 if row.gold_leaf is not None else 1 if row.coders > 1 else 2
        for row in session.execute(statement.where(_TWEETS.c.agreed_leaf.is_not(None)))
    }


def count_disputed(session: Session, viewer: str | None = None) -> int:
    """Return on how many tweets the current labels differ, nobody has decided, and somebody can decide.

    Not counted are locked tweets and, for a `viewer` (a coder's name, "" for nobody), the sealed ones of which
    this coder must know nothing yet (`sealing.hidden_from`).
    """
    return _count(session, TweetQuery(status="disputed", unlocked=True, viewer=viewer))


def count_left_out(session: Session, viewer: str | None) -> tuple[int, int]:
    """Return how many disagreements `count_disputed` leaves out: (sealed from the viewer, locked)."""
    everything = _count(session, TweetQuery(status="disputed"))
    told = _count(session, TweetQuery(status="disputed", viewer=viewer))
    return everything - told, told - count_disputed(session, viewer)


def count_unseen(session: Session, viewer: str) -> int:
    """Return how many tweets that are disputed or decided a coder has no label on; sealed ones left out."""
    return sum(
        _count(session, replace(query, viewer=viewer))
        - _count(session, replace(query, viewer=viewer, labelled_by=viewer))
        for query in (TweetQuery(status="disputed", unlocked=True), TweetQuery(status="adjudicated"))
    )


def _count(session: Session, query: TweetQuery) -> int:
    return session.scalar(select(func.count()).select_from(matching(query).subquery())) or 0


def count_doubled(session: Session) -> int:
    """Return on how many tweets at least two coders have a label."""
    doubled = select(_CURRENT.c.tweet_id).group_by(_CURRENT.c.tweet_id).having(func.count() > 1)
    return session.scalar(select(func.count()).select_from(doubled.subquery())) or 0


def disputed(session: Session) -> list[int]:
    """Return the tweets whose current labels differ, in file order."""
    statement = select(_TWEETS.c.id).where(_TWEETS.c.labelled.is_(True), _TWEETS.c.agreed_leaf.is_(None))
    return list(session.scalars(statement.order_by(_TWEETS.c.id)))


def has_remarks(session: Session) -> bool:
    """Say whether a current label has a note or a mark."""
    said = (
        select(_EVENTS.c.seq)
        .join(_CURRENT, _CURRENT.c.seq == _EVENTS.c.seq)
        .where(or_(_EVENTS.c.note != "", func.json_array_length(_EVENTS.c.marks) > 0))
    )
    return bool(session.scalar(select(said.exists())))


def used_leaves(session: Session) -> list[str]:
    """Return the leaves that any coder's current label names."""
    return list(session.scalars(select(_CURRENT.c.leaf).distinct()))


def count_of_coder(session: Session, coder_id: str, languages: Sequence[str] | None = None) -> int:
    """Return how many tweets a coder has labelled, in all languages where none are asked for."""
    statement = select(func.count()).select_from(_CURRENT).where(_CURRENT.c.coder_id == coder_id)
    if languages is not None:
        statement = statement.join(_TWEETS, _TWEETS.c.id == _CURRENT.c.tweet_id).where(
            _TWEETS.c.lang.in_(languages)
        )
    return session.scalar(statement) or 0
