"""Queries on models and their predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.orm import Session, aliased

from db.sealing import not_sealed
from db.tables import Model, Prediction, Tweet
from db.tweets import batches

_PREDICTIONS: Any = Prediction.__table__


# Made once: each tweet that is read asks it.
_LATEST_MODEL = (
    select(Model.__table__.c.id)
    .where(select(_PREDICTIONS.c.tweet_id).where(_PREDICTIONS.c.model_id == Model.__table__.c.id).exists())
    .order_by(Model.__table__.c.id.desc())
    .limit(1)
)


def latest_model(session: Session) -> int | None:
    """Return the newest model that has predictions here."""
    return session.connection().scalar(_LATEST_MODEL)


def put(session: Session, values: list[dict[str, Any]]) -> None:
    """Write predictions; a newer one of the same model replaces the older."""
    if not values:
        return
    statement = upsert(_PREDICTIONS)
    replaced = ("leaf", "confidence", "probabilities", "status", "reason", "created", "settled")
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["model_id", "tweet_id"], set_={c: statement.excluded[c] for c in replaced}
        ),
        values,
    )


def of(session: Session, model_id: int, ids: Sequence[int]) -> dict[int, Any]:
    """Return the predictions of a model on tweets, by tweet."""
    columns = _PREDICTIONS.c
    found = {}
    for batch in batches(ids):
        statement = select(
            columns.tweet_id,
            columns.leaf,
            columns.confidence,
            columns.probabilities,
            columns.status,
            columns.reason,
            columns.created,
            columns.settled,
        ).where(columns.model_id == model_id, columns.tweet_id.in_(batch))
        for row in session.execute(statement):
            found[row.tweet_id] = row
    return found


def outcomes_since(session: Session, model_id: int, since: str) -> list[tuple[str, str | None, bool, int]]:
    """Return (language, leaf or None for failed, settled, tweets) of a model's predictions from a time on."""
    statement = (
        select(Tweet.lang, Prediction.leaf, Prediction.settled, func.count())
        .join(Tweet, Tweet.id == Prediction.tweet_id)
        .where(Prediction.model_id == model_id, Prediction.created >= since)
        .group_by(Tweet.lang, Prediction.leaf, Prediction.settled)
    )
    return [(row[0], row[1], bool(row[2]), row[3]) for row in session.execute(statement)]


def has_settled(session: Session, model_id: int) -> bool:
    """Say whether a light model has settled any tweet for this model."""
    statement = select(_PREDICTIONS.c.tweet_id).where(
        _PREDICTIONS.c.model_id == model_id, _PREDICTIONS.c.settled.is_(True)
    )
    return session.execute(statement.limit(1)).first() is not None


def count(session: Session, model_id: int, status: str = "predicted") -> int:
    """Return how many predictions of a model have a status: predicted, failed."""
    statement = select(func.count()).where(
        _PREDICTIONS.c.model_id == model_id, _PREDICTIONS.c.status == status
    )
    return session.scalar(statement) or 0


@dataclass(frozen=True)
class Predicted:
    """How many tweets a model has a prediction of, and how many of these a light model settled."""

    total: int
    settled: int


def predicted(
    session: Session, model_id: int, language: str = "", *, only_unlabelled: bool = False
) -> Predicted:
    """Return how many tweets a model has a prediction of: in a language ("": any), perhaps without a label."""
    columns = _PREDICTIONS.c
    counted = select(func.count()).select_from(_PREDICTIONS).where(columns.model_id == model_id)
    if language or only_unlabelled:
        counted = counted.join(Tweet, Tweet.id == columns.tweet_id)
    if language:
        counted = counted.where(Tweet.lang == language)
    if only_unlabelled:
        counted = counted.where(Tweet.labelled.is_(False))
    return Predicted(
        session.scalar(counted.where(columns.status == "predicted")) or 0,
        # What was settled never failed; asked so, it is counted in an index of its own.
        session.scalar(counted.where(columns.settled.is_(True))) or 0,
    )


def leaves(session: Session, model_id: int) -> dict[str, dict[str, int]]:
    """Return {language: {leaf: number of predictions}}."""
    statement = (
        select(Tweet.lang, Prediction.leaf, func.count())
        .join(Tweet, Tweet.id == Prediction.tweet_id)
        .where(Prediction.model_id == model_id, Prediction.status == "predicted")
        .group_by(Tweet.lang, Prediction.leaf)
    )
    found: dict[str, dict[str, int]] = {}
    for lang, leaf, number in session.execute(statement):
        found.setdefault(lang, {})[str(leaf)] = number
    return found


def changes(session: Session, older: int, newer: int) -> list[tuple[str, str, str, int]]:
    """Return (language, older model's leaf, newer model's, tweets), of what both predicted outside the test set."""
    before, after = aliased(Prediction), aliased(Prediction)
    statement = (
        _both(select(Tweet.lang, before.leaf, after.leaf, func.count()), before, after, older, newer)
        .group_by(Tweet.lang, before.leaf, after.leaf)
        .order_by(Tweet.lang, before.leaf, after.leaf)
    )
    return [(row[0], str(row[1]), str(row[2]), row[3]) for row in session.execute(statement)]


def changed(
    session: Session, older: int, newer: int, pair: tuple[str, str] | None, limit: int
) -> list[tuple[int, str, str, float]]:
    """Return (tweet, older model's leaf, newer model's, its confidence) where they differ, the surest first.

    `pair`: only tweets that went from the one leaf to the other. Without sealed tweets.
    """
    before, after = aliased(Prediction), aliased(Prediction)
    statement = _both(
        select(Tweet.id, before.leaf, after.leaf, after.confidence), before, after, older, newer
    ).where(before.leaf != after.leaf)
    if pair is not None:
        statement = statement.where(before.leaf == pair[0], after.leaf == pair[1])
    statement = statement.order_by(after.confidence.desc(), Tweet.id).limit(limit)
    return [(row[0], str(row[1]), str(row[2]), float(row[3])) for row in session.execute(statement)]


def _both(statement: Any, before: Any, after: Any, older: int, newer: int) -> Any:
    return (
        statement.select_from(after)
        .join(before, (before.tweet_id == after.tweet_id) & (before.model_id == older))
        .join(Tweet, Tweet.id == after.tweet_id)
        .where(
            after.model_id == newer,
            after.status == "predicted",
            before.status == "predicted",
            # What a light model settled, neither of them has said.
            after.settled.is_(False),
            before.settled.is_(False),
            not_sealed(),
        )
    )
