"""The disagreements, one after the other: the list, the tweet with its labels, one key that decides."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QHideEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from app.errors import UserError
from app.gui import figures, theme
from app.gui.case_list import CaseList
from app.gui.codebook_view import shape_of
from app.gui.empty_state import EmptyState
from app.gui.label_keys import LabelKeys, with_keys
from app.gui.notice import Notice, Tone
from app.gui.page import make_action
from app.gui.review_bar import ReviewBar
from app.gui.review_blind import BlindLine, blind_sentence, left_out
from app.gui.review_desk import ReviewDesk
from app.gui.review_end import ReviewEnd
from app.gui.review_filters import ReviewFilters
from app.gui.review_tab import ReviewTab
from app.gui.step_back import redo_key
from app.jobs.worker import run_in_worker
from app.settings import Settings
from app.study import review, tweets
from app.study.review import Case, Review, ReviewCounts
from app.study.study import Study
from app.study.tweets import TweetFilter

# The rail and other pages need not count again at each key.
_TELL_MILLISECONDS = 1000
_LIST_WIDTH = 304


@dataclass(frozen=True)
class _Read:
    """What is read on a worker: the person's decisions, the counts, and the tweet to begin with."""

    review: Review | None
    counts: ReviewCounts
    languages: dict[str, tuple[int, int]]
    first: int | None


