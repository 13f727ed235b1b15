"""A list of tweets with the labels of their coders, read page by page; one is in sight."""

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from app.gui.case_cells import CaseCells
from app.gui.tweet_model import TweetModel
from app.jobs.worker import run_in_worker
from app.study import review
from app.study.codebook import Leaf
from app.study.study import Study
from app.study.tweets import TweetFilter


class CaseList(QListView):
    """Entries of two lines. `picked` gives the primary key of the one that the user went to.

    `counted` tells how many there are, `failed` what could not be read.
    """

    picked = Signal(int)
    counted = Signal(int)
    failed = Signal(Exception)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tweets = TweetModel(self)
        self.tweets.counted.connect(self._show_count)
        self.tweets.failed.connect(self.failed)
        self._study: Study | None = None
        self._filter = TweetFilter()
        self._in_sight: int | None = None
        self._showing = False
        self._cells = CaseCells()
        self.setModel(self.tweets)
        self.setItemDelegate(self._cells)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.selectionModel().currentChanged.connect(lambda index, _: self._pick(index))

    def show_study(self, study: Study | None, leaves: Sequence[Leaf] = ()) -> None:
        """Show tweets of a study; None for none."""
        self._study = study
        self._cells.leaves = {leaf.code: leaf for leaf in leaves}
        self.tweets.show_study(study)

    def ask(self, filter: TweetFilter) -> None:
        """Show the tweets that pass a filter."""
        self._filter = filter
        self.tweets.ask(filter)

    def refresh(self) -> None:
        """Read anew what is shown."""
        self.tweets.refresh()

    def go_to(self, tweet: int | None) -> None:
        """Mark a tweet as the one in sight; it may be none of the list."""
        self._in_sight = tweet
        self._mark()

    def chosen(self) -> int | None:
        """Return the tweet that is marked."""
        row = self.tweets.tweet(self.currentIndex().row()) if self.currentIndex().isValid() else None
        return row.id if row is not None else None

    def _show_count(self, count: int) -> None:
        self.counted.emit(count)
        self._mark()

    def _mark(self) -> None:
        study, tweet, filter = self._study, self._in_sight, self._filter
        if study is not None and tweet is not None:
            # In a list of many thousand, counting those before it takes a moment.
            run_in_worker(
                lambda: review.place_of(study, filter, tweet),
                lambda place: self._mark_place(tweet, place),
                self.failed.emit,
                self,
            )

    def _mark_place(self, tweet: int, place: int) -> None:
        if tweet != self._in_sight or place >= self.tweets.rowCount():
            return
        row = self.tweets.tweet(place)
        self._showing = True
        if row is not None and row.id != tweet:
            # It is not on the list, or not any more.
            self.setCurrentIndex(QModelIndex())
        else:
            self.setCurrentIndex(self.tweets.index(place, 0))
        self._showing = False

    def _pick(self, index: QModelIndex) -> None:
        row = self.tweets.tweet(index.row()) if index.isValid() else None
        if not self._showing and row is not None and row.id != self._in_sight:
            self._in_sight = row.id
            self.picked.emit(row.id)
