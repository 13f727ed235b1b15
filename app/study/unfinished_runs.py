"""Runs that did not come to their end: how far they are, and what can become of them."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import UserError
from app.study import runs
from app.study.base_models import BaseFile
from app.study.conductor import Conductor, Events, TrainedModel
from app.study.shelf import Shelf
from app.study.study import Study
from app.study.training_process import conductor_lives, require_training, training_lives
from training.contract.events import read_events
from training.contract.run_folder import RunFolder
from training.contract.spec import SpecError, TrainingSpec

# Ways in which a user lets a run rest: until asked, until the study is opened again, for good.
PAUSED, WAITING, DISCARDED = "paused", "waiting", "discarded"
# What a stop file may say about how the run rests; without a word it is stopped.
_HALTS = {"pause": PAUSED, "wait": WAITING}
_UNFINISHED = ("interrupted", "cancelled", "failed", PAUSED, WAITING)


@dataclass(frozen=True)
class RunState:
    """How far a run is. `step` of `steps`: 0 where it took none. `epochs`: what was scored, oldest first.

    `is_trained`: only the model is not on the shelf yet. `has_checkpoint`: it goes on from there, else anew.
    `is_conducted`: a window or command works on it. `is_alone`: training goes on, and nobody will serve its result.
    """

    run: runs.Run
    step: int = 0
    steps: int = 0
    epochs: tuple[Mapping[str, Any], ...] = ()
    is_trained: bool = False
    has_checkpoint: bool = False
    is_conducted: bool = False
    is_alone: bool = False

    @property
    def best(self) -> Mapping[str, Any] | None:
        """The epoch with the best macro-F1 so far, or None where none was scored."""
        scored = [epoch for epoch in self.epochs if epoch.get("macro_f1") is not None]
        return max(scored, key=lambda epoch: float(epoch["macro_f1"])) if scored else None

    @property
    def can_continue(self) -> bool:
        """Whether it can go on: something of it is there, and it is not at its end."""
        if self.is_alone:
            return True
        if self.is_conducted or self.run.status not in _UNFINISHED:
            return False
        # Of what was stopped or failed before anything was learned nothing is left to go on with.
        kept = self.is_trained or self.has_checkpoint
        return kept or (
            self.run.status not in ("cancelled", "failed") and RunFolder(_folder(self.run)).spec.is_file()
        )

    @property
    def can_finish(self) -> bool:
        """Whether a model can be made of what was learned so far."""
        return self.can_continue and not self.is_alone and self.has_checkpoint and not self.is_trained


def list_states(study: Study) -> list[RunState]:
    """Return all runs with how far each is, the newest first."""
    states = [state_of(run) for run in list_runs(study)]
    # Its last process ended between the two looks: the next one finds what became of it.
    while any(
        state.run.status == "running" and not state.is_conducted and not state.is_alone for state in states
    ):
        states = [state_of(run) for run in list_runs(study)]
    return states


def list_runs(study: Study) -> list[runs.Run]:
    """Return the study's runs, the newest first.

    A run that says it is running although none of its processes lives is "interrupted", and is kept so.
    """
    return [
        runs.interrupt(study, run.id)
        if run.status == "running" and not _lives(RunFolder(_folder(run)))
        else run
        for run in runs.list_runs(study)
    ]


def state_of(run: runs.Run) -> RunState:
    """Return how far a run is, from its folder."""
    folder = RunFolder(_folder(run))
    step = steps = 0
    epochs: dict[int, dict[str, Any]] = {}
    for event in read_events(folder.events):
        if event["event"] == "progress" and event.get("step"):
            step, steps = int(event["step"]), int(event.get("steps") or 0)
        elif event["event"] == "evaluated":
            # One that goes on from its checkpoint may score an epoch again.
            epochs[int(event["epoch"])] = event
    conducted = conductor_lives(folder)
    return RunState(
        run,
        step,
        steps,
        tuple(epochs[number] for number in sorted(epochs)),
        is_trained=folder.is_trained(),
        has_checkpoint=any(folder.checkpoints.glob("*.safetensors")),
        is_conducted=conducted,
        is_alone=not conducted and training_lives(folder),
    )


def halted_as(stop_file: Path | None) -> str:
    """Return the status of a run that was stopped by this file: the file says whether it rests."""
    try:
        said = "" if stop_file is None else stop_file.read_text(encoding="utf-8").strip()
    except OSError:
        said = ""
    return _HALTS.get(said, "cancelled")


def find(study: Study, wanted: str) -> RunState:
    """Return the run of this name, number or folder, "" for the newest that can go on; `UserError` for none."""
    states = list_states(study)
    open_ones = [state for state in states if state.can_continue]
    names = ", ".join(dict.fromkeys(state.run.name for state in open_ones))
    hint = f"These can: {names}." if names else "No run of this study waits to go on."
    if not wanted:
        if not open_ones:
            raise UserError("There is no training that could go on.", "Start a new one.")
        return open_ones[0]
    named = [s for s in states if wanted in (s.run.name, s.run.id, s.run.folder, _folder(s.run).name)]
    if not named:
        raise UserError(f"This study knows no training “{wanted}”.", hint)
    # Of several by one name the one that can go on.
    found = next((state for state in named if state.can_continue), named[0])
    if found.is_conducted:
        raise UserError(
            f"The training of “{found.run.name}” is under way in another window or command.",
            "Wait for its end, or stop it there.",
        )
    if not found.can_continue:
        why = "has come to its end" if found.run.status == "finished" else "kept nothing to go on with"
        raise UserError(f"The training of “{found.run.name}” {why}.", hint)
    return found


def go_on(
    study: Study,
    wanted: str,
    on_event: Events,
    stop: Callable[[], bool],
    *,
    finish: bool = False,
    resting: Callable[[], str] = lambda: "cancelled",
    shelf: Shelf | None = None,
) -> TrainedModel | None:
    """Take a run up where it was and bring it to its end, as `training_runs.train` does; None where stopped.

    The result is that of a run that nobody interrupted. With `finish` it learns nothing more: the best so far
    becomes the model.
    """
    require_training()
    shelf = shelf or Shelf()
    state = find(study, wanted)
    if finish and not (state.can_finish or state.is_trained):
        raise UserError(
            f"Of the training of “{state.run.name}” nothing is kept that could be made a model of.",
            "Let it go on (without --keep-best).",
        )
    conductor = Conductor(study, state.run, _base_of(state.run, shelf), shelf, on_event, stop, resting)
    return conductor.conduct(again=True, finish=finish)


def discard(study: Study, run: runs.Run) -> None:
    """Give a run up for good: what it learned is deleted; its record and its rows stay."""
    folder = RunFolder(_folder(run))
    if _lives(folder):
        raise UserError(f"The training of “{run.name}” is under way.", "Stop it first.")
    runs.update(study, run.id, status=DISCARDED)
    for part in (folder.checkpoints, folder.model, folder.adapter):
        shutil.rmtree(part, ignore_errors=True)


def _base_of(run: runs.Run, shelf: Shelf) -> BaseFile:
    folder = RunFolder(_folder(run))
    try:
        spec = TrainingSpec.read(folder.spec)
    except SpecError as error:
        raise UserError(
            f"The training of “{run.name}” cannot go on: {error}", "Start a new one; its settings are kept."
        ) from error
    known = {base.name for base in shelf.bases()}
    found = shelf.base_file(run.base if run.base in known else spec.base_path)
    if spec.base_sha256 and found.sha256 != spec.base_sha256:
        raise UserError(
            f"The base model {run.base} is another file now than when the training of “{run.name}” began.",
            "Put the former file back, or start a new training.",
        )
    return found


def _folder(run: runs.Run) -> Path:
    return Path(run.folder)


def _lives(folder: RunFolder) -> bool:
    return conductor_lives(folder) or training_lives(folder)
