"""A plot with the table of its figures beside it, or below it where there is no room."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QWidget

from app.gui import theme

# Narrower than this, a table beside the plot would show half of its columns.
_LEAST_WIDTH = 760


class Beside(QWidget):
    """Places two widgets by its own width."""

    def __init__(self, plot: QWidget, table: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(theme.LARGE)
        self._layout.addWidget(plot, 2, Qt.AlignmentFlag.AlignTop)
        self._layout.addWidget(table, 3, Qt.AlignmentFlag.AlignTop)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        beside = event.size().width() >= _LEAST_WIDTH
        self._layout.setDirection(
            QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom
        )
