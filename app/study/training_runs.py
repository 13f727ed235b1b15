"""Training runs of a study: from labels to a model on the shelf. This is what `stancedesk train` conducts."""

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app import paths
from app.errors import UserError
from app.study import models, preflight, runs, splits, trials, unfinished_runs
from app.study.base_making import make_ready
from app.study.base_models import BaseFile
from app.study.conductor import Conductor, Events, TrainedModel
from app.study.preflight import Check, stops
from app.study.readiness import Readiness, readiness
from app.study.run_plan import RunPlan, plan_run
from app.study.shelf import Shelf
from app.study.study import Study
from app.study.training_process import began, require_training
from app.study.trials import Estimate
from training.contract.events import make_event
from training.contract.run_folder import RunFolder
from training.contract.run_lock import take_lock
from training.contract.spec import TrainingSpec
from training.contract.trial import Trial

# What the conductor decides by itself; everything else of `TrainingSpec` may stand in a settings file.
_OWN = {"base", "base_path", "base_sha256", "leaves", "prompt"}


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
    *,
    resting: Callable[[], str] = lambda: "cancelled",
) -> TrainedModel | None:
    """Train on the study's labels, check both 4-bit forms and put the better one on the shelf.

    Returns None where it was stopped; its run then has the status that `resting` says. Raises `UserError` for
    what the user can mend: too few labels, a base that is not there, a training process that was killed.
    """
    require_training()
    shelf = shelf or Shelf()
    for earlier in unfinished_runs.list_states(study)[:1]:
        if earlier.can_continue:
            message = f"The training of “{earlier.run.name}” is not at its end; --resume lets it go on."
            on_event(make_event("warning", message=message))
    cleared = check(study, base, languages, settings, on_event, stop, shelf)
    if cleared is None:
        return None
    base_file = cleared.base
    model_name = free_model_name(study, shelf, name or f"{study.name}-{base_file.name}")
    folder, run = prepare(study, base_file, languages, model_name, settings)
    if cleared.trial is not None:
        trials.give(folder, cleared.trial)
    return Conductor(study, run, base_file, shelf, on_event, stop, resting).conduct()


@dataclass(frozen=True)
class Cleared:
    """A run that may start: its base, its rows and settings, what a trial measured, and all that was looked at.

    `trial` is None for a short run that was not tried on this machine, now or before.
    """

    base: BaseFile
    plan: RunPlan
    trial: Trial | None
    checks: tuple[Check, ...]

    @property
    def estimate(self) -> Estimate | None:
        """What the run will take, None where no trial tells."""
        return None if self.trial is None else self.plan.estimate(self.trial)

    def as_dict(self) -> dict[str, Any]:
        """Return what was looked at as plain values."""
        return {
            "checks": [one.as_dict() for one in self.checks],
            "estimate": None if self.estimate is None else self.estimate.as_dict(),
            "trial": None if self.trial is None else asdict(self.trial),
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
    """Look at all that a run needs, and try it on this machine.

    `anew`: also where that was done before, and where the run is so short that it is not tried otherwise.

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
    base_file = make_ready(base, on_event, stop)
    if base_file is None:
        return None
    plan = plan_run(study, base_file, languages, settings)
    if plan.is_short and not anew:
        return Cleared(base_file, plan, trials.remembered(base_file.sha256, plan.spec), looked.checks)
    trial = trials.try_out(plan.spec, plan.train, plan.validation, on_event, stop, anew=anew)
    if trial is None:
        return None
    measured = preflight.measured_checks(trial, plan.estimate(trial))
    tell(measured)
    known = {one.what for one in measured}
    kept = tuple(one for one in looked.checks if one.what not in known)
    return Cleared(base_file, plan, trial, (*kept, *measured))


def require_labels(study: Study, languages: Sequence[str]) -> Readiness:
    """Return what there is to train on; raise `UserError` where it is too little."""
    ready = readiness(study, languages)
    if ready.missing:
        raise UserError(ready.missing[0], "Label more tweets, or choose more languages.")
    return ready


def free_model_name(study: Study, shelf: Shelf, wanted: str) -> str:
    """Return the wanted name made fit for the shelf, and free there and among the study's models."""
    return shelf.free_name(wanted, {model.name for model in models.list_models(study)})


def prepare(
    study: Study,
    base: BaseFile,
    languages: Sequence[str],
    name: str,
    settings: dict[str, Any],
    status: str = "running",
) -> tuple[RunFolder, runs.Run]:
    """Write the run folder and the run's record; the split is kept in the study, too.

    Returns the folder, whose conductor this process then is, and the run.
    """
    plan = plan_run(study, base, languages, settings)
    spec = plan.spec
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    run = RunFolder(paths.data_folder() / "runs" / f"{name}-{stamp}-{spec.seed}")
    try:
        run.path.mkdir(parents=True)
        take_lock(run.conductor_lock, began)
        plan.write(run)
        run.codebook.write_text(study.codebook.to_toml(), encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"The run's folder could not be written: {error.strerror or error}.",
            "Free some disk space, then try again.",
        ) from error
    split_id = splits.save(study, name, plan.parts(), spec.seed)
    languages = sorted({row.lang for row in plan.train})
    return run, runs.create(study, name, str(run.path), base.name, languages, asdict(spec), split_id, status)
