"""What makes a model of a run folder: training in a child, the check of both 4-bit forms, the shelf.

Each part can be cut off at any moment and taken up again: training from its checkpoint, the rest from what
training left in the folder.
"""

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.errors import UserError
from app.inference.model_file import sha256
from app.study import models, runs
from app.study.base_models import BaseFile
from app.study.codebook import Codebook
from app.study.served_model import choose_served_model
from app.study.shelf import ModelEntry, Shelf
from app.study.study import Study
from app.study.training_process import began, follow_training, run_training, training_lives
from training.contract.events import EventLog, make_event
from training.contract.run_folder import RunFolder
from training.contract.run_lock import LockHeld, take_lock

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
class Conductor:
    """Conducts one run of a study. `resting`: the run's status where `stop()` ended it."""

    study: Study
    run: runs.Run
    base: BaseFile
    shelf: Shelf
    on_event: Events
    stop: Callable[[], bool]
    resting: Callable[[], str] = lambda: "cancelled"

    @property
    def folder(self) -> RunFolder:
        """The run's folder."""
        return RunFolder(Path(self.run.folder))

    def conduct(self, *, again: bool = False, finish: bool = False) -> TrainedModel | None:
        """Bring the run to its end: the better 4-bit form on the shelf, known to the study. None: stopped.

        `again`: it was begun before and goes on from where it was. `finish`: it learns nothing more, and the best
        so far becomes the model. Raises `UserError` for what the user can mend.
        """
        folder = self.folder
        ended = "failed"
        try:
            take_lock(folder.conductor_lock, began, held=True)
        except LockHeld as holder:
            raise UserError(
                f"The training of “{self.run.name}” is under way in another window or command.",
                "Wait for its end, or stop it there.",
            ) from holder
        except OSError as error:
            raise UserError(
                f"The run's folder cannot be written: {error.strerror or error}.",
                "Free some disk space, then go on.",
            ) from error
        try:
            self._note("running")
            self._tell(
                "started",
                what="train",
                run=self.run.id,
                name=self.run.name,
                folder=str(folder.path),
                again=again,
            )
            outcome = self._train(again, finish)
            if outcome == "interrupted":
                ended = outcome
                raise UserError(
                    "Training was interrupted: its process ended without a word (killed, or out of memory).",
                    f"It can go on from where it was; its log is {folder.log}.",
                )
            trained_at = time.monotonic()
            entry = None if outcome == "cancelled" else self._put_on_shelf()
            if entry is None:
                ended = self.resting()
                self._note(ended)
                self._write("cancelled")
                return None
            return self._end(entry, (time.monotonic() - trained_at) / 60)
        except BaseException as error:
            # What went wrong is told, not that a full disk let nobody note it.
            with contextlib.suppress(UserError, OSError):
                self._note(ended if isinstance(error, Exception) else "interrupted")
                if isinstance(error, Exception):
                    kind = "user" if isinstance(error, UserError) else "bug"
                    self._write("failed", message=str(error), kind=kind)
            raise
        finally:
            folder.conductor_lock.unlink(missing_ok=True)

    def _train(self, again: bool, finish: bool) -> str:
        """Bring training to its end, whoever began it; return finished, cancelled or interrupted."""
        while True:
            outcome = self._train_or_follow(again, finish)
            # One that a former conductor had only just begun when it was killed: it is followed instead.
            if outcome != "held":
                return outcome

    def _train_or_follow(self, again: bool, finish: bool) -> str:
        folder = self.folder
        if training_lives(folder):
            if finish:
                raise UserError(f"The training of “{self.run.name}” is under way.", "Stop it first.")
            self._tell("stage", stage="train", message="Training went on by itself; it is followed again.")
            outcome = follow_training(folder, self.on_event, self.stop)
            if outcome == "finished" or self.stop():
                return outcome
        if again and folder.is_trained():
            self._tell("stage", stage="train", message="Training had come to its end.")
            return "finished"
        folder.stop.unlink(missing_ok=True)
        if self.base.licence_url:
            licence = f"Base {self.base.name}: {self.base.licence}, {self.base.licence_url}"
            self._tell("stage", stage="prepare", message=licence)
        return run_training(folder, self.on_event, self.stop, base=self.base.path, finish=finish)

    def _put_on_shelf(self) -> ModelEntry | None:
        folder = self.folder
        before = self._shelved_before()
        if before is not None:
            return before
        if not folder.is_trained():
            raise UserError(
                f"What training left in {folder.path.name} is not complete: a file was deleted.",
                "Train again; no label and no other model is touched.",
            )
        self._tell("stage", stage="parity", message="Comparing both 4-bit forms with the trained model.")
        taken = {model.name for model in models.list_models(self.study)}
        name = self.shelf.free_name(self.run.name, taken)
        codebook = self.study.codebook
        if folder.codebook.is_file():
            codebook = Codebook.from_toml(folder.codebook.read_text(encoding="utf-8"))
        served = choose_served_model(folder, name, codebook, self.base, self._tell_compared, self.stop)
        if served is None:
            return None
        self._tell("stage", stage="shelve", message=served.reason)
        return self.shelf.place(served.folder, name)

    def _shelved_before(self) -> ModelEntry | None:
        """Return the model of this very run, where it was cut off after it had come on the shelf."""
        metrics = self._metrics()
        for entry in self.shelf.models():
            if entry.name == self.run.name and entry.card is not None:
                trained = entry.metrics.get("trained") or {}
                of_run = metrics["validation"] | metrics
                return entry if trained and all(of_run.get(k) == v for k, v in trained.items()) else None
        return None

    def _end(self, entry: ModelEntry, minutes: float) -> TrainedModel:
        card = entry.card
        assert card is not None
        trained = self.shelf.model(entry.name).trained
        models.register(
            self.study,
            entry.name,
            str(entry.folder),
            sha256(trained),
            card.leaves,
            self.run.id,
            card.as_dict(),
        )
        metrics = self._metrics()
        # Last: a run that is finished is never looked at again.
        runs.update(self.study, self.run.id, status="finished", metrics=metrics)
        folder = self.folder
        result = TrainedModel(
            model=entry.name,
            folder=str(entry.folder),
            run_folder=str(folder.path),
            form=entry.form,
            reason=str(entry.parity.get("reason", "")),
            metrics=entry.metrics,
            parity=entry.parity,
            rows={
                part: sum(1 for _ in path.open("rb"))
                for part, path in (("train", folder.train), ("validation", folder.validation))
            },
            # All the steps of training, before and after breaks, and what came after.
            minutes=minutes + metrics["training_seconds"] / 60,
            training={k: v for k, v in metrics.items() if k not in ("parity", "served")},
        )
        self._write("finished", **result.as_dict())
        return result

    def _metrics(self) -> dict[str, Any]:
        return dict(json.loads(self.folder.metrics.read_text(encoding="utf-8")))

    def _note(self, status: str) -> None:
        runs.update(self.study, self.run.id, status=status)

    def _write(self, kind: str, /, **fields: Any) -> None:
        EventLog(self.folder.events).write(kind, **fields)

    def _tell(self, kind: str, /, **fields: Any) -> None:
        event = make_event(kind, **fields)
        EventLog(self.folder.events).append(event)
        self.on_event(event)

    def _tell_compared(self, form: str, done: int, total: int) -> None:
        self.on_event(
            make_event(
                "progress",
                stage="parity",
                message=_COMPARED[form],
                done=done,
                total=total,
                unit="validation tweets",
            )
        )
