"""How cells of the table of tweets are painted: text in its own direction, classes with their sign."""

from PySide6.QtCore import QCoreApplication, QRect, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPalette
from PySide6.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.gui import figures, theme
from app.gui.codebook_view import shape_of
from app.gui.tweet_model import LABEL, LEAF_ROLE, PREDICTION, ROW_ROLE, TEXT, Index
from app.gui.tweet_view import isolated, text_direction
from app.study.tweets import TweetRow


class TweetCells(QStyledItemDelegate):
    """Lays each tweet out in its own direction, and paints a class as its coloured sign and its name."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        # Whole rows are selected: a frame around one cell would say otherwise.
        option.state &= ~QStyle.StateFlag.State_HasFocus
        row = index.data(ROW_ROLE) if index.column() == TEXT else None
        if row is not None:
            # The style aligns and cuts off by the direction of the item, not of its text.
            option.direction = text_direction(row.text)
            option.text = isolated(option.text)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = index.data(ROW_ROLE) if index.column() == TEXT else None
        if row is not None and row.similar:
            self._paint_with_similar(painter, option, index, row)
            return
        if index.column() not in (LABEL, PREDICTION):
            super().paint(painter, option, index)
            return
        leaf = index.data(LEAF_ROLE)
        shown = QStyleOptionViewItem(option)
        self.initStyleOption(shown, index)
        text, shown.text = shown.text, ""
        style = shown.widget.style() if shown.widget else QApplication.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, shown, painter, shown.widget)
        if not text:
            return
        painter.save()
        painter.setFont(shown.font)
        metrics = painter.fontMetrics()
        box: QRect = shown.rect.adjusted(theme.SMALL, 0, -theme.TIGHT, 0)
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        colour = shown.palette.color(QPalette.ColorRole.Text)
        row = index.data(ROW_ROLE)
        if row is not None and (row.hidden or (row.blind and index.column() == LABEL)):
            painter.setPen(QColor(theme.tokens().muted))
            painter.drawText(box, middle, metrics.elidedText(text, Qt.TextElideMode.ElideRight, box.width()))
            painter.restore()
            return
        if leaf is None:
            sign, sign_colour = "⚠", QColor(theme.tokens().warning)
        else:
            sign, sign_colour = shape_of(leaf), theme.leaf_colour(leaf.colour)
        painter.setPen(sign_colour)
        painter.drawText(box, middle, sign)
        box.setLeft(box.left() + metrics.height() + 2)
        painter.setPen(colour)
        painter.drawText(box, middle, metrics.elidedText(text, Qt.TextElideMode.ElideRight, box.width()))
        painter.restore()

    def _paint_with_similar(
        self, painter: QPainter, option: QStyleOptionViewItem, index: Index, row: TweetRow
    ) -> None:
        """Paint a tweet and, at the end of its line, how many near-duplicates it has."""
        shown = QStyleOptionViewItem(option)
        self.initStyleOption(shown, index)
        style = shown.widget.style() if shown.widget else QApplication.style()
        text, shown.text = shown.text, ""
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, shown, painter, shown.widget)
        similar = QCoreApplication.translate("TweetCells", "+{count} similar").format(
            count=figures.count(row.similar)
        )
        box: QRect = option.rect.adjusted(0, 0, -theme.SMALL, 0)
        painter.save()
        painter.setFont(shown.font)
        painter.setPen(QColor(theme.tokens().muted))
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, similar)
        painter.restore()
        shown.text = text
        shown.rect = box.adjusted(0, 0, -painter.fontMetrics().horizontalAdvance(similar) - theme.SMALL, 0)
        shown.backgroundBrush = QBrush()
        shown.state &= ~QStyle.StateFlag.State_Selected
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, shown, painter, shown.widget)
