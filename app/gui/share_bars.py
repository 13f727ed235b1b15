"""Shares of classes as bars: word, shape and colour, count and per cent."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.gui import figures, theme
from app.study.codebook import Leaf

_ROW = 28
_BAR = 12
# Between a name and its bar, and the least that either of them is good for.
_GAP, _LEAST_BAR, _LEAST_NAME = 14, 48, 96


class ShareBars(QWidget):
    """One bar for each class. The bar's length is the class's share of all that is counted."""

    def __init__(self, leaves: Sequence[Leaf] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._leaves = tuple(leaves)
        self.counts: dict[str, int] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Shares of the classes"))

    def set_leaves(self, leaves: Sequence[Leaf]) -> None:
        """Show these classes, in this order."""
        self._leaves = tuple(leaves)
        self.counts = {}
        self.updateGeometry()
        self.update()

    def set_counts(self, counts: dict[str, int]) -> None:
        """Show how many tweets each class has: {leaf code: number}."""
        self.counts = dict(counts)
        total = sum(self.counts.values())
        self.setAccessibleDescription(
            ", ".join(
                f"{leaf.name} {figures.share(self.counts.get(leaf.code, 0), total)}" for leaf in self._leaves
            )
        )
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(420, _ROW * max(1, len(self._leaves)))

    def minimumSizeHint(self) -> QSize:
        return QSize(260, _ROW * max(1, len(self._leaves)))

    def name_room(self) -> int:
        """Return how wide the names may be: the bar keeps a little, or goes where even that is too much."""
        metrics = self.fontMetrics()
        names = max((metrics.horizontalAdvance(leaf.name) for leaf in self._leaves), default=0) + 2
        room = self.width() - self._shape_width() - self._figures_width() - _GAP
        return min(names, room - _LEAST_BAR if room - _LEAST_BAR >= _LEAST_NAME else max(room, 0))

    def elided(self, name: str) -> str:
        """Return as much of a name as there is room for."""
        return self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, self.name_room())

    def _shape_width(self) -> int:
        return self.fontMetrics().height() + 6

    def _figures_width(self) -> int:
        total = max(sum(self.counts.values()), 10_000)
        return self.fontMetrics().horizontalAdvance(f"{figures.count(total)}   100.0 %") + 12

    def event(self, event: QEvent) -> bool:
        """Tell a name that is cut off."""
        if isinstance(event, QHelpEvent):
            row = event.pos().y() // _ROW
            if row < len(self._leaves):
                QToolTip.showText(event.globalPos(), self._leaves[row].name, self)
                return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = QColor(theme.tokens().text)
        track = QColor(theme.tokens().raised)
        total = sum(self.counts.values())
        shape_width, figures_width = self._shape_width(), self._figures_width()
        left = shape_width + self.name_room() + _GAP
        for row, leaf in enumerate(self._leaves):
            count = self.counts.get(leaf.code, 0)
            box = QRectF(0, row * _ROW, self.width(), _ROW)
            middle = Qt.AlignmentFlag.AlignVCenter
            painter.setPen(theme.leaf_colour(leaf.colour))
            painter.drawText(box.adjusted(0, 0, -box.width() + shape_width, 0), middle, leaf.shape or "●")
            painter.setPen(text)
            painter.drawText(box.adjusted(shape_width, 0, 0, 0), middle, self.elided(leaf.name))
            width = max(0, self.width() - left - figures_width)
            bar = QRectF(left, box.center().y() - _BAR / 2, width, _BAR)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(track)
            painter.drawRoundedRect(bar, 3, 3)
            if total and count:
                filled = QRectF(bar.topLeft(), bar.bottomRight())
                filled.setWidth(min(bar.width(), max(3.0, bar.width() * count / total)))
                painter.setBrush(theme.leaf_colour(leaf.colour))
                painter.drawRoundedRect(filled, 3, 3)
            painter.setPen(text)
            painter.drawText(
                QRectF(QPointF(bar.right() + 8, box.top()), box.bottomRight()),
                middle | Qt.AlignmentFlag.AlignRight,
                f"{figures.count(count)}   {figures.share(count, total)}",
            )
