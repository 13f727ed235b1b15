"""How a base model comes to this machine: downloaded from the Hugging Face Hub, or added from a folder or file."""

import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.errors import UserError
from app.inference.model_file import ModelFile, ModelFileError, sha256
from app.study import conversion
from app.study.base_models import (
    ABOUT,
    FILE,
    BaseFile,
    base_file,
    bases_folder,
    catalogue,
    download_folder,
    facts_of,
    read_about,
)
from app.study.hub import DownloadStopped, Hub, HubFile
from app.study.training_process import began
from training.contract.events import make_event
from training.contract.run_lock import LockHeld, take_lock

# What a base is made of; the rest of a repository (pickled weights, pictures) is not fetched.
_WANTED = (".json", ".safetensors", ".model", ".jinja", ".txt", ".md")
# Whoever passes a base on, passes these on.
_LICENCES = ("LICENSE*", "USE_POLICY*", "NOTICE*")
_NAME = re.compile(r"[^\w.-]+")
_TELL_SECONDS = 0.25
# The rate is that of the last seconds, not of the whole: a slow begin is forgotten.
_WINDOW_SECONDS = 8.0

Events = Callable[[dict[str, Any]], None]


def make_ready(name_or_path: str, on_event: Events, stop: Callable[[], bool]) -> BaseFile | None:
    """Return the GGUF of a base by name, file or Hugging Face folder; a folder is made a base first, once.

    Returns None where it was stopped. Nothing is downloaded.
    """
    path = Path(name_or_path).expanduser()
    if name_or_path in catalogue() or read_about(name_or_path) is not None or not path.is_dir():
        return base_file(name_or_path)
    name = add_base(path, "", on_event, stop)
    return None if name is None else base_file(name)


def is_fine_tuned(source: Path) -> bool:
    """Tell whether a path is a model that StanceDesk trained (it holds a card), rather than a base.

    Raises `UserError` where it is neither a GGUF nor a Hugging Face folder.
    """
    source = source.expanduser()
    if source.is_dir() and (source / "config.json").is_file():
        return False
    try:
        return ModelFile.open(source).card is not None
    except ModelFileError as error:
        raise UserError(str(error)) from error


def add_base(source: Path, name: str, on_event: Events, stop: Callable[[], bool]) -> str | None:
    """Add a GGUF file or a Hugging Face folder as a base; return its name, None where it was stopped.

    A file stays where it is. A folder is converted, once: the same one again is the same base.
    """
    source = source.expanduser().resolve()
    if not source.exists():
        raise UserError(f"There is nothing at {source}.", "Check the path.")
    if source.is_dir() and not (source / "config.json").is_file():
        # A folder that holds one GGUF file.
        source = ModelFile.open(source).gguf
    origin = _origin(source)
    for known in sorted(bases_folder().glob("*/")):
        about = read_about(known.name)
        if about is not None and about.get("origin") == origin and (not name or name == known.name):
            return known.name
    chosen = free_base_name(name or (source.name if source.is_dir() else source.stem))
    if name and chosen != name:
        raise UserError(f"“{name}” is taken or not fit for a folder.", "Choose another name.")
    about = {"title": source.name if source.is_dir() else source.stem, "origin": origin}
    if source.is_dir():
        about["note"] = f"Made of the folder {source}."
        return chosen if _convert(source, chosen, about, on_event, stop) else None
    about |= facts_of(source) | {"path": str(source), "sha256": sha256(source)}
    about["note"] = "A file on this machine, which stays where it is."
    folder = bases_folder() / chosen
    try:
        folder.mkdir(parents=True)
        _write_about(folder, about)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise _unwritten(error) from error
    return chosen


