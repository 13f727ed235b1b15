"""How an entry of a list under review is painted: each coder's label with its sign, the language, the text."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPalette
from PySide6.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.gui import theme
from app.gui.codebook_view import shape_of
from app.gui.tweet_model import ROW_ROLE
from app.gui.tweet_view import isolated, text_direction
from app.study.codebook import Leaf
from app.study.tweets import TweetRow

_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
_RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight


class CaseCells(QStyledItemDelegate):
    """Two lines an entry: the labels and the language, then the tweet's text in its own direction."""

    def __init__(self) -> None:
        super().__init__()
        self.leaves: dict[str, Leaf] = {}

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(200, 2 * option.fontMetrics.height() + 2 * theme.SMALL + theme.TIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        shown = QStyleOptionViewItem(option)
        self.initStyleOption(shown, index)
        shown.text = ""
        shown.state &= ~QStyle.StateFlag.State_HasFocus
        style = shown.widget.style() if shown.widget else QApplication.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, shown, painter, shown.widget)
        row = index.data(ROW_ROLE)
        painter.save()
        painter.setFont(shown.font)
        box = shown.rect.adjusted(theme.SMALL, theme.SMALL, -theme.SMALL, -theme.SMALL)
        height = painter.fontMetrics().height()
        if row is None:
            painter.drawText(box, _LEFT, "…")
        else:
            first = QRect(box.left(), box.top(), box.width(), height)
            self._paint_labels(painter, first, row, shown.palette.color(QPalette.ColorRole.Text))
            self._paint_text(painter, QRect(box.left(), box.bottom() - height, box.width(), height + 1), row)
        painter.restore()

    def _paint_labels(self, painter: QPainter, box: QRect, row: TweetRow, text: QColor) -> None:
        muted = QColor(theme.tokens().muted)
        metrics = painter.fontMetrics()
        if row.lang:
            painter.setPen(muted)
            painter.drawText(box, _RIGHT, row.lang)
            box = box.adjusted(0, 0, -metrics.horizontalAdvance(row.lang) - theme.SMALL, 0)
        if row.gold:
            box = self._paint_word(painter, box, "✓", QColor(theme.tokens().good))
            box = self._paint_leaf(painter, box, row.gold, text)
            box.setLeft(box.left() + theme.TIGHT)
        # A coder who labelled twice apart is there twice; names give way before labels do.
        room = box.width() - sum(self._width(painter, leaf) for _, leaf in row.labels)
        names = sum(metrics.horizontalAdvance(coder) + theme.TIGHT for coder, _ in row.labels)
        # In the order of the cards beside the list.
        for coder, leaf in sorted(row.labels, key=lambda label: label[0].lower()):
            if names <= room:
                box = self._paint_word(painter, box, coder, muted)
            box = self._paint_leaf(painter, box, leaf, text)
            box.setLeft(box.left() + theme.TIGHT)

    def _width(self, painter: QPainter, code: str) -> int:
        leaf = self.leaves.get(code)
        words = (shape_of(leaf), leaf.name) if leaf else (code,)
        return sum(painter.fontMetrics().horizontalAdvance(w) + theme.TIGHT for w in words) + theme.TIGHT

    def _paint_leaf(self, painter: QPainter, box: QRect, code: str, text: QColor) -> QRect:
        leaf = self.leaves.get(code)
        if leaf is not None:
            box = self._paint_word(painter, box, shape_of(leaf), theme.leaf_colour(leaf.colour))
        return self._paint_word(painter, box, leaf.name if leaf else code, text)

    def _paint_word(self, painter: QPainter, box: QRect, word: str, colour: QColor) -> QRect:
        """Paint a word at the left, shortened where it has no room, and return the room that is left."""
        metrics = painter.fontMetrics()
        if box.width() <= 0:
            return box
        shown = metrics.elidedText(word, Qt.TextElideMode.ElideRight, box.width())
        painter.setPen(colour)
        painter.drawText(box, _LEFT, shown)
        return box.adjusted(metrics.horizontalAdvance(shown) + theme.TIGHT, 0, 0, 0)

    def _paint_text(self, painter: QPainter, box: QRect, row: TweetRow) -> None:
        direction = text_direction(row.text)
        painter.setLayoutDirection(direction)
        painter.setPen(QColor(theme.tokens().muted))
        text = isolated(" ".join(row.text.split()))
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, box.width())
        # Aligned by hand: a painter does not mirror what it is told.
        rtl = direction == Qt.LayoutDirection.RightToLeft
        painter.drawText(box, (_RIGHT if rtl else _LEFT) | Qt.AlignmentFlag.AlignAbsolute, shown)
        painter.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
