"""Work that is waited for in a dialog: how far it is, stop, then what came of it."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.errors import UserError
from app.gui import form_parts, theme
from app.gui.notice import Notice, Tone
from app.jobs.worker import Work, run_in_worker

_WIDTH = 560
Progress = Callable[[int, int], None]
Stop = Callable[[], bool]


class WorkDialog(QDialog):
    """Work begins with the dialog and ends before it is closed; Esc stops it. A class made from this one says,
    in `finish`, what came of it, and in `nothing_done` what is so after a failure.
    """

    def __init__(self, title: str, doing: str, stop: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._work: Work | None = None
        self.setWindowTitle(title)
        self.setMinimumWidth(_WIDTH)
        self.notice = Notice(closable=False)
        self.doing = QLabel(doing)
        self.doing.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 0)
        self.bar.setAccessibleName(self.tr("How far it is"))
        self.close_button = QPushButton(self.tr("&Stop"))
        self.close_button.setToolTip(stop)
        self.close_button.clicked.connect(self.reject)
        self.buttons = QHBoxLayout()
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.LARGE)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.doing)
        layout.addWidget(self.bar)
        layout.addWidget(self.notice)
        layout.addLayout(self.buttons)

    def event(self, event: QEvent) -> bool:
        """Grow with what is told: words that wrap need more height than a dialog knows of by itself."""
        # The dialog may be gone after other events.
        grows = event.type() == QEvent.Type.LayoutRequest
        known = super().event(event)
        layout = self.layout() if grows else None
        if layout is not None:
            form_parts.open_at(
                self, self.width(), max(self.height(), layout.totalHeightForWidth(self.width()))
            )
        return known

    def begin(self, work: Callable[[Progress, Stop], Any]) -> None:
        """Start the work on a worker."""
        self._work = run_in_worker(work, self._finished, self._failed, self, on_progress=self._show_progress)

    def finish(self, report: Any) -> None:
        """Say what came of it."""
        raise TypeError("each dialog says what came of its work")

    def nothing_done(self) -> str:
        """Return the sentence that is true after a failure."""
        raise TypeError("each dialog says what a failure leaves")

    def reject(self) -> None:
        """Stop work under way; close the dialog of work that has ended."""
        if self._work is not None:
            self._work.stop()
            return
        super().reject()

    def _show_progress(self, done: int, total: int) -> None:
        self.bar.setRange(0, max(total, 1))
        self.bar.setValue(done)

    def _finished(self, report: Any) -> None:
        self._end()
        self.finish(report)

    def _failed(self, error: Exception) -> None:
        self._end()
        self.doing.setText(self.nothing_done())
        if not isinstance(error, UserError):
            raise error
        self.notice.tell(Tone.ERROR, error.message, error.next_step)

    def _end(self) -> None:
        self._work = None
        self.bar.hide()
        self.close_button.setText(self.tr("&Close"))
        self.close_button.setDefault(True)
        self.close_button.setFocus()
