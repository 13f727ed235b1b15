"""The page of all tweets: search, filters, and a table that scrolls through a million rows."""

from itertools import pairwise

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.gui import figures, theme
from app.gui import tweet_model as columns
from app.gui.codebook_view import shape_of
from app.gui.elided import ElidedChoice
from app.gui.empty_state import EmptyState
from app.gui.labelling_together import LabellingTogether
from app.gui.language_names import language_name
from app.gui.notice import Notice, Tone
from app.gui.page import Page, make_action
from app.gui.tweet_columns import LEAST_TEXT, WIDTHS, shown_columns, text_width
from app.gui.tweet_model import TweetModel
from app.gui.tweet_table import TweetTable
from app.jobs.worker import run_in_worker
from app.settings import Settings
from app.study.study import Study, StudyCounts
from app.study.tweets import NO_LANGUAGE, TweetFilter

_TYPING_MILLISECONDS = 250
# Narrower than this, four filters side by side would show no more than their first letters.
_NARROW = 640
# So much room the search field keeps beside the buttons, in pixels; with less, they get a row of their own.
_SEARCH = 180


class TweetsPage(Page):
    """Find tweets and look at them.

    `tweet_selected` gives the selected `TweetRow`, or None, to the inspector; `label_wanted` gives the primary
    key of a tweet that the user wants to label, `review_wanted` of one to decide on. `locks_wanted` gives the
    filter for the tweets to lock, `queue_wanted` that for the tweets to label one after the other, `seeing_wanted`
    asks to end blind coding.
    """

    key = "tweets"
    icon = "tweets"

    tweet_selected = Signal(object)
    label_wanted = Signal(int)
    review_wanted = Signal(int)
    locks_wanted = Signal(object)
    queue_wanted = Signal(object)
    seeing_wanted = Signal()

    def __init__(self, settings: Settings | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.coder = ""
        self._total = 0
        self._is_blind = True
        self._group = 0
        self._predicted = False
        self.model = TweetModel(self)
        self.model.counted.connect(self._show_count)
        self.model.failed.connect(self._tell)
        self.notice = Notice()
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search text, author or id"))
        self.search.setClearButtonEnabled(True)
        self.language = self._choice(self.tr("Language"))
        self.label = self._choice(self.tr("Label"))
        self.status = self._choice(self.tr("Status"))
        self.order = self._choice(self.tr("Order"))
        self.count = QLabel()
        self.count.setProperty("role", "muted")
        self.locks = QPushButton(self.tr("Locked batches …"))
        self.locks.setToolTip(self.tr("Lock the tweets shown, or release a locked batch (Ctrl+K)"))
        self.label_these = QPushButton(self.tr("Label one by one"))
        self.label_these.setToolTip(self.tr("Label the tweets shown, one after the other (Ctrl+J)"))
        self.table = self._make_table()
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_TYPING_MILLISECONDS)
        self._pause.timeout.connect(self._ask_anew)
        self.search.textChanged.connect(lambda _: self._pause.start())
        self.search.returnPressed.connect(self.table.setFocus)
        self._fill_choices()
        for choice in (self.language, self.label, self.status, self.order):
            choice.currentIndexChanged.connect(lambda _: self._ask_anew())
        self._label_action = make_action(self, self.tr("Label this tweet"), "Ctrl+L", self._label_selected)
        review = make_action(
            self, self.tr("Decide on this tweet's gold label"), "Ctrl+G", self._review_selected
        )
        self.together = LabellingTogether(
            self,
            self.table,
            self.notice,
            lambda: (self.asked(), self.order.currentData() or "file", self.model.rowCount()),
            (self._label_action, review),
            settings or Settings(),
        )
        self.together.group_wanted.connect(self._show_group)
        self._lay_out()
        # A focus proxy would do, but from the page itself Tab would then lead past the search and the filters.
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        fields = (self.search, self.language, self.label, self.status, self.order, self.table)
        for one, other in pairwise(fields):
            self.setTabOrder(one, other)
        make_action(self, self.tr("Search the tweets"), "Ctrl+F", self._go_to_search)
        clear = make_action(self, self.tr("Show all tweets"), "Esc", self.clear_filters)
        clear.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        enter = make_action(self.table, self.tr("Label the selected tweet"), "Return", self._label_selected)
        enter.setShortcuts([QKeySequence("Return"), QKeySequence("Enter")])
        enter.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        self.table.setToolTip(self.tr("Enter or double-click labels the selected tweet"))
        make_action(self, self.tr("Locked batches …"), "Ctrl+K", self._show_locks)
        self.locks.clicked.connect(self._show_locks)
        make_action(self, self.tr("Label the tweets shown"), "Ctrl+J", self._label_shown)
        self.label_these.clicked.connect(self._label_shown)
        self.search.setToolTip(self.tr("Search text, author or id (Ctrl+F)"))
        self.search.setAccessibleName(self.tr("Search the tweets"))

    @property
    def title(self) -> str:
        """The page's name."""
        return self.tr("Tweets")

    def study_opened(self, study: Study) -> None:
        """Show the study's tweets."""
        super().study_opened(study)
        self.model.show_study(study)
        self._fill_choices()
        self.study_changed({"tweets"})
        self.together.study_opened(study)

    def study_closing(self) -> None:
        """Show nothing."""
        super().study_closing()
        self._pause.stop()
        self._group = 0
        self.together.study_closing()
        self.model.show_study(None)

    def study_changed(self, what: set[str]) -> None:
        """Count again, and read again what is in sight."""
        study = self.study
        if study is None:
            return
        if "codebook" in what:
            self.model.show_study(study)
            self._fill_choices()
        if what & {"tweets", "labels", "predictions", "codebook"}:
            run_in_worker(study.counts, self._show_counts, self._tell, self)
            self._ask()
        if "labels" in what:
            self.together.labels_changed()

    def set_coder(self, name: str, blind: bool = True) -> None:
        """Label as this coder, and show what he or she may see of sealed tweets and, where `blind`, of others' labels.

        "" is nobody, who is blind to sealed tweets alone.
        """
        self.together.set_coder(name)
        if (name, blind) == (self.coder, self._is_blind):
            return
        self.coder, self._is_blind = name, blind
        if self.study is not None:
            self._show_state()
            self._ask()

    def asked(self) -> TweetFilter:
        """Return what the search box and the filters ask for."""
        return TweetFilter(
            search=self.search.text().strip(),
            language=self.language.currentData() or "",
            leaf=self.label.currentData() or "",
            status=self.status.currentData() or "",
            group=self._group,
            viewer=self.coder,
            blind=self._is_blind,
        )

    def clear_filters(self) -> None:
        """Show all tweets again, without a notice."""
        self._group = 0
        for choice in (self.language, self.label, self.status):
            choice.blockSignals(True)
            choice.setCurrentIndex(0)
            choice.blockSignals(False)
        self.search.clear()
        self._ask_anew()

    def can_undo(self) -> bool:
        """Tell whether the coder's last act labelled several tweets at once."""
        return self.together.can_undo()

    def can_redo(self) -> bool:
        """Tell whether such an act was undone last."""
        return self.together.can_redo()

    def undo(self) -> bool:
        """Take back what was labelled at once."""
        return self.together.undo()

    def redo(self) -> bool:
        """Label at once again."""
        return self.together.redo()

    def _show_group(self, group: int) -> None:
        self.clear_filters()
        self._group = group
        self._ask_anew()
        self.notice.tell(
            Tone.INFO,
            self.tr("These tweets are near-duplicates of each other."),
            self.tr("Ctrl+Shift+G labels them at once; Esc shows all tweets again."),
        )

    def _ask_anew(self) -> None:
        """Ask for other tweets than those that are shown: what was said of them is old news."""
        self.notice.clear()
        self._ask()

    def _ask(self) -> None:
        self._pause.stop()
        self.model.ask(self.asked(), self.order.currentData() or "file")

    def _go_to_search(self) -> None:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def _tell(self, error: Exception) -> None:
        self.notice.tell(Tone.ERROR, str(error))

    # What is shown

    def _show_counts(self, counts: StudyCounts) -> None:
        self._total = counts.tweets
        self._predicted = counts.predicted > 0
        self._fit_columns()
        chosen = self.language.currentData()
        self.language.blockSignals(True)
        self.language.clear()
        self.language.addItem(self.tr("All languages"), "")
        for code, (_, total) in counts.per_language.items():
            name = f"{language_name(code)}  {figures.count(total)}"
            self.language.addItem(name, code or NO_LANGUAGE)
        self.language.setCurrentIndex(max(0, self.language.findData(chosen)))
        self.language.blockSignals(False)
        self._show_state()
        self.state_changed.emit()

    def _show_count(self, count: int) -> None:
        if self.notice.tone is Tone.ERROR:
            # It has been read now.
            self.notice.clear()
        filtered = self.asked() != TweetFilter()
        if not filtered and self.order.currentIndex() < 2:
            self._total = count
            text = self.tr("%n tweet(s)", "", count) if count < 2 else self.tr("{count} tweets")
        else:
            text = self.tr("{count} of {total} tweets")
        self.count.setText(text.format(count=figures.count(count), total=figures.count(self._total)))
        self._show_state()
        self._fit_columns()
        if not self.table.selectionModel().hasSelection():
            self.tweet_selected.emit(None)

    def _show_state(self) -> None:
        if self.model.rowCount():
            self.stack.setCurrentWidget(self.table)
        elif self._total:
            blind = self._is_blind and bool(self.coder) and self.asked().asks_for_labels
            if blind:
                why = self.tr(
                    "Blind coding hides the labels of others: only tweets that you labelled are searched."
                )
            elif self.order.currentIndex() > 1 and self.asked() == TweetFilter():
                why = self.tr("No tweet has a prediction yet, so none is more uncertain than another.")
            else:
                why = self.tr("No tweet passes the search and the filters.")
            self.no_hit.say(why)
            self.see_all.setVisible(blind)
            self.stack.setCurrentWidget(self.no_hit)
        else:
            self.stack.setCurrentWidget(self.empty)
        for control in (self.search, self.language, self.label, self.status, self.order):
            control.setEnabled(self._total > 0)
        self.count.setVisible(self._total > 0)
        self.together.button.setVisible(self._total > 0)
        self.locks.setVisible(self._total > 0)
        self.label_these.setVisible(self._total > 0)
        self.label_these.setEnabled(self.model.rowCount() > 0)
        self.blind.setVisible(self._is_blind and bool(self.coder) and self._total > 0)

    def _fit_columns(self) -> None:
        """Show the columns that leave the tweets their room; the tweets get all that is left."""
        width = self.table.viewport().width()
        shown = shown_columns(width, self.model.filled(), self._predicted)
        for column in WIDTHS:
            self.table.setColumnHidden(column, column not in shown)
        self.table.setColumnWidth(columns.TEXT, max(LEAST_TEXT, text_width(width, shown)))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Fit the columns to the table whenever its size changes."""
        if event.type() == QEvent.Type.Resize and hasattr(self, "table"):
            self._fit_columns()
        return super().eventFilter(watched, event)

    def _selected(self) -> None:
        self.tweet_selected.emit(self.table.selected_tweet())

    def _reselected(self) -> None:
        """A selected row whose page has only now been read is told now."""
        if self.table.selectionModel().hasSelection():
            self._selected()

    def _label_selected(self) -> None:
        row = self.table.selected_tweet()
        if row is None:
            self.notice.tell(
                Tone.INFO,
                self.tr("No tweet is selected."),
                self.tr(
                    "Choose one in the table with the mouse or the arrow keys, then press Enter or Ctrl+L."
                ),
            )
        else:
            self.notice.clear()
            self.page_wanted.emit("label")
            self.label_wanted.emit(row.id)

    def _review_selected(self) -> None:
        row = self.table.selected_tweet()
        if row is not None:
            self.page_wanted.emit("review")
            self.review_wanted.emit(row.id)

    def _show_locks(self) -> None:
        if self._total:
            self.locks_wanted.emit(self.asked())

    def _label_shown(self) -> None:
        if self.model.rowCount():
            self.queue_wanted.emit(self.asked())

    # How it is made

    def _choice(self, name: str) -> ElidedChoice:
        choice = ElidedChoice(8)
        choice.setAccessibleName(name)
        choice.setToolTip(self.tr("{name} (arrow keys choose)").format(name=name))
        return choice

    def _fill_choices(self) -> None:
        leaves = self.study.codebook.leaves if self.study else ()
        for choice, entries in (
            (self.language, [(self.tr("All languages"), "")]),
            (
                self.label,
                [(self.tr("All classes"), "")]
                + [(f"{shape_of(leaf)} {leaf.name}", leaf.code) for leaf in leaves],
            ),
            (
                self.status,
                [
                    (self.tr("Labelled or not"), ""),
                    (self.tr("Labelled"), "labelled"),
                    (self.tr("Not labelled"), "unlabelled"),
                    (self.tr("Coders disagree"), "disputed"),
                    (self.tr("Adjudicated"), "adjudicated"),
                    (self.tr("Has near-duplicates"), "grouped"),
                    (self.tr("Sealed test set"), "sealed"),
                    (self.tr("Predicted"), "predicted"),
                    (self.tr("Settled by a light model"), "settled"),
                    (self.tr("Not predicted"), "unpredicted"),
                    (self.tr("Prediction failed"), "failed"),
                ],
            ),
            (
                self.order,
                [
                    (self.tr("In order of the file"), "file"),
                    (self.tr("Last imported first"), "-file"),
                    (self.tr("Most uncertain first"), "uncertain"),
                    (self.tr("Most certain first"), "certain"),
                ],
            ),
        ):
            chosen = choice.currentData()
            choice.blockSignals(True)
            choice.clear()
            for name, data in entries:
                choice.addItem(name, data)
            choice.setCurrentIndex(max(0, choice.findData(chosen)))
            choice.blockSignals(False)

    def _make_table(self) -> TweetTable:
        table = TweetTable(self.model)
        table.viewport().installEventFilter(self)
        table.selectionModel().selectionChanged.connect(lambda *_: self._selected())
        self.model.dataChanged.connect(lambda *_: self._reselected())
        table.doubleClicked.connect(lambda _: self._label_selected())
        return table

    def _make_blind_line(self) -> QWidget:
        text = QLabel(
            self.tr(
                "Blind coding: what others labelled is hidden until you have labelled the tweet yourself."
            )
        )
        text.setProperty("role", "muted")
        text.setWordWrap(True)
        self.see = self._see_button()
        line = QWidget()
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SMALL)
        row.addWidget(text, 1)
        row.addWidget(self.see)
        line.hide()
        return line

    def _see_button(self) -> QPushButton:
        button = QPushButton(self.tr("Show it"))
        button.setAccessibleName(self.tr("Show what others labelled"))
        button.setToolTip(self.tr("Show what others labelled: end blind coding (Ctrl+Shift+B)"))
        button.clicked.connect(self.seeing_wanted)
        return button

    def _lay_out(self) -> None:
        self.empty = EmptyState(
            self.tr(
                "Import tweets to begin: a CSV, Excel, Parquet or JSON lines table with a column of texts."
            ),
            self.tr("Import tweets"),
            self.tr("Choose a table of tweets (Ctrl+I)"),
        )
        self.empty.clicked.connect(self.import_wanted)
        self.no_hit = EmptyState("", self.tr("Show all tweets"), self.tr("Show all tweets (Esc)"))
        self.no_hit.clicked.connect(self._show_everything)
        self.see_all = self._see_button()
        self.no_hit.add_button(self.see_all)
        self.stack = QStackedWidget()
        for shown in (self.table, self.empty, self.no_hit):
            self.stack.addWidget(shown)
        self.stack.setCurrentWidget(self.empty)
        self._first, self._second = QHBoxLayout(), QHBoxLayout()
        for line in (self._first, self._second):
            line.setSpacing(theme.SMALL)
        self._first.addWidget(self.search, 1)
        self._first.addWidget(self.count)
        self._second.addStretch(1)
        for button in (self.label_these, self.together.button, self.locks):
            self._first.addWidget(button)
        self.blind = self._make_blind_line()
        self._filters = QGridLayout()
        self._filters.setSpacing(theme.SMALL)
        self._place_filters(4)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.WIDE, theme.LARGE, theme.WIDE, theme.WIDE)
        layout.setSpacing(theme.SMALL)
        layout.addWidget(self.notice)
        layout.addLayout(self._first)
        layout.addLayout(self._second)
        layout.addLayout(self._filters)
        layout.addWidget(self.blind)
        layout.addSpacing(theme.TIGHT)
        layout.addWidget(self.stack, 1)
        self._show_state()

    def _place_buttons(self, width: int) -> None:
        """Put the buttons beside the search where it keeps its room, else under it, the locks as long as they fit."""
        widths = {one: one.sizeHint().width() for one in (self.label_these, self.together.button, self.locks)}
        room = width - 2 * theme.WIDE
        count = self.count.sizeHint().width() + theme.SMALL
        buttons = sum(widths.values()) + theme.SMALL * len(widths)
        beside = room >= _SEARCH + count + buttons
        for button in widths:
            stays = beside or (button is self.locks and room < buttons)
            (self._first if stays else self._second).addWidget(button)

    def _place_filters(self, in_a_row: int) -> None:
        for place, choice in enumerate((self.language, self.label, self.status, self.order)):
            self._filters.addWidget(choice, place // in_a_row, place % in_a_row)
        for column in range(4):
            self._filters.setColumnStretch(column, int(column < in_a_row))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_filters(4 if event.size().width() >= _NARROW else 2)
        self._place_buttons(event.size().width())

    def _show_everything(self) -> None:
        self.order.setCurrentIndex(0)
        self.clear_filters()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if self.table.isVisible():
            self.table.setFocus()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "table"):
            self.table.viewport().update()
