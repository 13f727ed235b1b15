"""What several coders, or one coder twice, said of the same tweets: what agreement is computed from."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import Session

from db.tables import Coder, CurrentLabel, LabelEvent, Tweet

_EVENTS: Any = LabelEvent.__table__
_CURRENT: Any = CurrentLabel.__table__
_TWEETS: Any = Tweet.__table__


def coders(session: Session, languages: Sequence[str] = ()) -> list[Any]:
    """Return (id, name) of each coder with a current label in these languages (none: all), by name."""
    own = select(_CURRENT.c.tweet_id).where(_CURRENT.c.coder_id == Coder.id)
    if languages:
        own = own.join(_TWEETS, _TWEETS.c.id == _CURRENT.c.tweet_id).where(_TWEETS.c.lang.in_(languages))
    statement = select(Coder.id, Coder.name).where(own.exists())
    return list(session.execute(statement.order_by(func.lower(Coder.name), Coder.name)))


def shared(session: Session, coder_ids: Sequence[str], languages: Sequence[str] = ()) -> list[Any]:
    """Return (tweet_id, coder_id, leaf, contested, lang) of the tweets that two of these coders labelled.

    The current labels alone: a gold label is nobody's coding. In the order of the tweets.
    """
    twice = (
        select(_CURRENT.c.tweet_id)
        .where(_CURRENT.c.coder_id.in_(coder_ids))
        .group_by(_CURRENT.c.tweet_id)
        .having(func.count() > 1)
    )
    statement = (
        select(
            _CURRENT.c.tweet_id, _CURRENT.c.coder_id, _CURRENT.c.leaf, _CURRENT.c.contested, _TWEETS.c.lang
        )
        .join(_TWEETS, _TWEETS.c.id == _CURRENT.c.tweet_id)
        .where(_CURRENT.c.coder_id.in_(coder_ids), _CURRENT.c.tweet_id.in_(twice))
    )
    return list(session.execute(_in(statement, languages).order_by(_CURRENT.c.tweet_id, _CURRENT.c.coder_id)))


def repeated(session: Session, coder_ids: Sequence[str], languages: Sequence[str] = ()) -> list[Any]:
    """Return every event of these coders on the tweets that they were given a second time, in their order.

    Each is (seq, id, tweet_id, coder_id, leaf, given, parents, undoes, repeat, lang).
    """
    pairs = select(_EVENTS.c.tweet_id, _EVENTS.c.coder_id).where(
        _EVENTS.c.repeat.is_(True), _EVENTS.c.coder_id.in_(coder_ids)
    )
    statement = (
        select(
            _EVENTS.c.seq, _EVENTS.c.id, _EVENTS.c.tweet_id, _EVENTS.c.coder_id, _EVENTS.c.leaf,
            _EVENTS.c.given, _EVENTS.c.parents, _EVENTS.c.undoes, _EVENTS.c.repeat, _TWEETS.c.lang,
        )
        .join(_TWEETS, _TWEETS.c.id == _EVENTS.c.tweet_id)
        .where(tuple_(_EVENTS.c.tweet_id, _EVENTS.c.coder_id).in_(pairs))
    )  # fmt: skip
    return list(session.execute(_in(statement, languages).order_by(_EVENTS.c.seq)))


def _in(statement: Select[Any], languages: Sequence[str]) -> Select[Any]:
    return statement.where(_TWEETS.c.lang.in_(languages)) if languages else statement
