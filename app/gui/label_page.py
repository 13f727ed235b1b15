"""The page where tweets are labelled, one after the other, by key."""

import contextlib
import time
from collections.abc import Iterator
from itertools import pairwise

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.errors import UserError
from app.gui import theme
from app.gui.codebook_view import shape_of
from app.gui.coder_panel import CoderPanel
from app.gui.label_bar import LabelBar
from app.gui.label_desk import LabelDesk
from app.gui.label_drafts import LabelDrafts
from app.gui.label_end import LabelEnd
from app.gui.label_keys import LabelKeys
from app.gui.label_queue import LabelQueue, read_queue
from app.gui.label_side import LabelSide
from app.gui.notice import Notice, Tone
from app.gui.page import Page
from app.jobs.worker import run_in_worker
from app.study import tweets
from app.study.labelling import Labelling
from app.study.progress import Progress
from app.study.study import Study
from app.study.tweets import TweetRow

# The rail and other pages count again when the coder pauses, not while one key follows the other.
_TELL_MILLISECONDS = 1500
# The next tweet is read once this one is on the screen.
_PREPARE_MILLISECONDS = 5


class LabelPage(Page):
    """The tweet, large and calm; its classes; the codebook and the progress at the side.

    `coder_chosen` gives the name that the coder typed, to be remembered; `set_coder` tells the page.
    """

    key = "label"
    icon = "label"

    coder_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.coder = ""
        self.labelling: Labelling | None = None
        self.row: TweetRow | None = None
        self._progress: Progress | None = None
        self._turn = 0
        self._shown_at = 0.0
        self._telling = False
        self._drafts = LabelDrafts()
        self._keys = LabelKeys(self)
        self._tell_later = QTimer(self)
        self._tell_later.setSingleShot(True)
        self._tell_later.setInterval(_TELL_MILLISECONDS)
        self._tell_later.timeout.connect(self._tell_labels)
        self._prepare_later = QTimer(self)
        self._prepare_later.setSingleShot(True)
        self._prepare_later.setInterval(_PREPARE_MILLISECONDS)
        self._prepare_later.timeout.connect(self._prepare)
        self.notice = Notice()
        self.desk = LabelDesk()
        self.desk.leaves.chosen.connect(self.label)
        self.coder_panel = CoderPanel()
        self.coder_panel.chosen.connect(self._choose_coder)
        self.side = LabelSide()
        self._make_acts()
        self.bar = LabelBar((self.back_action, self.skip_action))
        self._say = self.bar.last_act.setText
        self.bar.language_chosen.connect(self._choose_language)
        self.bar.coder_clicked.connect(self._ask_again)
        self._lay_out()
        self._show_nothing()

    @property
    def title(self) -> str:
        """The page's name."""
        return self.tr("Label")

    # What the window tells

    def study_opened(self, study: Study) -> None:
        """Show the codebook, and the coder's next tweet."""
        super().study_opened(study)
        self._show_codebook()
        self._begin()

    def study_closing(self) -> None:
        """Let go of the study; each label is saved already."""
        super().study_closing()
        self._turn += 1
        if self._tell_later.isActive():
            self._tell_labels()
        self.labelling = self.row = self._progress = None
        self._drafts.forget()
        self._show_nothing()

    def study_changed(self, what: set[str]) -> None:
        """Take in new tweets and labels from elsewhere; the tweet in sight stays."""
        if self._telling or self.study is None:
            return
        if "codebook" in what:
            self._show_codebook()
        if what & {"tweets", "labels", "codebook"}:
            self._begin(keep=True)

    def set_coder(self, name: str) -> None:
        """Label as this coder; "" asks for the name."""
        if name == self.coder and self.labelling is not None:
            self._leave()
            return
        self._let_go()
        self.coder = name
        # What was said of the other coder's last label is not this one's to take back.
        self._say("")
        self._begin()

    # The coder's acts

    def label(self, leaf: str) -> None:
        """Give the tweet in sight a label, and show the next.

        On the window's thread, on purpose: the label is on the disk before the next tweet is painted, and
        nothing can come between. A commit takes some 7 ms, most of it the disk's, all until the next tweet is
        shown some 20: too short to be noticed. Where it cannot be saved, the tweet stays.
        """
        labelling, row = self.labelling, self.row
        if labelling is None or row is None or self.study is None:
            return
        remark = self.desk.remark()
        seconds = round(time.monotonic() - self._shown_at, 3)
        with self._errors_told():
            following = labelling.label(leaf, seconds=seconds, note=remark.note, marks=remark.marks)
            self._let_go()
            self._say(self.tr("Labelled {leaf} · Ctrl+Z takes it back").format(leaf=self._named(leaf)))
            self._after(following, changed=True)

    def skip(self) -> None:
        """Leave the tweet for later."""
        if self.labelling is not None and self.row is not None:
            with self._errors_told():
                self._after(self.labelling.skip())
                self._say(self.tr("Skipped · it comes again after the others"))

    def back(self) -> None:
        """Return to the tweet before."""
        if self.labelling is not None:
            with self._errors_told():
                self._say("")
                self._after(self.labelling.back())

    def clear_label(self) -> None:
        """Take the coder's label off the tweet in sight."""
        labelling, row = self.labelling, self.row
        if labelling is None or row is None or labelling.coder.name not in dict(row.labels):
            return
        with self._errors_told():
            row = labelling.clear()
            self._say(self.tr("Label taken off · Ctrl+Z gives it back"))
            self._after(row, changed=True)

    def undo(self) -> bool:
        """Take back the last label and show its tweet again."""
        if not self.can_undo():
            return False
        assert self.labelling is not None
        with self._errors_told():
            row = self.labelling.undo()
            self._say(self.tr("Taken back · Ctrl+Y gives it again"))
            self._after(row, changed=True)
        return True

    def redo(self) -> bool:
        """Give the label again that was taken back last."""
        if not self.can_redo():
            return False
        assert self.labelling is not None
        with self._errors_told():
            row = self.labelling.redo()
            again = dict(row.labels).get(self.labelling.coder.name) if row else None
            self._say(
                self.tr("Labelled {leaf} again · Ctrl+Z takes it back").format(leaf=self._named(again))
                if again
                else self.tr("Label taken off again · Ctrl+Z gives it back")
            )
            self._after(self.labelling.current(), changed=True)
        return True

    def can_undo(self) -> bool:
        """Tell whether there is a label to take back."""
        return self.labelling is not None and self.labelling.can_undo

    def can_redo(self) -> bool:
        """Tell whether there is a label to give again."""
        return self.labelling is not None and self.labelling.can_redo

    def show_tweet(self, *tweets: int) -> None:
        """Show chosen tweets, by primary key, one after the other; after them the queue goes on."""
        if self.labelling is not None:
            with self._errors_told():
                self._say("")
                self._after(self.labelling.show(*tweets))

    # What is shown

    def _begin(self, keep: bool = False) -> None:
        """Read the queue on a worker. The tweet in sight may stay."""
        self._turn += 1
        turn, study, coder, language = self._turn, self.study, self.coder, self.bar.chosen_language()
        if study is None:
            return
        if not keep:
            self.labelling = None
        run_in_worker(
            lambda: read_queue(study, coder, language),
            lambda found: self._take(turn, found),
            self._tell,
            self,
        )

    def _take(self, turn: int, found: LabelQueue) -> None:
        if turn != self._turn:
            return
        labelling = self.labelling = found.labelling
        self._progress = found.progress
        self.bar.show_languages(found.languages)
        self.state_changed.emit()
        if labelling is None:
            self._show_nothing()
            return
        row = labelling.current()
        if self.row is not None and (row is None or row.id != self.row.id):
            row = labelling.show(self.row.id)
        self._after(row, keep_note=self.row is not None)

    def _after(self, row: TweetRow | None, changed: bool = False, keep_note: bool = False) -> None:
        """Show what is current now, and tell of what changed."""
        assert self.labelling is not None and self.study is not None
        self.notice.clear()
        self._progress = self.labelling.progress_so_far
        kept = self.row is not None and row is not None and self.row.id == row.id and keep_note
        if not kept:
            self._let_go()
        self.row = row
        if row is None:
            self._show_nothing()
        else:
            if not kept:
                self._show_row(row)
            self.stack.setCurrentWidget(self.desk)
            if self.isVisible() and self.focusWidget() in (None, self.desk.note, self.coder_panel.name):
                self.setFocus()
        leaves, coder = self.study.codebook.leaves, self.labelling.coder.name
        self.side.progress.show_progress(self._progress, leaves, coder)
        self._show_controls()
        self.act_done.emit()
        self._prepare_later.start()
        if changed:
            self._tell_later.start()

    def _show_row(self, row: TweetRow) -> None:
        assert self.labelling is not None and self.study is not None
        coder = self.labelling.coder.name
        own = coder in dict(row.labels)
        history = tweets.history(self.study, row.id) if own else []
        self.desk.show_tweet(row, coder, history, self._drafts.of(coder, row.id))
        self._shown_at = time.monotonic()

    def _let_go(self) -> None:
        """Keep what was typed beside the tweet in sight, which is about to go."""
        if self.row is not None and self.coder:
            self._drafts.keep(self.coder, self.row.id, self.desk.remark(), self.desk.saved)
        self.row = None

    def _show_nothing(self) -> None:
        """Show why there is no tweet, and what to do next."""
        progress = self._progress
        self._show_controls()
        if self.study is None or progress is None:
            self.stack.setCurrentWidget(self.blank)
        elif progress.total and not self.coder:
            self.stack.setCurrentWidget(self.coder_panel)
            if self.isVisible():
                self.coder_panel.ask("")
        else:
            self.end.show_reason(progress.total, self.bar.chosen_language())
            self.stack.setCurrentWidget(self.end)

    def _show_controls(self) -> None:
        shown = self.stack.currentWidget()
        # A tweet that is hidden behind the question who labels must not be labelled.
        at_work = self.labelling is not None and self.row is not None and shown is self.desk
        self._keys.enable_leaves(at_work)
        for action in (self.skip_action, self.note_action, self.flag_action, self.clear_action):
            action.setEnabled(at_work)
        self.back_action.setEnabled(self.labelling is not None and shown in (self.desk, self.end))
        self.side.setVisible(self._progress is not None and bool(self._progress.total))
        self.side.progress.setVisible(self.labelling is not None)
        self.bar.show_work(self.labelling is not None, self.coder)

    def _show_codebook(self) -> None:
        assert self.study is not None
        self.side.codebook.show_codebook(self.study.codebook)
        self.desk.leaves.show_codebook(self.study.codebook)
        self._keys.show_leaves(self.study.codebook.leaves, self.tr("Label “{name}”"), self.label)
        self.desk.show_keys(self.note_action, self.flag_action)
        self._order_fields()

    def _order_fields(self) -> None:
        """Let Tab go from the tweet to its classes first: the codebook beside them is looked up, not gone through."""
        classes = self.desk.leaves.buttons.values()
        order = [*self.bar.controls(), *classes, self.desk.note, self.desk.flag, self.side.codebook.filter]
        for one, other in pairwise(order):
            self.setTabOrder(one, other)

    def _choose_language(self) -> None:
        self._let_go()
        self._begin()
        self.setFocus()

    def _choose_coder(self, name: str) -> None:
        self.coder_chosen.emit(name)
        self.set_coder(name)

    def _ask_again(self) -> None:
        self.stack.setCurrentWidget(self.coder_panel)
        self.coder_panel.ask(self.coder)

    def _leave(self) -> None:
        """Go back from the note, or from the question who labels, to the tweet; a notice goes, too."""
        self.notice.clear()
        if self.row is not None and self.labelling is not None:
            self.stack.setCurrentWidget(self.desk)
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
        self._fold_log()
        self._telling = True
        try:
            self.study_touched.emit({"labels"})
        finally:
            self._telling = False
        self.state_changed.emit()

    def _fold_log(self) -> None:
        """Use the pause: what labels have written is folded into the file while nobody waits."""
        study = self.study
        if study is not None:
            run_in_worker(study.fold_log, lambda _: None, self._tell, self)

    def _prepare(self) -> None:
        """Read the next tweet while the coder looks at this one."""
        if self.labelling is not None and self.row is not None:
            with self._errors_told():
                self.labelling.prepare()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if self.stack.currentWidget() is self.coder_panel:
            self.coder_panel.setFocus()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # The time before another page is not the time this tweet took.
        self._shown_at = time.monotonic()
        self.setFocus()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self._tell_later.isActive():
            self._tell_labels()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_keys"):
            self._keys.refresh_icons()

    # How it is made

    def _make_acts(self) -> None:
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        add = self._keys.add
        self.back_action = add(self.tr("Back"), ("Backspace", "Left"), self.back, "back")
        self.skip_action = add(self.tr("Skip"), ("Space", "S"), self.skip, "skip")
        # The spare keys are none that a field of text has a use for: they work while one types a note, too.
        self.note_action = add(self.tr("Write a note"), ("N",), self.desk.note.setFocus, spare="Ctrl+Shift+N")
        self.flag_action = add(
            self.tr("Mark as uncertain"), ("F",), self.desk.flag.toggle, spare="Ctrl+Shift+F"
        )
        self.clear_action = add(self.tr("Take the label off"), ("Delete",), self.clear_label)
        add(self.tr("Leave the field"), ("Esc",), self._leave)
        self.desk.note.returnPressed.connect(self._leave)

    def _lay_out(self) -> None:
        self.blank = QWidget()
        self.end = LabelEnd()
        self.end.import_wanted.connect(self.import_wanted)
        self.end.page_wanted.connect(self.page_wanted)
        self.end.all_languages_wanted.connect(lambda: self.bar.language.setCurrentIndex(0))
        self.stack = QStackedWidget()
        self.stack.currentChanged.connect(lambda _: self._show_controls())
        for shown in (self.blank, self.desk, self.coder_panel, self.end):
            self.stack.addWidget(shown)
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
