"""Texts that end in "…" where there is no room for all of them; the tooltip then has the whole."""

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QColor, QFont, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QComboBox,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStyleOptionToolButton,
    QStylePainter,
    QToolButton,
    QToolTip,
    QWidget,
)

from app.gui import theme

# Less than this says nothing.
_LEAST = 48


class QuietLine(QWidget):
    """One line of text that changes often. It has its height and what room there is: nothing is laid out anew."""

    def __init__(self, muted: bool = True, scale: float = 1.0, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = ""
        self._muted = muted
        self.alignment = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        font = self.font()
        if scale != 1.0:
            font.setPointSizeF(font.pointSizeF() * scale)
            font.setWeight(QFont.Weight.DemiBold)
        self.setFont(font)

    def text(self) -> str:
        """Return the whole text."""
        return self._text

    def setText(self, text: str) -> None:
        """Show another text."""
        if text != self._text:
            self._text = text
            self.setAccessibleName(text)
            self.update()

    def shown_text(self) -> str:
        """Return the text as there is room for it."""
        return self.fontMetrics().elidedText(self._text, Qt.TextElideMode.ElideRight, self.width())

    def sizeHint(self) -> QSize:
        return QSize(0, self.fontMetrics().height() + 2)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            whole = self._text if self.shown_text() != self._text else self.toolTip()
            QToolTip.showText(event.globalPos(), whole, self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        t = theme.tokens()
        painter = QPainter(self)
        painter.setPen(QColor(t.muted if self._muted else t.text))
        painter.drawText(self.rect(), self.alignment, self.shown_text())


class ElidedButton(QToolButton):
    """A button whose text, a name that may be long, makes room for its neighbours."""

    def __init__(self, most_width: int, parent: QWidget | None = None, ending: str = "") -> None:
        """Make a button; an `ending` of its texts is shown whole before all else."""
        super().__init__(parent)
        self._most_width = most_width
        self.least_width = _LEAST
        self._ending = ending
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        return QSize(min(hint.width(), self._most_width), hint.height())

    def minimumSizeHint(self) -> QSize:
        hint = self.sizeHint()
        return QSize(min(hint.width(), self.least_width), hint.height())

    def shown_text(self) -> str:
        """Return the text as there is room for it."""
        whole = super().sizeHint().width()
        if self.width() >= whole:
            return self.text()
        metrics, text = self.fontMetrics(), self.text()
        ending = self._ending if text.endswith(self._ending) else ""
        room = (
            self.width() - max(0, whole - metrics.horizontalAdvance(text)) - metrics.horizontalAdvance(ending)
        )
        text = text.removesuffix(ending) if ending else text
        return metrics.elidedText(text, Qt.TextElideMode.ElideRight, room) + ending

    def paintEvent(self, event: QPaintEvent) -> None:
        option = QStyleOptionToolButton()
        self.initStyleOption(option)
        option.text = self.shown_text()
        QStylePainter(self).drawComplexControl(QStyle.ComplexControl.CC_ToolButton, option)


class ElidedChoice(QComboBox):
    """A box to choose from, as wide as some letters, whatever its entries are."""

    def __init__(self, letters: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(letters)

    def shown_text(self) -> str:
        """Return the chosen entry as there is room for it."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        field = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self
        )
        return self.fontMetrics().elidedText(
            self.currentText(), Qt.TextElideMode.ElideRight, field.width() - 2
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QStylePainter(self)
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        option.currentText = self.shown_text()
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
