"""A training run under way: its curve, its epochs, how far it is, and stop."""

from typing import Any

from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.gui import figures
from app.gui.curve import LossCurve
from app.gui.figure_table import FigureTable
from app.gui.job_panel import JobPanel
from app.jobs.job import Job


class TrainingView(QWidget):
    """Follows the events of one training job."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.panel = JobPanel()
        self.step = QLabel()
        self.step.setProperty("role", "heading")
        self.curve = LossCurve()
        self.epochs = FigureTable(self.tr("Scores after each epoch"))
        self.note = QLabel(
            self.tr(
                "Training goes on when the window is closed. Labelling meanwhile is safe: "
                "new labels count in the next run."
            )
        )
        self.note.setWordWrap(True)
        self.note.setProperty("role", "muted")
        self._rows: list[list[str]] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        layout.addWidget(self.panel)
        layout.addWidget(self.step)
        layout.addWidget(self.curve, 1)
        layout.addWidget(self.epochs)
        layout.addWidget(self.note)

    def follow(self, job: Job) -> None:
        """Show a job from its first event on."""
        self.curve.clear()
        self.step.clear()
        self._rows = []
        self._show_epochs()
        for event in job.history:
            self.take(event)
        job.event_received.connect(self.take)
        self.panel.follow(job)

    def take(self, event: dict[str, Any]) -> None:
        """Take in one event."""
        self.curve.take(event)
        if event["event"] == "progress" and event.get("loss") is not None:
            self.step.setText(
                self.tr("Step {step} of {steps} · loss {loss}").format(
                    step=figures.count(int(event.get("step") or 0)),
                    steps=figures.count(int(event.get("steps") or 0)),
                    loss=figures.score(event["loss"]),
                )
            )
        elif event["event"] == "evaluated":
            self._rows.append(
                [
                    str(event["epoch"]),
                    figures.score(event["macro_f1"]),
                    figures.score(event["accuracy"]),
                    figures.score(event.get("loss")),
                ]
            )
            self._show_epochs()

    def _show_epochs(self) -> None:
        header = [self.tr("epoch"), self.tr("macro-F1"), self.tr("accuracy"), self.tr("loss")]
        self.epochs.show_rows(header, self._rows)
        self.epochs.setVisible(bool(self._rows))