def download(name: str, token: str, on_event: Events, stop: Callable[[], bool]) -> str | None:
    """Download a base of the list from the Hub and make it ready; return its name, None where it was stopped.

    Call it once the user has read the licence and asked for it. What came in is kept when it is stopped or breaks
    off, and the next call goes on from there.
    """
    entry = catalogue().get(name)
    if entry is None or "hub" not in entry:
        of_hub = ", ".join(known for known, one in catalogue().items() if "hub" in one)
        raise UserError(f"“{name}” is no base model that is downloaded.", f"Known: {of_hub}.")
    if read_about(name) is not None:
        return name
    conversion.require_converter()
    folder = download_folder(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _Lock(folder / "lock"):
            on_event(make_event("stage", stage="download", message=f"Asking the Hub for {entry['hub']}"))
            hub = Hub(entry["hub"], entry["revision"], token)
            files = _wanted(hub.files(), entry)
            check_room(files, folder, int(entry["size"]))
            on_event(make_event("stage", stage="download", message=f"Downloading {entry['title']}"))
            tell = _Meter(sum(file.size for file in files), on_event)
            for file in files:
                hub.fetch(file, folder / file.path, tell, stop)
                tell.done_with(file.size)
            about = {
                "title": entry["title"],
                "origin": {"hub": entry["hub"], "revision": entry["revision"]},
                "files": {file.path: file.sha256 or file.blob for file in files},
            }
            if not _convert(folder, name, about, on_event, stop):
                return None
    except DownloadStopped:
        return None
    except OSError as error:
        raise _unwritten(error) from error
    # The base is made: its 16-bit weights would only take space.
    shutil.rmtree(folder, ignore_errors=True)
    return name


def check_room(files: list[HubFile], folder: Path, base_size: int) -> None:
    """Raise `UserError` where the disk has no room for the files, their conversion and the base."""
    weights = sum(file.size for file in files)
    here = sum(file.stat().st_size for file in folder.glob("*") if file.is_file())
    # The files, once more in llama.cpp's format, and the base in four bits.
    need = max(0, weights - here) + weights + base_size
    free = shutil.disk_usage(folder).free
    if free < need:
        raise UserError(
            f"The disk has {free / 1e9:.1f} GB left; downloading and converting this base needs {need / 1e9:.1f} GB, "
            f"of which {base_size / 1e9:.1f} GB stay.",
            f"Free some space on the disk of {folder.parent}, then download again.",
        )


def free_base_name(wanted: str) -> str:
    """Return the wanted name made fit for a folder, with a number where there is such a base."""
    stem = _NAME.sub("-", wanted).strip("-.") or "base"
    name, number = stem, 2
    while name in catalogue() or (bases_folder() / name).exists():
        name, number = f"{stem}-{number}", number + 1
    return name


def _wanted(files: list[HubFile], entry: dict[str, Any]) -> list[HubFile]:
    """Return what a base is made of: the tokenizer's files first, the weights last; pinned hashes win."""
    pinned = entry.get("hub_sha256", {})
    chosen = [
        HubFile(file.path, file.size, pinned.get(file.path, file.sha256), file.blob)
        for file in files
        if "/" not in file.path and Path(file.path).suffix in _WANTED
    ]
    if not any(file.path.endswith(".safetensors") for file in chosen):
        raise UserError(
            f"{entry['hub']} holds no safetensors in the version that StanceDesk knows.",
            "Add the model from a folder instead.",
        )
    return sorted(chosen, key=lambda file: (file.path.endswith(".safetensors"), file.path))


def _convert(
    source: Path, name: str, about: dict[str, Any], on_event: Events, stop: Callable[[], bool]
) -> bool:
    """Make the base of a folder and give it its place; return False where it was stopped."""
    partial = bases_folder() / f".{name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        facts = conversion.convert(source, partial / FILE, on_event, stop)
        if facts is None:
            return False
        for pattern in _LICENCES:
            for file in source.glob(pattern):
                shutil.copyfile(file, partial / file.name)
        kept = ("architecture", "parameters", "size", "quantisation")
        _write_about(partial, about | {key: facts[key] for key in kept} | {"sha256": sha256(partial / FILE)})
        partial.rename(bases_folder() / name)
    except OSError as error:
        raise _unwritten(error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return True


def _origin(source: Path) -> dict[str, Any]:
    """Return what a file or folder is known by again: where it is, and its files' sizes and times."""
    files = [source] if source.is_file() else sorted(source.glob("*.safetensors"))
    stats = {file.name: [file.stat().st_size, file.stat().st_mtime_ns] for file in files}
    return {"path": str(source), "files": stats}


def _write_about(folder: Path, about: dict[str, Any]) -> None:
    text = json.dumps(about, ensure_ascii=False, indent=2) + "\n"
    (folder / ABOUT).write_text(text, encoding="utf-8")


def _unwritten(error: OSError) -> UserError:
    return UserError(
        f"The base model cannot be put on this machine: {error.strerror or error}.",
        "Free some disk space or check the folder's permissions, then try again.",
    )


class _Lock:
    """Two downloads of one base at once would write into the same files."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        try:
            take_lock(self._path, began)
        except LockHeld as holder:
            raise UserError(
                "This base model is being downloaded already.", "Wait for it to end, or stop it."
            ) from holder

    def __exit__(self, *_: object) -> None:
        self._path.unlink(missing_ok=True)


class _Meter:
    """Tells how far a download of several files is, how fast, and how long it will still take."""

    def __init__(self, total: int, on_event: Events) -> None:
        self._total = total
        self._on_event = on_event
        self._before = 0
        self._told_at = 0.0
        self._marks: list[tuple[float, int]] = []

    def done_with(self, size: int) -> None:
        """Go on with the next file."""
        self._before += size

    def __call__(self, here: int) -> None:
        """Note how many bytes of the present file are here."""
        now, done = time.monotonic(), self._before + here
        if self._marks and done < self._marks[-1][1]:
            # Something begins anew: what was measured says nothing of it.
            self._marks.clear()
        self._marks.append((now, done))
        while now - self._marks[0][0] > _WINDOW_SECONDS and len(self._marks) > 2:
            self._marks.pop(0)
        if now - self._told_at < _TELL_SECONDS and done < self._total:
            return
        self._told_at = now
        begin, first = self._marks[0]
        seconds = now - begin
        rate = (done - first) / seconds if seconds > 0.5 else 0.0
        self._on_event(
            make_event(
                "progress",
                stage="download",
                done=done // 1_000_000,
                total=max(1, self._total // 1_000_000),
                unit="MB",
                rate=rate / 1e6,
                seconds_left=(self._total - done) / rate if rate else None,
            )
        )
