"""What models say about a study's tweets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select

from app.study import models
from app.study.study import Study, now
from db import predictions as queries
from db.tables import Model, Prediction, Tweet


def save(
    study: Study,
    model: int,
    leaves: Sequence[str],
    tweets: Sequence[int],
    probabilities: Any,
    reason: str,
    *,
    settled: bool = False,
) -> None:
    """Write the predictions of a chunk of tweets in one transaction; a newer one replaces the older.

    `probabilities` is float32 (tweets, leaves); a row with NaN is written as failed, with `reason`. `settled`: they
    are those of a light model in front of the model.
    """
    import numpy as np

    when = now()
    rows = np.ascontiguousarray(probabilities, dtype="<f4")
    failed = np.isnan(rows).any(axis=1)
    best = np.nan_to_num(rows).argmax(axis=1)
    values = [
        {
            "model_id": model,
            "tweet_id": tweet,
            "leaf": None if failed[i] else leaves[best[i]],
            "confidence": None if failed[i] else float(rows[i, best[i]]),
            "probabilities": None if failed[i] else rows[i].tobytes(),
            "status": "failed" if failed[i] else "predicted",
            "reason": reason if failed[i] else "",
            "created": when,
            "settled": settled,
        }
        for i, tweet in enumerate(tweets)
    ]
    with study.writing() as session:
        queries.put(session, values)


@dataclass(frozen=True)
class Selection:
    """The tweets that a classification is about: `keys` are to be done, in file order.

    `before` have a prediction already and keep it, `before_settled` of them a light model's. `settled` are those
    among the keys that a light model has settled: now the model itself is asked.
    """

    keys: list[int]
    before: int = 0
    before_settled: int = 0
    settled: frozenset[int] = frozenset()


def select_tweets(
    study: Study,
    model: int | None,
    *,
    language: str = "",
    only_unlabelled: bool = False,
    limit: int | None = None,
    again: bool = False,
    cascade: bool = False,
) -> Selection:
    """Return the tweets that a model is to predict: those that it has not yet, with `again` all.

    What a light model settled has its prediction for a `cascade` alone: without one it is the model's to say.
    `limit` bounds those to be done. `model` None: it has predicted nothing in this study.
    """
    columns = Tweet.__table__.c
    statement = select(columns.id).order_by(columns.id).limit(limit)
    if language:
        statement = statement.where(columns.lang == language)
    if only_unlabelled:
        statement = statement.where(columns.labelled.is_(False))
    if model is None:
        with study.reading() as session:
            return Selection(list(session.scalars(statement)))
    settled = select(Prediction.tweet_id).where(Prediction.model_id == model, Prediction.settled.is_(True))
    if not again:
        done = select(Prediction.tweet_id).where(
            Prediction.model_id == model,
            Prediction.tweet_id == columns.id,
            Prediction.status == "predicted",
        )
        left = ~done.exists()
        statement = statement.where(left if cascade else or_(left, columns.id.in_(settled)))
    with study.reading() as session:
        keys = list(session.scalars(statement))
        lights = frozenset() if cascade else frozenset(session.scalars(settled)).intersection(keys)
        if again:
            return Selection(keys, settled=lights)
        known = queries.predicted(session, model, language, only_unlabelled=only_unlabelled)
    if cascade:
        return Selection(keys, known.total, known.settled)
    return Selection(keys, known.total - known.settled, settled=lights)


def of(study: Study, model: int, tweets: Sequence[int]) -> dict[int, str | None]:
    """Return {tweet: leaf} for the tweets that a model was tried on, None where it failed."""
    with study.reading() as session:
        return {key: row.leaf for key, row in queries.of(session, model, tweets).items()}


def with_confidence(study: Study, model: int, tweets: Sequence[int]) -> dict[int, tuple[str, float]]:
    """Return {tweet: (leaf, confidence)} for the tweets that a model was tried on, ("", 0.0) where it failed."""
    with study.reading() as session:
        found = queries.of(session, model, tweets)
        return {key: (row.leaf or "", row.confidence or 0.0) for key, row in found.items()}


def latest_model(study: Study) -> str:
    """Return the name of the newest model that has predictions, whose answers an export writes; "" for none."""
    with study.reading() as session:
        return session.scalar(select(Model.name).where(Model.id == queries.latest_model(session))) or ""


def has_settled(study: Study, model: str) -> bool:
    """Tell whether a light model has settled any tweet in a model's place."""
    with study.reading() as session:
        key = session.scalar(select(Model.id).where(Model.name == model))
        return key is not None and queries.has_settled(session, key)


def not_said(study: Study, model: int, tweets: Sequence[int]) -> list[int]:
    """Return those of the tweets that the model itself was not tried on: not at all, or settled in its place."""
    with study.reading() as session:
        found = queries.of(session, model, tweets)
    return [key for key in tweets if key not in found or found[key].settled]


def said_since(study: Study, model: int, tweets: Sequence[int], since: str, leaves: int) -> dict[int, Any]:
    """Return {tweet: float32 (leaves)} of what the model itself said from a time on, NaN where it failed."""
    import numpy as np

    with study.reading() as session:
        found = queries.of(session, model, tweets)
    return {
        key: np.frombuffer(row.probabilities, dtype="<f4")
        if row.probabilities
        else np.full(leaves, np.nan, "<f4")
        for key, row in found.items()
        if not row.settled and row.created >= since
    }


def done_since(study: Study, model: int, since: str) -> set[int]:
    """Return the tweets that have an outcome of a model from a time on: predicted, settled or failed."""
    statement = select(Prediction.tweet_id).where(Prediction.model_id == model, Prediction.created >= since)
    with study.reading() as session:
        return set(session.scalars(statement))


def failed_since(study: Study, model: int, since: str) -> dict[int, str]:
    """Return {tweet: reason} of those that a model failed on from a time on."""
    statement = select(Prediction.tweet_id, Prediction.reason).where(
        Prediction.model_id == model, Prediction.status == "failed", Prediction.created >= since
    )
    with study.reading() as session:
        return {row[0]: row[1] for row in session.execute(statement)}


def settled_since(study: Study, model: int, since: str) -> set[int]:
    """Return the tweets that a light model settled for a model from a time on."""
    statement = select(Prediction.tweet_id).where(
        Prediction.model_id == model, Prediction.settled.is_(True), Prediction.created >= since
    )
    with study.reading() as session:
        return set(session.scalars(statement))


def per_language(study: Study, model: int | str) -> dict[str, dict[str, int]]:
    """Return {language: {leaf: number of predictions}} of a model."""
    key = models.get(study, model).id
    with study.reading() as session:
        return queries.leaves(session, key)
