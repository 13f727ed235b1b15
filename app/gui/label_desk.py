"""What lies before the coder: the tweet in its card, the classes, the marks, a note."""

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
from app.gui.context_card import ContextCard
from app.gui.label_keys import shown_key
from app.gui.language_names import language_name
from app.gui.leaf_buttons import LeafButtons
from app.gui.mark_buttons import HEIGHT, MarkButtons
from app.gui.own_history import OwnHistory
from app.gui.page import with_key
from app.gui.tweet_view import TweetView
from app.gui.when import shown_date
from app.study.context import Context
from app.study.marks import Remark
from app.study.tweets import TweetRow

# As wide as the row of classes in the usual window.
_CARD_WIDTH = 800
_POINTS = 20.0
# Of the height, for the classes: with many of them in a low window the tweet still has its room.
_LEAVES_SHARE = 0.45
# The note keeps this much; the marks beside it show their signs alone where there is no room for their names.
_NOTE_WIDTH = 140


class LabelDesk(QWidget):
    """The card with the tweet, what surrounds it above; the row of classes, the marks and the note under it.

    `saved` is the remark that was saved with the coder's label of this tweet; `remark` the one in sight.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.saved = Remark()
        self._row: TweetRow | None = None
        self.context = ContextCard()
        self.about = QLabel()
        self.about.setProperty("role", "muted")
        self.about.setWordWrap(True)
        self.earlier = QLabel()
        self.earlier.setProperty("role", "muted")
        self.author_button = _quiet_button()
        self.history_button = _quiet_button()
        self.tweet = TweetView(_POINTS)
        self.history = OwnHistory()
        self.leaves = LeafButtons()
        self.marks = MarkButtons()
        self.note = QLineEdit()
        self.note.setAccessibleName(self.tr("Note"))
        self.note.setMaxLength(1000)
        self.note.setMinimumSize(_NOTE_WIDTH, HEIGHT)
        self.locked = QLabel(
            self.tr(
                "This tweet is in a locked batch: its label stays as it is until the batch is released on the "
                "Tweets page."
            )
        )
        self.locked.setProperty("role", "warning")
        self.locked.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.locked.setWordWrap(True)
        self.card = QFrame()
        self.card.setProperty("role", "card")
        self._lay_out()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(theme.TIGHT)
        head.addWidget(self.about, 1)
        head.addWidget(self.earlier)
        head.addSpacing(theme.SMALL)
        head.addWidget(self.author_button)
        head.addWidget(self.history_button)
        inside = QVBoxLayout(self.card)
        inside.setContentsMargins(2 * theme.LARGE, theme.MEDIUM, theme.LARGE, theme.WIDE)
        inside.setSpacing(theme.MEDIUM)
        inside.addLayout(head)
        text = QHBoxLayout()
        text.setContentsMargins(0, 0, theme.LARGE, 0)
        text.addWidget(self.tweet)
        inside.addLayout(text)
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SMALL)
        column.addStretch(1)
        for part in (self.context, self.card, self.history):
            part.setMaximumWidth(_CARD_WIDTH)
            row = QHBoxLayout()
            row.addStretch(1)
            row.addWidget(part, 1000)
            row.addStretch(1)
            column.addLayout(row)
        column.addStretch(1)
        self.history.hide()
        self._scroll = _scrolled(middle)
        self._leaves_scroll = _scrolled(self.leaves)
        self.leaves.arranged.connect(self._fit_leaves)
        under = QHBoxLayout()
        under.setSpacing(theme.SMALL)
        under.addWidget(self.marks)
        under.addWidget(self.note, 1)
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(theme.MEDIUM)
        self._rows.addWidget(self._scroll, 1)
        self._rows.addWidget(self.locked)
        self.locked.hide()
        self._rows.addWidget(self._leaves_scroll)
        self._rows.addLayout(under)

    def put_over_classes(self, line: QWidget) -> None:
        """Put a line between the tweet and its classes."""
        self._rows.insertWidget(1, line)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # Marks are told by their names; where these have no room beside the note, in two rows.
        self.marks.arrange(event.size().width() - theme.SMALL - _NOTE_WIDTH)
        self._fit_leaves()

    def _fit_leaves(self) -> None:
        room = self.height() - (self.marks.sizeHint().height() - HEIGHT)
        self._leaves_scroll.setFixedHeight(
            min(self.leaves.full_height(), max(120, round(_LEAVES_SHARE * room)))
        )

    def show_keys(self, note: QAction, marks: dict[str, QAction]) -> None:
        """Name the keys that these acts have now: the coder, or the codebook, may have taken the usual ones."""
        self.note.setPlaceholderText(with_key(self.tr("Note"), note))
        self.note.setToolTip(
            self.tr("{act}; Esc leaves the field").format(
                act=with_key(self.tr("A note beside the label"), note)
            )
        )
        for mark, action in marks.items():
            self.marks.buttons[mark].show_key(shown_key(action))

    def use_acts(self, author: QAction, history: QAction) -> None:
        """Let the buttons over the tweet do these acts."""
        self.author_button.setDefaultAction(author)
        self.history_button.setDefaultAction(history)
        for button, action in ((self.author_button, author), (self.history_button, history)):
            button.setAccessibleName(action.text())

    def remark(self) -> Remark:
        """Return the note and the marks as they are now."""
        return Remark(self.note.text().strip(), self.marks.marks())

    def show_tweet(
        self,
        row: TweetRow,
        label: str | None,
        saved: Remark,
        draft: Remark | None = None,
        context: Sequence[Context] = (),
        with_author: bool = True,
    ) -> None:
        """Show a tweet with the coder's own label, and its note and marks: those in `draft`, else as saved."""
        self._row = row
        self.saved = saved
        self.show_about(context, with_author)
        self.earlier.setText(self.tr("labelled before") if label else "")
        self.tweet.show_text(row.text)
        self.show_label(label, saved if draft is None else draft)
        self._scroll.verticalScrollBar().setValue(0)

    def show_label(self, label: str | None, remark: Remark) -> None:
        """Show a label, its note and its marks with the tweet that is in sight."""
        self.leaves.show_label(label)
        if label in self.leaves.buttons:
            self._leaves_scroll.ensureWidgetVisible(self.leaves.buttons[label], 0, theme.TIGHT)
        if self.note.text() != remark.note:
            self.note.setText(remark.note)
        self.marks.show_marks(remark.marks)

    def show_locked(self, locked: bool) -> None:
        """Let nothing be said of a tweet in a locked batch, and tell why."""
        self.locked.setVisible(locked)
        for part in (self.leaves, self.marks, self.note):
            part.setEnabled(not locked)

    def scroll_tweet(self, pages: float) -> None:
        """Move a tweet that is longer than the window, by a part of what is in sight."""
        bar = self._scroll.verticalScrollBar()
        bar.setValue(bar.value() + round(pages * self._scroll.viewport().height()))

    def show_about(self, context: Sequence[Context], with_author: bool) -> None:
        """Show who wrote the tweet in sight, when, and what surrounds it; or leave out who and when."""
        row = self._row
        if row is None:
            return
        about = [row.author, shown_date(row.created_at)] if with_author else []
        about.append(language_name(row.lang) if row.lang else "")
        self.about.setText(
            " · ".join(part for part in about if part) or (row.tweet_id if with_author else "")
        )
        self.context.show_context(context, with_author)


def _quiet_button() -> QToolButton:
    button = QToolButton()
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setProperty("role", "quiet")
    button.setMinimumSize(HEIGHT, HEIGHT)
    return button


def _scrolled(inside: QWidget) -> QScrollArea:
    scroll = QScrollArea()
    scroll.setWidgetResizable(True)
    scroll.setWidget(inside)
    scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return scroll
