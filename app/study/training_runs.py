"""Training runs of a study: from labels to a model on the shelf. This is what `stancedesk train` conducts."""

import json
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from app import paths
from app.errors import UserError
from app.inference.model_file import sha256
from app.study import models, runs, splits
from app.study.base_making import make_ready
from app.study.base_models import BaseFile
from app.study.sampling import groups_of, split, trainable_rows
from app.study.served_model import choose_served_model
from app.study.shelf import ModelEntry, Shelf
from app.study.study import Study
from app.study.training_process import is_alive, require_training, run_training
from training.contract.events import EventLog, make_event
from training.contract.prompt import PromptError, fine_tuned_prompt
from training.contract.run_folder import RunFolder, take_lock
from training.contract.spec import SpecError, TrainingSpec, write_rows

VALIDATION_SHARE = 0.1
LEAST_ROWS_A_CLASS = 5
# What the conductor decides by itself; everything else of `TrainingSpec` may stand in a settings file.
_OWN = {"base", "base_path", "base_sha256", "leaves", "prompt"}
_COMPARED = {
    "single": "First 4-bit form: the single file classifies the validation tweets.",
    "adapter": "Second 4-bit form: the base with its adapter classifies the validation tweets.",
}

Events = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class TrainedModel:
    """The end of a training run: the model on the shelf and how it came about."""

    model: str
    folder: str
    run_folder: str
    form: str
    reason: str
    metrics: dict[str, Any]
    parity: dict[str, Any]
    rows: dict[str, int]
    minutes: float
    training: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Readiness:
    """Whether the labels are enough to train on: what is missing, one sentence each (empty: ready)."""

    rows: int
    per_language: dict[str, dict[str, int]]
    missing: tuple[str, ...]


def readiness(study: Study, languages: Sequence[str] = ()) -> Readiness:
    """Count the labelled rows that may be trained on, by language and class, and say what is missing."""
    rows = [row for _, row in trainable_rows(study, languages)]
    per_language: dict[str, dict[str, int]] = {}
    for row in rows:
        counts = per_language.setdefault(row.lang, {leaf.code: 0 for leaf in study.codebook.leaves})
        counts[row.label] += 1
    classes = Counter(row.label for row in rows)
    enough = [leaf for leaf in study.codebook.leaves if classes[leaf.code] >= LEAST_ROWS_A_CLASS]
    missing = []
    if len(enough) < 2:
        # Of 26 classes those that have tweets say enough.
        have = [f"“{leaf.name}” {classes[leaf.code]}" for leaf in study.codebook.leaves if classes[leaf.code]]
        where = f" in {', '.join(languages)}" if languages else ""
        missing.append(
            f"Training needs at least two classes with {LEAST_ROWS_A_CLASS} labelled tweets each{where}; "
            f"so far there are {', '.join(have) or 'none'}."
        )
    return Readiness(len(rows), per_language, tuple(missing))


def read_settings(path: Path) -> dict[str, Any]:
    """Read settings of a run from TOML; raise `UserError` for what is no setting."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UserError(f"The settings in {path.name} cannot be read: {error}.") from error
    allowed = {f.name for f in fields(TrainingSpec)} - _OWN
    unknown = sorted(set(values) - allowed)
    if unknown:
        raise UserError(
            f"Unknown settings in {path.name}: {', '.join(unknown)}.", f"Known: {', '.join(sorted(allowed))}."
        )
    return values


def train(
    study: Study,
    base: str,
    languages: Sequence[str],
    name: str,
    settings: dict[str, Any],
    on_event: Events,
    stop: Callable[[], bool],
    shelf: Shelf | None = None,
) -> TrainedModel | None:
    """Train on the study's labels, check both 4-bit forms and put the better one on the shelf.

    Returns None where it was stopped. Raises `UserError` for what the user can mend: too few labels, a base
    that is not there, a training process that was killed.
    """
    require_training()
    started = time.monotonic()
    shelf = shelf or Shelf()
    ready = require_labels(study, languages)
    for earlier in list_runs(study)[:1]:
        if earlier.status == "interrupted":
            message = f"The training of “{earlier.name}” was interrupted; its run folder is {earlier.folder}"
            on_event(make_event("warning", message=message))
    base_file = make_ready(base, on_event, stop)
    if base_file is None:
        return None
    model_name = free_model_name(study, shelf, name or f"{study.name}-{base_file.name}")
    run, run_id = prepare(study, base_file, languages, model_name, settings)
    log = EventLog(run.events)

    def tell(kind: str, **fields: Any) -> None:
        event = make_event(kind, **fields)
        log.append(event)
        on_event(event)

    ended = "failed"
    try:
        if base_file.licence_url:
            tell(
                "stage",
                stage="prepare",
                message=f"Base {base_file.name}: {base_file.licence}, {base_file.licence_url}",
            )
        tell(
            "stage",
            stage="train",
            message=f"Training on {ready.rows} labelled tweets. Run folder: {run.path}",
        )
        outcome = run_training(run, on_event, stop)
        if outcome == "interrupted":
            ended = outcome
            raise UserError(
                "Training was interrupted: its process ended without a word (killed, or out of memory).",
                f"Start it again; its log is {run.log}.",
            )
        if outcome == "cancelled":
            runs.update(study, run_id, status="cancelled")
            return None
        result = conclude(
            study, run, run_id, model_name, base_file, shelf, tell, on_event, stop, time.monotonic() - started
        )
        if result is None:
            runs.update(study, run_id, status="cancelled")
            return None
    except BaseException as error:
        runs.update(study, run_id, status=ended if isinstance(error, Exception) else "interrupted")
        if isinstance(error, Exception):
            log.write("failed", message=str(error), kind="user" if isinstance(error, UserError) else "bug")
        raise
    finally:
        run.conductor_lock.unlink(missing_ok=True)
    log.write("finished", **result.as_dict())
    return result


def require_labels(study: Study, languages: Sequence[str]) -> Readiness:
    """Return what there is to train on; raise `UserError` where it is too little."""
    ready = readiness(study, languages)
    if ready.missing:
        raise UserError(ready.missing[0], "Label more tweets, or choose more languages.")
    for language in set(languages) - set(ready.per_language):
        raise UserError(f"No tweet in “{language}” is labelled.", "Leave that language out, or label some.")
    return ready


def free_model_name(study: Study, shelf: Shelf, wanted: str) -> str:
    """Return the wanted name made fit for the shelf, and free there and among the study's models."""
    return shelf.free_name(wanted, {model.name for model in models.list_models(study)})


