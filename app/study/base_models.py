"""Base models: those that the program knows (`resources/models.toml`) and those that were added on this machine.

The file of a known base comes with a Python package, or is made of what the Hugging Face Hub has. What was made or
added has a folder of its own with `about.json`, and `base.gguf` unless the file lies elsewhere.
"""

import hashlib
import importlib.util
import json
import math
import os
import shutil
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import resources
from app import paths
from app.errors import UserError
from app.inference.model_file import ModelFile, ModelFileError, sha256

ABOUT, FILE = "about.json", "base.gguf"
_BLOCK = 1 << 20
# GGUF's general.file_type: llama.cpp's number for what most of a file is.
_FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
    12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 32: "BF16",
}  # fmt: skip

Fit = Literal["trains", "runs", "too large"]


@dataclass(frozen=True)
class Base:
    """A base model that can be fine-tuned. `missing` says what to do where it is not available.

    `source`: "package", "hub" (`repository` there, `page` to accept its licence, `gated` where it asks for a
    token) or "own" (a file or folder of this machine). `size` and `download_size` are in bytes, of a base that is
    not here yet about; `downloaded` is what an unfinished download has so far.
    """

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
    terms: str = ""
    source: str = "package"
    repository: str = ""
    page: str = ""
    gated: bool = False
    download_size: int = 0
    downloaded: int = 0
    parameters: int = 0
    quantisation: str = ""
    path: str = ""


@dataclass(frozen=True)
class BaseFile:
    """A base model's GGUF on this machine, and what has to be said about it."""

    name: str
    path: Path
    sha256: str
    licence: str
    licence_url: str
    quantisation: str


def list_bases() -> list[Base]:
    """Return the known base models, the embedded one first, then those that were added here."""
    known = [_known(name, entry) for name, entry in catalogue().items()]
    own = [_own(name, about) for name, about in sorted(_abouts().items()) if name not in catalogue()]
    return known + own


def base_file(name_or_path: str) -> BaseFile:
    """Return the GGUF of a base, put together and verified; raise `UserError` where it cannot be had."""
    entry = catalogue().get(name_or_path)
    about = read_about(name_or_path)
    if about is not None:
        return _kept_file(name_or_path, about)
    if entry is None:
        return _file_at(name_or_path)
    if "hub" in entry:
        raise UserError(f"The base model {name_or_path} was not downloaded yet.", _how_to_get(entry))
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
    return BaseFile(
        name_or_path,
        path,
        entry["sha256"],
        entry["licence"],
        entry.get("licence_url", ""),
        entry["quantisation"],
    )


def ready_file(name_or_path: str) -> BaseFile | None:
    """Return a base's GGUF where it lies ready; None where it is not here, or still to be put together.

    Looks only: nothing is written, and only what is given as a path is verified.
    """
    entry, about = catalogue().get(name_or_path), read_about(name_or_path)
    if about is not None:
        path, sha = _path_of(name_or_path, about), str(about["sha256"])
    elif entry is None:
        path = Path(name_or_path).expanduser()
        return _file_at(name_or_path) if path.is_file() else None
    elif "hub" in entry:
        return None
    else:
        parts, sha = _package_files(entry), str(entry["sha256"])
        path = parts[0] if parts and len(parts) == 1 else _assembled(name_or_path, sha)
    entry = entry or {}
    named = (str(entry.get(key, "")) for key in ("licence", "licence_url", "quantisation"))
    return BaseFile(name_or_path, path, sha, *named) if path.is_file() else None


def fit(base: Base, memory: int) -> Fit:
    """Tell what a machine with so many bytes of main memory can do with a base, without a graphics card."""
    if base.train_memory_gb * 1e9 <= memory:
        return "trains"
    return "runs" if base.run_memory_gb * 1e9 <= memory else "too large"


def train_memory_gb(parameters: int) -> float:
    """Return the memory to fine-tune so many weights on a CPU, by the formula of `resources/models.toml`."""
    return _half_up(4 * parameters / 1e9 + 2.5)


def run_memory_gb(size: int) -> float:
    """Return the memory to classify with a file of so many bytes, by the same formula."""
    return _half_up(size / 1e9 + 0.8)


@cache
def catalogue() -> dict[str, dict[str, Any]]:
    """Return the entries of `resources/models.toml` by name."""
    return {entry["name"]: entry for entry in tomllib.loads(resources.models_toml_text())["models"]}


def bases_folder() -> Path:
    """Return the folder of the bases that were made or added here."""
    return paths.data_folder() / "bases"


def download_folder(name: str) -> Path:
    """Return where the files of a download lie until a base is made of them."""
    return bases_folder() / f".{name}.download"


