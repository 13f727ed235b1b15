"""Training on another machine: write a folder to take there, bring it back when it is trained."""

from pathlib import Path

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QMenu, QPushButton, QWidget

from app.gui.notice import Notice, Tone
from app.gui.page import make_action
from app.gui.run_export_dialog import RunExportDialog
from app.gui.train_form import TrainForm
from app.jobs.job_list import JobList
from app.study.study import Study

_KIND = "train"


class ElsewhereActs(QObject):
    """The two acts with their keys, and the button whose menu shows them.

    `exported` tells that a run is noted as being elsewhere.
    """

    exported = Signal()

    def __init__(self, page: QWidget, study: Study, jobs: JobList, form: TrainForm, notice: Notice) -> None:
        super().__init__(page)
        self._page, self._study, self._jobs, self._form, self._notice = page, study, jobs, form, notice
        self.export = make_action(
            page,
            self.tr("&Train on another machine …"),
            "Ctrl+Shift+E",
            self.train_elsewhere,
            tip=self.tr(
                "Write a folder with the chosen settings that any machine with a graphics card can train"
            ),
        )
        self.bring = make_action(
            page,
            self.tr("&Bring a trained run back …"),
            "Ctrl+Shift+K",
            self.bring_back,
            tip=self.tr("Take in such a folder when it is trained, and put its model on the shelf"),
        )
        self.button = QPushButton(self.tr("Else&where") + " ▾")
        self.button.setAccessibleName(self.tr("Train elsewhere"))
        self.button.setToolTip(self.tr("Train on another machine, or bring a trained run back (Alt+W)"))
        self.menu = QMenu(self.button)
        self.menu.setToolTipsVisible(True)
        self.menu.setAccessibleName(self.tr("Train elsewhere"))
        self.menu.addActions([self.export, self.bring])
        self.button.clicked.connect(self._open_menu)

    def train_elsewhere(self) -> None:
        """Ask where to, then write the run folder."""
        dialog = RunExportDialog(
            self._study, self._form.wish(), self._form.shelf_name(), self._form.chosen_base(), self._page
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.exported.connect(self.exported)
        dialog.open()

    def bring_back(self) -> None:
        """Ask which folder, then take it in as a job."""
        path = Path(self._study.path).resolve()
        if self._jobs.running_of(_KIND, path) is not None:
            self._notice.tell(
                Tone.INFO,
                self.tr("A training of this study is under way."),
                self.tr("Wait for its end first."),
            )
            return
        chosen = QFileDialog.getExistingDirectory(
            self._page, self.tr("Choose the run folder that was trained elsewhere")
        )
        if not chosen:
            return
        folder = Path(chosen).resolve()
        title = self.tr("Bringing {folder} back").format(folder=folder.name)
        try:
            self._jobs.start(_KIND, title, ["train", str(path), f"--bring-back={folder}"], path)
        except OSError as error:
            self._notice.tell(Tone.ERROR, str(error))

    def _open_menu(self) -> None:
        self.menu.popup(self.button.mapToGlobal(QPoint(0, self.button.height())))
