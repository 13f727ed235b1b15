"""The ground of a plot of shares against shares: two scales in per cent, their names, and lines to read them by."""

import math

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui import figures, theme

_FIFTHS = 5


class UnitPlot(QWidget):
    """A plot whose scales run to 1; a subclass draws into it. Scales run from left to right in every language.

    `lowest` is where the upright scale begins.
    """

    def __init__(self, name: str, across: str, upright: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._across, self._upright = across, upright
        self.lowest = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(280)
        self.setMinimumWidth(260)
        self.setMaximumWidth(460)
        self.setAccessibleName(name)

    def sizeHint(self) -> QSize:
        return QSize(380, 280)

    def begin_at(self, least: float) -> None:
        """Let the upright scale begin at the tenth below a figure, and leave it some height."""
        self.lowest = min(0.8, max(0.0, math.floor(least * 10 + 1e-9) / 10))

    def area(self) -> QRectF:
        """Return where the scales cross and end."""
        metrics = self.fontMetrics()
        left = metrics.horizontalAdvance("100 %") + theme.SMALL
        right = metrics.horizontalAdvance("100 %") / 2 + 2
        return QRectF(self.rect()).adjusted(left, metrics.height() * 1.8, -right, -metrics.height() * 2.7)

    def at(self, across: float, upright: float) -> QPointF:
        """Return the place of two shares."""
        area = self.area()
        height = (max(upright, self.lowest) - self.lowest) / (1 - self.lowest)
        return QPointF(area.left() + area.width() * across, area.bottom() - area.height() * height)

    def draw(self, painter: QPainter) -> None:
        """Draw what is measured: each kind of plot has its own way."""

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        colours, metrics, area = theme.tokens(), painter.fontMetrics(), self.area()
        if area.width() < 40 or area.height() < 40:
            return
        line, words = QPen(QColor(colours.line), 1.0), QColor(colours.muted)
        height = metrics.height()
        for fifth in range(_FIFTHS + 1):
            share = fifth / _FIFTHS
            # Whole pixels keep the lines thin.
            x = round(self.at(share, 0).x()) + 0.5
            painter.setPen(line)
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
            painter.setPen(words)
            box = QRectF(x - 40, area.bottom() + theme.TIGHT, 80, height)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, _per_cent(share))
        tenths = range(round(self.lowest * 10), 11)
        for tenth in tenths:
            # As many lines as there is room for words.
            if len(tenths) > 6 and (tenth - round(self.lowest * 10)) % 2:
                continue
            y = round(self.at(0, tenth / 10).y()) + 0.5
            painter.setPen(line)
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(words)
            box = QRectF(0, y - height / 2, area.left() - theme.SMALL, height)
            side = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(box, side, _per_cent(tenth / 10))
        painter.drawText(QPointF(0, metrics.ascent()), self._upright)
        box = QRectF(0, area.bottom() + theme.TIGHT + height * 1.2, self.width(), height * 1.2)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self._across)
        self.draw(painter)


def _per_cent(share: float) -> str:
    return f"{figures.count(round(share * 100))} %"
