"""The models whose predictions a study holds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import UserError
from app.study.shelf import ModelEntry, Shelf
from app.study.study import Study, now
from db.predictions import count
from db.tables import Model


@dataclass(frozen=True)
class StudyModel:
    """A model as the study knows it. `leaves` is the order of its probabilities, `run` what made it."""

    id: int
    name: str
    path: str
    sha256: str
    created: str
    leaves: tuple[str, ...]
    run: str | None = None
    card: dict[str, Any] = field(default_factory=dict)
    predicted: int = 0
    failed: int = 0


def register(
    study: Study,
    name: str,
    path: str,
    sha256: str,
    leaves: Sequence[str],
    run: str | None = None,
    card: dict[str, Any] | None = None,
) -> StudyModel:
    """Make a model known to the study and return it.

    The same name and hash again is the same model, with its path and card brought up to date. The name of
    another model is a `UserError`: their predictions would be mixed.
    """
    with study.writing() as session:
        row = session.scalar(select(Model).where(Model.name == name))
        if row is None:
            row = _renamed(session, sha256, leaves)
            if row is not None:
                row.name = name
        if row is not None and (row.sha256 != sha256 or list(row.leaves) != list(leaves)):
            raise UserError(
                f"This study has predictions of another model named “{name}”.",
                "Give the new model a name of its own (models add … --name NAME).",
            )
        if row is None:
            row = Model(name=name, sha256=sha256, created=now(), leaves=list(leaves))
            session.add(row)
        row.path = path
        row.run_id = run or row.run_id
        row.card = card or row.card or {}
        session.flush()
        key = row.id
    return get(study, key)


def rename(study: Study, shelf: Shelf, name: str, wanted: str) -> ModelEntry:
    """Rename a model on the shelf and in this study, so that its predictions are still its own.

    A study that is not open when that happens follows when the model is next used in it (`register`). Raises
    `UserError` where the shelf, or this study for another model, has that name.
    """
    wanted = wanted.strip()
    if wanted != name and any(model.name == wanted for model in list_models(study)):
        raise UserError(
            f"This study has predictions of another model named “{wanted}”.", "Choose another name."
        )
    entry = shelf.rename(name, wanted)
    with study.writing() as session:
        row = session.scalar(select(Model).where(Model.name == name))
        if row is not None:
            row.name, row.path = entry.name, str(entry.folder)
    return entry


def _renamed(session: Session, sha256: str, leaves: Sequence[str]) -> Model | None:
    """Return the model with this very file that is no longer where it was: it got another name meanwhile."""
    found = session.scalars(select(Model).where(Model.sha256 == sha256).order_by(Model.id.desc()))
    return next((m for m in found if list(m.leaves) == list(leaves) and not Path(m.path).exists()), None)


def list_models(study: Study) -> list[StudyModel]:
    """Return all models, the newest first, with how many predictions each has."""
    with study.reading() as session:
        return [
            StudyModel(
                id=row.id,
                name=row.name,
                path=row.path,
                sha256=row.sha256,
                created=row.created,
                leaves=tuple(row.leaves),
                run=row.run_id,
                card=row.card,
                predicted=count(session, row.id),
                failed=count(session, row.id, "failed"),
            )
            for row in session.scalars(select(Model).order_by(Model.id.desc()))
        ]


def get(study: Study, model: int | str) -> StudyModel:
    """Return a model by id or name; `UserError` where the study has none such."""
    for found in list_models(study):
        if model in (found.id, found.name):
            return found
    raise UserError(f"This study has no model “{model}”.", "Choose one of the models that it has.")
