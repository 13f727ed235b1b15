"""Macro-F1 over the number of labels, with what more labels are expected to add."""

import math

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui import figures, theme
from app.study.learning_curve import LearningCurve

_DOT = 3.5


class LearningCurvePlot(QWidget):
    """Dots for what was measured with their interval as a band; the expectation as a dotted line with its own."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.curve: LearningCurve | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(180)
        self.setAccessibleName(self.tr("Learning curve"))

    def sizeHint(self) -> QSize:
        return QSize(480, 240)

    def show_curve(self, curve: LearningCurve) -> None:
        """Show a curve that has points."""
        self.curve = curve
        told = [
            self.tr("{labels} labels: macro-F1 {score}").format(
                labels=figures.count(point.labels), score=figures.score(point.macro_f1)
            )
            for point in curve.points
        ]
        self.setAccessibleDescription("; ".join(told))
        self.update()

    def expected(self) -> list[tuple[int, float, float, float]]:
        """Return (labels, macro-F1, low, high) of what is expected, from the last point that was measured on."""
        if self.curve is None or not self.curve.points:
            return []
        last = self.curve.points[-1]
        found = [(last.labels, last.macro_f1, last.macro_f1, last.macro_f1)]
        for gain in self.curve.gains:
            score, low, high = (min(1.0, last.macro_f1 + one) for one in (gain.gain, gain.low, gain.high))
            found.append((self.curve.labels + gain.more, score, low, high))
        return found

    def most(self) -> int:
        """Return how many labels the plot ends at: those there are, and those that may come."""
        assert self.curve is not None
        return max(self.curve.labels, *(labels for labels, *_ in self.expected()))

    def scale(self) -> tuple[float, float]:
        """Return the lowest and the highest score of the plot: tenths around all that is shown."""
        assert self.curve is not None
        low = [point.low for point in self.curve.points]
        high = [point.high for point in self.curve.points] + [one[3] for one in self.expected()]
        return math.floor(10 * min(low)) / 10, math.ceil(10 * max(high)) / 10

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.curve is None or not self.curve.points:
            return
        t = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = painter.fontMetrics()
        expected = self.expected()
        left = metrics.horizontalAdvance("0.0") + theme.MEDIUM
        area = QRectF(self.rect()).adjusted(
            left, metrics.height() + theme.SMALL, -theme.WIDE, -metrics.height() - theme.MEDIUM
        )
        most = self.most()
        bottom, top = self.scale()

        def at(labels: float, score: float) -> QPointF:
            height = area.height() * (score - bottom) / (top - bottom)
            return QPointF(area.left() + area.width() * labels / most, area.bottom() - height)

        painter.setPen(QColor(t.muted))
        painter.drawText(QPointF(0, metrics.ascent()), self.tr("Macro-F1 of the light model"))
        self._draw_scale(painter, area, most)
        accent = QColor(t.accent)
        points = self.curve.points
        self._draw_band(
            painter, [at(p.labels, p.low) for p in points], [at(p.labels, p.high) for p in points], 0.22
        )
        self._draw_band(
            painter,
            [at(n, low) for n, _, low, _ in expected],
            [at(n, high) for n, _, _, high in expected],
            0.14,
        )
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(accent, 2.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawPolyline(QPolygonF([at(p.labels, p.macro_f1) for p in points]))
        painter.setPen(QPen(accent, 2.0, Qt.PenStyle.DotLine, Qt.PenCapStyle.RoundCap))
        painter.drawPolyline(QPolygonF([at(n, score) for n, score, _, _ in expected]))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(accent)
        for point in points:
            painter.drawEllipse(at(point.labels, point.macro_f1), _DOT, _DOT)

    def _draw_scale(self, painter: QPainter, area: QRectF, most: int) -> None:
        t = theme.tokens()
        metrics = painter.fontMetrics()
        bottom, top = self.scale()
        for tenth in range(round(10 * bottom), round(10 * top) + 1):
            y = round(area.bottom() - area.height() * (tenth / 10 - bottom) / (top - bottom)) + 0.5
            painter.setPen(QPen(QColor(t.line), 1.0))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(QColor(t.muted))
            box = QRectF(0, y - metrics.height() / 2, area.left() - theme.SMALL, metrics.height())
            painter.drawText(
                box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{tenth / 10:g}"
            )
        assert self.curve is not None
        line = QRectF(area.left(), area.bottom() + theme.TIGHT, area.width(), metrics.height())
        now = self.tr("{count} labels now").format(count=figures.count(self.curve.labels))
        x = area.left() + area.width() * self.curve.labels / most
        painter.setPen(QPen(QColor(t.muted), 1.0, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        painter.setPen(QColor(t.muted))
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, "0")
        half = metrics.horizontalAdvance(now) / 2
        end = figures.count(most)
        # Where both have no room side by side, the present is what one wants to know.
        if x + half + theme.SMALL < area.right() - metrics.horizontalAdvance(end):
            painter.drawText(line, Qt.AlignmentFlag.AlignRight, end)
        begin = max(area.left() + metrics.horizontalAdvance("0 "), min(x - half, self.width() - 2 * half))
        painter.drawText(QPointF(begin, line.top() + metrics.ascent()), now)

    def _draw_band(self, painter: QPainter, low: list[QPointF], high: list[QPointF], strength: float) -> None:
        colour = QColor(theme.tokens().accent)
        colour.setAlphaF(strength)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawPolygon(QPolygonF([*low, *reversed(high)]))
