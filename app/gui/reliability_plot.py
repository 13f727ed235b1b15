"""The reliability diagram: how often answers of each confidence are right."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QWidget

from app.gui import figures, theme
from app.gui.unit_plot import UnitPlot
from app.study.confidence import Reliability

_DOT = 4.0


class ReliabilityPlot(UnitPlot):
    """A bar for each bin as high as its share of right answers, with the interval; on the diagonal it is exact."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", "", "", parent)
        self.setAccessibleName(self.tr("Reliability diagram"))
        self._across, self._upright = self.tr("Confidence"), self.tr("Share of the answers that is right")
        self.found: Reliability | None = None

    def show_reliability(self, found: Reliability | None) -> None:
        """Show these bins."""
        self.found = found
        told = [] if found is None else [one for one in found.bins if one.n]
        self.setAccessibleDescription(
            "; ".join(
                self.tr("confidence {sure}: {right} right").format(
                    sure=figures.share(one.confidence or 0, 1), right=figures.share(one.accuracy or 0, 1)
                )
                for one in told
            )
        )
        self.update()

    def draw(self, painter: QPainter) -> None:
        """Draw the diagonal, then a bar, a dot and an interval for each bin that has tweets."""
        colours = theme.tokens()
        accent, faint = QColor(colours.accent), QColor(colours.accent)
        faint.setAlphaF(0.2)
        for one in self.found.bins if self.found is not None else ():
            if one.accuracy is None:
                continue
            bar = QRectF(self.at(one.low, one.accuracy), self.at(one.high, 0)).adjusted(1, 0, -1, 0)
            painter.fillRect(bar, faint)
        painter.setPen(QPen(QColor(colours.text), 1.0, Qt.PenStyle.DashLine))
        painter.drawLine(self.at(0, 0), self.at(1, 1))
        for one in self.found.bins if self.found is not None else ():
            if one.confidence is None or one.accuracy is None:
                continue
            assert one.accuracy_low is not None and one.accuracy_high is not None
            painter.setPen(QPen(accent, 2.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawLine(
                self.at(one.confidence, one.accuracy_low), self.at(one.confidence, one.accuracy_high)
            )
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(accent)
            painter.drawEllipse(self.at(one.confidence, one.accuracy), _DOT, _DOT)
