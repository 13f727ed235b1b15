"""What the label page shows: the tweet and its classes, the end of the queue, or the question who labels."""

import contextlib
import time
from collections.abc import Iterator
from itertools import pairwise

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.errors import UserError
from app.gui import theme
from app.gui.codebook_view import shape_of
from app.gui.empty_state import EmptyState
from app.gui.label_acts import LabelActs
from app.gui.label_bar import LabelBar
from app.gui.label_desk import LabelDesk
from app.gui.label_drafts import LabelDrafts, Place
from app.gui.label_end import LabelEnd
from app.gui.label_keys import with_keys
from app.gui.label_pauses import LabelPauses
from app.gui.label_side import LabelSide
from app.gui.notice import Notice, Tone
from app.gui.page import Page, with_key
from app.settings import Settings
from app.study import tweets
from app.study.labelling import Labelling
from app.study.marks import Remark
from app.study.progress import Progress
from app.study.tweets import HistoryEntry, TweetRow


class LabelView(Page):
    """The parts of the page and what stands in them. What the coder does is `LabelPage`'s.

    `coder_wanted` asks who labels.
    """

    coder_wanted = Signal()

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.settings = settings
        self.coder = ""
        self.labelling: Labelling | None = None
        self.row: TweetRow | None = None
        self.progress: Progress | None = None
        # Whether a coder who is done with what was assigned goes on with other tweets.
        self.beyond_assigned = False
        self.shown_at = 0.0
        self.drafts = LabelDrafts()
        # Where what is said of the tweet in sight is kept.
        self.place: Place = (0, False)
        self.notice = Notice()
        self.desk = LabelDesk()
        self.nobody = EmptyState(
            self.tr("Say who labels first: the name stands beside each label."),
            self.tr("Sign in"),
            self.tr("Choose who is at work (Ctrl+Shift+P)"),
        )
        self.nobody.clicked.connect(self.coder_wanted)
        self.side = LabelSide()
        self.blank = QWidget()
        self.end = LabelEnd()
        self.end.import_wanted.connect(self.import_wanted)
        self.end.page_wanted.connect(self.page_wanted)
        self.end.coder_wanted.connect(self.coder_wanted)

    @property
    def lacks_coder(self) -> bool:
        """Whether there are tweets to label and nobody has said who labels."""
        return not self.coder and self.stack.currentWidget() is self.nobody

    def make(self, acts: LabelActs, pauses: LabelPauses) -> None:
        """Put the parts into their places, with the acts as buttons."""
        self.acts, self.pauses = acts, pauses
        self.desk.use_acts(acts.author, acts.history)
        self.bar = LabelBar((acts.back, acts.skip))
        self.say = self.bar.say
        self.end.all_languages_wanted.connect(lambda: self.bar.language.setCurrentIndex(0))
        self.stack = QStackedWidget()
        self.stack.currentChanged.connect(lambda _: self.show_controls())
        for shown in (self.blank, self.desk, self.nobody, self.end):
            self.stack.addWidget(shown)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        left = QVBoxLayout()
        left.setContentsMargins(theme.WIDE, theme.LARGE, theme.WIDE, theme.LARGE)
        left.setSpacing(theme.SMALL)
        left.addWidget(self.bar)
        left.addWidget(self.notice)
        left.addWidget(self.stack, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(left, 1)
        layout.addWidget(self.side)
        self.show_nothing()

    def show_row(self, row: TweetRow) -> None:
        """Show a tweet with what the coder has said of it."""
        assert self.labelling is not None and self.study is not None
        own = self.own_label(row)
        saved = dict(row.remarks).get(self.labelling.coder.name, Remark()) if own else Remark()
        # What was said beside the first label would tell that this is a repeat.
        self.place = (row.id, self.is_hidden_repeat(row))
        draft = self.drafts.of(self.labelling.coder, self.place, own is not None)
        context = self.pauses.context_of(self.study, row)
        self.desk.show_tweet(row, own, saved, draft, context, not self.settings.hide_author)
        if self.desk.history.isVisible():
            self.show_history()
        self.shown_at = time.monotonic()

    def own_label(self, row: TweetRow) -> str | None:
        """Return the coder's own label on a tweet; of a hidden repeat, the second one."""
        assert self.labelling is not None
        return dict(row.labels).get(self.labelling.coder.name)

    def is_hidden_repeat(self, row: TweetRow) -> bool:
        turn = self.labelling.turn() if self.labelling is not None else None
        return turn is not None and turn.repeat and turn.tweet == row.id

    def show_history(self) -> None:
        """Show the coder's own acts on the tweet in sight, where they are unfolded.

        Others' labels are shown neither before one's own nor after: whoever compares goes to the review.
        """
        if self.row is None or self.study is None or self.labelling is None or self.desk.history.isHidden():
            return
        entries = [] if self.is_hidden_repeat(self.row) else self.own_history(self.row)
        self.desk.history.show_history(entries, {leaf.code: leaf for leaf in self.study.codebook.leaves})

    def own_history(self, row: TweetRow) -> list[HistoryEntry]:
        """Return what the coder did to a tweet, oldest first."""
        assert self.labelling is not None and self.study is not None
        name = self.labelling.coder.name
        return [
            e
            for e in tweets.history(self.study, row.id, name, blind=True)
            if e.coder == name and not e.decided
        ]

    def show_later(self) -> None:
        """Show how far labelling is, once the tweet is on the screen."""
        if self.labelling is None or self.study is None or self.progress is None:
            return
        leaves, coder = self.study.codebook.leaves, self.labelling.coder.name
        self.side.progress.show_progress(self.progress, leaves, coder, self.labelling.pace)
        self.act_done.emit()

    def expect(self, row: TweetRow) -> None:
        """Get ready for the tweet that comes next."""
        self.desk.tweet.warm_up(row.text)

    def let_go(self) -> None:
        """Keep what was typed beside the tweet in sight, which is about to go."""
        self.keep_draft()
        self.row = None

    def keep_draft(self) -> None:
        """Keep what was typed beside the tweet in sight; tell where it could not be written."""
        if self.row is None or self.labelling is None or self.study is None:
            return
        with self.errors_told():
            self.drafts.keep(
                self.study, self.labelling.coder, self.place, self.desk.remark(), self.desk.saved
            )

    def show_nothing(self) -> None:
        """Show why there is no tweet, and what to do next."""
        progress = self.progress
        self.show_controls()
        if self.study is None or progress is None:
            self.stack.setCurrentWidget(self.blank)
        elif progress.total and not self.coder:
            asked = self.lacks_coder
            self.stack.setCurrentWidget(self.nobody)
            if self.isVisible() and not asked:
                self.coder_wanted.emit()
        else:
            reason = self.empty_reason()
            if progress.total and reason:
                self.end.show_empty_queue(reason)
            else:
                self.end.show_reason(progress, self.bar.chosen_language(), self.beyond_assigned)
            self.stack.setCurrentWidget(self.end)

    def empty_reason(self) -> str:
        """Return why the queue may be empty while there are tweets to label; "" where it takes all."""
        return ""

    def show_controls(self) -> None:
        """Let that work which makes sense with what is shown."""
        shown = self.stack.currentWidget()
        # A tweet that is out of sight must not be labelled.
        at_work = self.labelling is not None and self.row is not None and shown is self.desk
        # The second label of a hidden repeat is no label of the batch.
        locked = at_work and self.row is not None and self.row.locked and not self.place[1]
        focus = self.focusWidget()
        if locked and focus is not None and self.desk.isAncestorOf(focus):
            self.setFocus()
        self.desk.show_locked(locked)
        self.acts.enable(at_work, self.labelling is not None and shown in (self.desk, self.end), locked)
        self.side.setVisible(self.progress is not None and bool(self.progress.total))
        self.side.progress.setVisible(self.labelling is not None)
        self.bar.show_work(self.labelling is not None, self.coder)

    def show_codebook(self) -> None:
        """Show the study's classes, with the keys that the coder has for them."""
        assert self.study is not None
        codebook = with_keys(self.study.codebook, self.settings.label_keys)
        self.side.codebook.show_codebook(codebook)
        self.desk.leaves.show_codebook(codebook)
        self.acts.show_classes(codebook.leaves)
        self.desk.show_keys(self.acts.note, self.acts.marks)
        self.name_toggles()
        self._order_fields()

    def name_toggles(self) -> None:
        """Let the buttons over the tweet say what they do now."""
        self.acts.author.setText(
            self.tr("Show author") if self.settings.hide_author else self.tr("Hide author")
        )
        for action, tip in (
            (self.acts.author, self.tr("Author and date can be hidden, so that they cannot sway you")),
            (self.acts.history, self.tr("What you did to this tweet")),
        ):
            action.setToolTip(with_key(tip, action))

    def _order_fields(self) -> None:
        """Let Tab go from the tweet to its classes first: the codebook beside them is looked up, not gone through."""
        desk = self.desk
        order = [
            *self.bar.controls(), desk.author_button, desk.history_button, *desk.leaves.buttons.values(),
            *desk.marks.buttons.values(), desk.note, self.side.codebook.filter,
        ]  # fmt: skip
        for one, other in pairwise(order):
            self.setTabOrder(one, other)

    def named(self, code: str) -> str:
        """Return a class as a sign and a name."""
        assert self.study is not None
        leaf = self.study.codebook.leaf(code)
        return f"{shape_of(leaf)} {leaf.name}"

    def tell(self, error: Exception) -> None:
        """Tell what went wrong over the tweet, which stays."""
        self.notice.tell(Tone.ERROR, str(error))

    @contextlib.contextmanager
    def errors_told(self) -> Iterator[None]:
        """Tell what could not be saved or read, and leave the tweet where it is."""
        try:
            yield
        except UserError as error:
            self.tell(error)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if self.lacks_coder:
            self.nobody.button.setFocus()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "acts"):
            self.acts.keys.refresh_icons()
