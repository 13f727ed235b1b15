"""The training runs that a study knows of; each run's folder holds the truth about it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from app.errors import UserError
from app.study.study import Study, now
from db.tables import TrainingRun

ELSEWHERE = "elsewhere"


@dataclass(frozen=True)
class Run:
    """A training run as the study remembers it.

    Status: running, finished, cancelled (stopped), paused, waiting (paused until the study is opened again), failed,
    interrupted, discarded; elsewhere: another machine trains it.
    """

    id: str
    name: str
    folder: str
    base: str
    languages: tuple[str, ...]
    status: str
    created: str
    split: str | None = None
    spec: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)


def create(
    study: Study,
    name: str,
    folder: str,
    base: str,
    languages: Sequence[str],
    spec: dict[str, Any],
    split: str,
    status: str = "running",
) -> Run:
    """Note a run that starts now and return it."""
    with study.writing() as session:
        row = TrainingRun(
            name=name,
            folder=folder,
            base=base,
            languages=list(languages),
            status=status,
            created=now(),
            split_id=split,
            spec=spec,
            metrics={},
        )
        session.add(row)
        session.flush()
        return _run(row)


def update(study: Study, run: str, *, status: str, metrics: dict[str, Any] | None = None) -> Run:
    """Note what became of a run."""
    with study.writing() as session:
        row = session.get(TrainingRun, run)
        if row is None:
            raise UserError("This study does not know that training run.", "Choose one of its runs.")
        row.status = status
        if metrics is not None:
            row.metrics = metrics
        return _run(row)


def interrupt(study: Study, run: str) -> Run:
    """Note that nobody works on a run any more, unless its end was noted meanwhile."""
    with study.writing() as session:
        row = session.get_one(TrainingRun, run)
        if row.status == "running":
            row.status = "interrupted"
        return _run(row)


def list_runs(study: Study) -> list[Run]:
    """Return all runs as they were last noted, the newest first."""
    with study.reading() as session:
        rows = session.scalars(select(TrainingRun).order_by(TrainingRun.created.desc(), TrainingRun.id))
        return [_run(row) for row in rows]


def _run(row: TrainingRun) -> Run:
    return Run(
        id=row.id,
        name=row.name,
        folder=row.folder,
        base=row.base,
        languages=tuple(row.languages),
        status=row.status,
        created=row.created,
        split=row.split_id,
        spec=row.spec,
        metrics=row.metrics,
    )
