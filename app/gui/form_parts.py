"""The parts that forms are made of, with their names and distances."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.gui import theme


def words(text: str) -> QLabel:
    """Return a text that wraps."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def field(name: str, placeholder: str) -> QLineEdit:
    """Return a field for a name."""
    made = QLineEdit()
    made.setAccessibleName(name)
    made.setPlaceholderText(placeholder)
    made.setMaxLength(100)
    return made


def button(text: str, tip: str, run: Callable[[], object], primary: bool = False) -> QPushButton:
    """Return a button that does something."""
    made = QPushButton(text)
    made.setToolTip(tip)
    made.setProperty("primary", primary)
    # In a dialog, Enter is what the field in focus does with it.
    made.setAutoDefault(False)
    made.clicked.connect(lambda _=False: run())
    return made


def row(*widgets: QWidget) -> QHBoxLayout:
    """Return widgets side by side."""
    made = QHBoxLayout()
    made.setSpacing(theme.SMALL)
    for widget in widgets:
        made.addWidget(widget)
    return made


def group(*parts: QWidget | QHBoxLayout | QVBoxLayout) -> QWidget:
    """Return parts under each other."""
    made = QWidget()
    layout = QVBoxLayout(made)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(theme.MEDIUM)
    for part in parts:
        layout.addWidget(part) if isinstance(part, QWidget) else layout.addLayout(part)
    return made
