"""The parts that forms are made of, with their names and distances."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.gui import theme

# What a window manager puts around a dialog, and a little air.
_FRAME = 48
# A longer line is hard to read: about 120 letters.
_LINE = 900


def open_at(dialog: QWidget, width: int, height: int) -> None:
    """Give a dialog a size that the screen has room for: on a small one its buttons must not lie below the edge."""
    room = dialog.screen().availableGeometry()
    dialog.resize(min(width, room.width() - _FRAME), min(height, room.height() - _FRAME))


def words(text: str) -> QLabel:
    """Return a text that wraps."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def readable(label: QLabel) -> QHBoxLayout:
    """Return a row with a text that wraps before its lines get too long to be read."""
    label.setMaximumWidth(_LINE)
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(label, 1)
    row.addStretch()
    return row


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


def number_box(name: str, least: int, most: int, value: int) -> QSpinBox:
    """Return a field for a whole number."""
    made = QSpinBox()
    made.setRange(least, most)
    made.setValue(value)
    made.setAccessibleName(name)
    # The style sheet's padding does not reach the text of a spin box.
    made.lineEdit().setTextMargins(theme.SMALL - 2, 0, theme.SMALL - 2, 0)
    return made


def per_cent_box(name: str) -> QDoubleSpinBox:
    """Return a field for a share, in per cent to one decimal."""
    made = QDoubleSpinBox()
    made.setRange(0, 100)
    made.setDecimals(1)
    made.setSingleStep(1)
    made.setSuffix(" %")
    made.setAccessibleName(name)
    made.lineEdit().setTextMargins(theme.SMALL - 2, 0, theme.SMALL - 2, 0)
    return made


def row(*widgets: QWidget) -> QHBoxLayout:
    """Return widgets side by side."""
    made = QHBoxLayout()
    made.setSpacing(theme.SMALL)
    for widget in widgets:
        made.addWidget(widget)
    return made


def closing(*buttons: QPushButton) -> QHBoxLayout:
    """Return the buttons that end a dialog, on the right."""
    made = row()
    made.addStretch(1)
    for one in buttons:
        made.addWidget(one)
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