def conclude(
    study: Study,
    run: RunFolder,
    run_id: str,
    model_name: str,
    base_file: BaseFile,
    shelf: Shelf,
    tell: Callable[..., None],
    on_event: Events,
    stop: Callable[[], bool],
    seconds_so_far: float,
) -> TrainedModel | None:
    """Make a served model of what training left in the run folder: parity, card, shelf. None: stopped."""
    started = time.monotonic()
    tell("stage", stage="parity", message="Comparing both 4-bit forms with the trained model.")
    served = choose_served_model(
        run,
        model_name,
        study.codebook,
        base_file,
        lambda form, done, total: on_event(
            make_event(
                "progress",
                stage="parity",
                message=_COMPARED[form],
                done=done,
                total=total,
                unit="validation tweets",
            )
        ),
        stop,
    )
    if served is None:
        return None
    tell("stage", stage="shelve", message=served.reason)
    entry = shelf.place(served.folder, model_name)
    metrics = json.loads(run.metrics.read_text(encoding="utf-8"))
    runs.update(study, run_id, status="finished", metrics=metrics)
    trained = shelf.model(entry.name).trained
    card = entry.card
    assert card is not None
    models.register(
        study, entry.name, str(entry.folder), sha256(trained), card.leaves, run_id, card.as_dict()
    )
    minutes = (seconds_so_far + time.monotonic() - started) / 60
    return _result(entry, run, served.reason, minutes, metrics)


def _result(
    entry: ModelEntry, run: RunFolder, reason: str, minutes: float, metrics: dict[str, Any]
) -> TrainedModel:
    return TrainedModel(
        model=entry.name,
        folder=str(entry.folder),
        run_folder=str(run.path),
        form=entry.form,
        reason=reason,
        metrics=entry.metrics,
        parity=entry.parity,
        rows={
            part: sum(1 for _ in path.open("rb"))
            for part, path in (("train", run.train), ("validation", run.validation))
        },
        minutes=minutes,
        training={k: v for k, v in metrics.items() if k not in ("parity", "served")},
    )


def prepare(
    study: Study,
    base: BaseFile,
    languages: Sequence[str],
    name: str,
    settings: dict[str, Any],
    status: str = "running",
) -> tuple[RunFolder, str]:
    """Write the run folder and the run's record; the split is kept in the study, too.

    Returns the folder, whose conductor this process then is, and the run's id.
    """
    leaves = [leaf.code for leaf in study.codebook.leaves]
    try:
        spec = TrainingSpec.from_dict(
            {
                "base": base.name,
                "base_path": str(base.path),
                "base_sha256": base.sha256,
                "leaves": leaves,
                "prompt": fine_tuned_prompt(len(leaves)).as_dict(),
            }
            | settings
        )
    except (SpecError, PromptError) as error:
        raise UserError(str(error)) from error
    keyed = trainable_rows(study, languages)
    rows = [row for _, row in keyed]
    train_rows, validation_rows = split(rows, VALIDATION_SHARE, spec.seed, groups_of(study, keyed))
    if not validation_rows:
        raise UserError(
            f"{len(keyed)} labelled tweets are too few to keep some apart for validation.",
            f"Label at least {round(1 / VALIDATION_SHARE)}.",
        )
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    run = RunFolder(paths.data_folder() / "runs" / f"{name}-{stamp}-{spec.seed}")
    try:
        run.path.mkdir(parents=True)
        take_lock(run.conductor_lock, psutil.Process().create_time())
        spec.write(run.spec)
        write_rows(run.train, train_rows)
        write_rows(run.validation, validation_rows)
    except OSError as error:
        raise UserError(
            f"The run's folder could not be written: {error.strerror or error}.",
            "Free some disk space, then try again.",
        ) from error
    keys = {row.id: key for key, row in keyed}
    split_id = splits.save(
        study,
        name,
        {
            "train": [keys[row.id] for row in train_rows],
            "validation": [keys[row.id] for row in validation_rows],
        },
        spec.seed,
    )
    languages = sorted({row.lang for row in train_rows})
    return run, runs.create(
        study, name, str(run.path), base.name, languages, asdict(spec), split_id, status
    ).id


def list_runs(study: Study) -> list[runs.Run]:
    """Return the study's runs, the newest first.

    A run that says it is running although none of its processes lives is "interrupted", and is kept so.
    """
    return [
        runs.update(study, run.id, status="interrupted")
        if run.status == "running" and not is_alive(RunFolder(Path(run.folder)))
        else run
        for run in runs.list_runs(study)
    ]
