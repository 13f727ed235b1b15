"""Taking another copy of the study in: wait, and be told what came and what contradicts each other."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from app.gui import theme
from app.gui.notice import Notice, Tone
from app.jobs.worker import Work, run_in_worker
from app.study import merging
from app.study.study import Study


class MergeDialog(QDialog):
    """A copy on its way in, then the report. The study is written meanwhile, so nobody labels in this window.

    `merged` tells that something came.
    """

    merged = Signal()

    def __init__(self, study: Study, copy: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.report: merging.MergeReport | None = None
        self.setWindowTitle(self.tr("Take in a copy"))
        self.setMinimumWidth(560)
        self.notice = Notice()
        self.doing = QLabel(self.tr("Taking in {name} …").format(name=copy.name))
        self.doing.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 0)
        self.bar.setAccessibleName(self.tr("How much of the copy was looked at"))
        self.close_button = QPushButton(self.tr("&Stop"))
        self.close_button.setToolTip(self.tr("Stop and take in nothing, or close when it is done (Esc)"))
        self.close_button.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.LARGE)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.doing)
        layout.addWidget(self.bar)
        layout.addWidget(self.notice)
        layout.addLayout(buttons)
        self._work: Work | None = run_in_worker(
            lambda progress, stop: merging.merge(study, copy, progress, stop),
            self._finish,
            self._fail,
            self,
            on_progress=self._show_progress,
        )

    def reject(self) -> None:
        """Stop a merge under way; close one that has ended."""
        if self._work is not None:
            self._work.stop()
            return
        super().reject()

    def _show_progress(self, done: int, total: int) -> None:
        self.bar.setRange(0, max(total, 1))
        self.bar.setValue(done)

    def _finish(self, report: merging.MergeReport) -> None:
        self.report = report
        self.doing.setText(report.file_name)
        tone = Tone.WARNING if report.contradictions else Tone.GOOD if report.is_new else Tone.INFO
        self._end(tone, report.summary(), detail=self._in_detail(report))
        if report.is_new:
            self.merged.emit()

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, UserError):
            self._end(Tone.ERROR, self.tr("Nothing was taken in."))
            raise error
        self._end(Tone.ERROR, error.message, error.next_step)

    def _end(self, tone: Tone, message: str, next_step: str = "", detail: str = "") -> None:
        self._work = None
        self.bar.hide()
        self.notice.tell(tone, message, next_step, detail)
        self.close_button.setText(self.tr("&Close"))
        self.close_button.setDefault(True)
        self.close_button.setFocus()

    def _in_detail(self, report: merging.MergeReport) -> str:
        lists = (
            (self.tr("Disputed now"), report.disputed),
            (self.tr("Decided differently"), report.decided_apart),
            (self.tr("Written differently in the copy"), report.other_text),
        )
        return "\n\n".join("\n".join([f"{heading}:", *ids]) for heading, ids in lists if ids)
