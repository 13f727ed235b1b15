"""Cells of a table in whose words classes are named: each class's sign in its colour, as everywhere."""

from collections.abc import Iterable

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRect, Qt
from PySide6.QtGui import QColor, QPainter, QPalette
from PySide6.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.gui import theme
from app.gui.codebook_view import shape_of
from app.study.codebook import Leaf

_MIDDLE = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft


class LeafCells(QStyledItemDelegate):
    """Paints "Changed from ▲ Pro to ▼ Anti" in the text's colour, but for the signs of the classes."""

    def __init__(self, leaves: Iterable[Leaf], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._leaves = tuple(leaves)

    def pieces(self, text: str) -> list[tuple[str, QColor | None]]:
        """Return a text in pieces, each with the colour of the class whose sign it is, None for plain words."""
        found: list[tuple[str, QColor | None]] = []
        plain = 0
        for place in range(len(text)):
            leaf = next(
                (one for one in self._leaves if text.startswith(f"{shape_of(one)} {one.name}", place)), None
            )
            if leaf is not None:
                end = place + len(shape_of(leaf))
                found += [(text[plain:place], None), (text[place:end], theme.leaf_colour(leaf.colour))]
                plain = end
        return [piece for piece in [*found, (text[plain:], None)] if piece[0]]

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        shown = QStyleOptionViewItem(option)
        self.initStyleOption(shown, index)
        pieces = self.pieces(shown.text)
        if all(colour is None for _, colour in pieces):
            super().paint(painter, option, index)
            return
        style = shown.widget.style() if shown.widget else QApplication.style()
        # The style knows how far from the edge words begin; it puts two more pixels before them.
        box: QRect = style.subElementRect(
            QStyle.SubElement.SE_ItemViewItemText, shown, shown.widget
        ).adjusted(2, 0, 0, 0)
        shown.text = ""
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, shown, painter, shown.widget)
        painter.save()
        painter.setFont(shown.font)
        for words, colour in pieces:
            painter.setPen(colour or shown.palette.color(QPalette.ColorRole.Text))
            cut = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, box.width())
            painter.drawText(box, _MIDDLE, cut)
            box.setLeft(box.left() + painter.fontMetrics().horizontalAdvance(cut))
        painter.restore()
