"""A run folder for another machine: all that `python -m training` needs there, and how to use it."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import resources
import training.contract
from app import __version__
from app.errors import UserError
from app.study import runs, training_runs
from app.study.base_making import make_ready
from app.study.base_models import BaseFile
from app.study.shelf import Shelf
from app.study.study import Study
from training.contract.run_folder import RunFolder
from training.contract.spec import TrainingSpec

BASE_NAME = "base.gguf"
_BLOCK = 1 << 20

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]


@dataclass(frozen=True)
class ExportedRun:
    """A run that waits for another machine: the model's name, the folder to take there, and what is in it."""

    model: str
    folder: str
    rows: int
    base: str
    base_sha256: str
    has_base: bool
    size: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def export_run(
    study: Study,
    base: str,
    languages: Sequence[str],
    name: str,
    settings: dict[str, Any],
    target: Path,
    *,
    with_base: bool = True,
    progress: Progress = lambda done, total: None,
    stop: Stop = lambda: False,
    shelf: Shelf | None = None,
) -> ExportedRun | None:
    """Write a run folder that another machine can train, and note the run as being elsewhere. None: stopped.

    `target` is made; it may exist if it is empty. `with_base`: the base model's file goes along, else it is named
    by its hash. `progress` counts bytes. Raises `UserError` for too few labels and for a folder that is no place.
    """
    shelf = shelf or Shelf()
    target = target.absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{target} is there already and is not an empty folder.", "Choose another folder.")
    ready = training_runs.require_labels(study, languages)
    base_file = make_ready(base, lambda event: None, stop)
    if base_file is None:
        return None
    model = training_runs.free_model_name(study, shelf, name or f"{study.name}-{base_file.name}")
    home, run = training_runs.prepare(study, base_file, languages, model, settings, runs.ELSEWHERE)
    # Nobody works in the folder at home until the run comes back.
    home.conductor_lock.unlink(missing_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    ended = "failed"
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _write_run(home, RunFolder(partial), with_base)
        _write_program(partial / "training")
        _write_guide(partial, model, ready.rows, base_file, with_base)
        if with_base and not _copy(base_file.path, partial / BASE_NAME, progress, stop):
            ended = "cancelled"
            return None
        if target.exists():
            target.rmdir()
        partial.rename(target)
        ended = runs.ELSEWHERE
    except OSError as error:
        raise UserError(
            f"The run folder could not be written: {error.strerror or error}.",
            "Choose a folder with more room where you may write, then try again.",
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        runs.update(study, run.id, status=ended)
    return ExportedRun(
        model=model,
        folder=str(target),
        rows=ready.rows,
        base=base_file.name,
        base_sha256=base_file.sha256,
        has_base=with_base,
        size=sum(path.stat().st_size for path in target.rglob("*") if path.is_file()),
    )


def _write_run(home: RunFolder, away: RunFolder, with_base: bool) -> None:
    spec = TrainingSpec.read(home.spec)
    replace(spec, base_path=BASE_NAME if with_base else "").write(away.spec)
    for name in (home.train.name, home.validation.name):
        shutil.copyfile(home.path / name, away.path / name)


def _write_program(folder: Path) -> None:
    """Write the package `training`, which imports nothing else of ours: the other machine needs no StanceDesk."""
    source = Path(training.contract.__file__).parents[1]
    for path in sorted(source.rglob("*.py")):
        copy = folder / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def _write_guide(folder: Path, model: str, rows: int, base: BaseFile, with_base: bool) -> None:
    values = {
        "NAME": model,
        "VERSION": __version__,
        "ROWS": f"{rows:,}",
        "BASE": base.name,
        "SHA256": base.sha256,
        "LICENCE": f"{base.licence} {base.licence_url}".strip(),
        "BASE_OPTION": "" if with_base else " --base PATH_OF_THE_BASE_MODEL.gguf",
        "BASE_LINE": f"    {BASE_NAME}                        the base model"
        if with_base
        else "    (the base model is not in here: say where its GGUF file is, as above)",
    }
    for name in ("README.txt", "requirements.txt", "train.slurm"):
        text = resources.elsewhere_text(name)
        for key, value in values.items():
            text = text.replace(f"@{key}@", value)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def _copy(source: Path, target: Path, progress: Progress, stop: Stop) -> bool:
    total, done = source.stat().st_size, 0
    with open(source, "rb") as file, open(target, "wb") as copy:
        while block := file.read(_BLOCK):
            if stop():
                return False
            copy.write(block)
            done += len(block)
            progress(done, total)
    return True
