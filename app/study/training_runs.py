"""Training runs of a study: from labels to a model on the shelf. This is what `stancedesk train` conducts."""

import json
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from app import paths
from app.errors import UserError
from app.inference.model_file import sha256
from app.study import models, preflight, runs, splits, trials
from app.study.preflight import Check, stops
from app.study.run_plan import RunPlan, plan_run
from app.study.served_model import choose_served_model
from app.study.shelf import BaseFile, ModelEntry, Shelf
from app.study.study import Study
from app.study.training_process import is_alive, require_training, run_training
from app.study.trials import Estimate
from training.contract.events import EventLog, make_event
from training.contract.run_folder import RunFolder, take_lock
from training.contract.spec import TrainingSpec
from training.contract.trial import Trial

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
    for earlier in list_runs(study)[:1]:
        if earlier.status == "interrupted":
            message = f"The training of “{earlier.name}” was interrupted; its run folder is {earlier.folder}"
            on_event(make_event("warning", message=message))
    flight = check(study, base, languages, settings, on_event, stop, shelf)
    if flight is None:
        return None
    base_file, plan, trial = flight.base, flight.plan, flight.trial
    taken = {model.name for model in models.list_models(study)}
    model_name = shelf.free_name(name or f"{study.name}-{base_file.name}", taken)
    run, run_id = _prepare(study, plan, languages, model_name, trial)
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
            message=f"Training on {len(plan.keyed)} labelled tweets. Run folder: {run.path}",
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
            runs.update(study, run_id, status="cancelled")
            return None
        tell("stage", stage="shelve", message=served.reason)
        entry = shelf.place(served.folder, model_name)
    except BaseException as error:
        runs.update(study, run_id, status=ended if isinstance(error, Exception) else "interrupted")
        if isinstance(error, Exception):
            log.write("failed", message=str(error), kind="user" if isinstance(error, UserError) else "bug")
        raise
    finally:
        run.conductor_lock.unlink(missing_ok=True)
    metrics = json.loads(run.metrics.read_text(encoding="utf-8"))
    runs.update(study, run_id, status="finished", metrics=metrics)
    trained = shelf.model(entry.name).trained
    card = entry.card
    assert card is not None
    models.register(
        study, entry.name, str(entry.folder), sha256(trained), card.leaves, run_id, card.as_dict()
    )
    result = _result(entry, run, served.reason, (time.monotonic() - started) / 60, metrics)
    log.write("finished", **result.as_dict())
    return result


@dataclass(frozen=True)
class Cleared:
    """A run that may start: its base, its rows and settings, what a trial measured, and all that was looked at."""

    base: BaseFile
    plan: RunPlan
    trial: Trial
    checks: tuple[Check, ...]

    @property
    def estimate(self) -> Estimate:
        """What the run will take."""
        return self.plan.estimate(self.trial)

    def as_dict(self) -> dict[str, Any]:
        """Return what was looked at as plain values."""
        return {
            "checks": [one.as_dict() for one in self.checks],
            "estimate": self.estimate.as_dict(),
            "trial": asdict(self.trial),
        }


def check(
    study: Study,
    base: str,
    languages: Sequence[str],
    settings: dict[str, Any],
    on_event: Events,
    stop: Callable[[], bool],
    shelf: Shelf | None = None,
    *,
    anew: bool = False,
) -> Cleared | None:
    """Look at all that a run needs, and try it on this machine (`anew`: also where that was done before).

    Each check is told as an event. Returns None where it was stopped. Raises `UserError` at the first one that keeps
    the run from starting.
    """
    require_training()
    shelf = shelf or Shelf()

    def tell(checks: Sequence[Check]) -> None:
        for one in checks:
            fields = one.as_dict()
            on_event(make_event("checked", message=fields.pop("sentence"), **fields))
        for one in stops(checks):
            raise UserError(one.sentence, one.next_step)

    looked = preflight.look(study, base, languages, settings, shelf)
    tell(looked.checks)
    base_file = shelf.base_file(base)
    plan = plan_run(study, base_file, languages, settings)
    trial = trials.try_out(plan.spec, plan.train, plan.validation, on_event, stop, anew=anew)
    if trial is None:
        return None
    measured = preflight.measured_checks(trial, plan.estimate(trial))
    tell(measured)
    known = {one.what for one in measured}
    kept = tuple(one for one in looked.checks if one.what not in known)
    return Cleared(base_file, plan, trial, (*kept, *measured))


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


def _prepare(
    study: Study, plan: RunPlan, languages: Sequence[str], name: str, trial: Trial
) -> tuple[RunFolder, str]:
    """Write the run folder and the run's record; the split is kept in the study, too."""
    spec = plan.spec
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    run = RunFolder(paths.data_folder() / "runs" / f"{name}-{stamp}-{spec.seed}")
    try:
        run.path.mkdir(parents=True)
        take_lock(run.conductor_lock, psutil.Process().create_time())
        plan.write(run)
        trials.give(run, trial)
    except OSError as error:
        raise UserError(
            f"The run's folder could not be written: {error.strerror or error}.",
            "Free some disk space, then try again.",
        ) from error
    split_id = splits.save(study, name, plan.parts(), spec.seed)
    languages = sorted({row.lang for row in plan.train})
    return run, runs.create(study, name, str(run.path), spec.base, languages, asdict(spec), split_id).id


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
