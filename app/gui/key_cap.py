"""A key drawn as on a keyboard, at the right end of a button."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen

from app.gui import theme


def cap_width(metrics: QFontMetrics, key: str, low: bool = False) -> int:
    """Return the width of a key's cap; 0 for no key."""
    return max(18 if low else 22, metrics.horizontalAdvance(key) + 12) if key else 0


def paint_cap(painter: QPainter, box: QRectF, key: str, low: bool = False) -> None:
    """Draw a key's cap at the right end of a button's box, in the painter's font."""
    if not key:
        return
    t = theme.tokens()
    high = 20 if low else 22
    width = cap_width(painter.fontMetrics(), key, low)
    cap = QRectF(box.right() - width - theme.SMALL + 2, box.center().y() - high / 2, width, high)
    painter.setPen(QPen(QColor(t.line), 1))
    painter.setBrush(QColor(t.raised))
    painter.drawRoundedRect(cap, 4, 4)
    painter.setPen(QColor(t.muted))
    painter.drawText(cap, Qt.AlignmentFlag.AlignCenter, key)
