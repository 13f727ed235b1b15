"""The studies that were opened last: each with its name and, below it, its folder."""

from pathlib import Path

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter
from PySide6.QtWidgets import (
    QApplication,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.gui import theme

_MOST_HEIGHT = 260
_FOLDER = int(Qt.ItemDataRole.UserRole) + 1


class RecentStudies(QListWidget):
    """One that is not there any more says so and cannot be chosen. An item's user data is the path."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Recent studies"))
        self.setToolTip(self.tr("Open a recent study (Enter)"))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setItemDelegate(_TwoLines(self))

    def show_studies(self, studies: list[str]) -> None:
        """Show the studies at these paths."""
        self.clear()
        for text in studies:
            path = Path(text)
            missing = not path.exists()
            place = self.tr("{folder} (not there any more)") if missing else "{folder}"
            folder = place.format(folder=path.parent)
            item = QListWidgetItem(path.stem)
            item.setData(_FOLDER, folder)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{path.stem}, {folder}")
            item.setData(Qt.ItemDataRole.UserRole, text)
            item.setToolTip(text)
            if missing:
                item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEnabled)
            self.addItem(item)
        height = sum(self.sizeHintForRow(row) for row in range(self.count()))
        self.setFixedHeight(min(height + 2 * self.frameWidth() + 2, _MOST_HEIGHT))

    def lines(self, row: int) -> tuple[str, str]:
        """Return what stands in an item's two lines."""
        item = self.item(row)
        return item.text(), str(item.data(_FOLDER))


class _TwoLines(QStyledItemDelegate):
    """Paints each line by itself: in one text a name in Arabic would turn the folder's line, too."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(0, 2 * option.fontMetrics.height() + theme.TIGHT + 2 * theme.SMALL)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        shown = QStyleOptionViewItem(option)
        self.initStyleOption(shown, index)
        shown.text = ""
        style = shown.widget.style() if shown.widget else QApplication.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, shown, painter, shown.widget)
        t, enabled = theme.tokens(), bool(shown.state & QStyle.StateFlag.State_Enabled)
        box = shown.rect.adjusted(theme.MEDIUM, theme.SMALL, -theme.MEDIUM, -theme.SMALL)
        high = shown.fontMetrics.height()
        font = QFont(shown.font)
        font.setWeight(QFont.Weight.Medium)
        place = str(index.data(_FOLDER))
        name_box = QRect(box.left(), box.top(), box.width(), high)
        place_box = QRect(box.left(), box.bottom() + 1 - high, box.width(), high)
        left = int(
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignAbsolute | Qt.AlignmentFlag.AlignVCenter
        )
        painter.save()
        for line, line_box, line_font, colour, elision in (
            (str(index.data()), name_box, font, t.text if enabled else t.muted, Qt.TextElideMode.ElideRight),
            (place, place_box, shown.font, t.muted, Qt.TextElideMode.ElideMiddle),
        ):
            painter.setFont(line_font)
            painter.setPen(QColor(colour))
            painter.drawText(
                line_box, left, painter.fontMetrics().elidedText(line, elision, line_box.width())
            )
        painter.restore()
