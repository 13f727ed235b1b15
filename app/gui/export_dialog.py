"""Writing the study to a file: choose, wait, and be told where it is."""

from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QPushButton, QWidget

from app.gui import figures
from app.gui.work_dialog import WorkDialog
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


class ExportDialog(WorkDialog):
    """An export under way, then where it is."""

    def __init__(self, study: Study, target: Path, parent: QWidget | None = None) -> None:
        super().__init__(
            self.tr("Export"),
            self.tr("Writing {name} …").format(name=target.name),
            self.tr("Stop the export, or close when it is done (Esc)"),
            parent,
        )
        self.target = target
        self.report: exporting.ExportReport | None = None
        self.folder_button = QPushButton(self.tr("Open &folder"))
        self.folder_button.setToolTip(self.tr("Show the file's folder (Alt+F)"))
        self.folder_button.clicked.connect(
            lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(target.parent)))
        )
        self.buttons.insertWidget(1, self.folder_button)
        self.folder_button.hide()
        self.begin(lambda progress, stop: exporting.export(study, target, progress, stop))

    def finish(self, report: exporting.ExportReport) -> None:
        """Tell how many tweets were written, and where."""
        self.report = report
        if report.stopped:
            self.doing.setText(self.tr("Stopped. Nothing was written."))
            return
        self.doing.setText(
            self.tr("Wrote {n} tweets to {path}").format(n=figures.count(report.rows), path=report.path)
        )
        self.folder_button.show()

    def nothing_done(self) -> str:
        """Return what is so after a failure."""
        return self.tr("Nothing was written.")
