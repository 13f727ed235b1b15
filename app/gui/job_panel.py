"""A running job on its own page: what it is doing, how far it is, and stop."""

from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.gui import figures, theme
from app.gui.job_strip import show_progress, show_stop_button
from app.gui.page import make_action
from app.jobs.job import Job

STOP_KEY = "Ctrl+."
PAUSE_KEY = "Ctrl+P"


class JobPanel(QWidget):
    """Follows one job at a time. `pausable`: the job can rest and go on another time."""

    def __init__(self, parent: QWidget | None = None, *, pausable: bool = False) -> None:
        super().__init__(parent)
        self._job: Job | None = None
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Progress"))
        self.figures = QLabel()
        self.stop = QPushButton(self.tr("Stop"))
        self.stop.clicked.connect(self._stop)
        self._action = make_action(self, self.tr("Stop the job"), STOP_KEY, self._stop)
        self.stop.setToolTip(self._action.toolTip())
        self.pause = QPushButton(self.tr("Pause"))
        self.pause.clicked.connect(self._pause)
        below = QHBoxLayout()
        below.setSpacing(theme.SMALL)
        below.addWidget(self.figures, 1)
        below.addWidget(self.pause)
        below.addWidget(self.stop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.message)
        layout.addWidget(self.bar)
        layout.addLayout(below)
        self._pausable = pausable
        self.pause.setVisible(pausable)
        if pausable:
            action = make_action(
                self,
                self.tr("Pause the job"),
                PAUSE_KEY,
                self._pause,
                tip=self.tr(
                    "Pause after the step under way: its memory is free, and it goes on when you like"
                ),
            )
            self.pause.setToolTip(action.toolTip())

    def follow(self, job: Job) -> None:
        """Show this job from now on."""
        self._job = job
        job.changed.connect(self.show_state)
        self.show_state()

    def leave(self) -> None:
        """Follow nothing any more."""
        self._job = None

    def show_state(self) -> None:
        """Bring everything up to date."""
        if self._job is None:
            return
        self.message.setText(self._job.progress.message or self._job.title)
        show_progress(self._job, self.bar)
        state = figures.progress(self._job.progress)
        self.figures.setText(figures.stopping(self._job.rests) if self._job.is_stopping else state)
        self.pause.setVisible(self._pausable and not self._job.is_stopping)
        self.pause.setAccessibleName(f"{self.pause.text()}: {self._job.title}")
        show_stop_button(self._job, self.stop)
        shown = self._action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        self.stop.setToolTip(f"{self.stop.toolTip()} ({shown})")

    def _pause(self) -> None:
        if self._job is not None and not self._job.is_stopping:
            self._job.stop(saying="pause")

    def _stop(self) -> None:
        if self._job is not None:
            self._job.stop()
