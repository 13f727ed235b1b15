"""The window: its menus, the welcome page or an open study, and the inspector."""

import gc
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import (
    QDockWidget,
    QFileDialog,
    QMainWindow,
    QStackedWidget,
    QWidget,
)

from app.errors import UserError
from app.gui import sample_study, theme
from app.gui.assignment_dialog import AssignmentDialog
from app.gui.change_keys_dialog import ChangeKeysDialog, keys_of
from app.gui.codebook_dialog import CodebookDialog
from app.gui.dropped_files import local_files
from app.gui.error_report import report_text
from app.gui.export_dialog import ExportChoice, ExportDialog, ask_for_file
from app.gui.import_dialog import ImportDialog
from app.gui.inspector import Inspector
from app.gui.keys_dialog import KeysDialog
from app.gui.menus import Menus, WindowActs
from app.gui.new_study_dialog import NewStudyDialog
from app.gui.notice import Tone
from app.gui.page import CanUndo
from app.gui.questions import ask_about_jobs, show_about
from app.gui.study_area import StudyArea
from app.gui.study_copies import StudyCopies
from app.gui.study_places import free_study_beside, studies_folder, study_filter
from app.gui.table_imports import TableImports, choose_tables
from app.gui.welcome_page import WelcomePage
from app.jobs.job_list import JobList
from app.jobs.worker import run_in_worker, wait_for_workers
from app.settings import Settings
from app.study import tweets
from app.study.codebook import Codebook
from app.study.study import SUFFIX, Study
from app.study.tweets import HistoryEntry, TweetRow


