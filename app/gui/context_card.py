"""The tweets around the one to label: what it answers, what it quotes, how its thread began. Quiet, above it."""

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.tweet_view import TweetView
from app.gui.when import shown_date
from app.study.context import QUOTE, REPLY, Context

_POINTS = 12.0


class ContextCard(QWidget):
    """Each tweet of the context in a frame of its own; hidden where nothing is known."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self.parts: list[_Part] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(theme.SMALL)
        self.hide()

    def show_context(self, contexts: Sequence[Context], with_author: bool) -> None:
        """Show these tweets; without authors their names and dates are left out."""
        while len(self.parts) < len(contexts):
            part = _Part(self)
            self.parts.append(part)
            self._layout.addWidget(part)
        for place, part in enumerate(self.parts):
            if place < len(contexts):
                part.show_part(contexts[place], with_author)
            part.setVisible(place < len(contexts))
        self.setVisible(bool(contexts))


class _Part(QFrame):
    """One tweet of the context: what it is to the other one, and its text."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("role", "context")
        self.heading = QLabel()
        self.heading.setProperty("role", "muted")
        self.heading.setWordWrap(True)
        self.tweet = TweetView(_POINTS)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.LARGE, theme.SMALL, theme.LARGE, theme.SMALL)
        layout.setSpacing(theme.TIGHT)
        layout.addWidget(self.heading)
        layout.addWidget(self.tweet)

    def show_part(self, context: Context, with_author: bool) -> None:
        """Show a tweet of the context."""
        about = [_what(context.kind)]
        if with_author:
            about += [context.author, shown_date(context.created_at)]
        self.heading.setText(" · ".join(part for part in about if part))
        self.tweet.setVisible(bool(context.text))
        self.tweet.show_text(context.text)


def _what(kind: str) -> str:
    words = {
        REPLY: QCoreApplication.translate("context_card", "↳ In reply to"),
        QUOTE: QCoreApplication.translate("context_card", "❝ Quotes"),
    }
    return words.get(kind, QCoreApplication.translate("context_card", "⋮ The thread began with"))
