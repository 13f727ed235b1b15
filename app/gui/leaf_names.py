"""A name in the room that there is: in lines of whole words, the last cut off where it must be."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics


def in_lines(name: str, metrics: QFontMetrics, width: int, most: int) -> list[str]:
    """Return a name in at most so many lines of a width in pixels; what does not fit ends in "…"."""
    lines: list[str] = []
    words = name.split()
    while words and len(lines) < most - 1:
        line = words.pop(0)
        while words and metrics.horizontalAdvance(f"{line} {words[0]}") <= width:
            line += f" {words.pop(0)}"
        lines.append(line)
    if words:
        lines.append(" ".join(words))
    return [metrics.elidedText(line, Qt.TextElideMode.ElideRight, max(0, width)) for line in lines]
