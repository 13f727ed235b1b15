"""The strip at the bottom of every page: each running job with its progress and its stop button.

The page of a job shows it larger; there the strip leaves it out, as two bars and two buttons are one too many.
"""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.gui import figures
from app.jobs.job import Job
from app.jobs.job_list import JobList


class JobStrip(QFrame):
    """One row for each running job. Not there while nothing runs."""

    job_clicked = Signal(str)
    """A job's row was asked for its page; the value is the job's kind."""

    def __init__(self, jobs: JobList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("job_strip")
        self.setAccessibleName(self.tr("Running jobs"))
        self._rows: dict[str, JobRow] = {}
        self._left_out = ""
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(12, 4, 12, 4)
        self._layout.setSpacing(4)
        for job in jobs.running():
            self._add(job)
        jobs.added.connect(self._add)
        jobs.removed.connect(self._remove)
        jobs.changed.connect(self._update)
        self._show_rows()

    def rows(self) -> list["JobRow"]:
        """Return the rows, the oldest job first."""
        return list(self._rows.values())

    def leave_out(self, kind: str) -> None:
        """Leave out the jobs of this kind: their page is in sight."""
        self._left_out = kind
        self._show_rows()

    def _show_rows(self) -> None:
        shown = [row.kind != self._left_out for row in self._rows.values()]
        for row, is_shown in zip(self._rows.values(), shown, strict=True):
            row.setVisible(is_shown)
        self.setVisible(any(shown))

    def _add(self, job: Job) -> None:
        row = JobRow(job, self)
        row.clicked.connect(self.job_clicked)
        self._rows[job.record.id] = row
        self._layout.addWidget(row)
        self._show_rows()

    def _remove(self, job: Job) -> None:
        row = self._rows.pop(job.record.id, None)
        if row is not None:
            self._layout.removeWidget(row)
            row.hide()
            row.deleteLater()
        self._show_rows()

    def _update(self, job: Job) -> None:
        row = self._rows.get(job.record.id)
        if row is not None:
            row.show_state()


class JobRow(QWidget):
    """Title, bar, figures, stop."""

    clicked = Signal(str)

    def __init__(self, job: Job, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._job = job
        self.kind = job.kind
        self.title = QToolButton()
        self.title.setText(job.title)
        self.title.setAutoRaise(True)
        self.title.setCursor(Qt.CursorShape.PointingHandCursor)
        self.title.setToolTip(self.tr("Show the page of this job"))
        self.title.clicked.connect(lambda: self.clicked.emit(job.kind))
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.bar.setMinimumWidth(160)
        self.bar.setAccessibleName(self.tr("Progress of {title}").format(title=job.title))
        self.figures = QLabel()
        self.stop = QPushButton(self.tr("Stop"))
        self.stop.clicked.connect(job.stop)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        layout.addWidget(self.title)
        layout.addWidget(self.bar, 1)
        layout.addWidget(self.figures)
        layout.addWidget(self.stop)
        self.show_state()

    def show_state(self) -> None:
        """Bring bar, figures and button up to date."""
        show_progress(self._job, self.bar)
        self.figures.setText(progress_in_words(self._job))
        show_stop_button(self._job, self.stop)


def show_progress(job: Job, bar: QProgressBar) -> None:
    """Set a bar to a job's progress; it runs to and fro while the end is not known."""
    state = job.progress
    # Qt's bars count in 32 bits: per mille is enough.
    bar.setMaximum(1000 if state.total else 0)
    bar.setValue(round(1000 * state.done / state.total) if state.total else 0)


def progress_in_words(job: Job) -> str:
    """Return a job's progress, or what it is doing while there is nothing to count."""
    if job.is_stopping:
        return figures.stopping(job.rests)
    return figures.progress(job.progress) or job.progress.message or figures.starting()


def show_stop_button(job: Job, button: QPushButton) -> None:
    """Let a stop button say what pressing it does now."""
    if job.is_stopping:
        button.setText(button.tr("Stop now"))
        button.setToolTip(button.tr("End the process without waiting for the step under way"))
    else:
        button.setText(button.tr("Stop"))
        button.setToolTip(button.tr("Stop after the step under way; what is done is kept"))
    button.setAccessibleName(f"{button.text()}: {job.title}")
