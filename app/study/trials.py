"""Trying a run on this machine before it begins, and what is remembered of it: how to compute, how long it takes."""

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import app
from app import paths
from app.errors import UserError
from app.study.machine_room import free_memory
from app.study.training_process import began, conductor_lives, run_training, training_lives
from training.contract.run_folder import RunFolder
from training.contract.run_lock import take_lock
from training.contract.spec import Row, TrainingSpec, write_rows
from training.contract.trial import Trial

_FOLDER = ".trial-"
# What of the settings changes neither how fast a step is nor what memory it takes.
_INDIFFERENT = (
    "base", "base_path", "epochs", "learning_rate", "warmup", "dropout", "text_dropout", "averaging",
    "rounds", "weight_decay", "max_gradient", "seed",
)  # fmt: skip
# The training process until it begins to read: Python, PyTorch. In seconds.
_START_SECONDS = 5.0
# Both 4-bit forms classify the validation tweets; each is loaded first.
_FORMS = 2
_FORM_SECONDS = 4.0

Events = Callable[[dict[str, Any]], None]
_POWER = {
    "processor": "as this machine's processor counts it",
    "gpu": "as the graphics card counts it",
    "assumed": "assumed: this machine has no meter that can be read",
}


@dataclass(frozen=True)
class Estimate:
    """What a run will take. `watts_from` as in `training.power`: read from a meter, or assumed."""

    seconds: float
    watts: float
    watts_from: str

    @property
    def kwh(self) -> float:
        """Kilowatt-hours."""
        return self.watts * self.seconds / 3.6e6

    def told(self) -> str:
        """Return it in words: ``about 12 minutes, about 0.01 kWh``."""
        energy = f"about {self.kwh:.1g} kWh" if self.kwh >= 0.001 else "less than 0.001 kWh"
        return f"{about(self.seconds)} and {energy}"

    def power_told(self) -> str:
        """Return what the energy rests on."""
        return f"The power is {self.watts:.0f} watts, {_POWER.get(self.watts_from, self.watts_from)}."

    def as_dict(self) -> dict[str, Any]:
        """Return the estimate as plain values."""
        return asdict(self) | {"kwh": self.kwh}


def about(seconds: float) -> str:
    """Return a duration in round words: ``about 40 seconds``, ``about 12 minutes``, ``about 2.5 hours``."""
    if seconds < 85:
        return f"about {max(10, round(seconds, -1)):.0f} seconds"
    minutes = seconds / 60
    if minutes < 90:
        whole = max(2, round(minutes)) if minutes < 20 else 5 * round(minutes / 5)
        return f"about {whole} minutes"
    halves = round(minutes / 30)
    return f"about {halves / 2:g} hours"


def estimate(trial: Trial, train_rows: int, validation_rows: int, epochs: int) -> Estimate:
    """Return what a run over so many rows will take, by what a trial of its base measured; the checks of both
    4-bit forms are in it.
    """
    train = train_rows * trial.train_tokens / max(1, trial.train_rows)
    per_row = (trial.train_tokens + trial.validation_tokens) / max(
        1, trial.train_rows + trial.validation_rows
    )
    validation = validation_rows * per_row
    seconds = (
        _START_SECONDS
        + trial.load_seconds
        + epochs * train / trial.training
        + (epochs + 1) * validation / trial.scoring
        + trial.export_seconds
        + _FORMS * (_FORM_SECONDS + validation / trial.scoring)
    )
    return Estimate(seconds, trial.watts, trial.watts_from)


def remembered(base_sha256: str, spec: TrainingSpec) -> Trial | None:
    """Return the last trial of a base with such settings on this machine, None where there was none."""
    return Trial.from_dict(_read(base_sha256, spec).get("trial"))


def try_out(
    spec: TrainingSpec,
    train: Sequence[Row],
    validation: Sequence[Row],
    on_event: Events,
    stop: Callable[[], bool],
    *,
    anew: bool = False,
) -> Trial | None:
    """Try a run in a training process and return what was measured; None where it was stopped.

    Not tried again, unless `anew`, are the same rows with the same settings, while the memory that they took is free.
    Raises `UserError` where the run would fail: too little memory, no room on the disk, a base that cannot be trained.
    """
    rows = _hash_of([*train, *validation])
    last = _read(spec.base_sha256, spec)
    known = Trial.from_dict(last.get("trial"))
    if not anew and known is not None and last.get("rows") == rows and known.peak_memory <= free_memory():
        return known
    runs = paths.data_folder() / "runs"
    try:
        runs.mkdir(parents=True, exist_ok=True)
        _clear(runs)
        run = RunFolder(Path(tempfile.mkdtemp(prefix=_FOLDER, dir=runs)))
        take_lock(run.conductor_lock, began)
        spec.write(run.spec)
        write_rows(run.train, train)
        write_rows(run.validation, validation)
        if known is not None and not anew:
            # How fast it computes need not be measured again.
            give(run, known)
    except OSError as error:
        raise UserError(
            f"The folder of the runs could not be written: {error.strerror or error}.",
            "Free some disk space, then try again.",
        ) from error
    try:
        outcome = run_training(run, on_event, stop, trial=True)
        if outcome == "interrupted":
            raise UserError(
                "Trying the longest tweets took more memory than this machine has to give: the training process "
                "was ended.",
                "Close other programs, choose a smaller base, or train on a larger machine.",
            )
        trial = Trial.from_dict(_json(run.trial)) if outcome == "finished" else None
    finally:
        shutil.rmtree(run.path, ignore_errors=True)
    if trial is not None:
        _write(spec.base_sha256, spec, {"trial": asdict(trial), "rows": rows})
    return trial


def give(run: RunFolder, trial: Trial) -> None:
    """Let a run compute as a trial found best on this machine."""
    run.trial.write_text(json.dumps(asdict(trial)), encoding="utf-8")


def _clear(runs: Path) -> None:
    """Take away what trials left that were killed."""
    for folder in runs.glob(f"{_FOLDER}*"):
        left = RunFolder(folder)
        if not (conductor_lives(left) or training_lives(left)):
            shutil.rmtree(folder, ignore_errors=True)


def _hash_of(rows: Sequence[Row]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(f"{row.id}\0{row.text}\0{row.label}\n".encode())
    return digest.hexdigest()


def _file(base_sha256: str, spec: TrainingSpec) -> Path:
    """Return where a trial is remembered: for this machine, program, base and settings."""
    settings = {name: value for name, value in asdict(spec).items() if name not in _INDIFFERENT}
    about = [platform.node(), app.__version__, base_sha256, settings]
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    return paths.cache_folder() / "trials" / f"{key}.json"


def _read(base_sha256: str, spec: TrainingSpec) -> dict[str, Any]:
    return _json(_file(base_sha256, spec))


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(base_sha256: str, spec: TrainingSpec, values: dict[str, Any]) -> None:
    path = _file(base_sha256, spec)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(values), encoding="utf-8")
        partial.replace(path)
    except OSError:
        # A cache that cannot be written only costs the next run its half minute.
        partial.unlink(missing_ok=True)
