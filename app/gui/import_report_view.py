"""What an import did, to be read and copied."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from app.gui import theme
from app.study.import_report import ImportReport


class ImportReportView(QWidget):
    """The counts in words, and each row that was rejected with its reason."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.summary.setProperty("role", "heading")
        self.similar = QLabel()
        self.similar.setWordWrap(True)
        self.rejected_rows = QPlainTextEdit()
        self.rejected_rows.setReadOnly(True)
        self.rejected_rows.setAccessibleName(self.tr("Rejected rows"))
        self.copy = QPushButton(self.tr("Co&py the report"))
        self.copy.setToolTip(self.tr("Copy the whole report as text (Alt+P)"))
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.text()))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.summary)
        layout.addWidget(self.similar)
        layout.addWidget(self.rejected_rows, 1)
        layout.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignLeft)
        # Takes the room that a list of rejected rows would have.
        layout.addStretch()

    def text(self) -> str:
        """Return the whole report as text."""
        parts = (self.summary.text(), self.similar.text(), self.rejected_rows.toPlainText())
        return "\n".join(part for part in parts if part)

    def show_report(self, report: ImportReport, similar: str = "") -> None:
        """Show a report, and what was found of near-duplicates."""
        self.summary.setText(report.summary())
        self.similar.setText(similar)
        self.similar.setVisible(bool(similar))
        lines = [
            self.tr("row {row}: {reason}").format(row=row, reason=reason) for row, reason in report.rejected
        ]
        self.rejected_rows.setPlainText("\n".join(lines))
        self.rejected_rows.setVisible(bool(lines))
