"""What undo asks of a coder's label events: the steps that were done, and what stood before each."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.labels import dashed
from db.tables import LabelEvent
from db.tweets import batches

_EVENTS: Any = LabelEvent.__table__


def own_events(session: Session, coder_id: str, after: int) -> list[Any]:
    """Return what a coder did here by hand after event `after`, in order; the events of one act are one row.

    (seq of the last event; seq, id, tweet_id, undoes, act and repeat of the first; how many `events`)
    """
    one = func.coalesce(_EVENTS.c.act, _EVENTS.c.seq)
    steps = (
        select(
            func.min(_EVENTS.c.seq).label("first_seq"),
            func.max(_EVENTS.c.seq).label("seq"),
            func.count().label("events"),
        )
        .where(
            _EVENTS.c.coder_id == coder_id,
            _EVENTS.c.import_id.is_(None),
            _EVENTS.c.merge_id.is_(None),
            _EVENTS.c.seq > after,
        )
        .group_by(one)
        .subquery()
    )
    statement = (
        select(
            steps.c.seq, steps.c.first_seq, steps.c.events,
            _EVENTS.c.id, _EVENTS.c.tweet_id, _EVENTS.c.undoes, _EVENTS.c.act, _EVENTS.c.repeat,
        )
        .join(_EVENTS, _EVENTS.c.seq == steps.c.first_seq)
        .order_by(steps.c.first_seq)
    )  # fmt: skip
    return list(session.execute(statement))


def events_of_act(session: Session, coder_id: str, act: str, first: int, last: int) -> list[Any]:
    """Return (id, tweet_id, parents) of a coder's events of one act, in order; all lie between two numbers."""
    statement = select(dashed("id"), _EVENTS.c.tweet_id, _EVENTS.c.parents).where(
        _EVENTS.c.seq.between(first, last), _EVENTS.c.coder_id == coder_id, _EVENTS.c.act == act
    )
    return list(session.execute(statement.order_by(_EVENTS.c.seq)))


def leaf_before(session: Session, event_id: str) -> str | None:
    """Return the label that the coder had on the tweet just before an event, None for none."""
    parents = session.scalar(select(_EVENTS.c.parents).where(_EVENTS.c.id == event_id)) or []
    statement = select(_EVENTS.c.leaf).where(_EVENTS.c.id.in_(parents))
    return session.scalar(statement.order_by(_EVENTS.c.leaf.is_(None), _EVENTS.c.given.desc()).limit(1))


def version_before(session: Session, event_id: str) -> int | None:
    """Return the codebook version under which the label just before an event was given, None for no label."""
    parents = session.scalar(select(_EVENTS.c.parents).where(_EVENTS.c.id == event_id)) or []
    statement = select(_EVENTS.c.codebook_version_id).where(
        _EVENTS.c.id.in_(parents), _EVENTS.c.leaf.is_not(None)
    )
    return session.scalar(statement.order_by(_EVENTS.c.given.desc()).limit(1))


def labelled_before(session: Session, parents: Sequence[str]) -> dict[str, Any]:
    """Return {event: (leaf, given, codebook_version_id)} of those of the events that are labels."""
    found: dict[str, Any] = {}
    for batch in batches(parents):
        statement = select(
            dashed("id"), _EVENTS.c.leaf, _EVENTS.c.given, _EVENTS.c.codebook_version_id
        ).where(_EVENTS.c.id.in_(batch), _EVENTS.c.leaf.is_not(None))
        found.update((row.id, row) for row in session.execute(statement))
    return found