class DisagreementsTab(ReviewTab):
    """Left the list, in the middle the tweet. `coder_wanted` asks who decides."""

    coder_wanted = Signal()

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self.review: Review | None = None
        self.case: Case | None = None
        self.counts: ReviewCounts | None = None
        self._turn = 0
        self._wanted: int | None = None
        # The list is gone through from the tweet after this one.
        self._begin_after = 0
        self._blind, self._seeing = True, False
        self._tell_later = QTimer(self)
        self._tell_later.setSingleShot(True)
        self._tell_later.setInterval(_TELL_MILLISECONDS)
        self._tell_later.timeout.connect(self._tell_labels)
        self._keys = LabelKeys(self)
        self.notice = Notice()
        self.filters = ReviewFilters()
        self.filters.changed.connect(self._filter)
        self.list = CaseList()
        self.list.setAccessibleName(self.tr("Disagreements"))
        self.list.picked.connect(self._show_picked)
        self.list.counted.connect(self._show_count)
        self.list.failed.connect(self._tell)
        self.count = QLabel()
        self.count.setProperty("role", "muted")
        self.left_out = QLabel()
        self.left_out.setProperty("role", "muted")
        self.left_out.setWordWrap(True)
        self.desk = ReviewDesk()
        self.desk.leaves.chosen.connect(self.decide)
        self.end = ReviewEnd()
        self.end.page_wanted.connect(self.page_wanted)
        self.end.all_wanted.connect(lambda: self.filters.clear(self.filters.decided()))
        self.end.decided_wanted.connect(lambda: self.filters.clear(decided=True))
        self._make_acts()
        self.bar = ReviewBar((self.back_action, self.next_action))
        self.bar.coder_clicked.connect(self.coder_wanted)
        self._say = self.bar.last_act.setText
        self._lay_out()
        self._show_state()

    @property
    def title(self) -> str:
        """The tab's name."""
        return self.tr("Disagreements")

    # What the page tells

    def study_opened(self, study: Study) -> None:
        """Show the first disagreement."""
        super().study_opened(study)
        self._show_codebook()
        self._begin()

    def study_closing(self) -> None:
        """Let go of the study; each decision is saved already."""
        super().study_closing()
        self._turn += 1
        if self._tell_later.isActive():
            self._tell_labels()
        self.review = self.case = self.counts = None
        self.list.show_study(None)
        self._show_state()

    def study_changed(self, what: set[str]) -> None:
        """Take in what changed elsewhere; the tweet in sight stays."""
        if self.study is None:
            return
        if "codebook" in what:
            self._show_codebook()
        if what & {"tweets", "labels", "codebook"}:
            self._begin()

    def set_coder(self, name: str, blind: bool = True) -> None:
        """Decide as this person, "" for nobody yet; whoever is `blind` is asked before labels of others are shown."""
        if (name, blind) != (self.coder, self._blind):
            super().set_coder(name, blind)
            self._blind, self._seeing = blind, False
            self._begin_anew()
        elif self.review is None:
            self._begin()
        self._leave()

    def see(self) -> None:
        """Show what others labelled, until somebody else signs in."""
        if self._hides():
            self._seeing = True
            self._begin_anew()

    def show_tweet(self, tweet: int) -> None:
        """Show a chosen tweet, disputed or not; after it the list goes on."""
        self._wanted = tweet
        if self.counts is not None:
            with self._errors_told():
                self._show(tweet)

    # The acts

    def decide(self, leaf: str) -> None:
        """Make a leaf the gold label of the tweet in sight, and show the next disagreement.

        On the window's thread, on purpose, as with labels: it is on the disk before the next tweet is painted.
        """
        decider, case = self.review, self.case
        if decider is None or case is None or self.study is None:
            return
        with self._errors_told():
            decider.adjudicate(case.row.id, leaf, self.desk.reason.text())
            self._say(self.tr("Decided {leaf} · Ctrl+Z takes it back").format(leaf=self._named(leaf)))
            self._decided()
            self._go_on(case.row.id)

    def take_off(self) -> None:
        """Take the gold label off the tweet in sight."""
        decider, case = self.review, self.case
        if decider is None or case is None or case.row.gold is None:
            return
        with self._errors_told():
            decider.adjudicate(case.row.id, None, self.desk.reason.text())
            self._say(self.tr("Gold label taken off · Ctrl+Z gives it back"))
            self._decided()
            self._show(case.row.id)

    def undo(self) -> bool:
        """Take back the last decision and show its tweet again."""
        if self.review is None or not self.review.can_undo:
            return False
        with self._errors_told():
            tweet = self.review.undo()
            if tweet is not None:
                self._say(self.tr("Taken back · {key} decides it again").format(key=redo_key()))
                self._decided()
                self._show(tweet)
        return True

    def redo(self) -> bool:
        """Decide again what was taken back last."""
        if self.review is None or not self.review.can_redo:
            return False
        with self._errors_told():
            tweet = self.review.redo()
            if tweet is not None:
                self._say(self.tr("Decided again · Ctrl+Z takes it back"))
                self._decided()
                self._go_on(tweet)
        return True

    def next(self) -> None:
        """Show the next tweet of the list; after the last comes the first."""
        self._say("")
        self._step(back=False)

    def back(self) -> None:
        """Show the tweet before; before the first comes the last."""
        self._say("")
        self._step(back=True)

    def _step(self, back: bool) -> None:
        if self.study is not None and self.case is not None:
            with self._errors_told():
                found = review.neighbour(self.study, self._asked(), self.case.row.id, back)
                if found is not None:
                    self._show(found)

    def _go_on(self, tweet: int) -> None:
        """Show the tweet after one that was decided; where none is left, what to do next."""
        assert self.study is not None
        found = review.neighbour(self.study, self._asked(), tweet)
        if found is None or found == tweet:
            self.case = None
            self._show_state()
        else:
            self._show(found)

    # What is shown

    def _hides(self) -> bool:
        """Tell whether labels of others are hidden: blind coding is on, and it was not asked to see them."""
        return bool(self.coder) and self._blind and not self._seeing

    def _asked(self) -> TweetFilter:
        return self.filters.asked(self.coder, self._hides())

    def _begin_anew(self) -> None:
        """Show the list as far as it may be seen now, from where it was."""
        self._begin_after = self.case.row.id - 1 if self.case is not None else 0
        self.case = None
        self._show_state()
        self._begin()

    def _begin(self) -> None:
        """Read on a worker who decides, the counts, and where to begin. The tweet in sight stays."""
        self._turn += 1
        turn, study, coder, filter = self._turn, self.study, self.coder, self._asked()
        hides, after = self._hides(), self._begin_after
        if study is None:
            return

        def read() -> _Read:
            return _Read(
                Review(study, coder) if coder else None,
                review.counts(study, coder, hides),
                tweets.languages(study),
                review.neighbour(study, filter, after),
            )

        run_in_worker(read, lambda found: self._take(turn, found), self._tell, self)

    def _take(self, turn: int, found: _Read) -> None:
        if turn != self._turn or self.study is None:
            return
        self.review, self.counts = found.review, found.counts
        self.filters.show_languages(found.languages)
        self.filters.show_coders(found.counts.coders)
        self.number_changed.emit(found.counts.disputed)
        self.list.ask(self._asked())
        first = self._wanted or (self.case.row.id if self.case is not None else found.first)
        if first is None:
            self._show_state()
        else:
            kept = self.case is not None and self.case.row.id == first
            with self._errors_told():
                self._show(first, keep_reason=kept)
            if kept and self.case is None and found.first is not None:
                # It was sealed meanwhile, or the own label on it is gone.
                with self._errors_told():
                    self._show(found.first)

    def _filter(self) -> None:
        """Show another list, from its beginning."""
        self._wanted = self.case = None
        self._begin_after = 0
        self._show_state()
        self._begin()

    def _show_picked(self, tweet: int) -> None:
        self._say("")
        with self._errors_told():
            self._show(tweet)

    def _show(self, tweet: int, keep_reason: bool = False) -> None:
        assert self.study is not None
        reason = self.desk.reason.text()
        self.notice.clear()
        self._wanted = None
        if self.case is not None and self.case.row.id == tweet:
            # It may be one that must not be seen any more.
            self.case = None
        if self._hides() and review.is_blind(self.study, tweet, self.coder):
            self._wanted, self.case = tweet, None
            self._show_state()
            return
        try:
            self.case = review.case(self.study, tweet, self.coder)
        except UserError:
            self._show_state()
            raise
        self.desk.show_case(self.case, self.study.codebook)
        if keep_reason:
            self.desk.reason.setText(reason)
        self.list.go_to(tweet)
        self._show_state()
        if self.isVisible() and self.focusWidget() in (None, self.desk.reason, self.nobody.button):
            self.setFocus()

    def _decided(self) -> None:
        """Show the list as it is now, and tell of it in a moment."""
        assert self.study is not None
        self.counts = review.counts(self.study, self.coder, self._hides())
        self.number_changed.emit(self.counts.disputed)
        self.list.refresh()
        if not self._tell_later.isActive():
            self._tell_later.start()

    def _show_count(self, count: int) -> None:
        asked = self._asked()
        if self.filters.decided():
            text = self.tr("{count} decided")
        elif asked == review.asked() and not self._hides():
            text = self.tr("{count} left to decide")
        else:
            text = self.tr("{count} of {total} left to decide")
        total = self.counts.disputed if self.counts is not None else count
        self.count.setText(text.format(count=figures.count(count), total=figures.count(total)))

    def _show_state(self) -> None:
        """Show the tweet in sight; without one, why there is none and what to do next."""
        counts, case = self.counts, self.case
        at_work = case is not None and self.review is not None
        self._keys.enable_leaves(at_work)
        for action in (self.reason_action, self.off_action, self.back_action, self.next_action):
            action.setEnabled(at_work)
        something = counts is not None and bool(counts.disputed or counts.adjudicated)
        hidden = counts is not None and self._hides() and counts.unseen > 0
        nothing_own = counts is not None and hidden and counts.unseen >= counts.disputed + counts.adjudicated
        self.side.setVisible(something and not nothing_own)
        self.left_out.setText(left_out(counts) if counts is not None else "")
        self.left_out.setVisible(bool(self.left_out.text()))
        self.see_action.setEnabled(hidden)
        self.blind.setVisible(hidden and case is not None)
        self.bar.setVisible(something or case is not None)
        self.bar.show_coder(self.coder)
        if self.study is None or counts is None:
            self.stack.setCurrentWidget(self.blank)
        elif case is not None and self.review is None:
            asked = self.stack.currentWidget() is self.nobody
            self.stack.setCurrentWidget(self.nobody)
            if self.isVisible() and not asked:
                self.coder_wanted.emit()
        elif case is not None:
            self.stack.setCurrentWidget(self.desk)
        elif hidden:
            self.stack.setCurrentWidget(self.unseen)
        else:
            self.end.show_reason(counts, filtered=self._asked() != review.asked())
            self.stack.setCurrentWidget(self.end)

    def show_keys(self) -> None:
        """Take over the keys of the classes from the settings."""
        if self.study is not None:
            self._show_codebook()

    def _show_codebook(self) -> None:
        assert self.study is not None
        codebook = with_keys(self.study.codebook, self._settings.label_keys)
        leaves = codebook.leaves
        self.list.show_study(self.study, leaves)
        self.filters.show_leaves(leaves)
        self.desk.show_codebook(codebook)
        self._keys.show_leaves(leaves, self.tr("Decide “{name}”"), self.decide)

    def _leave(self) -> None:
        """Go back from the reason to the tweet."""
        self._show_state()
        self.setFocus()

    def _named(self, code: str) -> str:
        assert self.study is not None
        leaf = self.study.codebook.leaf(code)
        return f"{shape_of(leaf)} {leaf.name}"

    def _tell(self, error: Exception) -> None:
        self.notice.tell(Tone.ERROR, str(error))

    @contextlib.contextmanager
    def _errors_told(self) -> Iterator[None]:
        """Tell what could not be saved or read, and leave the tweet where it is."""
        try:
            yield
        except UserError as error:
            self._tell(error)

    def _tell_labels(self) -> None:
        self._tell_later.stop()
        self.labels_changed.emit()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if self.stack.currentWidget() is self.nobody:
            self.nobody.button.setFocus()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self._tell_later.isActive():
            self._tell_labels()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "stack"):
            self._keys.refresh_icons()
            self.list.viewport().update()
            if self.case is not None and self.study is not None:
                self.desk.labels.show_labels(self.case.labels, self.study.codebook)

    # How it is made

    def _make_acts(self) -> None:
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        add = self._keys.add
        self.back_action = add(self.tr("Previous"), ("Backspace", "Left"), self.back, "back")
        self.next_action = add(self.tr("Next"), ("Space", "Right"), self.next, "skip")
        self.reason_action = add(self.tr("Write the reason"), ("R",), self.desk.reason.setFocus)
        self.off_action = add(self.tr("Take the gold label off"), ("Delete",), self.take_off)
        add(self.tr("Leave the field"), ("Esc",), self._leave)
        self.see_action = make_action(
            self, self.tr("Show them"), "Ctrl+Alt+B", self.see, tip=self.tr("Show what others labelled")
        )
        self.see_action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.desk.reason.returnPressed.connect(self._leave)

    def _lay_out(self) -> None:
        self.blank = QWidget()
        self.nobody = EmptyState(
            self.tr("Say who decides first: the name stands beside each decision."),
            self.tr("Sign in"),
            self.tr("Choose who is at work (Ctrl+Shift+P)"),
        )
        self.nobody.clicked.connect(self.coder_wanted)
        self.unseen = EmptyState(blind_sentence(), self.see_action.text(), self.see_action.toolTip())
        self.unseen.clicked.connect(self.see)
        self.blind = BlindLine(self.see_action.text(), self.see_action.toolTip())
        self.blind.seeing_wanted.connect(self.see)
        self.stack = QStackedWidget()
        for shown in (self.blank, self.desk, self.nobody, self.unseen, self.end):
            self.stack.addWidget(shown)
        self.side = QWidget()
        self.side.setFixedWidth(_LIST_WIDTH)
        side = QVBoxLayout(self.side)
        side.setContentsMargins(0, 0, 0, 0)
        side.setSpacing(theme.SMALL)
        side.addWidget(self.filters)
        side.addWidget(self.count)
        side.addWidget(self.left_out)
        side.addWidget(self.list, 1)
        middle = QVBoxLayout()
        middle.setSpacing(theme.SMALL)
        middle.addWidget(self.bar)
        middle.addWidget(self.blind)
        middle.addWidget(self.notice)
        middle.addWidget(self.stack, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.WIDE)
        layout.addWidget(self.side)
        layout.addLayout(middle, 1)
