"""Shares of classes as bars: word, shape and colour, count and per cent."""

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.gui import figures, theme
from app.study.codebook import Leaf

_ROW = 28
_BAR = 12
# Between a name and its bar, and the least that either of them is good for.
_GAP, _LEAST_BAR, _LEAST_NAME = 14, 48, 96


class _Row(NamedTuple):
    """What one bar shows."""

    name: str
    sign: str
    colour: QColor
    number: int


class ShareBars(QWidget):
    """One bar for each class, and one for disputed tweets where there are some.

    A bar's length is the share of all that is counted.
    """

    def __init__(self, leaves: Sequence[Leaf] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._leaves = tuple(leaves)
        self.counts: dict[str, int] = {}
        self.disputed = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Shares of the classes"))

    def set_leaves(self, leaves: Sequence[Leaf]) -> None:
        """Show these classes, in this order."""
        self._leaves = tuple(leaves)
        self.counts = {}
        self.disputed = 0
        self.updateGeometry()
        self.update()

    def set_counts(self, counts: dict[str, int], disputed: int = 0) -> None:
        """Show how many tweets each class has, {leaf code: number}, and of how many the coders disagree."""
        self.counts, self.disputed = dict(counts), disputed
        total = self._total()
        self.setAccessibleDescription(
            ", ".join(f"{row.name} {figures.share(row.number, total)}" for row in self._rows())
        )
        self.updateGeometry()
        self.update()

    def _total(self) -> int:
        return sum(self.counts.values()) + self.disputed

    def _rows(self) -> list[_Row]:
        rows = [
            _Row(leaf.name, leaf.shape or "●", theme.leaf_colour(leaf.colour), self.counts.get(leaf.code, 0))
            for leaf in self._leaves
        ]
        if self.disputed:
            rows.append(_Row(self.tr("Disputed"), "≠", QColor(theme.tokens().muted), self.disputed))
        return rows

    def sizeHint(self) -> QSize:
        return QSize(420, _ROW * max(1, len(self._rows())))

    def minimumSizeHint(self) -> QSize:
        return QSize(260, _ROW * max(1, len(self._rows())))

    def name_room(self) -> int:
        """Return how wide the names may be: the bar keeps a little, or goes where even that is too much."""
        metrics = self.fontMetrics()
        names = max((metrics.horizontalAdvance(row.name) for row in self._rows()), default=0) + 2
        room = self.width() - self._shape_width() - self._figures_width() - _GAP
        return min(names, room - _LEAST_BAR if room - _LEAST_BAR >= _LEAST_NAME else max(room, 0))

    def elided(self, name: str) -> str:
        """Return as much of a name as there is room for."""
        return self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, self.name_room())

    def _shape_width(self) -> int:
        return self.fontMetrics().height() + 6

    def _figures_width(self) -> int:
        total = max(self._total(), 10_000)
        return self.fontMetrics().horizontalAdvance(figures.count(total)) + self.share_width() + _GAP

    def share_width(self) -> int:
        """Return how wide the column of the shares is: counts end before it, one below the other."""
        return self.fontMetrics().horizontalAdvance(f"{figures.share(1, 1)}  ")

    def event(self, event: QEvent) -> bool:
        """Tell a name that is cut off."""
        if isinstance(event, QHelpEvent):
            rows, place = self._rows(), event.pos().y() // _ROW
            if place < len(rows):
                QToolTip.showText(event.globalPos(), rows[place].name, self)
                return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = QColor(theme.tokens().text)
        track = QColor(theme.tokens().raised)
        total = self._total()
        shape_width, figures_width = self._shape_width(), self._figures_width()
        left = shape_width + self.name_room() + _GAP
        for place, row in enumerate(self._rows()):
            count = row.number
            box = QRectF(0, place * _ROW, self.width(), _ROW)
            middle = Qt.AlignmentFlag.AlignVCenter
            painter.setPen(row.colour)
            painter.drawText(box.adjusted(0, 0, -box.width() + shape_width, 0), middle, row.sign)
            painter.setPen(text)
            painter.drawText(box.adjusted(shape_width, 0, 0, 0), middle, self.elided(row.name))
            width = max(0, self.width() - left - figures_width)
            bar = QRectF(left, box.center().y() - _BAR / 2, width, _BAR)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(track)
            painter.drawRoundedRect(bar, 3, 3)
            if total and count:
                filled = QRectF(bar.topLeft(), bar.bottomRight())
                filled.setWidth(min(bar.width(), max(3.0, bar.width() * count / total)))
                painter.setBrush(row.colour)
                painter.drawRoundedRect(filled, 3, 3)
            painter.setPen(text)
            right = QRectF(QPointF(bar.right() + 8, box.top()), box.bottomRight())
            ends = middle | Qt.AlignmentFlag.AlignRight
            painter.drawText(right, ends, figures.share(count, total))
            painter.drawText(right.adjusted(0, 0, -self.share_width(), 0), ends, figures.count(count))
