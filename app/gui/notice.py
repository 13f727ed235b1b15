"""A sentence on a page that stays until it is no longer true: what happened and what to do next."""

from enum import Enum

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPlainTextEdit, QToolButton, QVBoxLayout, QWidget

from app.gui.fold import Fold


class Tone(Enum):
    """What kind of sentence it is: told by a sign first, by colour second."""

    INFO = "info"
    GOOD = "good"
    WARNING = "warning"
    ERROR = "error"


_SIGNS = {Tone.INFO: "ⓘ", Tone.GOOD: "✓", Tone.WARNING: "⚠", Tone.ERROR: "✕"}


class Notice(QFrame):
    """A sign, a sentence, the next step and, folded away, the details for a report. Hidden while empty.

    The user closes it with its button or with Esc. In a dialog it is not closable: there, Esc closes the dialog.
    """

    def __init__(self, parent: QWidget | None = None, *, closable: bool = True) -> None:
        super().__init__(parent)
        self._closable = closable
        self._watched: QWidget | None = None
        self.setObjectName("notice")
        self._sign = QLabel()
        self._sign.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._detail = QPlainTextEdit()
        self._detail.setReadOnly(True)
        self._detail.setMaximumHeight(160)
        self._detail.setAccessibleName(self.tr("Details"))
        self._fold = Fold(
            self.tr("Details"), self.tr("Show the details, to copy them for a report"), self._detail
        )
        self.close_button = QToolButton()
        self.close_button.setText("✕")
        self.close_button.setAccessibleName(self.tr("Close this notice"))
        self.close_button.setToolTip(self.tr("Close this notice (Esc)"))
        self.close_button.clicked.connect(self.clear)
        right = QVBoxLayout()
        right.setSpacing(4)
        right.addWidget(self._text)
        right.addWidget(self._fold)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 8)
        layout.setSpacing(8)
        layout.addWidget(self._sign)
        layout.addLayout(right, 1)
        layout.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)
        # Not earlier: shown without a parent it would be a window of its own and take the focus.
        self.close_button.setVisible(closable)
        self.tone = Tone.INFO
        self.tell(Tone.INFO, "")

    @property
    def text(self) -> str:
        """What it says; "" while hidden."""
        return self._text.text()

    def tell(self, tone: Tone, message: str, next_step: str = "", detail: str = "") -> None:
        """Show a sentence with its next step."""
        self.tone = tone
        self.setProperty("tone", tone.value)
        self._sign.setText(_SIGNS[tone])
        self._text.setText(f"{message} {next_step}".strip())
        self._detail.setPlainText(detail)
        self._fold.setVisible(bool(detail))
        self._fold.fold()
        self.setAccessibleName(self._text.text())
        self.style().unpolish(self)
        self.style().polish(self)
        self.setVisible(bool(message))

    def clear(self) -> None:
        """Say nothing."""
        # Styling anew takes two milliseconds, and a page may clear its notice at each key.
        if not self.isHidden():
            self.tell(Tone.INFO, "")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # A key that no widget and no act has a use for comes to the window in the end.
        if self._closable and self._watched is None:
            self._watched = self.window()
            self._watched.installEventFilter(self)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self._watched is not None:
            self._watched.removeEventFilter(self)
            self._watched = None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Close with Esc while it is shown."""
        if (
            event.type() == QEvent.Type.KeyPress
            and isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_Escape
        ):
            self.clear()
            return True
        return super().eventFilter(watched, event)
