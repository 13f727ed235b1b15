"""The shelf: base models and fine-tuned models on this machine.

A fine-tuned model is a folder with `model.gguf`, or with `base.gguf` and `adapter.gguf`, and the list of the
texts that it has seen. The shelf is a folder of such folders; what a model is can be read from the card
inside its file.
"""

import os
import re
import shutil
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from app import paths
from app.errors import UserError
from app.inference.model_file import PROMPT, ModelCard, ModelFile, ModelFileError
from app.study import base_models, course, light_start, seen_texts
from app.study.base_models import Base, BaseFile

NOTE = "note.txt"
KEPT_DAYS = 7
"""So long a removed model can be brought back."""
_REMOVED = ".removed"
_NAME = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class ModelEntry:
    """A fine-tuned model on the shelf. `size` is in bytes; `problem` says why a broken one cannot be used.

    `data` is the fingerprint of what it learned from (`ModelCard.data`), `note` what its user wrote about it.
    """

    name: str
    folder: Path
    size: int
    created: str
    form: str
    quantisation: str
    base: str
    languages: dict[str, int]
    metrics: dict[str, Any]
    parity: dict[str, Any]
    data: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    card: ModelCard | None = field(repr=False, default=None)
    problem: str = ""


@dataclass(frozen=True)
class RemovedModel:
    """A model that was removed and can still be brought back: `until` in seconds since the epoch."""

    name: str
    folder: Path
    size: int
    until: float


class Shelf:
    """The models on this machine."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder if folder is not None else paths.shelf_folder()

    # Base models

    def bases(self) -> list[Base]:
        """Return the known base models, the embedded one first."""
        return base_models.list_bases()

    def base_file(self, name_or_path: str) -> BaseFile:
        """Return the GGUF of a base, put together and verified; raise `UserError` where it cannot be had."""
        return base_models.base_file(name_or_path)

    def ready_file(self, name_or_path: str) -> BaseFile | None:
        """Return a base's GGUF where it lies ready; None where it is not here, or still to be put together."""
        return base_models.ready_file(name_or_path)

    def as_dict(self) -> dict[str, Any]:
        """Return all that is on the shelf as plain values."""
        entries = [
            {
                field: getattr(model, field)
                for field in (
                    "name",
                    "size",
                    "created",
                    "form",
                    "quantisation",
                    "base",
                    "languages",
                    "metrics",
                    "parity",
                    "data",
                    "note",
                    "problem",
                )
            }
            | {"folder": str(model.folder)}
            for model in self.models()
        ]
        return {"bases": [asdict(base) for base in self.bases()], "models": entries}

    # Fine-tuned models

    def models(self) -> list[ModelEntry]:
        """Return the fine-tuned models, the newest first."""
        if not self.folder.is_dir():
            return []
        # A name that begins with a dot is a model that is still being put here.
        folders = [f for f in self.folder.iterdir() if f.is_dir() and not f.name.startswith(".")]
        return sorted((_entry(folder) for folder in folders), key=lambda m: (m.created, m.name), reverse=True)

    def untrained_folders(self) -> list[Path]:
        """Return the folders of the untrained models, which are asked with a prompt, by name."""
        return sorted(path.parent for path in self.folder.glob(f"[!.]*/{PROMPT}"))

    def has(self, name: str) -> bool:
        """Tell whether a fine-tuned model of this name is on the shelf."""
        return is_model_name(name) and (self.folder / name).is_dir()

    def model(self, name_or_path: str) -> ModelFile:
        """Open a model by its name on the shelf, its folder or its file; `UserError` where there is none."""
        if self.has(name_or_path):
            path = self.folder / name_or_path
        elif Path(name_or_path).exists():
            path = Path(name_or_path)
        else:
            known = ", ".join(model.name for model in self.models()) or "none yet"
            raise UserError(
                f"There is no model “{name_or_path}”, on the shelf or as a path.", f"On the shelf: {known}."
            )
        try:
            return ModelFile.open(path)
        except ModelFileError as error:
            raise UserError(str(error)) from error

    def free_name(self, wanted: str, taken: Collection[str] = ()) -> str:
        """Return the wanted name made fit for a folder, with a number where it is on the shelf or `taken`."""
        stem = _NAME.sub("-", wanted).strip("-.") or "model"
        name, number = stem, 2
        while (self.folder / name).exists() or name in taken:
            name, number = f"{stem}-{number}", number + 1
        return name

    def place(self, source: Path, name: str) -> ModelEntry:
        """Copy a model's folder or file to the shelf under a name; a half copy is never seen as a model."""
        if (self.folder / name).exists() or not is_model_name(name):
            raise UserError(
                f"The shelf cannot take a model as “{name}”: the name is taken or not fit for a folder.",
                "Choose another name.",
            )
        opened = self.model(str(source))
        card = opened.card
        if card is None:
            raise UserError(
                f"{source.name} was not fine-tuned by StanceDesk: it holds no model card.",
                "Add models that StanceDesk trained; as a base for training, give the file's path instead.",
            )
        if opened.prompt is not None:
            raise UserError(
                f"{source.name} is an untrained model with its prompt; what it needs lies elsewhere.",
                "Make it on this machine: stancedesk classify STUDY --untrained MODEL",
            )

        def copy(partial: Path) -> None:
            if opened.adapter is None:
                link_or_copy(opened.gguf, partial / "model.gguf")
            else:
                link_or_copy(opened.gguf, partial / "base.gguf")
                link_or_copy(opened.adapter, partial / "adapter.gguf")
            seen = seen_texts.read(opened.trained.parent, card)
            if seen is not None:
                seen_texts.write(partial, card, seen)
                # The list names its model, so what else lies beside it is this model's, too.
                course.copy(opened.trained.parent, partial)
                light_start.copy(opened.trained.parent, partial)

        self.put(name, copy)
        return _entry(self.folder / name)

    def put(self, name: str, write: Callable[[Path], None]) -> None:
        """Put a folder on the shelf that `write` fills: whole or not at all. Raises `UserError` where the disk refuses.

        The name must be free.
        """
        partial = self.folder / f".{name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            write(partial)
            partial.rename(self.folder / name)
        except OSError as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise UserError(
                f"The model could not be put on the shelf: {error.strerror or error}.",
                "Free some disk space or check the folder's permissions, then try again.",
            ) from error

    def rename(self, name: str, wanted: str) -> ModelEntry:
        """Give a model another name; raise `UserError` where that is taken or no name. Its files stay as they are."""
        self._require(name)
        wanted = wanted.strip()
        if wanted == name:
            return _entry(self.folder / name)
        if not is_model_name(wanted) or _NAME.search(wanted):
            raise UserError(
                f"“{wanted}” cannot be the name of a model.",
                "Use letters, digits, dots, dashes and underscores; begin with none of the dots.",
            )
        # On a disk that takes “A” and “a” for one name, another spelling of the same is no other model.
        taken = self.folder / wanted
        if taken.exists() and not taken.samefile(self.folder / name):
            raise UserError(f"There is a model “{wanted}” on the shelf.", "Choose another name.")
        _changing(lambda: (self.folder / name).rename(taken), "renamed")
        return _entry(taken)

    def set_note(self, name: str, note: str) -> None:
        """Keep what a user writes about a model; "" deletes it."""
        self._require(name)
        path = self.folder / name / NOTE
        if not note.strip():
            _changing(lambda: path.unlink(missing_ok=True), "given a note")
            return
        partial = path.with_name(f".{NOTE}.partial")
        _changing(lambda: partial.write_text(note.strip() + "\n", encoding="utf-8"), "given a note")
        _changing(lambda: partial.replace(path), "given a note")

    def remove(self, name: str) -> RemovedModel:
        """Take a model from the shelf; it can be brought back for some days. `UserError` where there is none.

        Those whose days are over are deleted on this occasion.
        """
        self._require(name)
        self.forget_old()
        target = self.folder / _REMOVED / f"{name}@{time.time_ns()}"
        target.parent.mkdir(exist_ok=True)
        _changing(lambda: (self.folder / name).rename(target), "removed")
        return _removed(target)

    def removed(self) -> list[RemovedModel]:
        """Return the removed models that can be brought back, the last one first."""
        folders = [f for f in (self.folder / _REMOVED).glob("*@*") if f.is_dir()]
        return sorted((_removed(folder) for folder in folders), key=lambda one: one.until, reverse=True)

    def bring_back(self, name: str) -> ModelEntry:
        """Put the model of this name that was removed last back on the shelf, under the nearest name that is free."""
        found = next((one for one in self.removed() if one.name == name), None)
        if found is None:
            raise UserError(f"No removed model “{name}” can be brought back.")
        target = self.folder / self.free_name(name)
        _changing(lambda: found.folder.rename(target), "brought back")
        return _entry(target)

    def delete_removed(self, name: str) -> None:
        """Delete the removed models of this name for good."""
        for one in self.removed():
            if one.name == name:
                shutil.rmtree(one.folder)

    def forget_old(self, now: float | None = None) -> None:
        """Delete the removed models whose days are over."""
        for one in self.removed():
            if one.until < (time.time() if now is None else now):
                shutil.rmtree(one.folder, ignore_errors=True)

    def _require(self, name: str) -> None:
        if not self.has(name):
            raise UserError(f"There is no model “{name}” on the shelf.")


