"""How much of each language is labelled: name, bar, counts."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui import figures, theme
from app.gui.language_names import language_name

_ROW = 28
_BAR = 8


class LanguageBars(QWidget):
    """One bar for each language. The bar's length is the share of the language's tweets that is labelled."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.counts: dict[str, tuple[int, int]] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Labels by language"))

    def set_counts(self, counts: dict[str, tuple[int, int]]) -> None:
        """Show {language: (labelled, all)}, in this order."""
        self.counts = dict(counts)
        self.setAccessibleDescription(
            ", ".join(f"{language_name(code)} {self._number(*pair)}" for code, pair in counts.items())
        )
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(420, _ROW * max(1, len(self.counts)))

    def minimumSizeHint(self) -> QSize:
        return QSize(300, _ROW * max(1, len(self.counts)))

    def _number(self, labelled: int, total: int) -> str:
        return self.tr("{done} of {total}").format(done=figures.count(labelled), total=figures.count(total))

    def paintEvent(self, event: QPaintEvent) -> None:
        t = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = painter.fontMetrics()
        names = [language_name(code) for code in self.counts]
        numbers = [self._number(*pair) for pair in self.counts.values()]
        left = max((metrics.horizontalAdvance(name) for name in names), default=0) + theme.LARGE
        left = min(left, self.width() // 2)
        right = max((metrics.horizontalAdvance(number) for number in numbers), default=0) + theme.LARGE
        for row, (name, number, (labelled, total)) in enumerate(
            zip(names, numbers, self.counts.values(), strict=True)
        ):
            box = QRectF(0, row * _ROW, self.width(), _ROW)
            if box.bottom() < event.rect().top() or box.top() > event.rect().bottom():
                continue
            middle = Qt.AlignmentFlag.AlignVCenter
            painter.setPen(QColor(t.text))
            shown = metrics.elidedText(name, Qt.TextElideMode.ElideRight, int(left) - theme.SMALL)
            painter.drawText(box, middle | Qt.AlignmentFlag.AlignLeft, shown)
            painter.setPen(QColor(t.muted))
            painter.drawText(box, middle | Qt.AlignmentFlag.AlignRight, number)
            bar = QRectF(left, box.center().y() - _BAR / 2, max(0.0, self.width() - left - right), _BAR)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(t.raised))
            painter.drawRoundedRect(bar, _BAR / 2, _BAR / 2)
            if total and labelled:
                bar.setWidth(max(float(_BAR), bar.width() * labelled / total))
                painter.setBrush(QColor(t.accent))
                painter.drawRoundedRect(bar, _BAR / 2, _BAR / 2)
