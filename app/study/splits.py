"""Which tweets a run trained on and which it validated with."""

from collections.abc import Iterable, Mapping

from sqlalchemy import insert, select

from app.study.study import Study, now
from db.tables import Model, Split, SplitTweet, TrainingRun


def save(study: Study, name: str, parts: Mapping[str, Iterable[int]], seed: int) -> str:
    """Keep the split of a run and return its id. `parts`: {"train": tweets, "validation": tweets}."""
    with study.writing() as session:
        split = Split(name=name, created=now(), seed=seed)
        session.add(split)
        session.flush()
        rows = [{"split_id": split.id, "tweet_id": t, "part": part} for part in parts for t in parts[part]]
        if rows:
            session.execute(insert(SplitTweet), rows)
        return split.id


def seen_by(study: Study, model: int) -> dict[int, str]:
    """Return {tweet: part} of the split of the run that made a model; empty where it was made elsewhere."""
    with study.reading() as session:
        statement = (
            select(SplitTweet.tweet_id, SplitTweet.part)
            .join(TrainingRun, TrainingRun.split_id == SplitTweet.split_id)
            .join(Model, Model.run_id == TrainingRun.id)
            .where(Model.id == model)
        )
        return {row.tweet_id: row.part for row in session.execute(statement)}
