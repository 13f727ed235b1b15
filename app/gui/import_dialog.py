"""Bringing a table of tweets into the study: look, correct what was guessed, import, read the report."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from app.gui import figures, form_parts, theme
from app.gui.import_preview import ImportPreview
from app.gui.import_report_view import ImportReportView
from app.gui.notice import Notice, Tone
from app.jobs.worker import Work, run_in_worker
from app.study import groups, importing
from app.study.codebook import Codebook
from app.study.groups import GroupReport
from app.study.import_report import IMPORTED, ImportReport
from app.study.study import Study

_REPORT_WIDTH = 560


class ImportDialog(QDialog):
    """Three states in one place: the preview, the import under way, its report.

    Where no study is open, `make_study` makes it once the user imports.
    """

    def __init__(
        self,
        study: Study | None,
        path: Path,
        parent: QWidget | None = None,
        make_study: Callable[[], Study] | None = None,
    ) -> None:
        super().__init__(parent)
        self._study = study
        self._make_study = make_study
        self._codebook = study.codebook if study is not None else Codebook.default()
        self._path = path
        self._found: importing.Preview | None = None
        self._work: Work | None = None
        self._turn = 0
        self._looks_for_duplicates = False
        self.report: ImportReport | None = None
        form_parts.open_at(self, 860, 640)
        self.notice = Notice(closable=False)
        self.preview = ImportPreview()
        self.preview.format_chosen.connect(self._look)
        self.preview.label_column_chosen.connect(self._look_at_labels)
        self.report_view = ImportReportView()
        self.stack = QStackedWidget()
        self._under_way, self._other = self._build_progress(), self._build_other()
        for shown in (self.preview, self._under_way, self.report_view, self._other):
            self.stack.addWidget(shown)
        self.waiting = QLabel()
        self.waiting.setProperty("role", "muted")
        self.import_button = QPushButton(self.tr("&Import"))
        self.import_button.setProperty("primary", True)
        self.import_button.setDefault(True)
        self.import_button.setToolTip(self.tr("Import these tweets (Enter)"))
        self.import_button.clicked.connect(self.start)
        self.close_button = QPushButton(self.tr("&Cancel"))
        self.close_button.setToolTip(self.tr("Close; an import under way is stopped (Esc)"))
        self.close_button.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addWidget(self.waiting, 1)
        buttons.addWidget(self.close_button)
        buttons.addWidget(self.import_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.LARGE)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.notice)
        layout.addWidget(self.stack, 1)
        layout.addLayout(buttons)
        self.load(path)

    def tell_waiting(self, number: int) -> None:
        """Say how many tables come after this one."""
        if number == 1:
            self.waiting.setText(self.tr("Another table comes after this one."))
        elif number:
            self.waiting.setText(self.tr("{number} more tables come after this one.").format(number=number))

    def load(self, path: Path) -> None:
        """Look at a file, in place of the one before."""
        self._path = path
        self._found = None
        self.setWindowTitle(self.tr("Import {name}").format(name=path.name))
        self._look()

    def start(self) -> None:
        """Import with the columns as they are chosen."""
        columns = self.preview.chosen_columns()
        if not columns["text"]:
            self.notice.tell(Tone.WARNING, self.tr("Choose the column that holds the tweets' text."))
            return
        self.notice.clear()
        try:
            if self._study is None and self._make_study is not None:
                self._study = self._make_study()
        except UserError as error:
            self.notice.tell(Tone.ERROR, error.message, error.next_step)
        study = self._study
        if study is None:
            return
        self.stack.setCurrentWidget(self._under_way)
        self.import_button.setEnabled(False)
        coder = self.preview.coder.text().strip() or IMPORTED
        test, classes = self.preview.test.isChecked(), self.preview.classes.classes()
        path, (encoding, delimiter) = self._path, self._format()
        self._work = run_in_worker(
            lambda progress, stop: self._import(
                study,
                lambda: importing.import_file(
                    study,
                    path,
                    columns,
                    coder,
                    progress,
                    stop,
                    test=test,
                    classes=classes,
                    encoding=encoding,
                    delimiter=delimiter,
                ),
                progress,
                stop,
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

    def _import(
        self,
        study: Study,
        run: Callable[[], ImportReport],
        progress: importing.Progress,
        stop: importing.Stop,
    ) -> tuple[ImportReport, GroupReport | None]:
        """Import, then look for near-duplicates; on a worker."""
        report = run()
        if report.stopped:
            return report, None
        self._looks_for_duplicates = True
        return report, groups.keep_up(study, progress, stop)

    # Looking

    def _format(self) -> tuple[str, str]:
        """Return encoding and delimiter where the user chose others than were found, else ""."""
        if self._found is None:
            return "", ""
        found = self._found
        encoding = str(self.preview.encoding.currentData() or "")
        delimiter = str(self.preview.delimiter.currentData() or "")
        return (
            encoding if encoding != found.encoding else "",
            delimiter if delimiter != found.delimiter else "",
        )

    def _look(self) -> None:
        """Look at the file, in the format that was chosen."""
        self._turn += 1
        turn, path, codebook, (encoding, delimiter) = self._turn, self._path, self._codebook, self._format()
        self.notice.clear()
        self.stack.setCurrentWidget(self.preview)
        self.import_button.setEnabled(False)
        if self._found is None:
            self.preview.show_looking()

        def show(preview: importing.Preview) -> None:
            if turn == self._turn:
                self._found = self._found or preview
                self.preview.show_preview(preview)
                self.import_button.setEnabled(True)

        def tell(error: Exception) -> None:
            if turn == self._turn:
                self._fail(error)

        run_in_worker(
            lambda: importing.preview(path, codebook, encoding=encoding, delimiter=delimiter),
            show,
            tell,
            self,
        )

    def _look_at_labels(self, column: str) -> None:
        """Find the labels that the codebook does not know, so that they can be told their classes."""
        turn, path, codebook, (encoding, delimiter) = self._turn, self._path, self._codebook, self._format()
        if not column:
            self.preview.classes.show_values("", {}, ())
            return

        def show(values: dict[str, int]) -> None:
            if turn == self._turn and self.preview.chosen_columns()["label"] == column:
                self.preview.classes.show_values(column, values, codebook.leaves)

        run_in_worker(
            lambda: importing.unknown_labels(path, column, codebook, encoding=encoding, delimiter=delimiter),
            show,
            self._fail,
            self,
        )

    def _choose_another(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, self.tr("Import tweets"), str(self._path.parent))
        if name:
            self.load(Path(name))

    # What is shown

    def _build_progress(self) -> QWidget:
        page = QWidget()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName(self.tr("How far the import is"))
        self.doing = QLabel(self.tr("Importing …"))
        layout = QVBoxLayout(page)
        layout.addStretch(1)
        layout.addWidget(self.doing)
        layout.addWidget(self.bar)
        layout.addStretch(2)
        return page

    def _build_other(self) -> QWidget:
        """Return what is shown where the file is none that can be imported: the way to another."""
        page = QWidget()
        self.other_button = QPushButton(self.tr("Choose another &file…"))
        self.other_button.setToolTip(self.tr("Choose another table of tweets (Alt+F)"))
        self.other_button.clicked.connect(self._choose_another)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.other_button, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addStretch()
        return page

    def _show_progress(self, done: int, total: int) -> None:
        self.bar.setValue(round(1000 * done / max(total, 1)))
        doing = (
            self.tr("Looking for near-duplicates … {share} (Esc leaves that for later)")
            if self._looks_for_duplicates
            else self.tr("Importing … {share}")
        )
        self.doing.setText(doing.format(share=figures.share(done, total)))

    def _show_report(self, found: tuple[ImportReport, GroupReport | None]) -> None:
        report, similar = found
        self.report = report
        self.report_view.show_report(
            report, similar.summary() if similar is not None and similar.groups else ""
        )
        if report.unknown_labels:
            self.notice.tell(
                Tone.WARNING,
                self.tr("Some labels are not in the codebook; their tweets came in without a label."),
                self.tr("Import the file again and say which classes they stand for: no tweet comes twice."),
            )
        self.stack.setCurrentWidget(self.report_view)
        self.import_button.hide()
        self.close_button.setText(self.tr("&Close"))
        self.close_button.setToolTip(self.tr("Close the report (Enter, Esc)"))
        self.close_button.setDefault(True)
        self.close_button.setFocus()
        if not report.rejected:
            # A report of some lines is a small window. A stack is as large as the largest of its pages.
            for page in (self.preview, self._under_way, self._other):
                self.stack.removeWidget(page)
            self.setMinimumWidth(_REPORT_WIDTH)
            # Once the layouts know what is gone.
            QTimer.singleShot(0, self, self.adjustSize)

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, UserError):
            raise error
        self._work = None
        self.notice.tell(Tone.ERROR, error.message, error.next_step)
        self.stack.setCurrentWidget(self.preview if self._found is not None else self._other)
        self.import_button.setEnabled(self._found is not None)
