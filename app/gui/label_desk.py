"""What lies before the coder: the tweet in its card, the classes, a note."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.gui import theme
from app.gui.language_names import language_name
from app.gui.leaf_buttons import LeafButtons
from app.gui.tweet_view import TweetView
from app.study.tweets import HistoryEntry, TweetRow

_CARD_WIDTH = 760
_POINTS = 20.0


def shown_date(created_at: str) -> str:
    """Return the day and minute of an ISO 8601 date, which researchers of all languages read alike."""
    return created_at[:16].replace("T", " ")


class LabelDesk(QWidget):
    """The card with the tweet, the row of classes under it, the note and the flag."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.about = QLabel()
        self.about.setProperty("role", "muted")
        self.about.setWordWrap(True)
        self.earlier = QLabel()
        self.earlier.setProperty("role", "muted")
        self.tweet = TweetView(_POINTS)
        self.leaves = LeafButtons()
        self.note = QLineEdit()
        self.note.setPlaceholderText(self.tr("Note (N)"))
        self.note.setToolTip(self.tr("A note beside the label (N); Esc leaves the field"))
        self.note.setAccessibleName(self.tr("Note"))
        self.note.setMaxLength(1000)
        self.flag = QToolButton()
        self.flag.setText(self.tr("⚑ Uncertain"))
        self.flag.setAccessibleName(self.tr("Uncertain"))
        self.flag.setCheckable(True)
        self.flag.setToolTip(self.tr("Mark this label as uncertain (F)"))
        self.flag.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.card = QFrame()
        self.card.setProperty("role", "card")
        self.card.setMaximumWidth(_CARD_WIDTH)
        head = QHBoxLayout()
        head.addWidget(self.about, 1)
        head.addWidget(self.earlier)
        inside = QVBoxLayout(self.card)
        inside.setContentsMargins(2 * theme.LARGE, theme.WIDE, 2 * theme.LARGE, theme.WIDE)
        inside.setSpacing(theme.LARGE)
        inside.addLayout(head)
        inside.addWidget(self.tweet)
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.addStretch(1)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.card, 1000)
        row.addStretch(1)
        column.addLayout(row)
        column.addStretch(1)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setWidget(middle)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        under = QHBoxLayout()
        under.setSpacing(theme.MEDIUM)
        under.addWidget(self.note, 1)
        under.addWidget(self.flag)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self._scroll, 1)
        layout.addWidget(self.leaves)
        layout.addLayout(under)

    def show_tweet(self, row: TweetRow, coder: str, history: Sequence[HistoryEntry]) -> None:
        """Show a tweet, with the coder's own label, note and flag where its history has them already."""
        label = dict(row.labels).get(coder)
        note, flag = "", False
        for entry in history:
            if entry.coder == coder and entry.undoes is None and entry.leaf == label and not entry.decided:
                note, flag = entry.note, entry.flag
        about = [row.author, shown_date(row.created_at), language_name(row.lang) if row.lang else ""]
        self.about.setText(" · ".join(part for part in about if part) or row.tweet_id)
        self.earlier.setText(self.tr("labelled before") if label else "")
        self.tweet.show_text(row.text)
        self.leaves.show_label(label)
        self.note.setText(note)
        self.flag.setChecked(flag)
        self._scroll.verticalScrollBar().setValue(0)
