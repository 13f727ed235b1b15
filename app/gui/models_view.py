"""The fine-tuned models on the shelf: their cards, and what can be done with them."""

from dataclasses import replace
from functools import partial
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
from app.gui.bases_view import LIST_WIDTH
from app.gui.changes_dialog import ChangesDialog
from app.gui.empty_state import EmptyState
from app.gui.model_details import ModelDetails
from app.gui.notice import Notice, Tone
from app.gui.page import make_action
from app.gui.page_stack import PageStack
from app.gui.rename_dialog import RenameDialog
from app.jobs.worker import run_in_worker
from app.study import models
from app.study.shelf import KEPT_DAYS, ModelEntry, RemovedModel, Shelf
from app.study.study import Study


class ModelsView(QWidget):
    """A list of models with the card of the one that is chosen.

    `page_wanted` asks for another page with a model chosen there, `tweets_wanted` gives tweets to label and under
    what name, `undo_changed` tells that a removal may be taken back now.
    """

    study_written = Signal(set)
    page_wanted = Signal(str, str)
    tweets_wanted = Signal(list, str)
    undo_changed = Signal()

    def __init__(self, study: Study, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._study = study
        self._models: list[ModelEntry] = []
        self._wanted = ""
        self._removed = ""
        self._coder, self._blind = "", True
        self.notice = Notice()
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Models on the shelf"))
        self.list.setFixedWidth(LIST_WIDTH)
        self.list.setToolTip(self.tr("Choose a model to see what it is (arrow keys)"))
        self.list.setSpacing(theme.TIGHT)
        self.list.currentRowChanged.connect(self._show_details)
        self.details = ModelDetails()
        self.details.note_written.connect(self.write_note)
        self._make_acts()
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

    def _make_acts(self) -> None:
        folder = make_action(
            self,
            self.tr("Add a model &folder …"),
            "Ctrl+Shift+A",
            self.ask_folder,
            tip=self.tr("Add a model folder"),
        )
        file = make_action(
            self,
            self.tr("Add a model f&ile …"),
            "Ctrl+Shift+F",
            self.ask_file,
            tip=self.tr("Add a model file"),
        )
        self._add_menu = QMenu(self)
        self._add_menu.addActions([folder, file])
        self._add_menu.aboutToShow.connect(self._offer_removed)
        self.add = QPushButton(self.tr("&Add"))
        self.add.setMenu(self._add_menu)
        self.add.setToolTip(
            self.tr(
                "Put a model that StanceDesk trained elsewhere on the shelf, or bring a removed one back (Alt+A)"
            )
        )
        self.classify = QPushButton(self.tr("&Classify with it"))
        self.classify.setToolTip(self.tr("Go to Classify with this model chosen (Alt+C)"))
        self.classify.setProperty("primary", True)
        self.classify.clicked.connect(lambda: self.page_wanted.emit("classify", self.chosen_name()))
        self.evaluate = QPushButton(self.tr("Eval&uate it"))
        self.evaluate.setToolTip(self.tr("Go to Results with this model chosen (Alt+U)"))
        self.evaluate.clicked.connect(lambda: self.page_wanted.emit("results", self.chosen_name()))
        compare = make_action(
            self,
            self.tr("What it changed …"),
            "Ctrl+Shift+C",
            self.show_changes,
            tip=self.tr("Which tweets got another label than from another model"),
        )
        self.compare = QPushButton(self.tr("Chan&ges …"))
        self.compare.setAccessibleName(self.tr("What it changed"))
        self.compare.setToolTip(compare.toolTip())
        self.compare.clicked.connect(self.show_changes)
        self.rename = make_action(
            self, self.tr("Re&name …"), "F2", self.ask_rename, tip=self.tr("Rename the model")
        )
        self.folder = make_action(
            self,
            self.tr("&Open folder"),
            "Ctrl+Shift+O",
            self._open_folder,
            tip=self.tr("Show the model's files"),
        )
        self.remove = make_action(self, self.tr("&Remove the model …"), "Ctrl+Del", self.ask_remove)
        more = QMenu(self)
        more.addActions([self.rename, self.folder, self.remove])
        more.setToolTipsVisible(True)
        self.more = QPushButton(self.tr("&More"))
        self.more.setToolTip(self.tr("Rename (F2), open the folder, remove (Ctrl+Del) (Alt+M)"))
        self.more.setMenu(more)
        self.back = QPushButton()
        self.back.clicked.connect(self.undo)
        self.back.setToolTip(self.tr("Put the removed model back on the shelf (Ctrl+Z)"))

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.SMALL)
        for button in (self.classify, self.evaluate, self.compare, self.more):
            buttons.addWidget(button)
        buttons.addStretch(1)
        right = QVBoxLayout()
        right.setSpacing(theme.LARGE)
        right.addLayout(buttons)
        right.addWidget(self.details, 1)
        left = QVBoxLayout()
        left.addWidget(self.list, 1)
        left.addWidget(self.add)
        shown = QWidget()
        columns = QHBoxLayout(shown)
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
        self.stack.addWidget(shown)
        undo = QHBoxLayout()
        undo.addWidget(self.back)
        undo.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.notice)
        layout.addLayout(undo)
        layout.addWidget(self.stack, 1)
        self.back.hide()

    # What there is

    def refresh(self) -> None:
        """Read the shelf anew."""
        run_in_worker(lambda: Shelf().models(), self._take_models, self._tell_error, self)

    def set_coder(self, name: str, blind: bool) -> None:
        """Show single tweets as this coder may see them."""
        self._coder, self._blind = name, blind

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
            item.setToolTip(model.note or str(model.folder))
            self.list.addItem(item)
        self.list.blockSignals(False)
        self.stack.setCurrentIndex(1 if models else 0)
        names = [model.name for model in models]
        self.list.setCurrentRow(names.index(before) if before in names else (0 if models else -1))
        self._wanted = ""
        self._show_details()

    def _show_details(self) -> None:
        model = self.chosen()
        for button in (self.classify, self.evaluate, self.compare):
            button.setEnabled(model is not None and not model.problem)
        for action in (self.rename, self.folder, self.remove):
            action.setEnabled(model is not None)
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
        self._tell(Tone.INFO, self.tr("Adding {name} …").format(name=source.name))

        def place() -> ModelEntry:
            shelf = Shelf()
            return shelf.place(source, shelf.free_name(source.stem))

        run_in_worker(place, self._added, self._tell_error, self)

    def _added(self, model: ModelEntry) -> None:
        self._tell(Tone.GOOD, self.tr("“{name}” is on the shelf.").format(name=model.name))
        self._written(model.name)

    def ask_rename(self) -> RenameDialog | None:
        """Ask for another name of the selected model."""
        model = self.chosen()
        if model is None:
            return None
        name, study = model.name, self._study
        dialog = RenameDialog(name, lambda wanted: models.rename(study, Shelf(), name, wanted), self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.renamed.connect(lambda renamed: self._written(renamed.name))
        dialog.open()
        return dialog

    def write_note(self, name: str, note: str) -> None:
        """Keep what was noted about a model."""
        self._models = [replace(m, note=note.strip()) if m.name == name else m for m in self._models]
        run_in_worker(lambda: Shelf().set_note(name, note), lambda _: None, self._tell_error, self)

    def show_changes(self) -> ChangesDialog | None:
        """Show which tweets got another label from the selected model than from one before it."""
        model = self.chosen()
        if model is None or not self.compare.isEnabled():
            return None
        dialog = ChangesDialog(self._study, model.name, self._coder, self._blind, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.tweets_wanted.connect(self.tweets_wanted)
        dialog.open()
        return dialog

    def ask_remove(self) -> None:
        """Ask whether the selected model is to go."""
        model = self.chosen()
        if model is None:
            return
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle(self.tr("Remove a model"))
        box.setText(
            self.tr("Remove “{name}” ({size})?").format(name=model.name, size=figures.size(model.size))
        )
        box.setInformativeText(
            self.tr(
                "For {days} days it can be brought back (Ctrl+Z, or Add), then its files are deleted. Labels and "
                "predictions stay in the study."
            ).format(days=KEPT_DAYS)
        )
        remove = box.addButton(self.tr("&Remove"), QMessageBox.ButtonRole.DestructiveRole)
        keep = box.addButton(self.tr("&Keep"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(keep)
        name = model.name
        remove.clicked.connect(lambda: self.remove_model(name))
        box.open()

    def remove_model(self, name: str) -> None:
        """Take a model from the shelf; it can be brought back."""

        def done(removed: RemovedModel) -> None:
            self._tell(Tone.INFO, self.tr("“{name}” was removed.").format(name=removed.name))
            self._removed = removed.name
            self.back.setText(self.tr("&Bring “{name}” back").format(name=removed.name))
            self.back.setAccessibleName(self.back.text().replace("&", ""))
            self.back.show()
            self.undo_changed.emit()
            self._written("")

        run_in_worker(lambda: Shelf().remove(name), done, self._tell_error, self)

    def bring_back(self, name: str) -> None:
        """Put a removed model back on the shelf."""
        run_in_worker(lambda: Shelf().bring_back(name), self._added, self._tell_error, self)

    def _offer_removed(self) -> None:
        """Let the menu have those that can be brought back."""
        for action in self._add_menu.actions()[2:]:
            self._add_menu.removeAction(action)
        removed = Shelf().removed()
        if removed:
            self._add_menu.addSeparator()
        for one in removed:
            text = self.tr("Bring “{name}” back").format(name=one.name)
            self._add_menu.addAction(text, partial(self.bring_back, one.name))

    def _written(self, chosen: str) -> None:
        self._wanted = chosen
        self.refresh()
        self.study_written.emit({"models"})

    # Undo: of a removal alone

    def can_undo(self) -> bool:
        """Tell whether the model that was removed last can be brought back."""
        return bool(self._removed)

    def undo(self) -> bool:
        """Bring the model back that was removed last."""
        name, self._removed = self._removed, ""
        if name:
            self.bring_back(name)
        return bool(name)

    # Telling

    def _open_folder(self) -> None:
        model = self.chosen()
        if model is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(model.folder)))

    def _tell(self, tone: Tone, message: str) -> None:
        self.back.hide()
        self._removed = ""
        self.notice.tell(tone, message)

    def _tell_error(self, error: Exception) -> None:
        if isinstance(error, OSError):
            error = UserError(
                self.tr("The system refused: {why}.").format(why=error.strerror or error),
                self.tr("Check the folder's permissions and the free disk space."),
            )
        if not isinstance(error, UserError):
            raise error
        self.notice.tell(Tone.ERROR, error.message, error.next_step)
