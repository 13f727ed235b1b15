"""The table of tweets, and which of them are selected."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from app.gui import theme
from app.gui.tweet_cells import TweetCells
from app.gui.tweet_columns import WIDTHS
from app.gui.tweet_model import TweetModel
from app.study.tweets import TweetRow


class TweetTable(QTableView):
    """Rows of tweets, of which one or several are selected."""

    def __init__(self, model: TweetModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tweets = model
        self.setModel(model)
        self.setItemDelegate(TweetCells(self))
        self.setAccessibleName(self.tr("Tweets"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        rows = self.verticalHeader()
        rows.setVisible(False)
        # One fixed height: measuring a million rows would take minutes.
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(self.fontMetrics().height() + 2 * theme.SMALL)
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        head.setStretchLastSection(False)
        for column, width in WIDTHS.items():
            self.setColumnWidth(column, width)
        self.setStyleSheet("QTableView::item { padding: 0 5px; border: 0; }")

    def selected_ranges(self) -> list[tuple[int, int]]:
        """Return the selected rows as (first, last), in order: all of a million cost no more than one."""
        selection = self.selectionModel().selection()
        parts = (selection.at(place) for place in range(selection.count()))
        return sorted({(part.top(), part.bottom()) for part in parts})

    def selected_tweet(self) -> TweetRow | None:
        """Return the selected tweet, of several the one that was chosen last; None while it is being read."""
        ranges = self.selected_ranges()
        if not ranges:
            return None
        row = self.currentIndex().row()
        if not any(first <= row <= last for first, last in ranges):
            row = ranges[0][0]
        return self._tweets.tweet(row)
