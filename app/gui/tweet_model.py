"""The tweets of a study as a table that reads only what is in sight."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from app.gui import figures
from app.gui.language_names import language_name
from app.jobs.worker import run_in_worker
from app.study import tweets
from app.study.codebook import Leaf
from app.study.study import Study
from app.study.tweets import TweetFilter, TweetRow

PAGE = 200
KEPT_PAGES = 40
# Pages asked for while one is being read. Older ones were scrolled past: nobody looks at them any more.
_WAITING_PAGES = 3

TEXT, LANGUAGE, AUTHOR, DATE, LABEL, PREDICTION, CONFIDENCE = range(7)
COLUMNS = 7
LEAF_ROLE = int(Qt.ItemDataRole.UserRole)
"""The leaf of a label or prediction cell, None for none."""
ROW_ROLE = LEAF_ROLE + 1
"""The `TweetRow`, None while its page is being read."""

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class _First:
    """What is shown at once after a change of the filter: how many there are, and the first page."""

    count: int
    rows: list[TweetRow]


class TweetModel(QAbstractTableModel):
    """Pages of tweets, read on a worker when the table asks for them, the latest kept.

    A million rows cost no more than the pages in sight; a row whose page is not there yet is shown as "…".
    """

    counted = Signal(int)
    failed = Signal(Exception)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._study: Study | None = None
        self._leaves: dict[str, Leaf] = {}
        self._filter = TweetFilter()
        self._order = "file"
        self._count = 0
        self._pages: OrderedDict[int, list[TweetRow]] = OrderedDict()
        self._waiting: list[int] = []
        self._reading: int | None = None
        self._turn = 0

    def show_study(self, study: Study | None) -> None:
        """Show a study's tweets; None for no study."""
        self._study = study
        self._leaves = {leaf.code: leaf for leaf in study.codebook.leaves} if study else {}
        if study is None:
            self._adopt(self._next_turn(), _First(0, []))

    def ask(self, filter: TweetFilter, order: str = "file") -> None:
        """Show the tweets that pass a filter. What is shown stays until they are counted; then `counted` comes."""
        self._filter, self._order = filter, order
        turn = self._next_turn()
        study = self._study
        if study is None:
            return

        def read() -> _First:
            return _First(tweets.count(study, filter, order), tweets.page(study, filter, 0, PAGE, order))

        run_in_worker(read, lambda first: self._adopt(turn, first), self._fail, self)

    def refresh(self) -> None:
        """Read anew what is shown, without moving it, where the number of tweets is as before."""
        self.ask(self._filter, self._order)

    def tweet(self, row: int) -> TweetRow | None:
        """Return the tweet in a row; None while its page is being read."""
        page, place = divmod(row, PAGE)
        rows = self._pages.get(page)
        if rows is None:
            self._want(page)
            return None
        self._pages.move_to_end(page)
        return rows[place] if place < len(rows) else None

    def filled(self) -> set[int]:
        """Return those of the columns of author and date in which some tweet that was read has something."""
        rows = [row for page in self._pages.values() for row in page]
        return {AUTHOR for row in rows if row.author} | {DATE for row in rows if row.created_at}

    def _next_turn(self) -> int:
        self._turn += 1
        self._waiting.clear()
        return self._turn

    def _adopt(self, turn: int, first: _First) -> None:
        if turn != self._turn:
            return
        if first.count == self._count and first.count:
            self._pages.clear()
            self._pages[0] = first.rows
            self.dataChanged.emit(self.index(0, 0), self.index(first.count - 1, COLUMNS - 1))
        else:
            self.beginResetModel()
            self._pages.clear()
            self._count = first.count
            if first.rows:
                self._pages[0] = first.rows
            self.endResetModel()
        self.counted.emit(first.count)

    def _fail(self, error: Exception) -> None:
        self._reading = None
        self.failed.emit(error)

    def _want(self, page: int) -> None:
        if page == self._reading or page in self._waiting:
            return
        self._waiting.append(page)
        del self._waiting[:-_WAITING_PAGES]
        self._read_next()

    def _read_next(self) -> None:
        study, turn, filter, order = self._study, self._turn, self._filter, self._order
        if self._reading is not None or not self._waiting or study is None:
            return
        page = self._reading = self._waiting.pop()
        run_in_worker(
            lambda: tweets.page(study, filter, page * PAGE, PAGE, order),
            lambda rows: self._take(turn, page, rows),
            self._fail,
            self,
        )

    def _take(self, turn: int, page: int, rows: list[TweetRow]) -> None:
        self._reading = None
        if turn == self._turn:
            self._pages[page] = rows
            while len(self._pages) > KEPT_PAGES:
                self._pages.popitem(last=False)
            last = min((page + 1) * PAGE, self._count) - 1
            if last >= page * PAGE:
                self.dataChanged.emit(self.index(page * PAGE, 0), self.index(last, COLUMNS - 1))
        self._read_next()

    # What Qt asks for

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else self._count

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else COLUMNS

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if orientation == Qt.Orientation.Vertical:
            return figures.count(section + 1)
        return (
            self.tr("Tweet"),
            self.tr("Language"),
            self.tr("Author"),
            self.tr("Date"),
            self.tr("Label"),
            self.tr("Prediction"),
            self.tr("Confidence"),
        )[section]

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() == CONFIDENCE:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        wanted = (
            Qt.ItemDataRole.DisplayRole,
            Qt.ItemDataRole.ToolTipRole,
            Qt.ItemDataRole.AccessibleTextRole,
            LEAF_ROLE,
            ROW_ROLE,
        )
        if role not in wanted or not index.isValid():
            return None
        row = self.tweet(index.row())
        if role == ROW_ROLE:
            return row
        if row is None:
            return "…" if role == Qt.ItemDataRole.DisplayRole and index.column() == TEXT else None
        if role == LEAF_ROLE:
            code = {LABEL: row.label, PREDICTION: row.predicted}.get(index.column())
            return self._leaves.get(code) if code else None
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(row, index.column())
        if role == Qt.ItemDataRole.AccessibleTextRole and index.column() == TEXT and row.similar:
            return f"{self._shown(row, TEXT)} {self.similar(row)}"
        return self._shown(row, index.column())

    def _shown(self, row: TweetRow, column: int) -> str:
        if column == TEXT:
            return " ".join(row.text.split())
        if column == LANGUAGE:
            return language_name(row.lang).removesuffix(f" ({row.lang})") if row.lang else figures.NONE
        if column == AUTHOR:
            return row.author
        if column == DATE:
            return row.created_at[:10]
        if row.hidden and column in (LABEL, PREDICTION):
            return self.tr("sealed")
        if column == LABEL:
            if row.blind:
                return self.tr("hidden")
            return self.tr("disputed") if row.disputed else self._name(row.label)
        if column == PREDICTION:
            return self.tr("failed") if row.prediction_status == "failed" else self._name(row.predicted)
        return "" if row.confidence is None else figures.share(row.confidence, 1)

    def _tip(self, row: TweetRow, column: int) -> str | None:
        if column == LABEL and row.blind:
            return self.tr("Others labelled this tweet; what they said is shown once you have labelled it")
        if row.hidden and column in (LABEL, PREDICTION):
            return self.tr(
                "A sealed test tweet: what others and models say of it is shown once you labelled it"
            )
        if column == LABEL and row.labels:
            return "\n".join(f"{coder}: {self._name(leaf)}" for coder, leaf in row.labels)
        if column == PREDICTION and row.prediction_reason:
            return row.prediction_reason
        return None

    def similar(self, row: TweetRow) -> str:
        """Return how many near-duplicates a tweet has, in words."""
        return self.tr("+{count} similar").format(count=figures.count(row.similar))

    def _name(self, code: str | None) -> str:
        if not code:
            return ""
        leaf = self._leaves.get(code)
        return leaf.name if leaf else code
