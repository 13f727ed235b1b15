"""Shares of classes as bars: word, shape and colour, count and per cent."""

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui import figures, theme
from app.study.codebook import Leaf

_ROW = 28
_BAR = 12


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

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = painter.fontMetrics()
        text = QColor(theme.tokens().text)
        track = QColor(theme.tokens().raised)
        total = sum(self.counts.values())
        shape_width = metrics.height() + 6
        names = max((metrics.horizontalAdvance(leaf.name) for leaf in self._leaves), default=0) + 16
        figures_width = metrics.horizontalAdvance(f"{figures.count(max(total, 10_000))}   100.0 %") + 12
        left = shape_width + names
        for row, leaf in enumerate(self._leaves):
            count = self.counts.get(leaf.code, 0)
            box = QRectF(0, row * _ROW, self.width(), _ROW)
            middle = Qt.AlignmentFlag.AlignVCenter
            painter.setPen(theme.leaf_colour(leaf.colour))
            painter.drawText(box.adjusted(0, 0, -box.width() + shape_width, 0), middle, leaf.shape or "●")
            painter.setPen(text)
            painter.drawText(box.adjusted(shape_width, 0, 0, 0), middle, leaf.name)
            bar = QRectF(left, box.center().y() - _BAR / 2, self.width() - left - figures_width, _BAR)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(track)
            painter.drawRoundedRect(bar, 3, 3)
            if total and count:
                filled = QRectF(bar.topLeft(), bar.bottomRight())
                filled.setWidth(max(3.0, bar.width() * count / total))
                painter.setBrush(theme.leaf_colour(leaf.colour))
                painter.drawRoundedRect(filled, 3, 3)
            painter.setPen(text)
            painter.drawText(
                QRectF(QPointF(bar.right() + 8, box.top()), box.bottomRight()),
                middle | Qt.AlignmentFlag.AlignRight,
                f"{figures.count(count)}   {figures.share(count, total)}",
            )
