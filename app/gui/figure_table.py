"""A table of figures to read and to copy."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QColor,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from app.gui import theme


class _Header(QHeaderView):
    """A header whose rule goes on to the table's edge, behind the last column."""

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.length() < self.viewport().width():
            painter = QPainter(self.viewport())
            painter.setPen(QColor(theme.tokens().line))
            bottom = self.viewport().height() - 1
            painter.drawLine(self.length(), bottom, self.viewport().width(), bottom)


class FigureTable(QTableWidget):
    """Rows of text and figures: the first columns set left, the others right. Ctrl+C copies rows."""

    def __init__(self, name: str, left: int = 1, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._left = left
        self._most_rows = 16
        self.setAccessibleName(name)
        self.setHorizontalHeader(_Header(Qt.Orientation.Horizontal, self))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setMinimumSectionSize(64)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(self.tr("Select rows and press Ctrl+C to copy them into a spreadsheet"))

    def show_rows(
        self,
        header: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        most_rows: int = 16,
        tips: Sequence[str] = (),
    ) -> None:
        """Show these rows; the table is as high as they are, up to `most_rows`. `tips`: one a column."""
        self.setColumnCount(len(header))
        self.setHorizontalHeaderLabels(list(header))
        for column in range(len(header)):
            item = self.horizontalHeaderItem(column)
            if item is not None:
                item.setTextAlignment(self._alignment(column))
                if column < len(tips):
                    item.setToolTip(tips[column])
        self.setRowCount(len(rows))
        for row, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                item = QTableWidgetItem(cell)
                item.setTextAlignment(self._alignment(column))
                self.setItem(row, column, item)
        self.fit(most_rows)

    def fit(self, most_rows: int = 16) -> None:
        """Make the table as high as its rows."""
        self._most_rows = most_rows
        row_height = self.fontMetrics().height() + 10
        self.verticalHeader().setDefaultSectionSize(row_height)
        height = row_height * min(self.rowCount(), most_rows)
        # Room for the scroll bar only where there is one: it would hide the last row.
        if self.isVisible() and self.horizontalHeader().length() > self.viewport().width():
            height += self.horizontalScrollBar().sizeHint().height()
        self.setFixedHeight(height + self.horizontalHeader().sizeHint().height() + 2 * self.frameWidth())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.fit(self._most_rows)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.fit(self._most_rows)

    def text(self, row: int, column: int) -> str:
        """Return a cell's text."""
        item = self.item(row, column)
        return item.text() if item is not None else ""

    def texts(self) -> list[list[str]]:
        """Return all cells."""
        return [[self.text(r, c) for c in range(self.columnCount())] for r in range(self.rowCount())]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            rows = sorted({index.row() for index in self.selectedIndexes()})
            header = [
                self.model().headerData(c, Qt.Orientation.Horizontal) for c in range(self.columnCount())
            ]
            lines = [header, *([self.text(r, c) for c in range(self.columnCount())] for r in rows)]
            QGuiApplication.clipboard().setText("\n".join("\t".join(map(str, line)) for line in lines))
            return
        super().keyPressEvent(event)

    def _alignment(self, column: int) -> Qt.AlignmentFlag:
        side = Qt.AlignmentFlag.AlignLeft if column < self._left else Qt.AlignmentFlag.AlignRight
        return side | Qt.AlignmentFlag.AlignVCenter


class RoomyTable(FigureTable):
    """A table that takes the room that there is, and scrolls."""

    def __init__(self, name: str, left: int = 1, parent: QWidget | None = None) -> None:
        super().__init__(name, left, parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)

    def fit(self, most_rows: int = 16) -> None:
        """Give the rows their height; how many of them are seen is the layout's to say."""
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 10)
