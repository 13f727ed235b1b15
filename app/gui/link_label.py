"""Text with links, in the colours in use."""

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QLabel, QWidget


class LinkLabel(QLabel):
    """A label whose links open in the browser and change their colour with the theme."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setWordWrap(True)
        self.setOpenExternalLinks(True)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            # Qt colours links when the text is set, and not again.
            text = self.text()
            self.clear()
            self.setText(text)
