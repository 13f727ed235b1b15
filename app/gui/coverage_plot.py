"""How many tweets a threshold leaves decided, and how many of these are right: the coverage-accuracy curve."""

from collections.abc import Sequence

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from app.gui import theme
from app.gui.unit_plot import UnitPlot
from app.study.confidence import Point

_DOT = 4.5
# Of fewer decided tweets an interval is as wide as the plot, and the curve jumps with each of them.
_LEAST_DECIDED = 10


class CoveragePlot(UnitPlot):
    """The curve with its 95% interval as a band; a mark stands where the threshold that is chosen lies."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", "", "", parent)
        self.setAccessibleName(self.tr("Share decided and share right"))
        self._across = self.tr("Share of the tweets that is decided")
        self._upright = self.tr("Share of the decided that is right")
        self.points: tuple[Point, ...] = ()
        self.mark: Point | None = None

    def show_curve(self, points: Sequence[Point]) -> None:
        """Show a curve, all tweets first."""
        self.points = tuple(
            point for place, point in enumerate(points) if place == 0 or point.decided >= _LEAST_DECIDED
        )
        self.begin_at(min((point.accuracy_low or 0.0 for point in self.points), default=0.0))
        self.update()

    def show_mark(self, point: Point, told: str) -> None:
        """Mark the threshold that is chosen; `told` is what it does, in words."""
        self.mark = point
        self.setAccessibleDescription(told)
        self.update()

    def draw(self, painter: QPainter) -> None:
        """Draw the band, the curve and the mark."""
        colours = theme.tokens()
        accent, faint = QColor(colours.accent), QColor(colours.accent)
        faint.setAlphaF(0.18)
        upper = [self._place(point, point.accuracy_high) for point in self.points]
        lower = [self._place(point, point.accuracy_low) for point in self.points]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(faint)
        painter.drawPolygon(QPolygonF([*upper, *reversed(lower)]))
        painter.setPen(QPen(accent, 2.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawPolyline(QPolygonF([self._place(point, point.accuracy) for point in self.points]))
        if self.mark is None or self.mark.accuracy is None:
            return
        place, area = self._place(self.mark, self.mark.accuracy), self.area()
        painter.setPen(QPen(QColor(colours.text), 1.0, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(place.x(), area.top()), QPointF(place.x(), area.bottom()))
        painter.setPen(QPen(QColor(colours.window), 1.5))
        painter.setBrush(QColor(colours.text))
        painter.drawEllipse(place, _DOT, _DOT)

    def _place(self, point: Point, share: float | None) -> QPointF:
        return self.at(point.coverage or 0.0, share or 0.0)
