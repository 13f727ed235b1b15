"""Estimates as dots on one scale, each with its 95% interval as a line."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui import theme

_HEAD, _ROW = 32, 28
_DOT = 4.0


@dataclass(frozen=True)
class PlotRow:
    """One estimate: how it is told in words, its figures, and why there are none."""

    words: str
    value: float | None
    low: float | None = None
    high: float | None = None
    undefined: str = ""


class IntervalPlot(QWidget):
    """One row for each estimate, as high as the rows of the table beside it; the scale stands above.

    The scale runs from 0 to 1, and further to the left where an estimate or its interval lies below 0.
    """

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[PlotRow, ...] = ()
        self._head, self._row = _HEAD, _ROW
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(name)

    def show_rows(self, rows: Sequence[PlotRow], head: int = _HEAD, row: int = _ROW) -> None:
        """Show these estimates; `head` and `row` are the heights of the table's header and of its rows."""
        self.rows = tuple(rows)
        self._head, self._row = head, row
        self.setAccessibleDescription("; ".join(one.words for one in self.rows))
        self.setFixedHeight(self.sizeHint().height())
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(360, self._head + self._row * max(1, len(self.rows)) + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.sizeHint().height())

    def lowest(self) -> float:
        """Return where the scale begins: 0, or the fifth below the lowest figure."""
        figures = [n for row in self.rows for n in (row.value, row.low) if n is not None]
        # A hair above, so that -0.4 that came out of an arithmetic mean does not open a further fifth.
        return min(0.0, math.floor(min(figures, default=0.0) * 5 + 1e-9) / 5)

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = painter.fontMetrics()
        side = metrics.horizontalAdvance("−0.2") / 2 + theme.SMALL
        area = QRectF(self.rect()).adjusted(side, self._head, -side, -1)
        if area.width() < 40 or not self.rows:
            return
        low = self.lowest()

        def x(value: float) -> float:
            return area.left() + area.width() * (value - low) / (1 - low)

        for fifth in range(round(low * 5), 6):
            tick = fifth / 5
            # Whole pixels keep the lines thin.
            at = round(x(tick)) + 0.5
            painter.setPen(QPen(QColor(colours.muted if fifth == 0 and low < 0 else colours.line), 1.0))
            painter.drawLine(QPointF(at, area.top()), QPointF(at, area.bottom()))
            painter.setPen(QColor(colours.muted))
            box = QRectF(at - side, 0, 2 * side, self._head)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, f"{tick:g}".replace("-", "−"))
        for number, row in enumerate(self.rows):
            middle = area.top() + (number + 0.5) * self._row
            if row.value is None:
                box = QRectF(area.left(), middle - self._row / 2, area.width(), self._row)
                told = metrics.elidedText(
                    row.undefined, Qt.TextElideMode.ElideRight, int(box.width()) - theme.SMALL
                )
                # On the ground's own colour, so that no line of the scale runs through the words.
                width = metrics.horizontalAdvance(told) + theme.SMALL
                painter.fillRect(
                    QRectF(box.left() + 1, box.top() + 2, width, box.height() - 4), QColor(colours.window)
                )
                painter.setPen(QColor(colours.muted))
                box.adjust(theme.TIGHT, 0, 0, 0)
                painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, told)
                continue
            accent = QColor(colours.accent)
            if row.low is not None and row.high is not None:
                painter.setPen(QPen(accent, 2.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
                painter.drawLine(QPointF(x(row.low), middle), QPointF(x(row.high), middle))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(accent)
            painter.drawEllipse(QPointF(x(row.value), middle), _DOT, _DOT)
