"""The classes as buttons: sign, name and key, the colour as a line at the side."""

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from app.gui import theme
from app.gui.codebook_view import key_of, shape_of
from app.gui.key_button import KeyButton
from app.gui.key_cap import cap_width, paint_cap
from app.gui.leaf_names import in_lines
from app.study.codebook import Codebook, Leaf

_HEIGHT, _LOW_HEIGHT = 52, 38
_IN_A_ROW = 5
# From so many classes on the buttons are low: the tweet needs the room.
MANY = 10


class LeafButton(KeyButton):
    """One class. It is checked where the tweet in sight has its label. A low one has its name in two lines."""

    def __init__(self, leaf: Leaf, low: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.leaf = leaf
        self.low = low
        self.setText(leaf.name)
        self.setAccessibleName(leaf.name)
        self.setAccessibleDescription(leaf.definition)
        self.setToolTip(self.tr("Label it “{name}” ({key})").format(name=leaf.name, key=key_of(leaf)))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def nextCheckState(self) -> None:
        """Leave the check to the page: it tells what is saved, not what was pressed."""

    def sizeHint(self) -> QSize:
        return QSize(160, _LOW_HEIGHT if self.low else _HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def names_in(self, width: int) -> list[str]:
        """Return the lines in which the name is shown in a button of this width, the last cut off by "…"."""
        return in_lines(self.text(), QFontMetrics(self._font()), width - self._beside(), 2 if self.low else 1)

    def _font(self) -> QFont:
        font = self.font()
        font.setPointSizeF(font.pointSizeF() * (0.9 if self.low else 1.15))
        font.setWeight(QFont.Weight.DemiBold)
        return font

    def _margin(self) -> int:
        return theme.MEDIUM if self.low else theme.LARGE

    def _sign(self) -> int:
        return QFontMetrics(self._font()).horizontalAdvance(shape_of(self.leaf)) + (
            theme.TIGHT if self.low else theme.SMALL
        )

    def _cap(self) -> int:
        return cap_width(self.fontMetrics(), key_of(self.leaf), self.low)

    def _beside(self) -> int:
        """Return the width that is not the name's: margins, the sign, the key."""
        return self._margin() + self._sign() + theme.TIGHT + self._cap() + theme.SMALL + 2

    def paintEvent(self, event: QPaintEvent) -> None:
        t = theme.tokens()
        colour = theme.leaf_colour(self.leaf.colour)
        if not self.isEnabled() and not self.isChecked():
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
        inset = 8 if self.low else 10
        painter.drawRoundedRect(QRectF(box.left() + 4, box.top() + inset, 4, box.height() - 2 * inset), 2, 2)
        self._paint_words(painter, box, colour)

    def _paint_words(self, painter: QPainter, box: QRectF, colour: QColor) -> None:
        t = theme.tokens()
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.setFont(self._font())
        left = float(self._margin())
        painter.setPen(colour)
        painter.drawText(QRectF(left, box.top(), self._sign(), box.height()), middle, shape_of(self.leaf))
        painter.setPen(QColor(t.text if self.isEnabled() else t.muted))
        lines = self.names_in(self.width())
        left += self._sign()
        room = QRectF(left, 0, self.width() - self._beside() - self._margin() + left, 0)
        # Lines of a low button stand closer than the font asks for; names have no second storey.
        pitch = painter.fontMetrics().height() * (0.9 if len(lines) > 1 else 1.0)
        top = box.center().y() - pitch * len(lines) / 2
        for number, line in enumerate(lines):
            room.setRect(left, top + number * pitch, self.width() - left, pitch)
            painter.drawText(room, middle, line)
        painter.setFont(self.font())
        paint_cap(painter, box, key_of(self.leaf), self.low)


class LeafButtons(QWidget):
    """All classes in rows of equal buttons, as many in a row as show their names.

    `chosen` gives the code of the one pressed; `arranged` says that the rows are others now.
    """

    chosen = Signal(str)
    arranged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons: dict[str, LeafButton] = {}
        self.in_a_row = 0
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)

    def show_codebook(self, codebook: Codebook) -> None:
        """Show the classes of a codebook."""
        for button in self.buttons.values():
            self._grid.removeWidget(button)
            button.deleteLater()
        self.buttons = {}
        self.in_a_row = 0
        low = len(codebook.leaves) >= MANY
        self._grid.setSpacing(theme.TIGHT if low else theme.SMALL)
        for leaf in codebook.leaves:
            button = LeafButton(leaf, low, self)
            button.clicked.connect(lambda _=False, code=leaf.code: self.chosen.emit(code))
            self.buttons[leaf.code] = button
        self._arrange()

    def show_label(self, leaf: str | None) -> None:
        """Check the class that the tweet in sight has; None for none."""
        for code, button in self.buttons.items():
            button.setChecked(code == leaf)

    def full_height(self) -> int:
        """Return the height that shows all rows.

        Not the grid's: it counts no button that is not on the screen yet, and new ones are shown a moment later.
        """
        if not self.in_a_row:
            return 0
        rows = -(-len(self.buttons) // self.in_a_row)
        height = next(iter(self.buttons.values())).sizeHint().height()
        return rows * height + (rows - 1) * self._grid.spacing()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        """Put the buttons into rows. Two rows that are even look better than a full one and a rest."""
        number = len(self.buttons)
        wanted = self._fitting()
        if not number or wanted == self.in_a_row:
            return
        for column in range(self._grid.columnCount()):
            self._grid.setColumnStretch(column, 0)
        for place, button in enumerate(self.buttons.values()):
            self._grid.addWidget(button, place // wanted, place % wanted)
        for column in range(wanted):
            self._grid.setColumnStretch(column, 1)
        self.in_a_row = wanted
        self.arranged.emit()

    def _fitting(self) -> int:
        number = len(self.buttons)
        for in_a_row in range(min(number, _IN_A_ROW), 1, -1):
            width = (self.width() - (in_a_row - 1) * self._grid.spacing()) // in_a_row
            if not any(line.endswith("…") for b in self.buttons.values() for line in b.names_in(width)):
                rows = -(-number // in_a_row)
                return -(-number // rows)
        return min(number, 2)
