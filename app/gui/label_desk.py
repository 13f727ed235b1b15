"""What lies before the coder: the tweet in its card, the classes, a note."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QResizeEvent
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
from app.gui.label_drafts import Remark
from app.gui.language_names import language_name
from app.gui.leaf_buttons import LeafButtons
from app.gui.page import with_key
from app.gui.tweet_view import TweetView
from app.study.tweets import HistoryEntry, TweetRow

# As wide as the row of classes in the usual window.
_CARD_WIDTH = 800
_POINTS = 20.0
# Of the height, for the classes: with many of them in a low window the tweet still has its room.
_LEAVES_SHARE = 0.45


def shown_date(created_at: str) -> str:
    """Return the day and minute of an ISO 8601 date, which researchers of all languages read alike."""
    return created_at[:16].replace("T", " ")


class LabelDesk(QWidget):
    """The card with the tweet, the row of classes under it, the note and the flag.

    `saved` is the remark that was saved with the coder's label of this tweet; `remark` the one in sight.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.saved = Remark()
        self.about = QLabel()
        self.about.setProperty("role", "muted")
        self.about.setWordWrap(True)
        self.earlier = QLabel()
        self.earlier.setProperty("role", "muted")
        self.tweet = TweetView(_POINTS)
        self.leaves = LeafButtons()
        self.note = QLineEdit()
        self.note.setAccessibleName(self.tr("Note"))
        self.note.setMaxLength(1000)
        self.flag = QToolButton()
        self.flag.setText(self.tr("⚑ Uncertain"))
        self.flag.setAccessibleName(self.tr("Uncertain"))
        self.flag.setCheckable(True)
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
        self._leaves_scroll = QScrollArea()
        self._leaves_scroll.setWidgetResizable(True)
        self._leaves_scroll.setWidget(self.leaves)
        self._leaves_scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._leaves_scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.leaves.arranged.connect(self._fit_leaves)
        under = QHBoxLayout()
        under.setSpacing(theme.MEDIUM)
        under.addWidget(self.note, 1)
        under.addWidget(self.flag)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self._scroll, 1)
        layout.addWidget(self._leaves_scroll)
        layout.addLayout(under)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_leaves()

    def _fit_leaves(self) -> None:
        self._leaves_scroll.setFixedHeight(
            min(self.leaves.full_height(), max(120, round(_LEAVES_SHARE * self.height())))
        )

    def show_keys(self, note: QAction, flag: QAction) -> None:
        """Name the keys that these acts have now: a class of the codebook may have taken the usual ones."""
        self.note.setPlaceholderText(with_key(self.tr("Note"), note))
        self.note.setToolTip(
            self.tr("{act}; Esc leaves the field").format(
                act=with_key(self.tr("A note beside the label"), note)
            )
        )
        self.flag.setToolTip(with_key(self.tr("Mark this label as uncertain"), flag))

    def remark(self) -> Remark:
        """Return the note and the flag as they are now."""
        return Remark(self.note.text().strip(), ("uncertain",) if self.flag.isChecked() else ())

    def show_tweet(
        self, row: TweetRow, coder: str, history: Sequence[HistoryEntry], draft: Remark | None = None
    ) -> None:
        """Show a tweet with the coder's own label, and its note and flag: those in `draft`, else as saved."""
        label = dict(row.labels).get(coder)
        self.saved = Remark()
        for entry in history:
            if entry.coder == coder and entry.undoes is None and entry.leaf == label and not entry.decided:
                self.saved = Remark(entry.note, entry.marks)
        remark = self.saved if draft is None else draft
        about = [row.author, shown_date(row.created_at), language_name(row.lang) if row.lang else ""]
        self.about.setText(" · ".join(part for part in about if part) or row.tweet_id)
        self.earlier.setText(self.tr("labelled before") if label else "")
        self.tweet.show_text(row.text)
        self.leaves.show_label(label)
        if label in self.leaves.buttons:
            self._leaves_scroll.ensureWidgetVisible(self.leaves.buttons[label], 0, theme.TIGHT)
        self.note.setText(remark.note)
        self.flag.setChecked("uncertain" in remark.marks)
        self._scroll.verticalScrollBar().setValue(0)
