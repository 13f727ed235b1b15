"""A few lines that a user writes about something; kept by themselves, shortly after the last key."""

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QFocusEvent, QHideEvent
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from app.gui import theme

_PAUSE_MILLISECONDS = 700
_LINES = 3


class NoteField(QPlainTextEdit):
    """`written` gives the text whenever it is to be kept: after a pause, and when one leaves it."""

    written = Signal(str)

    def __init__(self, name: str, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kept = ""
        self.setAccessibleName(name)
        self.setToolTip(tip)
        self.setTabChangesFocus(True)
        height = self.fontMetrics().lineSpacing() * _LINES + 2 * theme.SMALL + 2 * self.frameWidth()
        self.setFixedHeight(height)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MILLISECONDS)
        self._pause.timeout.connect(self.keep)
        self.textChanged.connect(self._pause.start)

    def show_text(self, text: str) -> None:
        """Show a text that is kept already; what was typed before is kept first."""
        self.keep()
        self._kept = text
        if text != self.toPlainText():
            self.blockSignals(True)
            self.setPlainText(text)
            self.blockSignals(False)

    def keep(self) -> None:
        """Give out what was typed, unless it is what is kept."""
        self._pause.stop()
        text = self.toPlainText()
        if text.strip() != self._kept.strip():
            self._kept = text
            self.written.emit(text)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.keep()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.keep()
