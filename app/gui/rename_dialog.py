"""Another name for a model."""

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QLabel, QLineEdit, QVBoxLayout, QWidget

from app.errors import UserError
from app.gui import form_parts, theme
from app.gui.notice import Notice, Tone
from app.jobs.worker import run_in_worker
from app.study.shelf import ModelEntry

_WIDTH = 420


class RenameDialog(QDialog):
    """`rename` does it, off the window's thread; `renamed` gives the model once it is done."""

    renamed = Signal(object)

    def __init__(self, name: str, rename: Callable[[str], ModelEntry], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rename = rename
        self.setWindowTitle(self.tr("Rename the model"))
        self.setMinimumWidth(_WIDTH)
        self.notice = Notice(closable=False)
        self.name = QLineEdit(name)
        self.name.selectAll()
        self.name.setMaxLength(80)
        self.name.setAccessibleName(self.tr("New name"))
        self.name.setToolTip(self.tr("Letters, digits, dots, dashes and underscores (Alt+N)"))
        label = QLabel(self.tr("&New name"))
        label.setBuddy(self.name)
        self.accept_button = form_parts.button(
            self.tr("Rename"), self.tr("Rename the model (Enter)"), self.accept_name, primary=True
        )
        self.accept_button.setDefault(True)
        self.cancel = form_parts.button(self.tr("Cancel"), self.tr("Keep the name (Esc)"), self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.WIDE, theme.LARGE, theme.WIDE, theme.LARGE)
        layout.setSpacing(theme.SMALL)
        layout.addWidget(self.notice)
        layout.addWidget(label)
        layout.addWidget(self.name)
        layout.addSpacing(theme.SMALL)
        layout.addLayout(form_parts.closing(self.cancel, self.accept_button))
        self.name.textChanged.connect(lambda text: self.accept_button.setEnabled(bool(text.strip())))

    def accept_name(self) -> None:
        """Rename, and close once it is done."""
        wanted = self.name.text().strip()
        if not wanted or not self.accept_button.isEnabled():
            return
        self.accept_button.setEnabled(False)
        run_in_worker(lambda: self._rename(wanted), self._done, self._tell, self)

    def _done(self, model: ModelEntry) -> None:
        self.renamed.emit(model)
        self.accept()

    def _tell(self, error: Exception) -> None:
        self.accept_button.setEnabled(True)
        if not isinstance(error, UserError):
            raise error
        self.notice.tell(Tone.ERROR, error.message, error.next_step)
