"""What a model labels differently from another: how many tweets went from which class to which, and which tweets."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from app.gui import figures, form_parts, theme
from app.gui.figure_table import FigureTable, RoomyTable
from app.gui.language_names import language_name
from app.gui.notice import Notice, Tone
from app.gui.page import make_action
from app.gui.tweet_view import one_line
from app.jobs.worker import run_in_worker
from app.study import label_changes, models
from app.study.label_changes import MOST_LISTED, ChangedTweet, LabelChanges
from app.study.shelf import Shelf
from app.study.study import Study

_SIZE = (1000, 680)
_PAIRS_WIDTH = 330
_ROWS = 6


class ChangesDialog(QDialog):
    """Counts for each pair of classes, and the tweets behind the chosen one.

    `tweets_wanted` gives tweets to label and under what name. Sealed tweets are neither counted nor shown.
    """

    tweets_wanted = Signal(list, str)

    def __init__(
        self, study: Study, newer: str, coder: str, blind: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._study, self._newer = study, newer
        self._coder, self._blind = coder, blind
        self._names = {leaf.code: leaf.name for leaf in study.codebook.leaves}
        self._pairs: list[tuple[str, str] | None] = []
        self._asked = 0
        self.listed: list[ChangedTweet] = []
        self.setWindowTitle(self.tr("What “{name}” changed").format(name=newer))
        self.resize(*_SIZE)
        self.notice = Notice(closable=False)
        self.older = QComboBox()
        self.older.setAccessibleName(self.tr("Compare with"))
        self.older.setToolTip(self.tr("The model whose labels are compared with (Alt+M)"))
        self.older.currentIndexChanged.connect(lambda _: self._compare())
        self.sum = QLabel()
        self.sum.setProperty("role", "heading")
        self.sum.setWordWrap(True)
        self.pairs = FigureTable(self.tr("Tweets by their class before and now"), left=2)
        self.pairs.setToolTip(self.tr("Choose a row to see its tweets (Alt+W)"))
        self.pairs.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.pairs.itemSelectionChanged.connect(self._list)
        self.languages = FigureTable(self.tr("Changed tweets by language"))
        self.tweets = RoomyTable(self.tr("Tweets that changed their class"), left=4)
        self.tweets.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.tweets.itemSelectionChanged.connect(self._show_what_works)
        self.tweets.itemDoubleClicked.connect(lambda _: self.open_chosen())
        self.list_note = QLabel()
        self.list_note.setProperty("role", "muted")
        self.list_note.setWordWrap(True)
        self.open_button = form_parts.button(
            self.tr("&Label these tweets"),
            self.tr("Go to Label with the selected tweets, or with all that are listed (Ctrl+Enter)"),
            self.open_chosen,
            primary=True,
        )
        make_action(self, self.tr("Label these tweets"), "Ctrl+Return", self.open_chosen)
        self.close_button = form_parts.button(
            self.tr("Close"), self.tr("Back to the models (Esc)"), self.reject
        )
        self._lay_out()
        run_in_worker(lambda: self._comparable(study), self._take_models, self._tell, self)

    def _lay_out(self) -> None:
        choice = QHBoxLayout()
        choice.setSpacing(theme.SMALL)
        label = QLabel(self.tr("Compared with the &model"))
        label.setBuddy(self.older)
        choice.addWidget(label)
        choice.addWidget(self.older)
        choice.addStretch(1)
        counts = QWidget()
        left = QVBoxLayout(counts)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(theme.MEDIUM)
        which = QLabel(self.tr("&Which classes"))
        which.setBuddy(self.pairs)
        left.addWidget(which)
        left.addWidget(self.pairs)
        left.addWidget(QLabel(self.tr("Languages")))
        left.addWidget(self.languages)
        left.addStretch(1)
        counts.setFixedWidth(_PAIRS_WIDTH)
        right = QVBoxLayout()
        right.setSpacing(theme.SMALL)
        right.addWidget(self.list_note)
        right.addWidget(self.tweets, 1)
        self.found = QWidget()
        columns = QHBoxLayout(self.found)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(theme.WIDE)
        columns.addWidget(counts)
        columns.addLayout(right, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.WIDE, theme.LARGE, theme.WIDE, theme.LARGE)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.notice)
        layout.addLayout(choice)
        layout.addWidget(self.sum)
        layout.addWidget(self.found, 1)
        layout.addLayout(form_parts.closing(self.close_button, self.open_button))
        self.found.hide()
        self._show_what_works()

    def _comparable(self, study: Study) -> tuple[list[str], str]:
        # Of the model that has this name now, not of one that had it before.
        models.follow_shelf(study, Shelf())
        names = [model.name for model in label_changes.comparable(study)]
        if self._newer not in names:
            raise UserError(
                self.tr("“{name}” has classified no tweet of this study yet.").format(name=self._newer),
                self.tr("Classify the tweets with it first."),
            )
        return [name for name in names if name != self._newer], label_changes.previous(study, self._newer)

    def _take_models(self, found: tuple[list[str], str]) -> None:
        others, previous = found
        if not others:
            self._tell(
                UserError(
                    self.tr("No other model has classified tweets of this study."),
                    self.tr("Classify the same tweets with two models to see what changed."),
                )
            )
            return
        self.older.blockSignals(True)
        self.older.addItems(others)
        self.older.setCurrentText(previous or others[0])
        self.older.blockSignals(False)
        self._compare()

    def _compare(self) -> None:
        study, newer, older = self._study, self._newer, self.older.currentText()
        self.found.hide()
        self.sum.setText(self.tr("Comparing …"))
        run_in_worker(
            lambda: label_changes.compare(study, newer, older), self._show_changes, self._tell, self
        )

    def _show_changes(self, changes: LabelChanges) -> None:
        if changes.older != self.older.currentText():
            return
        self.notice.clear()
        self.sum.setText(
            self.tr(
                "{changed} of {compared} tweets ({share}) changed their class; sealed ones are left out."
            ).format(
                changed=figures.count(changes.changed),
                compared=figures.count(changes.compared),
                share=figures.share(changes.changed, changes.compared),
            )
        )
        self._pairs = [None, *changes.pairs]
        rows = [[self.tr("all"), "", figures.count(changes.changed)]]
        rows += [
            [self._name(before), self._name(after), figures.count(n)]
            for (before, after), n in changes.pairs.items()
        ]
        self.pairs.blockSignals(True)
        self.pairs.show_rows([self.tr("before"), self.tr("now"), self.tr("tweets")], rows, most_rows=_ROWS)
        self.pairs.blockSignals(False)
        self.languages.show_rows(
            [self.tr("language"), self.tr("changed"), self.tr("share")],
            [
                [language_name(lang), figures.count(changed), figures.share(changed, compared)]
                for lang, (changed, compared) in changes.languages.items()
            ],
            most_rows=_ROWS,
        )
        self.found.setVisible(bool(changes.changed))
        if changes.changed:
            self.pairs.selectRow(0)
        self._show_what_works()

    def _list(self) -> None:
        row = self.pairs.currentRow()
        if not 0 <= row < len(self._pairs) or not self.older.currentText():
            return
        self._asked += 1
        asked, pair = self._asked, self._pairs[row]
        study, newer, older, coder, blind = (
            self._study, self._newer, self.older.currentText(), self._coder, self._blind,
        )  # fmt: skip

        def read() -> Sequence[ChangedTweet]:
            return label_changes.changed_tweets(study, newer, older, pair, viewer=coder, blind=blind)

        def take(found: Sequence[ChangedTweet]) -> None:
            # An answer to an earlier question is not shown.
            if asked == self._asked:
                self._show_tweets(found)

        run_in_worker(read, take, self._tell, self)

    def _show_tweets(self, found: Sequence[ChangedTweet]) -> None:
        self.listed = list(found)
        self.tweets.show_rows(
            [self.tr("tweet"), self.tr("before"), self.tr("now"), self.tr("label"), self.tr("surety")],
            [
                [
                    one_line(one.row.text),
                    self._name(one.before),
                    self._name(one.after),
                    self._name(one.row.label) if one.row.label else figures.NONE,
                    figures.share(one.confidence, 1),
                ]
                for one in found
            ],
        )
        for row, one in enumerate(found):
            item = self.tweets.item(row, 0)
            if isinstance(item, QTableWidgetItem):
                item.setToolTip(one.row.text)
        header = self.tweets.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.list_note.setText(
            self.tr("Those of which “{name}” is surest come first; {n} are listed.").format(
                name=self._newer, n=figures.count(len(found))
            )
            if len(found) == MOST_LISTED
            else self.tr("Those of which “{name}” is surest come first.").format(name=self._newer)
        )
        self.list_note.setToolTip(self.tr("Sealed tweets are neither counted nor listed"))
        self._show_what_works()

    def chosen(self) -> list[int]:
        """Return the keys of the selected tweets, of all that are listed where none is."""
        rows = sorted({index.row() for index in self.tweets.selectedIndexes()})
        return [self.listed[row].row.id for row in rows] or [one.row.id for one in self.listed]

    def open_chosen(self) -> None:
        """Bring the tweets to the Label page."""
        if self.listed and self.found.isVisible():
            self.tweets_wanted.emit(self.chosen(), self.tr("Changed by “{name}”").format(name=self._newer))
            self.accept()

    def _show_what_works(self) -> None:
        chosen = len(self.tweets.selectedIndexes()) > 0
        self.open_button.setText(self.tr("&Label the selected") if chosen else self.tr("&Label these tweets"))
        self.open_button.setEnabled(bool(self.listed) and not self.found.isHidden())

    def _name(self, code: str | None) -> str:
        return self._names.get(code or "", code or "")

    def _tell(self, error: Exception) -> None:
        if not isinstance(error, UserError):
            raise error
        self.sum.clear()
        self.found.hide()
        self.notice.tell(Tone.WARNING, error.message, error.next_step)
        self._show_what_works()
