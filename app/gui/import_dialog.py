"""Bringing a table of tweets into the study: look, correct what was guessed, import, read the report."""

from pathlib import Path

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from app.gui import figures, theme
from app.gui.notice import Notice, Tone
from app.gui.tweet_view import isolated, text_direction
from app.jobs.worker import Work, run_in_worker
from app.study import importing
from app.study.import_report import ImportReport
from app.study.study import Study

ROLES = ("text", "id", "lang", "label", "author", "date")


class TextCells(QStyledItemDelegate):
    """Lays each cell out in the direction of its text."""

    def initStyleOption(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().initStyleOption(option, index)
        text = str(index.data() or "")
        option.text = isolated(text)
        option.direction = text_direction(text)


class ImportDialog(QDialog):
    """Three states in one place: the preview, the import under way, its report."""

    def __init__(self, study: Study, path: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._study = study
        self._path = path
        self._work: Work | None = None
        self.report: ImportReport | None = None
        self.setWindowTitle(self.tr("Import {name}").format(name=path.name))
        self.resize(860, 600)
        self.notice = Notice(closable=False)
        self.stack = QStackedWidget()
        self.stack.addWidget(self._build_preview())
        self.stack.addWidget(self._build_progress())
        self.stack.addWidget(self._build_report())
        self.import_button = QPushButton(self.tr("&Import"))
        self.import_button.setProperty("primary", True)
        self.import_button.setDefault(True)
        self.import_button.setToolTip(self.tr("Import these tweets (Enter)"))
        self.import_button.clicked.connect(self.start)
        self.close_button = QPushButton(self.tr("&Cancel"))
        self.close_button.setToolTip(self.tr("Close; an import under way is stopped (Esc)"))
        self.close_button.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        buttons.addWidget(self.import_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.LARGE)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.notice)
        layout.addWidget(self.stack, 1)
        layout.addLayout(buttons)
        self.import_button.setEnabled(False)
        run_in_worker(lambda: importing.preview(path, study.codebook), self._show_preview, self._fail, self)

    def start(self) -> None:
        """Import with the columns as they are chosen."""
        columns = {role: box.currentData() for role, box in self.columns.items()}
        if not columns["text"]:
            self.notice.tell(Tone.WARNING, self.tr("Choose the column that holds the tweets' text."))
            return
        self.notice.clear()
        self.stack.setCurrentIndex(1)
        self.import_button.setEnabled(False)
        coder = self.coder.text().strip() or "imported"
        test = self.test.isChecked()
        self._work = run_in_worker(
            lambda progress, stop: importing.import_file(
                self._study, self._path, columns, coder, progress, stop, test=test
            ),
            self._show_report,
            self._fail,
            self,
            on_progress=self._show_progress,
        )

    def reject(self) -> None:
        """Stop an import under way, and close."""
        if self._work is not None and self.report is None:
            # What was taken in stays; importing the file again completes it.
            self._work.stop()
            return
        super().reject()

    def _build_preview(self) -> QWidget:
        page = QWidget()
        self.found = QLabel(self.tr("Looking at the file …"))
        self.found.setProperty("role", "muted")
        self.columns = {role: QComboBox() for role in ROLES}
        names = {
            "text": self.tr("Text"),
            "id": self.tr("Id"),
            "lang": self.tr("Language"),
            "label": self.tr("Label"),
            "author": self.tr("Author"),
            "date": self.tr("Date"),
        }
        left, right = QFormLayout(), QFormLayout()
        for form in (left, right):
            form.setSpacing(theme.SMALL)
            form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for place, role in enumerate(ROLES):
            box = self.columns[role]
            box.setMinimumWidth(180)
            box.setAccessibleName(names[role])
            box.setToolTip(self.tr("The column that holds this (arrow keys choose)"))
            (left if place % 2 == 0 else right).addRow(names[role], box)
        self.coder = QLineEdit("imported")
        self.coder.setAccessibleName(self.tr("Whose labels these are"))
        self.coder.setToolTip(self.tr("Labels in the file are taken in as this coder's"))
        self.test = QCheckBox(self.tr("These are &test rows: never train on them"))
        self.test.setToolTip(self.tr("Models are scored on test rows and never trained on them (Alt+T)"))
        left.addRow(self.tr("Labels are by"), self.coder)
        right.addRow("", self.test)
        forms = QHBoxLayout()
        forms.setSpacing(theme.WIDE)
        forms.addLayout(left, 1)
        forms.addLayout(right, 1)
        self.sample = QTableWidget()
        self.sample.setAccessibleName(self.tr("The first rows"))
        self.sample.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.sample.verticalHeader().hide()
        self.sample.setShowGrid(False)
        self.sample.setWordWrap(False)
        self.sample.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.sample.setItemDelegate(TextCells(self.sample))
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.found)
        layout.addLayout(forms)
        layout.addWidget(self.sample, 1)
        return page

    def _build_progress(self) -> QWidget:
        page = QWidget()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.doing = QLabel(self.tr("Importing …"))
        layout = QVBoxLayout(page)
        layout.addStretch(1)
        layout.addWidget(self.doing)
        layout.addWidget(self.bar)
        layout.addStretch(2)
        return page

    def _build_report(self) -> QWidget:
        page = QWidget()
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.summary.setProperty("role", "heading")
        self.rejected_rows = QPlainTextEdit()
        self.rejected_rows.setReadOnly(True)
        self.rejected_rows.setAccessibleName(self.tr("Rejected rows"))
        self.copy = QPushButton(self.tr("Co&py the report"))
        self.copy.setToolTip(self.tr("Copy the whole report as text (Alt+P)"))
        self.copy.clicked.connect(
            lambda: QGuiApplication.clipboard().setText(
                f"{self.summary.text()}\n{self.rejected_rows.toPlainText()}"
            )
        )
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.summary)
        layout.addWidget(self.rejected_rows, 1)
        layout.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignLeft)
        # Takes the room that a list of rejected rows would have.
        layout.addStretch()
        return page

    def _show_preview(self, preview: importing.Preview) -> None:
        kind = {
            "xlsx": self.tr("Excel workbook, sheet “{sheet}”. Correct what was guessed wrong."),
            "parquet": self.tr("Parquet file. Correct what was guessed wrong."),
            "jsonl": self.tr("JSON lines file. Correct what was guessed wrong."),
        }
        delimiter = {"\t": self.tr("tab"), " ": self.tr("blank")}.get(preview.delimiter, preview.delimiter)
        self.found.setText(
            kind[preview.kind].format(sheet=preview.sheet)
            if preview.kind in kind
            else self.tr(
                "Encoding {encoding}, columns divided by “{delimiter}”. Correct what was guessed wrong."
            ).format(encoding=preview.encoding, delimiter=delimiter)
        )
        for role, box in self.columns.items():
            box.addItem(self.tr("(none)"), "")
            for name in preview.header:
                box.addItem(name, name)
            box.setCurrentIndex(max(0, box.findData(preview.columns.get(role, ""))))
        self.sample.setColumnCount(len(preview.header))
        self.sample.setHorizontalHeaderLabels(list(preview.header))
        self.sample.horizontalHeader().setDefaultAlignment(
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        )
        self.sample.setRowCount(len(preview.rows))
        for row, cells in enumerate(preview.rows):
            for column, cell in enumerate(cells[: len(preview.header)]):
                self.sample.setItem(row, column, QTableWidgetItem(cell.replace("\n", " ")))
        self.sample.resizeColumnsToContents()
        for column in range(len(preview.header)):
            self.sample.setColumnWidth(column, min(self.sample.columnWidth(column), 360))
        self.sample.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.import_button.setEnabled(True)

    def _show_progress(self, done: int, total: int) -> None:
        self.bar.setValue(round(1000 * done / max(total, 1)))
        self.doing.setText(self.tr("Importing … {share}").format(share=figures.share(done, total)))

    def _show_report(self, report: ImportReport) -> None:
        self.report = report
        self.summary.setText(report.summary())
        lines = [
            self.tr("row {row}: {reason}").format(row=row, reason=reason) for row, reason in report.rejected
        ]
        self.rejected_rows.setPlainText("\n".join(lines))
        self.rejected_rows.setVisible(bool(lines))
        self.stack.setCurrentIndex(2)
        self.import_button.hide()
        self.close_button.setText(self.tr("&Close"))
        self.close_button.setDefault(True)
        self.close_button.setFocus()

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, UserError):
            raise error
        self._work = None
        self.notice.tell(Tone.ERROR, error.message, error.next_step)
        self.stack.setCurrentIndex(0)
        self.import_button.setEnabled(self.sample.columnCount() > 0)