def is_model_name(name: str) -> bool:
    """Tell whether a name is one folder's name (no path, not hidden)."""
    return bool(name) and not name.startswith(".") and Path(name).name == name and "\\" not in name


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name where the disk can, copy it where it cannot."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _entry(folder: Path) -> ModelEntry:
    size = sum(f.stat().st_size for f in folder.glob("*.gguf"))
    try:
        opened = ModelFile.open(folder)
        card, size = opened.card, opened.size
        problem = "" if card is not None else "It holds no model card."
    except ModelFileError as error:
        card, problem = None, str(error)
    if card is None:
        return ModelEntry(
            folder.name, folder, size, "", "", "", "", {}, {}, {}, note=_note(folder), problem=problem
        )
    return ModelEntry(
        name=folder.name,
        folder=folder,
        size=size,
        created=card.created,
        form=card.form,
        quantisation=card.quantisation,
        base=card.base.get("name", ""),
        languages=card.languages,
        metrics=card.metrics,
        parity=card.parity,
        data=card.data,
        note=_note(folder),
        card=card,
    )


def _note(folder: Path) -> str:
    try:
        return (folder / NOTE).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _removed(folder: Path) -> RemovedModel:
    name, _, when = folder.name.rpartition("@")
    size = sum(f.stat().st_size for f in folder.glob("*.gguf"))
    return RemovedModel(name, folder, size, int(when) / 1e9 + KEPT_DAYS * 24 * 3600)


def _changing(act: Callable[[], object], done: str) -> None:
    try:
        act()
    except OSError as error:
        raise UserError(
            f"The model could not be {done}: {error.strerror or error}.",
            "Close what uses it, or check the folder's permissions, then try again.",
        ) from error
