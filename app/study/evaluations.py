"""The last scores of each model, kept in the study with their date and the threshold that was chosen by them."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.study.study import Study, now
from db.predictions import latest_model
from db.tables import Adjudication, Evaluation, LabelEvent, Model

# In the report's own column: it needs no column more, and a report is never read without its threshold.
_BELOW = "undecided_below"
_OF_MODEL = select(Evaluation).join(Model, Model.id == Evaluation.model_id)


@dataclass(frozen=True)
class KeptEvaluation:
    """A report of `evaluation_report.evaluate`, when it was made, and whether labels were given since.

    `undecided_below`: the confidence below which the user leaves this model's answers undecided, 0 for none.
    """

    report: dict[str, Any]
    evaluated: str
    is_stale: bool
    undecided_below: float = 0.0


def save(study: Study, model: int, report: dict[str, Any], seen: tuple[int, int]) -> None:
    """Keep a model's report in place of an earlier one, whose threshold stays.

    `seen`: `last_labels` as the labels were read.
    """
    with study.writing() as session:
        row = session.get(Evaluation, model) or Evaluation(model_id=model, report={})
        kept = {_BELOW: row.report[_BELOW]} if _BELOW in row.report else {}
        row.evaluated, row.report = now(), report | kept
        row.label_seq, row.gold_seq = seen
        session.add(row)


def of_model(study: Study, name: str) -> KeptEvaluation | None:
    """Return the last scores of a model, or None where it was never evaluated here."""
    with study.reading() as session:
        row = session.scalar(_OF_MODEL.where(Model.name == name))
        if row is None:
            return None
        report: dict[str, Any] = dict(row.report)
        below = float(report.pop(_BELOW, 0.0))
        is_stale = (row.label_seq, row.gold_seq) != _last_labels(session)
        return KeptEvaluation(report, row.evaluated, is_stale, below)


def keep_undecided_below(study: Study, name: str, below: float) -> None:
    """Keep the threshold that was chosen for a model, beside its scores; without scores there is none to keep."""
    with study.writing() as session:
        row = session.scalar(_OF_MODEL.where(Model.name == name))
        if row is not None:
            row.report = row.report | {_BELOW: below}


def undecided_below(study: Study, name: str = "") -> float:
    """Return the threshold that was chosen for a model ("": the newest that has predictions), 0 for none."""
    with study.reading() as session:
        model = Model.name == name if name else Model.id == latest_model(session)
        row = session.scalar(_OF_MODEL.where(model))
        return float(row.report.get(_BELOW, 0.0)) if row is not None else 0.0  # type: ignore[arg-type]


def last_labels(study: Study) -> tuple[int, int]:
    """Return the last label event and the last adjudication of the study, 0 for none."""
    with study.reading() as session:
        return _last_labels(session)


def _last_labels(session: Session) -> tuple[int, int]:
    return (
        session.scalar(select(func.max(LabelEvent.seq))) or 0,
        session.scalar(select(func.max(Adjudication.seq))) or 0,
    )
