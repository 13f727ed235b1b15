"""Copies of the open study: saved for others to label in, and taken in when they come back."""

from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app.gui.merge_dialog import MergeDialog
from app.gui.study_places import study_filter
from app.jobs.worker import run_in_worker
from app.study.study import SUFFIX, Coder, Study


class StudyCopies(QObject):
    """Asks for files and does the work off the window's thread.

    Signals: `told` gives a sentence, `failed` an error; `study_changed` names what came with a copy;
    `coder_renamed` gives the new name of who labels here, where another coder of the same name kept it.
    """

    told = Signal(str)
    failed = Signal(object)
    study_changed = Signal(set)
    coder_renamed = Signal(str)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window

    def ask_to_save(self, study: Study, coder: str = "") -> None:
        """Ask for a file and write a copy of the study to it, named after the coder who is to work in it."""
        # What cannot stand in the name of a file, on some system, is left out.
        of_whom = "".join(c for c in coder if c.isalnum() or c in " -_").strip() or self.tr("copy")
        name, _ = QFileDialog.getSaveFileName(
            self._window,
            self.tr("Save a copy"),
            str(study.path.with_name(f"{study.path.stem} {of_whom}{SUFFIX}")),
            study_filter(),
        )
        if name:
            run_in_worker(
                lambda: study.save_copy(Path(name)),
                lambda _: self.told.emit(self.tr("A copy was saved: {name}").format(name=name)),
                self.failed.emit,
                self,
            )

    def ask_to_take_in(self, study: Study, coder: str) -> None:
        """Ask for another copy of the study and take it in; `coder` labels here."""
        name, _ = QFileDialog.getOpenFileName(
            self._window, self.tr("Take in a copy"), str(study.path.parent), study_filter()
        )
        if name:
            self.take_in(study, Path(name), coder)

    def take_in(self, study: Study, path: Path, coder: str) -> MergeDialog:
        """Take another copy of the study in, with progress; `coder` labels here."""
        at_work = next((one for one in study.coders() if one.name == coder), None)
        dialog = MergeDialog(study, path, self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.merged.connect(lambda: self._came(study, dialog, at_work))
        dialog.open()
        return dialog

    def _came(self, study: Study, dialog: MergeDialog, at_work: Coder | None) -> None:
        report = dialog.report
        assert report is not None
        if at_work is not None:
            # Who labels here goes on as who it was, under the name that this coder has now.
            name = next(one.name for one in study.coders() if one.id == at_work.id)
            if name != at_work.name:
                self.coder_renamed.emit(name)
        self.study_changed.emit({"tweets", "labels", *(["codebook"] if report.codebook_changed else [])})
        self.told.emit(report.summary())
