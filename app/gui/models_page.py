"""The page of the models on the shelf."""

from pathlib import Path

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from app.gui import figures, theme
from app.gui.empty_state import EmptyState
from app.gui.model_details import ModelDetails
from app.gui.notice import Notice, Tone
from app.gui.page import make_action
from app.gui.page_stack import PageStack
from app.jobs.job_list import JobList
from app.jobs.worker import run_in_worker
from app.study.shelf import ModelEntry, Shelf
from app.study.study import Study


class ModelsPage(QWidget):
    """A list of models, and the card of the one that is chosen."""

    study_written = Signal(set)
    page_wanted = Signal(str, str)

    def __init__(self, study: Study, jobs: JobList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._study = study
        self._jobs = jobs
        self._models: list[ModelEntry] = []
        self._wanted = ""
        self.notice = Notice()
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Models on the shelf"))
        self.list.setFixedWidth(216)
        self.list.setToolTip(self.tr("Choose a model to see what it is (arrow keys)"))
        self.list.setSpacing(theme.TIGHT)
        self.list.currentRowChanged.connect(self._show_details)
        self.details = ModelDetails()
        add_folder = make_action(
            self,
            self.tr("Add a model &folder …"),
            "Ctrl+Shift+A",
            self.ask_folder,
            tip=self.tr("Add a model folder"),
        )
        add_file = make_action(
            self,
            self.tr("Add a model f&ile …"),
            "Ctrl+Shift+F",
            self.ask_file,
            tip=self.tr("Add a model file"),
        )
        menu = QMenu(self)
        menu.addAction(add_folder)
        menu.addAction(add_file)
        self.add = QPushButton(self.tr("&Add"))
        self.add.setMenu(menu)
        self.add.setToolTip(
            self.tr("Put a model that StanceDesk trained elsewhere on the shelf (Ctrl+Shift+A)")
        )
        self.classify = QPushButton(self.tr("&Classify with it"))
        self.classify.setToolTip(self.tr("Go to Classify with this model chosen (Alt+C)"))
        self.classify.setProperty("primary", True)
        self.classify.clicked.connect(lambda: self.page_wanted.emit("classify", self.chosen_name()))
        self.evaluate = QPushButton(self.tr("Eval&uate it"))
        self.evaluate.setToolTip(self.tr("Go to Results with this model chosen (Alt+U)"))
        self.evaluate.clicked.connect(lambda: self.page_wanted.emit("results", self.chosen_name()))
        self.folder = QPushButton(self.tr("&Open folder"))
        self.folder.setToolTip(self.tr("Show the model's files (Alt+O)"))
        self.folder.clicked.connect(self._open_folder)
        self.remove = QPushButton(self.tr("&Remove …"))
        self._remove_action = make_action(self, self.tr("Remove the model …"), "Ctrl+Del", self.ask_remove)
        self.remove.setToolTip(self._remove_action.toolTip())
        self.remove.clicked.connect(self.ask_remove)
        self.empty = EmptyState(
            self.tr(
                "No model stands on the shelf yet. A model learns from your labels and then classifies the rest. "
                "Train one, or add one that StanceDesk trained on another machine."
            ),
            self.tr("&Train a model"),
            self.tr("Go to Train (Ctrl+5)"),
        )
        self.empty.clicked.connect(lambda: self.page_wanted.emit("train", ""))
        self._lay_out()
        self.refresh()

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.SMALL)
        for button in (self.classify, self.evaluate, self.folder, self.remove):
            buttons.addWidget(button)
        buttons.addStretch(1)
        right = QVBoxLayout()
        right.setSpacing(theme.LARGE)
        right.addLayout(buttons)
        right.addWidget(self.details, 1)
        left = QVBoxLayout()
        left.addWidget(self.list, 1)
        left.addWidget(self.add)
        shelf = QWidget()
        columns = QHBoxLayout(shelf)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(theme.WIDE)
        columns.addLayout(left)
        columns.addLayout(right, 1)
        self.add_when_empty = QPushButton(self.tr("Add a model fol&der …"))
        self.add_when_empty.setToolTip(self.tr("Add a model folder (Ctrl+Shift+A)"))
        self.add_when_empty.clicked.connect(self.ask_folder)
        self.empty.add_button(self.add_when_empty)
        self.stack = PageStack()
        self.stack.addWidget(self.empty)
        self.stack.addWidget(shelf)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.notice)
        layout.addWidget(self.stack, 1)

    # What there is

    def refresh(self) -> None:
        """Read the shelf anew."""
        run_in_worker(lambda: Shelf().models(), self._take_models, self._tell_error, self)

    def study_changed(self, what: set[str]) -> None:
        """Read the shelf anew where models were written."""
        if "models" in what:
            self.refresh()

    def choose_model(self, name: str) -> None:
        """Select a model by name, now or as soon as the shelf was read."""
        self._wanted = name
        for row, model in enumerate(self._models):
            if model.name == name:
                self.list.setCurrentRow(row)
                self._wanted = ""

    def chosen(self) -> ModelEntry | None:
        """Return the model that is selected."""
        row = self.list.currentRow()
        return self._models[row] if 0 <= row < len(self._models) else None

    def chosen_name(self) -> str:
        """Return its name, "" for none."""
        model = self.chosen()
        return model.name if model is not None else ""

    def _take_models(self, models: list[ModelEntry]) -> None:
        before = self._wanted or self.chosen_name()
        self._models = models
        self.list.blockSignals(True)
        self.list.clear()
        for model in models:
            about = self.tr("cannot be used") if model.problem else f"{model.base} · {model.created[:10]}"
            item = QListWidgetItem(f"{model.name}\n{about}")
            item.setToolTip(str(model.folder))
            self.list.addItem(item)
        self.list.blockSignals(False)
        self.stack.setCurrentIndex(1 if models else 0)
        names = [model.name for model in models]
        self.list.setCurrentRow(names.index(before) if before in names else (0 if models else -1))
        self._wanted = ""
        self._show_details()

    def _show_details(self) -> None:
        model = self.chosen()
        for button in (self.classify, self.evaluate):
            button.setEnabled(model is not None and not model.problem)
        for button in (self.folder, self.remove):
            button.setEnabled(model is not None)
        if model is not None:
            self.details.show_model(model)

    # What can be done

    def ask_folder(self) -> None:
        """Ask for a model's folder and add it."""
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Add a model folder"))
        if chosen:
            self.add_model(Path(chosen))

    def ask_file(self) -> None:
        """Ask for a model's file and add it."""
        chosen, _ = QFileDialog.getOpenFileName(
            self, self.tr("Add a model file"), "", self.tr("GGUF models (*.gguf)")
        )
        if chosen:
            self.add_model(Path(chosen))

    def add_model(self, source: Path) -> None:
        """Put a model on the shelf, under its own name or the nearest that is free."""
        self.notice.tell(Tone.INFO, self.tr("Adding {name} …").format(name=source.name))

        def place() -> ModelEntry:
            shelf = Shelf()
            return shelf.place(source, shelf.free_name(source.stem))

        def done(model: ModelEntry) -> None:
            self.notice.tell(Tone.GOOD, self.tr("“{name}” is on the shelf.").format(name=model.name))
            self._wanted = model.name
            self.refresh()
            self.study_written.emit({"models"})

        run_in_worker(place, done, self._tell_error, self)

    def ask_remove(self) -> None:
        """Ask whether the selected model is to go, and delete its files."""
        model = self.chosen()
        if model is None:
            return
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle(self.tr("Remove a model"))
        box.setText(
            self.tr("Delete “{name}” ({size})?").format(name=model.name, size=figures.size(model.size))
        )
        box.setInformativeText(
            self.tr("Its files are deleted. This cannot be undone. Labels and predictions stay in the study.")
        )
        delete = box.addButton(self.tr("&Delete"), QMessageBox.ButtonRole.DestructiveRole)
        keep = box.addButton(self.tr("&Keep"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(keep)
        name = model.name
        delete.clicked.connect(lambda: self.remove_model(name))
        box.open()

    def remove_model(self, name: str) -> None:
        """Delete a model from the shelf."""

        def done(_: None) -> None:
            self.notice.tell(Tone.INFO, self.tr("“{name}” was deleted.").format(name=name))
            self.refresh()
            self.study_written.emit({"models"})

        run_in_worker(lambda: Shelf().remove(name), done, self._tell_error, self)

    def _open_folder(self) -> None:
        model = self.chosen()
        if model is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(model.folder)))

    def _tell_error(self, error: Exception) -> None:
        if isinstance(error, OSError):
            error = UserError(
                self.tr("The system refused: {why}.").format(why=error.strerror or error),
                self.tr("Check the folder's permissions and the free disk space."),
            )
        if not isinstance(error, UserError):
            raise error
        self.notice.tell(Tone.ERROR, error.message, error.next_step)
