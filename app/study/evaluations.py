"""The last scores of each model, kept in the study with their date."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.study.study import Study, now
from db.tables import Adjudication, Evaluation, LabelEvent, Model


@dataclass(frozen=True)
class KeptEvaluation:
    """A report of `evaluation_report.evaluate`, when it was made, and whether labels were given since."""

    report: dict[str, Any]
    evaluated: str
    is_stale: bool


def save(study: Study, model: int, report: dict[str, Any], seen: tuple[int, int]) -> None:
    """Keep a model's report in place of an earlier one. `seen`: `last_labels` as the labels were read."""
    with study.writing() as session:
        row = session.get(Evaluation, model) or Evaluation(model_id=model)
        row.evaluated, row.report = now(), report
        row.label_seq, row.gold_seq = seen
        session.add(row)


def of_model(study: Study, name: str) -> KeptEvaluation | None:
    """Return the last scores of a model, or None where it was never evaluated here."""
    with study.reading() as session:
        row = session.scalar(
            select(Evaluation).join(Model, Model.id == Evaluation.model_id).where(Model.name == name)
        )
        if row is None:
            return None
        return KeptEvaluation(
            dict(row.report), row.evaluated, (row.label_seq, row.gold_seq) != _last_labels(session)
        )


def last_labels(study: Study) -> tuple[int, int]:
    """Return the last label event and the last adjudication of the study, 0 for none."""
    with study.reading() as session:
        return _last_labels(session)


def _last_labels(session: Session) -> tuple[int, int]:
    return (
        session.scalar(select(func.max(LabelEvent.seq))) or 0,
        session.scalar(select(func.max(Adjudication.seq))) or 0,
    )
