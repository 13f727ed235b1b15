"""Decisions on gold labels, and the gold label that follows from them. Writes need the write lock."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session

from db import labels
from db.tables import Adjudication, CodebookVersion, Coder, Tweet, new_uuid
from db.tweets import batches

_EVENTS: Any = Adjudication.__table__
_TWEETS: Any = Tweet.__table__

_DERIVE = text(
    "UPDATE tweets SET gold_leaf = (SELECT leaf FROM adjudications WHERE tweet_id = :tweet "
    "ORDER BY given DESC, id DESC LIMIT 1) WHERE id = :tweet"
)


def add_event(session: Session, values: dict[str, Any]) -> tuple[int, str]:
    """Append one event and bring the gold label up to date; return (seq, uuid).

    It comes after all that are there, also where this machine's clock is behind that of another copy.
    """
    tweet = values["tweet_id"]
    last = session.scalar(select(func.max(_EVENTS.c.given)).where(_EVENTS.c.tweet_id == tweet))
    values = {"id": new_uuid()} | values
    if last is not None and values["given"] <= last:
        later = datetime.fromisoformat(last) + timedelta(microseconds=1)
        values["given"] = later.isoformat(timespec="microseconds")
    seq = session.scalar(insert(_EVENTS).values(**values).returning(_EVENTS.c.seq))
    assert seq is not None
    derive_gold(session, [tweet])
    return seq, str(values["id"])


def derive_gold(session: Session, tweets: Sequence[int]) -> None:
    """Derive the gold labels of tweets anew, and what stands on them: the leaf of the last event, by (given, id)."""
    if tweets:
        session.execute(_DERIVE, [{"tweet": tweet} for tweet in tweets])
        labels.refresh(session, tweets)


def history(session: Session, tweet: int) -> list[Any]:
    """Return every event on a tweet with the name of who decided, oldest first."""
    return of(session, [tweet]).get(tweet, [])


def of(session: Session, tweets: Sequence[int]) -> dict[int, list[Any]]:
    """Return every event on each of the tweets that has any, oldest first."""
    found: dict[int, list[Any]] = {}
    for batch in batches(tweets):
        statement = (
            select(
                _EVENTS.c.seq, _EVENTS.c.id, _EVENTS.c.tweet_id, _EVENTS.c.coder_id, _EVENTS.c.leaf,
                _EVENTS.c.reason, _EVENTS.c.given, _EVENTS.c.undoes, _EVENTS.c.merge_id,
                Coder.name.label("coder"), CodebookVersion.id.label("codebook_version"),
            )
            .join(Coder, Coder.id == _EVENTS.c.coder_id)
            .join(CodebookVersion, CodebookVersion.id == _EVENTS.c.codebook_version_id)
            .where(_EVENTS.c.tweet_id.in_(batch))
            .order_by(_EVENTS.c.tweet_id, _EVENTS.c.given, _EVENTS.c.id)
        )  # fmt: skip
        for row in session.execute(statement):
            found.setdefault(row.tweet_id, []).append(row)
    return found


def standing(events: Iterable[Any]) -> list[Any]:
    """Return the decisions of one tweet's events that are not taken back, the one that counts last.

    A decision that was taken back and given again stands where it was given again.
    """
    found: dict[str, Any] = {}
    decisions: dict[str, Any] = {}
    for event in events:
        decision = event if event.undoes is None else decisions.get(event.undoes)
        if decision is None:
            continue
        decisions[event.id] = decision
        if event.undoes is not None and decision.id in found:
            del found[decision.id]
        else:
            found[decision.id] = decision
    return list(found.values())


def decision(events: Sequence[Any]) -> Any | None:
    """Return the decision that one tweet's gold label comes from, None where it has none."""
    if not events or events[-1].leaf is None:
        return None
    last = standing(events)
    # What came together from two copies may have ended in an undo that knew of one of them only.
    return last[-1] if last and last[-1].leaf == events[-1].leaf else events[-1]


def leaf_without(session: Session, tweet: int, event_id: str) -> str | None:
    """Return the gold label that stands once an event is taken back; an undo that is taken back is a redo."""
    taken_back = SimpleNamespace(id="", undoes=event_id)
    left = standing([*history(session, tweet), taken_back])
    return left[-1].leaf if left else None


def own_events(session: Session, coder_id: str, after: int) -> list[Any]:
    """Return (seq, id, tweet_id, undoes, act) of what a person decided here after event `after`, in order."""
    statement = (
        select(_EVENTS.c.seq, _EVENTS.c.id, _EVENTS.c.tweet_id, _EVENTS.c.undoes, _EVENTS.c.act)
        .where(_EVENTS.c.coder_id == coder_id, _EVENTS.c.merge_id.is_(None), _EVENTS.c.seq > after)
        .order_by(_EVENTS.c.seq)
    )
    return list(session.execute(statement))


def last_seq(session: Session) -> int:
    """Return the number of the last event of the study, 0 for none."""
    return session.scalar(select(func.max(_EVENTS.c.seq))) or 0


def used_leaves(session: Session) -> list[str]:
    """Return the leaves that are the gold label of a tweet."""
    statement = select(_TWEETS.c.gold_leaf).where(_TWEETS.c.gold_leaf.is_not(None)).distinct()
    return list(session.scalars(statement))


def count(session: Session) -> int:
    """Return how many tweets have a gold label."""
    return session.scalar(select(func.count()).where(_TWEETS.c.gold_leaf.is_not(None))) or 0
