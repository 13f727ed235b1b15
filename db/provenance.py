"""How labels came about: from which queue, with which suggestion in sight, and what was said the second time."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from db.tables import Coder, CurrentLabel, LabelEvent
from db.tweets import batches

_EVENTS: Any = LabelEvent.__table__
_CURRENT: Any = CurrentLabel.__table__


def is_known(session: Session) -> bool:
    """Say whether anything of that is known of some label."""
    told = or_(_EVENTS.c.source != "", _EVENTS.c.suggestion_shown != "", _EVENTS.c.repeat.is_(True))
    return session.scalar(select(_EVENTS.c.seq).where(told).limit(1)) is not None


def of(session: Session, tweets: Sequence[int]) -> dict[int, list[Any]]:
    """Return {tweet: (coder's name, source, suggestion_shown) of each current label}, in the order of `labels_of`."""
    found: dict[int, list[Any]] = {}
    for batch in batches(tweets):
        statement = (
            select(
                _CURRENT.c.tweet_id, Coder.name.label("coder"), _EVENTS.c.source, _EVENTS.c.suggestion_shown
            )
            .join(_EVENTS, _EVENTS.c.seq == _CURRENT.c.seq)
            .join(Coder, Coder.id == _CURRENT.c.coder_id)
            .where(_CURRENT.c.tweet_id.in_(batch))
            .order_by(_CURRENT.c.tweet_id, _CURRENT.c.seq)
        )
        for row in session.execute(statement):
            found.setdefault(row.tweet_id, []).append(row)
    return found


def repeats_of(session: Session, tweets: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
    """Return {tweet: (coder's name, leaf) of what each coder said when the tweet came again}."""
    last: dict[tuple[int, str], str | None] = {}
    for batch in batches(tweets):
        statement = (
            select(_EVENTS.c.tweet_id, Coder.name, _EVENTS.c.leaf)
            .join(Coder, Coder.id == _EVENTS.c.coder_id)
            .where(_EVENTS.c.tweet_id.in_(batch), _EVENTS.c.repeat.is_(True))
            .order_by(_EVENTS.c.given, _EVENTS.c.seq)
        )
        last.update(((tweet, coder), leaf) for tweet, coder, leaf in session.execute(statement))
    found: dict[int, list[tuple[str, str]]] = {}
    for (tweet, coder), leaf in last.items():
        if leaf is not None:
            found.setdefault(tweet, []).append((coder, leaf))
    return found
