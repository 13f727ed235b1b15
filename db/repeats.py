"""A coder's own labels that may come again, hidden, and what was said the second time."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from db.tables import CurrentLabel, LabelEvent, Tweet

_EVENTS: Any = LabelEvent.__table__
_SECOND: Any = LabelEvent.__table__.alias("second")
_CURRENT: Any = CurrentLabel.__table__
_TWEETS: Any = Tweet.__table__

# What a coder did here, by hand: what came with a file or a copy is nobody's fresh memory.
_BY_HAND = and_(_EVENTS.c.import_id.is_(None), _EVENTS.c.merge_id.is_(None))


def last_act(session: Session, coder_id: str) -> int:
    """Return the number of the coder's last event by hand, 0 for none."""
    return (
        session.scalar(select(func.max(_EVENTS.c.seq)).where(_EVENTS.c.coder_id == coder_id, _BY_HAND)) or 0
    )


def old_enough(session: Session, coder_id: str, labels_since: int, given_before: str) -> int:
    """Return the last event by hand since which the coder gave so many others, or that was given before a time.

    The later of the two; 0 where there is neither.
    """
    own = select(_EVENTS.c.seq).where(_EVENTS.c.coder_id == coder_id, _BY_HAND).order_by(_EVENTS.c.seq.desc())
    by_number = session.scalar(own.offset(labels_since).limit(1)) or 0
    by_time = session.scalar(own.where(_EVENTS.c.given < given_before).limit(1)) or 0
    return max(by_number, by_time)


def to_repeat(
    session: Session, coder_id: str, languages: Collection[str] | None, begin: int, last: int
) -> int | None:
    """Return the tweet of the first of the coder's labels from event `begin` to `last` that may come again.

    Present labels, each given by itself, whose tweet has not come a second time; None where there is none.
    """
    came_again = select(_SECOND.c.seq).where(
        _SECOND.c.tweet_id == _EVENTS.c.tweet_id,
        _SECOND.c.coder_id == coder_id,
        _SECOND.c.repeat.is_(True),
    )
    statement = (
        select(_EVENTS.c.tweet_id)
        .join(
            _CURRENT,
            and_(
                _CURRENT.c.tweet_id == _EVENTS.c.tweet_id,
                _CURRENT.c.coder_id == coder_id,
                _CURRENT.c.seq == _EVENTS.c.seq,
                _CURRENT.c.contested.is_(False),
            ),
        )
        .where(
            _EVENTS.c.coder_id == coder_id,
            _BY_HAND,
            _EVENTS.c.repeat.is_(False),
            _EVENTS.c.act.is_(None),
            _EVENTS.c.seq.between(begin, last),
            ~came_again.correlate(_EVENTS).exists(),
        )
        .order_by(_EVENTS.c.seq)
        .limit(1)
    )
    if languages is not None:
        statement = statement.join(_TWEETS, _TWEETS.c.id == _EVENTS.c.tweet_id).where(
            _TWEETS.c.lang.in_(languages)
        )
    return session.scalar(statement)


def second_label(session: Session, coder_id: str, tweet: int) -> Any | None:
    """Return the event that says what the coder said of a tweet when it came again, with leaf, note and marks.

    None for nothing; its leaf is None where that was taken back.
    """
    statement = (
        select(_EVENTS.c.leaf, _EVENTS.c.note, _EVENTS.c.marks)
        .where(_EVENTS.c.tweet_id == tweet, _EVENTS.c.coder_id == coder_id, _EVENTS.c.repeat.is_(True))
        .order_by(_EVENTS.c.seq.desc())
        .limit(1)
    )
    return session.execute(statement).first()


def said_before(session: Session, event_id: str) -> dict[str, Any]:
    """Return note and marks of what stood before a repeat's event, to be given again by an undo; {} for nothing."""
    parents = session.scalar(select(_EVENTS.c.parents).where(_EVENTS.c.id == event_id)) or []
    statement = select(_EVENTS.c.note, _EVENTS.c.marks).where(_EVENTS.c.id.in_(parents))
    row = session.execute(statement.order_by(_EVENTS.c.seq.desc()).limit(1)).first()
    return {} if row is None else dict(row._mapping)
