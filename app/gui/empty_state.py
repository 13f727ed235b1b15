"""What a page shows while there is nothing to show: why, and a button to the next step."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.gui import theme

_WIDTH = 480


class EmptyState(QWidget):
    """A sentence and a button."""

    clicked = Signal()

    def __init__(self, text: str, button: str, tip: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.text.setMaximumWidth(_WIDTH)
        self.say(text)
        self.button = QPushButton(button)
        self.button.setProperty("primary", True)
        self.button.setAccessibleName(button.replace("&", ""))
        self.button.setToolTip(tip or button.replace("&", ""))
        self.button.clicked.connect(self.clicked)
        self._layout = QVBoxLayout(self)
        self._layout.setSpacing(theme.LARGE)
        self._layout.addStretch(1)
        # Between stretches and not aligned: an aligned label is given its own width where there is less room.
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.text, 100)
        row.addStretch(1)
        self._layout.addLayout(row)
        self._layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        self._layout.addStretch(2)

    def say(self, text: str) -> None:
        """Show another sentence."""
        self.text.setText(text)

    def add_button(self, button: QPushButton) -> None:
        """Show a second way on below the first."""
        self._layout.insertWidget(self._layout.count() - 1, button, 0, Qt.AlignmentFlag.AlignHCenter)
