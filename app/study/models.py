"""The models whose predictions a study holds."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from itertools import count as count_from
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import UserError
from app.inference.model_file import known_sha256 as sha256_of
from app.study.shelf import ModelEntry, Shelf
from app.study.study import Study, now
from db.predictions import count
from db.tables import Model

# Of the SHA-256 of a model whose name and day are another's as well.
_SHOWN_DIGITS = 8


@dataclass(frozen=True)
class StudyModel:
    """A model as the study knows it. `leaves` is the order of its probabilities, `run` what made it.

    `earlier`: where `register` found another model of this name, the name that this one has in the study now.
    """

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
    earlier: str = ""


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

    The same name and hash again is the same model, with its path and card brought up to date. Another model that had
    the name keeps its predictions, scores and cascades under a name of its own, which `earlier` tells: a model that
    was trained anew is another one, and what the two say is never mixed.
    """
    earlier = ""
    with study.writing() as session:
        row = session.scalar(select(Model).where(Model.name == name))
        if row is not None and (row.sha256 != sha256 or list(row.leaves) != list(leaves)):
            earlier = _set_aside(session, row)
            row = None
        if row is None:
            row = _renamed(session, sha256, leaves)
            if row is not None:
                row.name = name
        if row is None:
            row = Model(name=name, sha256=sha256, created=now(), leaves=list(leaves))
            session.add(row)
        row.path = path
        row.run_id = run or row.run_id
        row.card = card or row.card or {}
        session.flush()
        key = row.id
    return replace(get(study, key), earlier=earlier)


def follow_shelf(study: Study, shelf: Shelf) -> dict[str, str]:
    """Set aside the models whose names stand for other models on the shelf now, as `register` does.

    So what a model is asked for by its name on the shelf is never told of one that had the name before. Returns
    {name: what the study calls the earlier model of this name now}.
    """
    found = {}
    with study.reading() as session:
        known = session.execute(select(Model.id, Model.name, Model.sha256)).all()
    for key, name, sha256 in known:
        if not shelf.has(name):
            continue
        try:
            there = sha256_of(shelf.model(name).trained)
        except (UserError, OSError):
            # What cannot be read is told where the model itself is asked for.
            continue
        if there != sha256:
            with study.writing() as session:
                row = session.get(Model, key)
                # Another process may have been here first.
                if row is not None and (row.name, row.sha256) == (name, sha256):
                    found[name] = _set_aside(session, row)
    return found


def set_aside_told(name: str, earlier: str) -> str:
    """Return in sentences that a name stands for another model now, and where what the earlier one said is."""
    return (
        f"“{name}” is another model than the one of this name that this study has predictions of. Those are kept as "
        f"“{earlier}”."
    )


def rename(study: Study, shelf: Shelf, name: str, wanted: str) -> ModelEntry:
    """Rename a model on the shelf and in this study, so that its predictions are still its own.

    A study that is not open when that happens follows when the model is next used in it (`register`). Raises
    `UserError` where the shelf, or this study for another model, has that name.
    """
    wanted = wanted.strip()
    follow_shelf(study, shelf)
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


def _set_aside(session: Session, row: Model) -> str:
    """Give a model a name that tells when it was made, and return it; its own name is another model's now."""
    made = str(row.card.get("created") or row.created)[:10]
    taken = set(session.scalars(select(Model.name)))
    wanted = [f"{row.name} ({made})", f"{row.name} ({made}, {row.sha256[:_SHOWN_DIGITS]})"]
    numbered = (f"{row.name} ({made}, {row.sha256[:_SHOWN_DIGITS]}, {n})" for n in count_from(2))
    row.name = next(name for name in chain(wanted, numbered) if name not in taken)
    # What lies there now is the other one.
    row.path = ""
    session.flush()
    return row.name


def _renamed(session: Session, sha256: str, leaves: Sequence[str]) -> Model | None:
    """Return the model with this very file that is no longer where it was: it got another name meanwhile."""
    found = session.scalars(select(Model).where(Model.sha256 == sha256).order_by(Model.id.desc()))
    gone = (m for m in found if not (m.path and Path(m.path).exists()))
    return next((m for m in gone if list(m.leaves) == list(leaves)), None)


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
