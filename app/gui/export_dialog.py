"""Writing the study to a file: choose, wait, and be told where it is."""

from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from app.gui import figures, theme
from app.gui.notice import Notice, Tone
from app.jobs.worker import Work, run_in_worker
from app.study import exporting
from app.study.study import Study


def ask_for_file(study: Study, parent: QWidget) -> Path | None:
    """Ask where to and in which format; None where the question was cancelled."""

    def tr(text: str) -> str:
        return parent.tr(text)

    filters = {
        tr("CSV for spreadsheets and R (*.csv)"): ".csv",
        tr("Excel (*.xlsx)"): ".xlsx",
        tr("Parquet (*.parquet)"): ".parquet",
        tr("JSON lines (*.jsonl)"): ".jsonl",
        tr("Stata (*.dta)"): ".dta",
        tr("SPSS (*.sav)"): ".sav",
    }
    name, chosen = QFileDialog.getSaveFileName(
        parent, tr("Export"), str(study.path.with_suffix(".csv")), ";;".join(filters)
    )
    if not name:
        return None
    path = Path(name)
    if path.suffix.lower() not in filters.values():
        path = path.with_name(path.name + filters.get(chosen, ".csv"))
    return path


class ExportDialog(QDialog):
    """An export under way, then where it is."""

    def __init__(self, study: Study, target: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.target = target
        self.report: exporting.ExportReport | None = None
        self.setWindowTitle(self.tr("Export"))
        self.setMinimumWidth(520)
        self.notice = Notice(closable=False)
        self.doing = QLabel(self.tr("Writing {name} …").format(name=target.name))
        self.doing.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 0)
        self.folder_button = QPushButton(self.tr("Open &folder"))
        self.folder_button.setToolTip(self.tr("Show the file's folder (Alt+F)"))
        self.folder_button.clicked.connect(
            lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(target.parent)))
        )
        self.folder_button.hide()
        self.close_button = QPushButton(self.tr("&Stop"))
        self.close_button.setToolTip(self.tr("Stop the export, or close when it is done (Esc)"))
        self.close_button.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.folder_button)
        buttons.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.LARGE)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.doing)
        layout.addWidget(self.bar)
        layout.addWidget(self.notice)
        layout.addLayout(buttons)
        self._work: Work | None = run_in_worker(
            lambda progress, stop: exporting.export(study, target, progress, stop),
            self._finish,
            self._fail,
            self,
            on_progress=self._show_progress,
        )

    def reject(self) -> None:
        """Stop an export under way; close one that has ended."""
        if self._work is not None:
            self._work.stop()
            return
        super().reject()

    def _show_progress(self, done: int, total: int) -> None:
        self.bar.setRange(0, max(total, 1))
        self.bar.setValue(done)

    def _finish(self, report: exporting.ExportReport) -> None:
        self._work = None
        self.report = report
        self.bar.hide()
        if report.stopped:
            self.doing.setText(self.tr("Stopped. Nothing was written."))
        else:
            self.doing.setText(
                self.tr("Wrote {n} tweets to {path}").format(n=figures.count(report.rows), path=report.path)
            )
            self.folder_button.show()
        self._end()

    def _fail(self, error: Exception) -> None:
        self._work = None
        self.bar.hide()
        self.doing.setText(self.tr("Nothing was written."))
        self._end()
        if not isinstance(error, UserError):
            raise error
        self.notice.tell(Tone.ERROR, error.message, error.next_step)

    def _end(self) -> None:
        self.close_button.setText(self.tr("&Close"))
        self.close_button.setDefault(True)
        self.close_button.setFocus()
