"""A training run under way: its curve, its epochs, how far it is, its log, pause and stop."""

from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.gui import figures, theme
from app.gui.curve import LossCurve
from app.gui.epoch_table import EpochTable
from app.gui.fold import Fold
from app.gui.job_panel import JobPanel
from app.gui.run_log import RunLog
from app.jobs.job import Job
from app.jobs.worker import run_in_worker
from training.contract.events import read_events
from training.contract.run_folder import RunFolder


class TrainingView(QWidget):
    """Follows the events of one training job; of a run that goes on, with what was before."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._job: Job | None = None
        self.panel = JobPanel(pausable=True)
        self.step = QLabel()
        self.step.setProperty("role", "heading")
        self.speed = QLabel()
        self.speed.setProperty("role", "muted")
        self.warning = QLabel()
        self.warning.setWordWrap(True)
        self.warning.setProperty("role", "warning")
        self.curve = LossCurve()
        self.epochs = EpochTable()
        self.note = QLabel(
            self.tr(
                "Training goes on when the window is closed, or waits for it: you are asked. Labelling meanwhile is "
                "safe; new labels count in the next run."
            )
        )
        self.note.setWordWrap(True)
        self.note.setProperty("role", "muted")
        self.log = RunLog()
        self.log_fold = Fold(self.tr("Log"), self.tr("Show what the training has said"), self.log)
        figures_of_run = QVBoxLayout()
        figures_of_run.setSpacing(theme.TIGHT)
        figures_of_run.addWidget(self.step)
        figures_of_run.addWidget(self.speed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.panel)
        layout.addWidget(self.warning)
        layout.addLayout(figures_of_run)
        layout.addWidget(self.curve, 1)
        layout.addWidget(self.epochs)
        layout.addWidget(self.note)
        layout.addWidget(self.log_fold)
        self._clear()

    def follow(self, job: Job) -> None:
        """Show a job from its first event on."""
        self.leave()
        self._job = job
        self._clear()
        for event in list(job.history):
            self.take(event)
        job.event_received.connect(self.take)
        self.panel.follow(job)

    def leave(self) -> None:
        """Follow nothing any more; what was shown stays."""
        if self._job is not None:
            self._job.event_received.disconnect(self.take)
        self._job = None
        self.panel.leave()

    def _clear(self) -> None:
        self.curve.clear()
        self.epochs.clear_epochs()
        self.log.clear()
        self.step.clear()
        self._show_speed({})
        self._warn("")

    def take(self, event: dict[str, Any]) -> None:
        """Take in one event."""
        self._show(event)
        if event["event"] == "started" and event.get("again") and event.get("folder"):
            self._look_back(Path(str(event["folder"])), str(event["time"]))

    def _show(self, event: dict[str, Any]) -> None:
        self.curve.take(event)
        self.log.take(event)
        if event["event"] == "progress" and event.get("loss") is not None:
            self.step.setText(
                self.tr("Step {step} of {steps} · loss {loss}").format(
                    step=figures.count(int(event.get("step") or 0)),
                    steps=figures.count(int(event.get("steps") or 0)),
                    loss=figures.score(event["loss"]),
                )
            )
            self._show_speed(event)
        elif event["event"] == "evaluated":
            self.epochs.take(event)
        elif event["event"] == "warning":
            self._warn(str(event["message"]))

    def _show_speed(self, event: dict[str, Any]) -> None:
        parts = []
        if event.get("tokens_per_second"):
            parts.append(
                self.tr("{n} tokens a second, padding not counted").format(
                    n=figures.count(round(event["tokens_per_second"]))
                )
            )
        if event.get("memory"):
            parts.append(self.tr("{size} of memory").format(size=figures.size(event["memory"])))
        if event.get("at_once"):
            parts.append(self.tr("up to {n} tweets at once").format(n=figures.count(event["at_once"])))
        self.speed.setText(" · ".join(parts))

    def _warn(self, told: str) -> None:
        self.warning.setText(told)
        self.warning.setVisible(bool(told))

    def _look_back(self, folder: Path, before: str) -> None:
        """Read what the run had done before it went on, and show it before what is told now."""
        job = self._job

        def read() -> list[dict[str, Any]]:
            return [e for e in read_events(RunFolder(folder).events) if str(e.get("time", "")) < before]

        def take(earlier: list[dict[str, Any]]) -> None:
            if job is None or self._job is not job:
                return
            self._clear()
            for event in [*earlier, *job.history]:
                self._show(event)

        run_in_worker(read, take, lambda _: None, self)
