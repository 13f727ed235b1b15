"""The label events of a study one by one, as a log of who did what."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from db.labels import dashed
from db.tables import Coder, CurrentLabel, Import, LabelEvent, Merge, Tweet

_EVENTS: Any = LabelEvent.__table__
_CURRENT: Any = CurrentLabel.__table__
_TWEETS: Any = Tweet.__table__


def count(session: Session) -> int:
    """Return how many label events there are."""
    return session.scalar(select(func.count()).select_from(_EVENTS)) or 0


def events_after(session: Session, after: int, limit: int) -> list[Any]:
    """Return label events after number `after`, in the order of this file, with the names of what they refer to.

    `tweet` is the tweet's own id; `came_with` the file that brought the event, None where it was made here;
    `is_current` says whether it is the coder's present label, `is_sealed_unlabelled` whether nobody who codes the
    tweet may be told what a model says of it (`sealing.hidden_from`).
    """
    statement = (
        select(
            _EVENTS.c.seq, dashed("id"), _EVENTS.c.kind, _EVENTS.c.leaf, _EVENTS.c.given, _EVENTS.c.seconds,
            _EVENTS.c.source, _EVENTS.c.suggestion_shown, _EVENTS.c.marks, _EVENTS.c.note, _EVENTS.c.repeat,
            _EVENTS.c.codebook_version_id, dashed("act"), dashed("undoes"),
            _TWEETS.c.tweet_id.label("tweet"), _TWEETS.c.lang, Coder.name.label("coder"),
            func.coalesce(Import.file_name, Merge.file_name).label("came_with"),
            _CURRENT.c.seq.is_not(None).label("is_current"),
            and_(_TWEETS.c.sealed.is_(True), _TWEETS.c.labelled.is_(False)).label("is_sealed_unlabelled"),
        )
        .join(_TWEETS, _TWEETS.c.id == _EVENTS.c.tweet_id)
        .join(Coder, Coder.id == _EVENTS.c.coder_id)
        .join(Import, Import.id == _EVENTS.c.import_id, isouter=True)
        .join(Merge, Merge.id == _EVENTS.c.merge_id, isouter=True)
        .join(
            _CURRENT,
            and_(
                _CURRENT.c.tweet_id == _EVENTS.c.tweet_id,
                _CURRENT.c.coder_id == _EVENTS.c.coder_id,
                _CURRENT.c.seq == _EVENTS.c.seq,
            ),
            isouter=True,
        )
        .where(_EVENTS.c.seq > after)
        .order_by(_EVENTS.c.seq)
        .limit(limit)
    )  # fmt: skip
    return list(session.execute(statement))


@dataclass(frozen=True)
class TakenBack:
    """What undo and redo did: the ids of the events that are `undone` now, and of those that are a `redo`."""

    undone: frozenset[str]
    redos: frozenset[str]


def taken_back(session: Session) -> TakenBack:
    """Return what was taken back. A redo takes an undo back, and the undo of a redo that again."""
    statement = select(dashed("id"), dashed("undoes")).where(_EVENTS.c.undoes.is_not(None))
    pairs = [(row.id, row.undoes) for row in session.execute(statement.order_by(_EVENTS.c.seq))]
    undos: set[str] = set()
    for event, undoes in pairs:
        if undoes not in undos:
            undos.add(event)
    undone: set[str] = set()
    # An event comes into a file after the one that it takes back.
    for event, undoes in reversed(pairs):
        if event not in undone:
            undone.add(undoes)
    return TakenBack(frozenset(undone), frozenset(event for event, _ in pairs if event not in undos))