def read_about(name: str) -> dict[str, Any] | None:
    """Return what is known of a base that was made or added here; None where there is none of that name."""
    if not name or name.startswith(".") or Path(name).name != name:
        return None
    try:
        about = json.loads((bases_folder() / name / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return about if isinstance(about, dict) and "sha256" in about else None


def facts_of(path: Path) -> dict[str, Any]:
    """Return {parameters, size, quantisation, architecture} of a GGUF file; `UserError` where it is no base.

    Reads the file's head only.
    """
    from training.contract.gguf_head import GGUFError, read_head

    try:
        head = read_head(path)
        kind = str(head.value("general.architecture") or "")
    except (GGUFError, OSError) as error:
        raise UserError(
            f"{path.name} is no GGUF model file, or only part of one.", "Choose another."
        ) from error
    if kind not in ("llama", "gemma3"):
        raise UserError(
            f"{path.name} is of the kind “{kind}”; StanceDesk trains llama and gemma3 models.",
            "Choose another base.",
        )
    return {
        "architecture": kind,
        "parameters": sum(math.prod(tensor.shape) for tensor in head.tensors),
        "size": path.stat().st_size,
        "quantisation": quantisation(head.value("general.file_type")),
    }


def quantisation(file_type: int | None) -> str:
    """Return what GGUF's `general.file_type` is called, of a file that has one."""
    unknown = "as in its file"
    return unknown if file_type is None else _FILE_TYPES.get(int(file_type), unknown)


def _half_up(gigabytes: float) -> float:
    return math.ceil(gigabytes * 2) / 2


def _abouts() -> dict[str, dict[str, Any]]:
    try:
        names = [folder.name for folder in bases_folder().iterdir() if folder.is_dir()]
    except OSError:
        return {}
    found = {name: read_about(name) for name in names}
    return {name: about for name, about in found.items() if about is not None}


def _known(name: str, entry: dict[str, Any]) -> Base:
    on_hub = "hub" in entry
    about = read_about(name) if on_hub else None
    available = about is not None if on_hub else _package_files(entry) is not None
    return Base(
        name=name,
        title=entry["title"],
        size=int(about["size"]) if about else entry["size"],
        licence=entry["licence"],
        licence_url=entry.get("licence_url", ""),
        languages=tuple(entry["languages"]),
        available=available,
        missing="" if available else _how_to_get(entry),
        note=entry.get("note", ""),
        train_memory_gb=entry["train_memory_gb"],
        run_memory_gb=entry["run_memory_gb"],
        terms=entry.get("terms", ""),
        source="hub" if on_hub else "package",
        repository=entry.get("hub", ""),
        page=f"https://huggingface.co/{entry['hub']}" if on_hub else "",
        gated=entry.get("gated", False),
        download_size=entry.get("download_size", 0),
        downloaded=_bytes_in(download_folder(name)) if on_hub and not available else 0,
        parameters=entry["parameters"],
        quantisation=entry["quantisation"],
        path=str(bases_folder() / name / FILE) if about else "",
    )


def _own(name: str, about: dict[str, Any]) -> Base:
    path = _path_of(name, about)
    there = path.is_file()
    return Base(
        name=name,
        title=str(about.get("title") or name),
        size=int(about["size"]),
        licence=str(about.get("licence") or "as given by its publisher"),
        licence_url="",
        languages=(),
        available=there,
        missing="" if there else f"Its file is no longer at {path}. Put it back there, or remove this base.",
        note=str(about.get("note") or ""),
        train_memory_gb=train_memory_gb(int(about["parameters"])),
        run_memory_gb=run_memory_gb(int(about["size"])),
        source="own",
        parameters=int(about["parameters"]),
        quantisation=str(about["quantisation"]),
        path=str(path),
    )


def _path_of(name: str, about: dict[str, Any]) -> Path:
    return Path(about["path"]) if about.get("path") else bases_folder() / name / FILE


def _kept_file(name: str, about: dict[str, Any]) -> BaseFile:
    path = _path_of(name, about)
    again = (
        "Download it again: remove it first."
        if name in catalogue()
        else "Remove this base and add it again from where it came."
    )
    if not path.is_file():
        raise UserError(f"The file of the base model {name} is no longer at {path}.", again)
    if sha256(path) != about["sha256"]:
        raise UserError(f"The file of the base model {name} was changed (its hash differs).", again)
    entry = catalogue().get(name, {})
    return BaseFile(
        name,
        path,
        str(about["sha256"]),
        str(entry.get("licence") or about.get("licence") or "as given by its publisher"),
        str(entry.get("licence_url", "")),
        str(about["quantisation"]),
    )


def _how_to_get(entry: dict[str, Any]) -> str:
    if "hub" in entry:
        size = f"{entry['download_size'] / 1e9:.1f} GB"
        return f"Download it ({size}) on the page Models, or: stancedesk models download {entry['name']}"
    package = entry["package"]
    if getattr(sys, "frozen", False):
        return f"It is in the package {package}, for StanceDesk as it is installed with Python."
    return f"Install its package into StanceDesk's environment: pip install {package}"


def _bytes_in(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*") if file.is_file())


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


def _assembled(name: str, sha256: str) -> Path:
    return paths.cache_folder() / "bases" / f"{name}-{sha256[:12]}.gguf"


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


def _file_at(text: str) -> BaseFile:
    path = Path(text).expanduser()
    if not path.exists():
        known = ", ".join(base.name for base in list_bases())
        raise UserError(
            f"There is no base model “{text}”.",
            f"Give one of {known}, or the path of a GGUF file or of a Hugging Face folder.",
        )
    if path.is_dir():
        raise UserError(
            f"{path.name} is a folder.",
            "A folder from the Hugging Face Hub is made a base with: stancedesk models add FOLDER",
        )
    try:
        model = ModelFile.open(path)
    except ModelFileError as error:
        raise UserError(str(error)) from error
    facts = facts_of(model.gguf)
    return BaseFile(
        path.stem,
        model.gguf.resolve(),
        sha256(model.gguf),
        "as given by its publisher",
        "",
        facts["quantisation"],
    )


def remove_base(name: str) -> None:
    """Delete a base that was made or added here, and what a download left; its own file elsewhere stays."""
    about = read_about(name)
    download = download_folder(name)
    if about is None and not (name in catalogue() and download.is_dir()):
        raise UserError(f"There is no base model “{name}” that was downloaded or added here.")
    if about is not None:
        shutil.rmtree(bases_folder() / name)
    shutil.rmtree(download, ignore_errors=True)
