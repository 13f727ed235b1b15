"""What the coder did to the tweet in sight: own acts only, so that nobody is led by the others."""

import html
from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.history_words import circumstances, did_html
from app.gui.when import shown_date
from app.study.codebook import Leaf
from app.study.tweets import HistoryEntry


class OwnHistory(QFrame):
    """A line for each act, the newest first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "context")
        self.setAccessibleName(self.tr("What you did to this tweet"))
        heading = QLabel(self.tr("What you did to this tweet"))
        heading.setProperty("role", "muted")
        self.lines = QLabel()
        self.lines.setTextFormat(Qt.TextFormat.RichText)
        self.lines.setWordWrap(True)
        self.lines.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.LARGE, theme.SMALL, theme.LARGE, theme.SMALL)
        layout.setSpacing(theme.TIGHT)
        layout.addWidget(heading)
        layout.addWidget(self.lines)

    def show_history(self, entries: Sequence[HistoryEntry], leaves: dict[str, Leaf]) -> None:
        """Show the coder's own acts on the tweet, given oldest first."""
        if not entries:
            self.lines.setText(html.escape(self.tr("Nothing yet.")))
            return
        self.lines.setText("<br>".join(self._line(entry, leaves) for entry in reversed(entries)))

    def _line(self, entry: HistoryEntry, leaves: dict[str, Leaf]) -> str:
        about = [did_html(entry, leaves), *map(html.escape, circumstances(entry))]
        if entry.note:
            about.append(f"“{html.escape(entry.note)}”")
        muted = theme.tokens().muted
        when = f'<span style="color:{muted}">{html.escape(shown_date(entry.given))}</span>'
        return f"{when}&nbsp;&nbsp;" + " · ".join(about)
