"""The keys of the page in sight and of the window, to look up with F1."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.gui import form_parts, theme
from app.gui.figure_table import FigureTable

_ALL = 1000


class KeysDialog(QDialog):
    """Two tables: what works on this page, and what works everywhere.

    `change_wanted` asks, once this is closed, for the dialog in which keys are changed.
    """

    change_wanted = Signal()

    def __init__(
        self, page: str, page_actions: Sequence[QAction], actions: Sequence[QAction], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Keys"))
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.WIDE)
        layout.setSpacing(theme.SMALL)
        self.tables: list[FigureTable] = []
        for title, found in ((page, rows_of(page_actions)), (self.tr("Everywhere"), rows_of(actions))):
            if not found:
                continue
            heading = QLabel(title)
            heading.setProperty("role", "heading")
            table = FigureTable(title, left=2)
            table.show_rows([self.tr("key"), self.tr("what it does")], found, most_rows=_ALL)
            table.setMinimumWidth(420)
            table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
            layout.addWidget(heading)
            layout.addWidget(table)
            layout.addSpacing(theme.SMALL)
            self.tables.append(table)
        layout.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(inside)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        self.change = form_parts.button(
            self.tr("Change the &keys of the label page …"),
            self.tr("Give the classes and the acts of the label page other keys (Ctrl+Alt+K)"),
            self._change,
        )
        self.close_button = QPushButton(self.tr("&Close"))
        self.close_button.setToolTip(self.tr("Close this list (Esc)"))
        self.close_button.setDefault(True)
        self.close_button.clicked.connect(self.accept)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(theme.WIDE, theme.MEDIUM, theme.WIDE, theme.LARGE)
        buttons.addWidget(self.change)
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        outer.addLayout(buttons)
        form_parts.open_at(self, 540, 640)

    def _change(self) -> None:
        self.accept()
        self.change_wanted.emit()


def rows_of(actions: Sequence[QAction]) -> list[list[str]]:
    """Return [keys, name] of the actions that have keys, each once."""
    rows = []
    for action in actions:
        keys = [k.toString(QKeySequence.SequenceFormat.NativeText) for k in action.shortcuts()]
        # "Light" says what it does in its menu, but not in a list.
        name = action.property("key_name") or action.text().replace("&", "").rstrip(" …")
        row = [", ".join(key for key in keys if key), str(name)]
        if all(row) and row not in rows:
            rows.append(row)
    return rows
