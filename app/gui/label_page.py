"""The page where tweets are labelled, one after the other, by key."""

import time
from collections.abc import Collection, Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from app.errors import UserError
from app.gui import figures
from app.gui.change_keys_dialog import ChangeKeysDialog, KeyLine
from app.gui.codebook_view import shape_of
from app.gui.label_acts import LabelActs
from app.gui.label_keys import class_name, with_keys
from app.gui.label_order import LabelOrder
from app.gui.label_order_acts import LabelOrderActs
from app.gui.label_pauses import LabelPauses, fold_log
from app.gui.label_queue import LabelQueue, read_queue
from app.gui.label_view import LabelView
from app.gui.leaf_cells import LeafCells
from app.gui.mark_names import mark_name, mark_sign
from app.gui.step_back import redo_key, step_back, step_forward
from app.jobs.worker import run_in_worker
from app.settings import Settings
from app.study.labelling import CHOSEN
from app.study.marks import Remark
from app.study.study import Study
from app.study.tweets import TweetRow

# A click sooner than this after one that labelled, in seconds, was meant for the tweet that is gone.
_HASTY_CLICK = 0.3


class LabelPage(LabelView):
    """The tweet, large and calm; its classes; the codebook and the progress at the side.

    `coder_wanted` asks who labels; `set_coder` tells the page.
    `settings_changed` says that the page changed something in its settings.
    """

    key = "label"
    icon = "label"

    settings_changed = Signal()

    def __init__(self, settings: Settings | None = None, parent: QWidget | None = None) -> None:
        super().__init__(settings or Settings(), parent)
        self._turn = 0
        # Tweets that were chosen elsewhere before anybody said who labels.
        self._wanted: tuple[int, ...] = ()
        # Those that were chosen together, and as what.
        self._series: tuple[int, ...] = ()
        self._series_name = ""
        self._telling = False
        self._clicked_at = 0.0
        # Labels that the order of work has not counted yet.
        self._new_labels = 0
        acts = LabelActs(self, self, self.settings.label_keys)
        self.make(acts, LabelPauses(self.show_later, self.expect, self._tell_labels, self))
        self.order = LabelOrder(self)
        self.order.chosen.connect(self._choose_queue)
        self.order.learnt.connect(self._look_for_more)
        self.order.ended.connect(lambda _: self._look_for_more())
        self.order_acts = LabelOrderActs(self, self, self.order, self.bar, self.tell)
        self.desk.put_over_classes(self.order_acts.suggestion)
        self.end.queue_wanted.connect(self.order_acts.choose_random)
        self.desk.leaves.chosen.connect(self._click)
        self.desk.marks.changed.connect(self.save_remark)
        self.desk.note.editingFinished.connect(self.save_remark)
        self.desk.note.returnPressed.connect(self.leave)
        self.end.beyond_assigned_wanted.connect(self._go_beyond_assigned)
        self.bar.language_chosen.connect(self._choose_language)
        self.bar.coder_clicked.connect(self.coder_wanted)

    @property
    def title(self) -> str:
        """The page's name."""
        return self.tr("Label")

    # What the window tells

    def study_opened(self, study: Study) -> None:
        """Show the codebook, and the coder's next tweet."""
        super().study_opened(study)
        self.show_codebook()
        self._begin()

    def study_closing(self) -> None:
        """Let go of the study; each label is saved already."""
        self.let_go()
        super().study_closing()
        self._turn += 1
        if self.pauses.end():
            self._tell_labels()
        self.labelling = self.row = self.progress = None
        self.order.end()
        self._wanted = self._series = ()
        self.drafts.forget()
        self.show_nothing()

    def study_changed(self, what: set[str]) -> None:
        """Take in new tweets and labels from elsewhere; the tweet in sight stays."""
        if self._telling or self.study is None:
            return
        if "codebook" in what:
            self.show_codebook()
        if what & {"tweets", "labels", "codebook", "coders"}:
            self._begin(keep=True)

    def set_coder(self, name: str) -> None:
        """Label as this coder; "" for nobody yet."""
        if name == self.coder and self.labelling is not None:
            self.leave()
            return
        self.let_go()
        self.coder = name
        self.beyond_assigned = False
        # What was said of the other coder's last label is not this one's to take back.
        self.say("")
        self._begin()

    def change_keys(self, taken: Mapping[str, str]) -> ChangeKeysDialog | None:
        """Show the dialog that changes the keys; `taken` are the window's own, by key."""
        if self.study is None:
            return None
        own, usual = with_keys(self.study.codebook, self.settings.label_keys), self.study.codebook
        lines = [
            KeyLine(
                class_name(usual, leaf.code),
                f"{shape_of(leaf)} {leaf.name}",
                usual.leaf(leaf.code).key,
                leaf.key,
            )
            for leaf in own.leaves
        ]
        lines += [KeyLine(*line) for line in self.acts.keys.changeable()]
        dialog = ChangeKeysDialog(lines, taken, self.window())
        dialog.table.setItemDelegateForColumn(0, LeafCells(own.leaves, dialog.table))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._use_keys({line.name for line in lines}, dialog.chosen))
        dialog.open()
        return dialog

    def _use_keys(self, changeable: Collection[str], chosen: Mapping[str, str]) -> None:
        """Use these keys; those for the classes of other codebooks stay."""
        kept = {name: key for name, key in self.settings.label_keys.items() if name not in changeable}
        self.settings.label_keys = kept | dict(chosen)
        self.settings_changed.emit()
        self.acts.keys.choose(self.settings.label_keys)
        if self.study is not None:
            self.show_codebook()
            if self.row is not None:
                self.desk.leaves.show_label(self.own_label(self.row))

    # The coder's acts

    def label(self, leaf: str) -> None:
        """Give the tweet in sight a label, and show the next.

        On the window's thread, on purpose: the label is on the disk before the next tweet is painted, and
        nothing can come between. `benchmarks/labelling.py` measures how long all of it takes. Where it cannot be
        saved, the tweet stays.
        """
        labelling, row = self.labelling, self.row
        if labelling is None or row is None or self.study is None:
            return
        remark = self.desk.remark()
        seconds = round(time.monotonic() - self.shown_at, 3)
        with self.errors_told():
            following = labelling.label(
                leaf,
                seconds=seconds,
                note=remark.note,
                marks=remark.marks,
                suggestion_shown=self.order_acts.suggestion.shown,
            )
            self._new_labels += 1
            self.desk.saved = remark
            self.drafts.labelled(labelling.coder, self.place)
            self.say(self.tr("Labelled {leaf} · Ctrl+Z takes it back").format(leaf=self.named(leaf)))
            self._after(following, changed=True)

    def toggle_mark(self, mark: str) -> None:
        """Set a mark or take it off: saved at once beside a label, else kept for the label that comes."""
        button = self.desk.marks.buttons[mark]
        button.setChecked(not button.isChecked())
        self.save_remark()

    def save_remark(self) -> None:
        """Save the note and the marks in sight beside the label that the tweet has; without one they wait for it."""
        labelling, row, remark = self.labelling, self.row, self.desk.remark()
        if labelling is None or row is None:
            return
        if self.own_label(row) is None:
            self.keep_draft()
            return
        if remark == self.desk.saved:
            return
        changed = set(remark.marks) ^ set(self.desk.saved.marks)
        try:
            row = labelling.remark(remark.note, remark.marks)
        except UserError as error:
            self.tell(error)
            # A note that could not be saved stays to be saved again; a button must not tell what is not so.
            self.desk.marks.show_marks(self.desk.saved.marks)
            return
        self.desk.saved = remark
        self.drafts.labelled(labelling.coder, self.place)
        if changed:
            mark = changed.pop()
            name = f"{mark_sign(mark)} {mark_name(mark)}"
            told = self.tr("Marked {mark}") if mark in remark.marks else self.tr("No longer marked {mark}")
            self.say(self.tr("{act} · Ctrl+Z takes it back").format(act=told.format(mark=name)))
        else:
            self.say(self.tr("Note saved · Ctrl+Z takes it back"))
        self._after(row, changed=True)

    def skip(self) -> None:
        """Leave the tweet for later."""
        if self.labelling is not None and self.row is not None:
            # No queue brings what is labelled or locked.
            over = self.own_label(self.row) or (self.row.locked and not self.place[1])
            with self.errors_told():
                self._after(self.labelling.skip())
                self.say(self.tr("Skipped") if over else self.tr("Skipped · comes again later"))

    def back(self) -> None:
        """Return to the tweet before."""
        if self.labelling is not None:
            with self.errors_told():
                self.say("")
                self._after(self.labelling.back())

    def clear_label(self) -> None:
        """Take the coder's label off the tweet in sight."""
        labelling, row = self.labelling, self.row
        if labelling is None or row is None or self.own_label(row) is None:
            return
        with self.errors_told():
            row = labelling.clear()
            self.say(self.tr("Label taken off · Ctrl+Z gives it back"))
            self._after(row, changed=True)
            # The note and the marks stay, and no label has them any more.
            self.keep_draft()

    def undo(self) -> bool:
        """Take back what was done last and show its tweet again."""
        if not self.can_undo():
            return False
        assert self.labelling is not None
        labels = figures.count(self.labelling.next_undo)
        one = self.labelling.next_undo == 1

        def show(row: TweetRow | None) -> None:
            self._recall(row)
            told = self.tr("Taken back") if one else self.tr("Taken back {count} labels")
            again = self.tr("{key} gives it again").format(key=redo_key())
            self.say(f"{told.format(count=labels)} · {again}")
            self._after(row, changed=True)

        with self.errors_told():
            step_back(self.labelling, show, self)
        return True

    def _recall(self, row: TweetRow | None) -> None:
        """Put what was said beside a label that was taken back into the fields again, also after a restart."""
        if row is None or self.labelling is None or self.study is None or self.own_label(row) is not None:
            return
        place, coder = (row.id, self.is_hidden_repeat(row)), self.labelling.coder
        if self.drafts.of(coder, place, False) is not None or (self.row and self.row.id == row.id):
            return
        entries = self.own_history(row)
        said = [e for e in entries if entries and e.id == entries[-1].undoes]
        for entry in said:
            self.drafts.keep(self.study, coder, place, Remark(entry.note, entry.marks), Remark())

    def redo(self) -> bool:
        """Do again what was taken back last."""
        if not self.can_redo():
            return False
        labelling = self.labelling
        assert labelling is not None

        def show(row: TweetRow | None) -> None:
            again = self.own_label(row) if row else None
            if row is not None:
                self.drafts.labelled(labelling.coder, (row.id, self.place[1]))
                if again and self.row is not None and self.row.id == row.id:
                    saved = dict(row.remarks).get(labelling.coder.name, Remark())
                    if self.desk.remark() == self.desk.saved:
                        self.desk.show_label(again, saved)
                    self.desk.saved = saved
            self.say(
                self.tr("Labelled {leaf} again · Ctrl+Z takes it back").format(leaf=self.named(again))
                if again
                else self.tr("Label taken off again · Ctrl+Z gives it back")
            )
            self._after(labelling.current(), changed=True)

        with self.errors_told():
            step_forward(labelling, show, self)
        return True

    def can_undo(self) -> bool:
        """Tell whether there is something to take back."""
        return self.labelling is not None and self.labelling.can_undo

    def can_redo(self) -> bool:
        """Tell whether there is something to do again."""
        return self.labelling is not None and self.labelling.can_redo

    def show_tweet(self, *tweets: int, name: str = "") -> None:
        """Show chosen tweets, by primary key, one after the other; after them the queue goes on.

        With a name, that of what they are, it is told how many of them there are and which one is in sight.
        """
        self._series, self._series_name = tweets, name
        if self.labelling is None:
            self._wanted = tweets
            return
        with self.errors_told():
            self.say("")
            self._after(self.labelling.show(*tweets))

    def label_missing(self, language: str, leaf: str) -> None:
        """Bring tweets in a language, "" for all, that are likeliest of a class, "" for any."""
        self.bar.choose_language(language)
        self.order_acts.label_class(leaf)

    # The coder's acts that change nothing in the study

    def write_note(self) -> None:
        """Let the coder type a note."""
        self.desk.note.setFocus()

    def find_in_codebook(self) -> None:
        """Let the coder type a word to find."""
        self.side.codebook.filter.setFocus()
        self.side.codebook.filter.selectAll()

    def scroll_tweet(self, pages: float) -> None:
        """Move a tweet that is longer than the window."""
        self.desk.scroll_tweet(pages)

    def toggle_history(self) -> None:
        """Show what the coder did to the tweet in sight, or hide it."""
        self.desk.history.setVisible(self.desk.history.isHidden())
        self.show_history()

    def toggle_author(self) -> None:
        """Hide who wrote the tweets and when, so that it cannot sway the coder; or show it again."""
        self.settings.hide_author = not self.settings.hide_author
        self.settings_changed.emit()
        self.name_toggles()
        if self.row is not None and self.study is not None:
            context = self.pauses.context_of(self.study, self.row)
            self.desk.show_about(context, not self.settings.hide_author)

    def leave(self) -> None:
        """Go back from the note to the tweet; a notice goes, too."""
        self.notice.clear()
        if self.row is not None and self.labelling is not None:
            self.stack.setCurrentWidget(self.desk)
        self.setFocus()

    # Its queue

    def _begin(self, keep: bool = False) -> None:
        """Read the queue on a worker. The tweet in sight may stay."""
        self._turn += 1
        turn, study, coder, language = self._turn, self.study, self.coder, self.bar.chosen_language()
        beyond = self.beyond_assigned
        if study is None:
            return
        self.order.begin(study, coder, language)
        read_order = self.order.reader()
        if not keep:
            self.labelling = None
        run_in_worker(
            lambda: read_queue(study, coder, language, beyond, read_order),
            lambda found: self._take(turn, found),
            self.tell,
            self,
        )

    def _take(self, turn: int, found: LabelQueue) -> None:
        if turn != self._turn:
            return
        under_way, ahead = None, self._wanted
        if self.labelling is not None and self.row is not None:
            under_way = self.labelling.turn()
            ahead += tuple(t for t in self.labelling.chosen_ahead() if t in self._series)
        labelling = self.labelling = found.labelling
        self.progress = found.progress
        self.bar.show_languages(found.languages)
        self.state_changed.emit()
        if labelling is None:
            self.show_nothing()
            return
        if not self.bar.last_act.text():
            self.say(self.tr("One key labels · F1: all keys"))
        self.drafts.take(labelling.coder, found.drafts)
        self.order.take(labelling, found.order)
        self.order_acts.show_choice()
        row = labelling.show(*ahead)
        self._wanted = ()
        if under_way is not None:
            row = labelling.go_on_with(under_way)
        self._after(row, keep_note=self.row is not None)

    def _after(self, row: TweetRow | None, changed: bool = False, keep_note: bool = False) -> None:
        """Show what is current now; what is not the tweet's own comes when that is on the screen."""
        assert self.labelling is not None and self.study is not None
        self.notice.clear()
        self.progress = self.labelling.progress_so_far
        kept = self.row is not None and row is not None and self.row.id == row.id and keep_note
        if not kept:
            self.let_go()
        self.row = row
        self._tell_series()
        if row is None:
            self.show_nothing()
            self.show_later()
        else:
            if not kept:
                self.show_row(row)
            if self.stack.currentWidget() is not self.desk:
                self.stack.setCurrentWidget(self.desk)
            if self.isVisible() and self.focusWidget() in (None, self.desk.note, self.nobody.button):
                self.setFocus()
        self.show_controls()
        self.pauses.begin(self.labelling, changed)

    def _tell_series(self) -> None:
        """Tell which of the tweets that were chosen together is in sight."""
        turn = self.labelling.turn() if self.labelling is not None and self._series_name else None
        if turn is None or turn.source != CHOSEN or turn.tweet not in self._series:
            self.bar.show_series("")
            return
        self.bar.show_series(
            self.tr("{name}: {place} of {count}").format(
                name=self._series_name,
                place=figures.count(self._series.index(turn.tweet) + 1),
                count=figures.count(len(self._series)),
            )
        )

    def _look_for_more(self) -> None:
        """See whether an empty queue has a tweet now, or why not: the light model has learnt, or could not."""
        if self.labelling is not None and self.row is None and self.study is not None:
            with self.errors_told():
                self._after(self.labelling.current())

    def show_row(self, row: TweetRow) -> None:
        """Show a tweet, and what is suggested for it where the coder wants that."""
        super().show_row(row)
        assert self.labelling is not None
        self.order_acts.show_suggestion(row, self.labelling)

    def show_later(self) -> None:
        """Show how far labelling is; the order of work may start to train now, which no key shall wait for."""
        super().show_later()
        while self._new_labels:
            self._new_labels -= 1
            self.order.labelled()

    def empty_reason(self) -> str:
        """Return why the chosen queue may be empty while there are tweets to label; "" for the random one."""
        return self.order_acts.empty_reason

    def _click(self, leaf: str) -> None:
        """Label by mouse: a click that follows another at once was not meant for a tweet that nobody has read."""
        now = time.monotonic()
        if now - self._clicked_at >= _HASTY_CLICK:
            self._clicked_at = now
            self.label(leaf)

    def _choose_language(self) -> None:
        self.let_go()
        self._begin()
        self.setFocus()

    def _choose_queue(self) -> None:
        self.say("")
        self._choose_language()

    def _go_beyond_assigned(self) -> None:
        self.beyond_assigned = True
        self._choose_language()

    def _tell_labels(self) -> None:
        """Tell the window, in a pause, that labels were given; and count again what others did."""
        labelling = self.labelling
        if self.study is not None:
            fold_log(self.study, self)
        if labelling is not None and labelling.is_stale:
            run_in_worker(labelling.recount, labelling.take, self.tell, self)
        self._telling = True
        try:
            self.study_touched.emit({"labels"})
        finally:
            self._telling = False

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # The time before another page is not the time this tweet took.
        self.shown_at = time.monotonic()
        self.setFocus()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self.pauses.stop_rest():
            self._tell_labels()
