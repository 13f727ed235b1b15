"""What lies before who decides: the tweet, its labels side by side, the classes, the reason."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.label_cards import LabelCards
from app.gui.language_names import language_name
from app.gui.leaf_buttons import LeafButtons
from app.gui.tweet_view import TweetView
from app.gui.when import shown_date
from app.study.codebook import Codebook
from app.study.review import Case

_WIDTH = 860
_POINTS = 18.0


class ReviewDesk(QWidget):
    """The tweet in its card, the coders' labels under it, what was decided, then the classes as buttons."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.about = QLabel()
        self.about.setProperty("role", "muted")
        self.about.setWordWrap(True)
        self.locked = QLabel()
        self.locked.setProperty("role", "warning")
        self.locked.setWordWrap(True)
        self.tweet = TweetView(_POINTS)
        self.labels = LabelCards()
        self.decision = QLabel()
        self.decision.setWordWrap(True)
        self.decision.setTextFormat(Qt.TextFormat.PlainText)
        self.decision.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.decided = QFrame()
        self.decided.setObjectName("notice")
        self.decided.setProperty("tone", "good")
        self.question = QLabel(
            self.tr("Which label stands? One key decides, saves and shows the next tweet.")
        )
        self.question.setProperty("role", "muted")
        self.question.setWordWrap(True)
        self.leaves = LeafButtons()
        self.reason = QLineEdit()
        self.reason.setPlaceholderText(self.tr("Reason for the gold label, if you like (R)"))
        self.reason.setToolTip(self.tr("Why the gold label is what it is (R); Esc leaves the field"))
        self.reason.setAccessibleName(self.tr("Reason"))
        self.reason.setMaxLength(1000)
        self._lay_out()

    def show_codebook(self, codebook: Codebook) -> None:
        """Offer the classes of a codebook."""
        self.leaves.show_codebook(codebook)
        for button in self.leaves.buttons.values():
            leaf = button.leaf
            button.setToolTip(self.tr("Decide “{name}” ({key})").format(name=leaf.name, key=leaf.key))

    def show_case(self, case: Case, codebook: Codebook) -> None:
        """Show a tweet with all that is known about its labels."""
        row = case.row
        about = [row.author, shown_date(row.created_at), language_name(row.lang) if row.lang else ""]
        self.about.setText(" · ".join(part for part in about if part) or row.tweet_id)
        self.locked.setText(
            self.tr("In the locked batch “{name}”: its labels stay as they are.").format(name=case.locked_in)
            if case.locked_in
            else ""
        )
        self.locked.setVisible(bool(case.locked_in))
        self.tweet.show_text(row.text)
        self.labels.show_labels(case.labels, codebook)
        self.labels.setVisible(bool(case.labels))
        self.decision.setText(case.decision.words(codebook) if case.decision is not None else "")
        self.decided.setVisible(case.decision is not None)
        self.leaves.show_label(row.gold)
        self.reason.setText(case.decision.reason if case.decision is not None else "")
        self._scroll.verticalScrollBar().setValue(0)

    def _lay_out(self) -> None:
        card = QFrame()
        card.setProperty("role", "card")
        inside = QVBoxLayout(card)
        inside.setContentsMargins(2 * theme.LARGE, theme.LARGE, 2 * theme.LARGE, theme.WIDE)
        inside.setSpacing(theme.MEDIUM)
        inside.addWidget(self.about)
        inside.addWidget(self.locked)
        inside.addWidget(self.tweet)
        sign = QLabel("✓")
        sign.setProperty("role", "good")
        decided = QHBoxLayout(self.decided)
        decided.setContentsMargins(theme.MEDIUM, theme.SMALL, theme.MEDIUM, theme.SMALL)
        decided.setSpacing(theme.SMALL)
        decided.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        decided.addWidget(self.decision, 1)
        held = QWidget()
        held.setMaximumWidth(_WIDTH)
        column = QVBoxLayout(held)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.MEDIUM)
        for widget in (card, self.labels, self.decided):
            column.addWidget(widget)
        middle = QWidget()
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(held, 1000)
        row.addStretch(1)
        around = QVBoxLayout(middle)
        around.setContentsMargins(0, 0, 0, 0)
        around.addStretch(1)
        around.addLayout(row)
        around.addStretch(2)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setWidget(middle)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self._scroll, 1)
        layout.addWidget(self.question)
        layout.addWidget(self.leaves)
        layout.addWidget(self.reason)