class MainWindow(QMainWindow):
    """One window, one study at a time."""

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.settings = settings
        self.study: Study | None = None
        self.area: StudyArea | None = None
        self.jobs = JobList(self)
        self._making_sample = False
        self._inspected: int | None = None
        self.setWindowTitle("StanceDesk")
        self.setMinimumSize(960, 600)
        self.setAcceptDrops(True)
        self.welcome = WelcomePage()
        self.welcome.new_clicked.connect(self.ask_new)
        self.welcome.open_clicked.connect(self.ask_open)
        self.welcome.sample_clicked.connect(self.open_sample)
        self.welcome.study_chosen.connect(self.open_study)
        self.welcome.files_dropped.connect(self.take_files)
        self.imports = TableImports(self, lambda: self.study, self._make_study_beside)
        self.imports.finished.connect(lambda: self._study_changed({"tweets", "labels"}))
        self.stack = QStackedWidget()
        self.stack.addWidget(self.welcome)
        self.setCentralWidget(self.stack)
        self.inspector = Inspector()
        self.dock = QDockWidget(self.tr("Inspector"), self)
        self.dock.setObjectName("inspector")
        self.dock.setWidget(self.inspector)
        self.dock.setFeatures(QDockWidget.DockWidgetFeature.NoDockWidgetFeatures)
        self.dock.setMinimumWidth(300)
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.dock)
        self.dock.hide()
        self.copies = StudyCopies(self)
        self.copies.told.connect(lambda text: self.statusBar().showMessage(text, 10_000))
        self.copies.failed.connect(self._tell_error)
        self.copies.coder_renamed.connect(self._rename_coder)
        self.copies.study_changed.connect(self._study_changed)
        self.menus = self._make_menus()
        self.welcome.show_recent(settings.recent_studies)
        self.resize(1280, 800)
        if settings.geometry:
            self.restoreGeometry(QByteArray.fromBase64(settings.geometry.encode()))
        self._show_what_works()

    # Opening and closing

    def ask_new(self) -> None:
        """Ask for a codebook and a file, and create a study there."""
        dialog = NewStudyDialog(self._folder(), self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.study_wanted.connect(self.new_study)
        dialog.open()

    def new_study(self, path: Path, codebook: Codebook | None = None) -> bool:
        """Create a study and open it; tell kindly where that cannot be."""
        path = path if path.suffix else path.with_name(path.name + SUFFIX)
        self._clear_notices()
        try:
            # A file of that name was confirmed in the dialog as one to replace, but a study is never deleted.
            Study.create(path, codebook).close()
        except UserError as error:
            self._tell(error)
            return False
        return self.open_study(path)

    def ask_open(self) -> None:
        """Ask for a study and open it."""
        name, _ = QFileDialog.getOpenFileName(
            self, self.tr("Open study"), str(self._folder()), study_filter()
        )
        if name:
            self.open_study(Path(name))

    def open_study(self, path: Path) -> bool:
        """Open a study in place of the one that is open; tell kindly where it cannot be opened."""
        self._clear_notices()
        if self.study is not None and path.exists() and path.samefile(self.study.path):
            # To open it anew would lose what is typed and not saved, and the page that is shown.
            self.raise_()
            self.activateWindow()
            return True
        try:
            study = Study.open(path)
        except UserError as error:
            self._tell(error)
            return False
        if self.study is not None and not self.close_study():
            study.close()
            return False
        self.study = study
        self.area = StudyArea(study, self.jobs, self.settings)
        self.area.import_wanted.connect(self.ask_import)
        self.area.study_page.export_wanted.connect(self.ask_export)
        self.area.study_page.assign_wanted.connect(self.ask_assign)
        self.area.review_page.agreement.view.assign_wanted.connect(self.ask_assign)
        self.area.tweet_selected.connect(self._inspect)
        self.area.page_shown.connect(self._page_shown)
        self.area.undo_changed.connect(self._show_undo)
        self.area.coder_chosen.connect(self._remember_coder)
        self.area.coder_renamed.connect(self._rename_coder)
        self.area.seeing_wanted.connect(lambda: self.set_blind(False))
        self.area.review_page.codebook_wanted.connect(self.ask_codebook)
        self.area.results_page.export_wanted.connect(self.ask_export)
        self.stack.addWidget(self.area)
        self.stack.setCurrentWidget(self.area)
        self.inspector.show_codebook(study.codebook)
        self.setWindowTitle(f"{study.title} – StanceDesk")
        self.settings.remember_study(path)
        self.settings.save()
        self.jobs.attach_running(study.path)
        self.menus.show_pages(self.area.make_page_actions(self.area))
        self._show_what_works()
        self._page_shown(self.area.current)
        # What stays is not looked through again and again: that would stop the window for a moment now and then.
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        return True

    def open_sample(self) -> None:
        """Make a study of the sample tweets beside the user's own, or open the one that is there."""
        if self._making_sample:
            return
        self._making_sample = True
        path = self._folder() / f"{sample_study.NAME}{SUFFIX}"

        def end() -> None:
            self._making_sample = False

        def take(made: Path) -> None:
            end()
            self.open_study(made)

        def tell(error: Exception) -> None:
            end()
            self._tell_error(error)

        run_in_worker(lambda: sample_study.make_sample_study(path), take, tell, self)

    def _make_study_beside(self, table: Path) -> Study:
        path = free_study_beside(table)
        Study.create(path).close()
        self.open_study(path)
        if self.study is None:
            raise UserError(
                f"“{path.name}” was made and cannot be opened.", "Check its folder and try again."
            )
        return self.study

    def take_files(self, files: Sequence[Path]) -> None:
        """Open a dropped study; import the dropped tables, without an open study into a new one."""
        studies = [file for file in files if file.suffix == SUFFIX]
        if studies and not self.open_study(studies[0]):
            return
        if len(studies) > 1 and self.area is not None:
            told = self.tr("One study is open at a time: of those dropped, “{name}” was opened.")
            self.area.study_page.notice.tell(Tone.INFO, told.format(name=studies[0].stem))
        self.imports.begin([file for file in files if file not in studies])

    def close_study(self) -> bool:
        """Close the study and show the welcome page; return whether it was closed.

        Jobs that run go on in processes of their own, or are stopped: the user is asked.
        """
        if self.study is None or self.area is None:
            return True
        if self.jobs.running() and not self._ask_about_jobs():
            return False
        self.area.close_study()
        self.stack.removeWidget(self.area)
        self.area.deleteLater()
        self.area = None
        # A page's last question to the study is answered before its file is closed.
        wait_for_workers(10)
        self.study.close()
        self.study = None
        self.dock.hide()
        self.setWindowTitle("StanceDesk")
        self.welcome.show_recent(self.settings.recent_studies)
        self.menus.show_pages([])
        self._show_what_works()
        gc.unfreeze()
        return True

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept files over an open study; the welcome page takes its own."""
        if self.study is not None and local_files(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Take what is dropped."""
        self.take_files(local_files(event.mimeData()))

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close the study first; stay where the user wants to."""
        if not self.close_study():
            event.ignore()
            return
        self.settings.geometry = bytes(self.saveGeometry().toBase64().data()).decode()
        self.settings.save()
        event.accept()

    def _ask_about_jobs(self) -> bool:
        return ask_about_jobs(self.jobs, self)

    # Import, export, copies

    def ask_import(self) -> None:
        """Ask for tables and import them."""
        if self.study is not None:
            self._clear_notices()
            self.imports.begin(choose_tables(self.study.path.parent, self))

    def import_table(self, table: Path) -> ImportDialog | None:
        """Open the import dialog on a table."""
        if self.study is None:
            return None
        self._clear_notices()
        return self.imports.begin([table])

    def ask_export(self) -> ExportChoice | None:
        """Ask what to write and into which file, and write it."""
        if self.study is None:
            return None
        dialog = ExportChoice(self.study, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(
            lambda: self._ask_for_export_file(dialog.label_events.isChecked(), dialog.undecided_below())
        )
        dialog.open()
        return dialog

    def _ask_for_export_file(self, label_events: bool, undecided_below: float) -> None:
        path = ask_for_file(self.study, label_events, self) if self.study is not None else None
        if path is not None:
            self.export_to(path, label_events, undecided_below)

    def export_to(
        self, path: Path, label_events: bool = False, undecided_below: float = 0.0
    ) -> ExportDialog | None:
        """Write the study's tweets, or its label events, to a file, with progress."""
        if self.study is None:
            return None
        self._clear_notices()
        dialog = ExportDialog(self.study, path, label_events, undecided_below, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()
        return dialog

    def ask_codebook(self) -> CodebookDialog | None:
        """Show the dialog that changes the codebook."""
        if self.study is None:
            return None
        dialog = CodebookDialog(self.study, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._codebook_changed(bool(dialog.touched)))
        dialog.open()
        return dialog

    def _codebook_changed(self, touched: bool) -> None:
        if self.study is None or self.area is None:
            return
        self._study_changed({"codebook", "labels"})
        self.inspector.show_codebook(self.study.codebook)
        self.statusBar().showMessage(self.tr("The codebook was changed."), 8000)
        if touched:
            self.area.review_page.show_tab(self.area.review_page.second_look)
            self.area.show_page("review")

    def ask_assign(self) -> AssignmentDialog | None:
        """Show the dialog that divides tweets among coders."""
        if self.study is None or self.area is None:
            return None
        study = self.study
        dialog = AssignmentDialog(study, self.area.tweets_page.asked(), self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.changed.connect(lambda: self._study_changed({"coders"}))
        dialog.copy_wanted.connect(lambda name: self.copies.ask_to_save(study, name))
        dialog.open()
        return dialog

    def ask_copy(self) -> None:
        """Ask for a file and write a copy of the study to it."""
        if self.study is not None:
            self.copies.ask_to_save(self.study)

    def ask_merge(self) -> None:
        """Ask for another copy of the study and take it in."""
        if self.study is not None:
            self.copies.ask_to_take_in(self.study, self.settings.coder)

    # Menus

    def _make_menus(self) -> Menus:
        acts = WindowActs(
            new=self.ask_new,
            open=self.ask_open,
            open_path=self.open_study,
            sample=self.open_sample,
            import_tweets=self.ask_import,
            export=self.ask_export,
            codebook=self.ask_codebook,
            copy=self.ask_copy,
            merge=self.ask_merge,
            coder=self.ask_coder,
            assign=self.ask_assign,
            blind=lambda: self.set_blind(self.menus.blind.isChecked()),
            close_study=self.close_study,
            undo=self.undo,
            redo=self.redo,
            inspector=self._toggle_inspector,
            choose_theme=self.choose_theme,
            keys=self.show_keys,
            change_keys=self.change_keys,
            report=self._copy_report,
            about=self._about,
        )
        return Menus(self, acts, self.settings)

    def _show_what_works(self) -> None:
        self.menus.show_study_open(self.study is not None)
        self._show_undo()

    # Pages, undo, inspector

    def _study_changed(self, what: set[str]) -> None:
        if self.study is not None and "codebook" in what:
            self.inspector.show_codebook(self.study.codebook)
        if self.area is not None:
            self.area.changed(what)

    def _page_shown(self, page: object) -> None:
        # The label page has the codebook in sight by itself.
        wanted = self.settings.inspector and page is self.area.page("tweets") if self.area else False
        self.menus.inspector.blockSignals(True)
        self.menus.inspector.setChecked(bool(wanted))
        self.menus.inspector.blockSignals(False)
        self.dock.setVisible(bool(wanted))

    def _toggle_inspector(self) -> None:
        shown = self.menus.inspector.isChecked()
        self.dock.setVisible(shown)
        if self.area is not None and self.area.current is self.area.page("tweets"):
            self.settings.inspector = shown

    def _inspect(self, row: TweetRow | None) -> None:
        study = self.study
        if study is None:
            return
        self._inspected = None if row is None else row.id
        if row is None:
            self.inspector.show_codebook(study.codebook)
            return

        coder, blind = self.settings.coder, self.settings.blind

        def show(history: list[HistoryEntry]) -> None:
            # Another tweet, or none, may have been selected while this one was read.
            if self._inspected == row.id and self.study is study:
                self.inspector.show_tweet(row, history, study.codebook)

        run_in_worker(lambda: tweets.history(study, row.id, coder, blind), show, self._tell_error, self)

    def undo(self) -> None:
        """Take back the last act of the page in sight, else what was done last: Ctrl+Z always undoes.

        What is taken back is shown.
        """
        page = self._page_that(lambda page: page.can_undo())
        if page is not None and page.undo():
            self._show(page)
        self._show_undo()

    def redo(self) -> None:
        """Do again what was taken back last, and show it."""
        page = self._page_that(lambda page: page.can_redo())
        if page is not None and page.redo():
            self._show(page)
        self._show_undo()

    def _page_that(self, can: Callable[[CanUndo], bool]) -> CanUndo | None:
        if self.area is None:
            return None
        for page in (self.area.current, self.area.acted_last, self.area.label_page):
            if isinstance(page, CanUndo) and can(page):
                return page
        return None

    def _show(self, page: CanUndo) -> None:
        if self.area is not None and self.area.page(page.key) is not self.area.current:
            self.area.show_page(page.key)

    def _show_undo(self) -> None:
        # Not greyed by what was known a moment ago: the key that takes back a label must always arrive.
        self.menus.undo.setEnabled(self.area is not None)
        self.menus.redo.setEnabled(self.area is not None)

    def ask_coder(self) -> None:
        """Ask who is at work."""
        if self.area is not None:
            self.area.ask_coder()

    def _remember_coder(self, name: str) -> None:
        """Work as this coder from now on. Blind coding is on for whoever comes, until they switch it off."""
        if name != self.settings.coder:
            self.settings.blind = True
        self._rename_coder(name)

    def _rename_coder(self, name: str) -> None:
        self.settings.coder = name
        self.set_blind(self.settings.blind)

    def set_blind(self, blind: bool) -> None:
        """Hide from the coder at work what others labelled (`TweetRow.seen_by`), or show it."""
        self.settings.blind = blind
        self.settings.save()
        self.menus.blind.blockSignals(True)
        self.menus.blind.setChecked(blind)
        self.menus.blind.blockSignals(False)
        if self.area is not None:
            self.area.set_coder(self.settings.coder, blind)

    # Looks and help

    def choose_theme(self, choice: str) -> None:
        """Use light, dark or the system's colours."""
        self.settings.theme = choice
        self.settings.save()
        self.refresh_theme()

    def refresh_theme(self) -> None:
        """Draw everything in the colours in use."""
        theme.apply(self.settings.theme)
        self.menus.themes[self.settings.theme].setChecked(True)
        self.menus.refresh_icons()
        if self.area is not None:
            self.area.refresh_icons()

    def show_keys(self) -> KeysDialog:
        """Show the keys of the page and of the window."""
        page = self.area.current if self.area is not None else None
        of_page = [a for w in _family(page) for a in w.actions()] if page is not None else []
        title = self.area.current_title if self.area is not None else ""
        pages = self.menus.pages.actions()
        dialog = KeysDialog(title, of_page, [*self.actions(), *pages], self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.change.setVisible(self.area is not None)
        dialog.change_wanted.connect(self.change_keys)
        dialog.open()
        return dialog

    def change_keys(self) -> ChangeKeysDialog | None:
        """Show the dialog that changes the keys of the label page."""
        if self.area is None:
            return None
        return self.area.label_page.change_keys(keys_of([*self.actions(), *self.menus.pages.actions()]))

    def _copy_report(self) -> None:
        QGuiApplication.clipboard().setText(report_text())
        self.statusBar().showMessage(self.tr("The diagnostic report is on the clipboard."), 5000)

    def _about(self) -> None:
        show_about(self)

    # Errors

    def _tell(self, error: UserError) -> None:
        """Tell an error where the user looks: on the welcome page, or over the study."""
        if self.area is None:
            self.welcome.notice.tell(Tone.ERROR, error.message, error.next_step)
            return
        self.area.study_page.notice.tell(Tone.ERROR, error.message, error.next_step)
        self.area.show_page("study")

    def _clear_notices(self) -> None:
        """What an earlier act could not do is old news once another begins."""
        self.welcome.notice.clear()
        if self.area is not None:
            self.area.study_page.notice.clear()

    def _tell_error(self, error: Exception) -> None:
        if not isinstance(error, UserError):
            raise error
        self._tell(error)

    def _folder(self) -> Path:
        return studies_folder(self.settings.recent_studies)


def _family(widget: QWidget) -> list[QWidget]:
    return [widget, *widget.findChildren(QWidget)]
