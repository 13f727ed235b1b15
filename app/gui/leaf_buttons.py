"""The classes as buttons: sign, name and key, the colour as a line at the side."""

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QGridLayout, QSizePolicy, QWidget

from app.gui import theme
from app.gui.codebook_view import shape_of
from app.study.codebook import Codebook, Leaf

_HEIGHT = 52
_IN_A_ROW = 5


class LeafButton(QAbstractButton):
    """One class. It is checked where the tweet in sight has its label."""

    def __init__(self, leaf: Leaf, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.leaf = leaf
        self.setCheckable(True)
        self.setText(leaf.name)
        self.setAccessibleName(leaf.name)
        self.setAccessibleDescription(leaf.definition)
        self.setToolTip(self.tr("Label it “{name}” ({key})").format(name=leaf.name, key=leaf.key))
        # Not taken by a click: Space after a click shall still skip.
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def nextCheckState(self) -> None:
        """Leave the check to the page: it tells what is saved, not what was pressed."""

    def event(self, event: QEvent) -> bool:
        # With the focus on a button, Space presses it; it is the page's key for "skip" otherwise.
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_Space
        ):
            event.accept()
            return True
        return super().event(event)

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        width = metrics.horizontalAdvance(self.text()) * 1.2 + 3 * metrics.height() + 2 * theme.LARGE
        return QSize(int(width), _HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(96, _HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        t = theme.tokens()
        colour = theme.leaf_colour(self.leaf.colour)
        if not self.isEnabled():
            colour = QColor(t.line)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        ground = QColor(t.surface)
        if self.isDown() or self.isChecked():
            ground = QColor(t.selection)
        elif self.underMouse() and self.isEnabled():
            ground = QColor(t.raised)
        pen = QPen(QColor(t.accent), 2) if self.hasFocus() else QPen(colour, 2 if self.isChecked() else 1)
        painter.setPen(pen)
        painter.setBrush(ground)
        painter.drawRoundedRect(box, 8, 8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawRoundedRect(QRectF(box.left() + 5, box.top() + 10, 4, box.height() - 20), 2, 2)
        self._paint_words(painter, box, colour)

    def _paint_words(self, painter: QPainter, box: QRectF, colour: QColor) -> None:
        t = theme.tokens()
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        font = self.font()
        font.setPointSizeF(font.pointSizeF() * 1.15)
        font.setWeight(font.Weight.DemiBold)
        painter.setFont(font)
        sign = painter.fontMetrics().horizontalAdvance(shape_of(self.leaf)) + theme.SMALL
        cap = 0.0
        if self.leaf.key:
            cap = max(22.0, self.fontMetrics().horizontalAdvance(self.leaf.key.upper()) + 12.0)
        left = box.left() + theme.LARGE
        painter.setPen(colour)
        painter.drawText(QRectF(left, box.top(), sign, box.height()), middle, shape_of(self.leaf))
        painter.setPen(QColor(t.text if self.isEnabled() else t.muted))
        room = QRectF(left + sign, box.top(), box.right() - cap - theme.LARGE - left - sign, box.height())
        name = painter.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, int(room.width()))
        painter.drawText(room, middle, name)
        if not self.leaf.key:
            return
        painter.setFont(self.font())
        key = QRectF(box.right() - cap - theme.MEDIUM + 2, box.center().y() - 11, cap, 22)
        painter.setPen(QPen(QColor(t.line), 1))
        painter.setBrush(QColor(t.raised))
        painter.drawRoundedRect(key, 4, 4)
        painter.setPen(QColor(t.muted))
        painter.drawText(key, Qt.AlignmentFlag.AlignCenter, self.leaf.key.upper())


class LeafButtons(QWidget):
    """All classes in a row, in several where there are many. `chosen` gives the code of the one pressed."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons: dict[str, LeafButton] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(theme.SMALL)

    def show_codebook(self, codebook: Codebook) -> None:
        """Show the classes of a codebook."""
        for button in self.buttons.values():
            self._grid.removeWidget(button)
            button.deleteLater()
        self.buttons = {}
        for place, leaf in enumerate(codebook.leaves):
            button = LeafButton(leaf)
            button.clicked.connect(lambda _=False, code=leaf.code: self.chosen.emit(code))
            self._grid.addWidget(button, place // _IN_A_ROW, place % _IN_A_ROW)
            self.buttons[leaf.code] = button

    def show_label(self, leaf: str | None) -> None:
        """Check the class that the tweet in sight has; None for none."""
        for code, button in self.buttons.items():
            button.setChecked(code == leaf)
