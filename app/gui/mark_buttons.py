"""The marks as a row of small buttons under the classes: pressed, they say something beside the label."""

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from app.gui import theme
from app.gui.key_button import KeyButton
from app.gui.key_cap import cap_width, paint_cap
from app.gui.mark_names import mark_meaning, mark_name, mark_sign
from app.study.marks import MARKS, in_order

# Large enough for a finger and a hasty mouse.
HEIGHT = 32


class MarkButton(KeyButton):
    """One mark: its sign, its name and its key. Narrow, it shows the sign and the key alone."""

    def __init__(self, mark: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.mark = mark
        self.key = ""
        self.setText(mark_name(mark))
        self.setAccessibleName(mark_name(mark))
        self.setAccessibleDescription(mark_meaning(mark))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.show_key("")

    def show_key(self, key: str) -> None:
        """Show the key that the mark has now."""
        self.key = key
        meaning = mark_meaning(self.mark)
        self.setToolTip(f"{mark_name(self.mark)} ({key})\n{meaning}" if key else meaning)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        words = self.fontMetrics().horizontalAdvance(f"{mark_sign(self.mark)}  {self.text()}")
        return QSize(words + self._cap() + 3 * theme.SMALL, HEIGHT)

    def minimumSizeHint(self) -> QSize:
        sign = self.fontMetrics().horizontalAdvance(mark_sign(self.mark))
        return QSize(max(HEIGHT, sign + self._cap() + 3 * theme.SMALL), HEIGHT)

    def _cap(self) -> int:
        return cap_width(self.fontMetrics(), self.key, low=True)

    def paintEvent(self, event: QPaintEvent) -> None:
        t = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        ground = QColor(t.surface)
        if self.isDown() or self.isChecked():
            ground = QColor(t.selection)
        elif self.underMouse() and self.isEnabled():
            ground = QColor(t.raised)
        strong = self.hasFocus() or self.isChecked()
        painter.setPen(QPen(QColor(t.accent if strong else t.line), 2 if strong else 1))
        painter.setBrush(ground)
        painter.drawRoundedRect(box, 6, 6)
        painter.setPen(QColor(t.text if self.isEnabled() else t.muted))
        room = self.width() - self._cap() - 2 * theme.SMALL
        words = f"{mark_sign(self.mark)}  {self.text()}"
        if painter.fontMetrics().horizontalAdvance(words) > room:
            words = mark_sign(self.mark)
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(box.adjusted(theme.SMALL, 0, 0, 0), middle, words)
        font = self.font()
        font.setPointSizeF(font.pointSizeF() * 0.9)
        painter.setFont(font)
        paint_cap(painter, box, self.key, low=True)


class MarkButtons(QWidget):
    """All marks in a row, or in two. `changed` says that the coder pressed one."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(theme.SMALL)
        self._columns = 0
        self.buttons = {mark: MarkButton(mark) for mark in MARKS}
        # Marks that a newer version of the program gave stay with the label.
        self._others: tuple[str, ...] = ()
        for button in self.buttons.values():
            button.clicked.connect(lambda _=False: self.changed.emit())
        self._place(len(self.buttons))

    def arrange(self, room: int) -> None:
        """Put the marks into one row where all their names have room in it, else into two."""
        widths = [button.sizeHint().width() for button in self.buttons.values()]
        one_row = sum(widths) + theme.SMALL * (len(widths) - 1)
        self._place(len(widths) if one_row <= room else (len(widths) + 1) // 2)

    def _place(self, columns: int) -> None:
        if columns != self._columns:
            self._columns = columns
            for number, button in enumerate(self.buttons.values()):
                self._grid.addWidget(button, number // columns, number % columns)

    def marks(self) -> tuple[str, ...]:
        """Return the marks that are set."""
        return in_order([*(m for m, button in self.buttons.items() if button.isChecked()), *self._others])

    def show_marks(self, marks: tuple[str, ...]) -> None:
        """Set these marks and no others."""
        self._others = tuple(mark for mark in marks if mark not in self.buttons)
        for mark, button in self.buttons.items():
            if button.isChecked() != (mark in marks):
                button.setChecked(mark in marks)
