"""Which tweets a queue may offer, and in which order. What comes up in `next` is read by key or from an index."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.orm import Session

from db.tables import CurrentLabel, LabelEvent, Prediction, Tweet
from db.tweets import batches

_TWEETS: Any = Tweet.__table__
_CURRENT: Any = CurrentLabel.__table__
_EVENTS: Any = LabelEvent.__table__
_PREDICTIONS: Any = Prediction.__table__
_OTHER: Any = Tweet.__table__.alias("near_duplicate")


@dataclass(frozen=True)
class Fit:
    """Which tweets a queue offers a coder, whatever its order: never locked ones, never those the coder labelled.

    `fresh`: nobody has labelled them. `disputed`: their labels contradict each other. `unsealed` leaves out the
    sealed test set, `apart` tweets of which a near-duplicate is labelled. With `looked_at`, a queue's name, the
    coder's own labelled tweets are offered, but for those whose present label was given from that queue.
    `languages` None: all.
    """

    coder_id: str
    languages: tuple[str, ...] | None = None
    fresh: bool = False
    disputed: bool = False
    unsealed: bool = False
    apart: bool = False
    looked_at: str = ""


def fitting(session: Session, ids: Sequence[int], fit: Fit) -> dict[int, str | None]:
    """Return {tweet: the label that stands} of those of the tweets that fit."""
    found: dict[int, str | None] = {}
    for batch in batches(ids):
        statement = select(_TWEETS.c.id, _TWEETS.c.agreed_leaf).where(_TWEETS.c.id.in_(batch))
        found.update((row.id, row.agreed_leaf) for row in session.execute(statement.where(*_conditions(fit))))
    return found


def next_fitting(session: Session, after: tuple[int, int], fit: Fit) -> tuple[int, int] | None:
    """Return (shuffle, id) of the next unlabelled tweet in shuffled order; after the last comes the first again."""
    # Each language is looked up by itself, as an index has its tweets in order.
    statements = [
        select(_TWEETS.c.shuffle, _TWEETS.c.id)
        .where(_TWEETS.c.labelled.is_(False), *_conditions(one))
        .order_by(_TWEETS.c.shuffle, _TWEETS.c.id)
        .limit(1)
        for one in (
            [fit] if fit.languages is None else [replace(fit, languages=(code,)) for code in fit.languages]
        )
    ]
    for wrapped in (False, True):
        begin = tuple_(_TWEETS.c.shuffle, _TWEETS.c.id) > after
        rows = [session.execute(one if wrapped else one.where(begin)).first() for one in statements]
        found = [(row.shuffle, row.id) for row in rows if row is not None]
        if found:
            return min(found)
    return None


def count_labelled(session: Session, language: str, most: int) -> int:
    """Return how many tweets in a language are labelled, counted no further than to `most`."""
    some = (
        select(_TWEETS.c.id).where(_TWEETS.c.lang == language, _TWEETS.c.labelled.is_(True)).limit(most)
    ).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def last_change(session: Session) -> tuple[int, int]:
    """Return the numbers of the last label event and of the last tweet: what tells that something was added."""
    event = session.scalar(select(func.max(_EVENTS.c.seq)))
    return event or 0, session.scalar(select(func.max(_TWEETS.c.id))) or 0


# Orders: read once, off the window's thread, and held as ids


def unlabelled_texts(session: Session, fit: Fit, after: tuple[int, int], limit: int) -> list[Any]:
    """Return (id, text) of unlabelled tweets that fit, in shuffled order from a place on, around the end."""
    statement = (
        select(_TWEETS.c.id, _TWEETS.c.text)
        .where(_TWEETS.c.labelled.is_(False), *_conditions(fit))
        .order_by(_TWEETS.c.shuffle, _TWEETS.c.id)
    )
    place = tuple_(_TWEETS.c.shuffle, _TWEETS.c.id)
    found = list(session.execute(statement.where(place > after).limit(limit)))
    if len(found) < limit:
        found += session.execute(statement.where(place <= after).limit(limit - len(found)))
    return found


def learnable(session: Session, leaves: Collection[str]) -> list[Any]:
    """Return (id, text, lang, leaf, group_id) of the tweets whose label stands and that are not sealed, by id."""
    statement = select(
        _TWEETS.c.id, _TWEETS.c.text, _TWEETS.c.lang, _TWEETS.c.agreed_leaf.label("leaf"), _TWEETS.c.group_id
    ).where(_TWEETS.c.agreed_leaf.in_(leaves), _TWEETS.c.sealed.is_(False))
    return list(session.execute(statement.order_by(_TWEETS.c.id)))


def count_learnable(session: Session) -> int:
    """Return how many tweets have a label that stands and are not sealed."""
    statement = select(func.count()).where(_TWEETS.c.agreed_leaf.is_not(None), _TWEETS.c.sealed.is_(False))
    return session.scalar(statement) or 0


def count_to_learn(session: Session) -> int:
    """Return how many tweets the light model could still learn from: nobody labelled, sealed or locked them."""
    statement = select(func.count()).where(
        _TWEETS.c.labelled.is_(False), _TWEETS.c.sealed.is_(False), _TWEETS.c.locked.is_(False)
    )
    return session.scalar(statement) or 0


def disputed(session: Session, fit: Fit) -> Sequence[int]:
    """Return the tweets whose labels contradict each other, in shuffled order."""
    statement = select(_TWEETS.c.id).where(*_conditions(fit)).order_by(_TWEETS.c.shuffle, _TWEETS.c.id)
    return session.scalars(statement).all()


def group_by_group(session: Session, fit: Fit) -> Sequence[int]:
    """Return the unlabelled tweets that have near-duplicates: the largest group first, each in file order."""
    sizes = (
        select(_TWEETS.c.group_id, func.count().label("size"))
        .where(_TWEETS.c.group_id.is_not(None))
        .group_by(_TWEETS.c.group_id)
        .subquery()
    )
    statement = (
        select(_TWEETS.c.id)
        .join(sizes, sizes.c.group_id == _TWEETS.c.group_id)
        .where(sizes.c.size > 1, *_conditions(fit))
        .order_by(sizes.c.size.desc(), sizes.c.group_id, _TWEETS.c.id)
    )
    return session.scalars(statement).all()


def passing(session: Session, selected: Select[int], fit: Fit) -> Sequence[int]:
    """Return those of the selected tweets that fit, in file order."""
    statement = select(_TWEETS.c.id).where(_TWEETS.c.id.in_(selected), *_conditions(fit))
    return session.scalars(statement.order_by(_TWEETS.c.id)).all()


def least_confident(session: Session, model_id: int, fit: Fit, limit: int) -> list[Any]:
    """Return (id, probabilities) of the tweets of whose class a model itself is least sure."""
    statement = (
        select(_TWEETS.c.id, _PREDICTIONS.c.probabilities)
        .join(_PREDICTIONS, _PREDICTIONS.c.tweet_id == _TWEETS.c.id)
        .where(
            _PREDICTIONS.c.model_id == model_id,
            _PREDICTIONS.c.confidence.is_not(None),
            _PREDICTIONS.c.settled.is_(False),
            *_conditions(fit),
        )
        .order_by(_PREDICTIONS.c.confidence)
        .limit(limit)
    )
    return list(session.execute(statement))


def contradicted(session: Session, model_id: int, fit: Fit) -> list[Any]:
    """Return (id, leaf: what the model says) of labelled tweets on which it contradicts, the surest first.

    What a light model settled, the model has not said.
    """
    statement = (
        select(_TWEETS.c.id, _PREDICTIONS.c.leaf)
        .join(_PREDICTIONS, _PREDICTIONS.c.tweet_id == _TWEETS.c.id)
        .where(
            _PREDICTIONS.c.model_id == model_id,
            _PREDICTIONS.c.leaf != _TWEETS.c.agreed_leaf,
            _PREDICTIONS.c.settled.is_(False),
            *_conditions(fit),
        )
        .order_by(_PREDICTIONS.c.confidence.desc(), _TWEETS.c.id)
    )
    return list(session.execute(statement))


def is_sealed(session: Session, tweet: int) -> bool:
    """Say whether a tweet is in the sealed test set."""
    return bool(session.scalar(select(_TWEETS.c.sealed).where(_TWEETS.c.id == tweet)))


def _conditions(fit: Fit) -> Iterable[ColumnElement[bool]]:
    yield _TWEETS.c.locked.is_(False)
    if fit.languages is not None and len(fit.languages) == 1:
        yield _TWEETS.c.lang == fit.languages[0]
    elif fit.languages is not None:
        yield _TWEETS.c.lang.in_(fit.languages)
    if fit.fresh:
        yield _TWEETS.c.labelled.is_(False)
    else:
        yield ~_own_label(fit)
    if fit.disputed:
        yield _TWEETS.c.labelled.is_(True)
        yield _TWEETS.c.agreed_leaf.is_(None)
    if fit.unsealed:
        yield _TWEETS.c.sealed.is_(False)
    if fit.apart:
        # Where `group_id` is NULL nothing equals it.
        labelled = select(_OTHER.c.id).where(
            _OTHER.c.group_id == _TWEETS.c.group_id, _OTHER.c.labelled.is_(True)
        )
        yield ~labelled.correlate(_TWEETS).exists()


def _own_label(fit: Fit) -> ColumnElement[bool]:
    own = select(_CURRENT.c.tweet_id).where(
        _CURRENT.c.tweet_id == _TWEETS.c.id, _CURRENT.c.coder_id == fit.coder_id
    )
    if fit.looked_at:
        own = own.join(_EVENTS, _EVENTS.c.seq == _CURRENT.c.seq).where(_EVENTS.c.source == fit.looked_at)
    return own.correlate(_TWEETS).exists()
