"""What the table of tweets does with several tweets: label them together, show and label near-duplicates."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QPushButton

from app.errors import UserError
from app.gui import figures
from app.gui.bulk_dialog import BulkDialog, Wanted
from app.gui.codebook_view import shape_of
from app.gui.duplicates_dialog import DuplicatesDialog
from app.gui.label_keys import with_keys
from app.gui.notice import Notice, Tone
from app.gui.page import Page, make_action
from app.gui.step_back import redo_key, step_back, step_forward
from app.gui.tweet_table import TweetTable
from app.jobs.worker import run_in_worker
from app.settings import Settings
from app.study import bulk, groups, tweets
from app.study.labelling import Labelling
from app.study.study import Study
from app.study.tweets import TweetFilter, TweetRow


class LabellingTogether(QObject):
    """The actions, the dialog, and undo and redo of what was labelled together.

    `shown` returns what the table shows: (filter, order, number of tweets); `single` are the actions on one tweet, for
    the menu; `settings` hold the coder's own keys for the classes. `group_wanted` gives the group to show. Undo works
    here while the coder's last act is one of many labels: then it is taken back on this page, else where single labels
    are given.
    """

    group_wanted = Signal(int)

    def __init__(
        self,
        page: Page,
        table: TweetTable,
        notice: Notice,
        shown: Callable[[], tuple[TweetFilter, str, int]],
        single: Sequence[QAction],
        settings: Settings,
    ) -> None:
        super().__init__(page)
        self._single = single
        self._settings = settings
        self.coder = ""
        self._page, self._table, self._notice, self._shown = page, table, notice, shown
        self._labelling: Labelling | None = None
        self.label_action = make_action(
            page, self.tr("Label all at once …"), "Ctrl+Shift+L", self.label_shown
        )
        self.label_action.setToolTip(
            self.tr("Label the selected tweets, or all that are shown, at once (Ctrl+Shift+L)")
        )
        self.show_group = make_action(page, self.tr("Show near-duplicates"), "Ctrl+D", self._show_group)
        self.label_group_action = make_action(
            page, self.tr("Label near-duplicates …"), "Ctrl+Shift+G", self.label_group
        )
        self.find_action = make_action(page, self.tr("Find near-duplicates …"), "Ctrl+Alt+D", self.find)
        self.button = QPushButton(self.label_action.text())
        self.button.setToolTip(self.label_action.toolTip())
        self.button.clicked.connect(self.label_shown)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._show_menu)

    def study_opened(self, study: Study) -> None:
        """Offer to look for near-duplicates where tweets came since somebody did."""

        def offer(are_current: bool) -> None:
            if not are_current and self._page.study is study:
                self._notice.tell(
                    Tone.INFO,
                    self.tr("Nobody has looked for near-duplicates since the last tweets came."),
                    self.tr("Ctrl+Alt+D finds them."),
                )

        run_in_worker(lambda: groups.are_current(study), offer, self._tell, self)

    def find(self) -> DuplicatesDialog | None:
        """Look for near-duplicates."""
        if self._page.study is None:
            return None
        self._notice.clear()
        dialog = DuplicatesDialog(self._page.study, self._page)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.found.connect(lambda: self._page.study_touched.emit({"tweets"}))
        dialog.open()
        return dialog

    def set_coder(self, name: str) -> None:
        """Label as this coder."""
        self.coder = name
        self._labelling = None

    def study_closing(self) -> None:
        """Let go of the study."""
        self._labelling = None

    def labels_changed(self) -> None:
        """Look again at what is undone next, after something was done elsewhere."""
        if self._labelling is not None:
            self._follow()

    def label_shown(self) -> BulkDialog | None:
        """Label the selected tweets, where they are several, else all that are shown."""
        study = self._page.study
        if study is None:
            return None
        filter, order, count = self._shown()
        ranges = self._table.selected_ranges()
        several = sum(bottom - top + 1 for top, bottom in ranges) > 1

        def which() -> Wanted:
            if not several or ranges == [(0, count - 1)]:
                return filter
            found: list[int] = []
            for top, bottom in ranges:
                found += tweets.ids(study, filter, top, min(bottom - top, bulk.MOST) + 1, order)
            return found

        group = bool(filter.group) and not several
        return self._open(study, which, bulk.GROUP if group else bulk.BULK)

    def label_group(self) -> BulkDialog | None:
        """Label the selected tweet and its near-duplicates, or those that are shown."""
        if self._shown()[0].group and not self._table.selected_ranges():
            return self.label_shown()
        study, row = self._page.study, self._row()
        if study is None or row is None:
            return None
        return self._open(study, lambda: groups.members(study, row.id), bulk.GROUP)

    def _show_group(self) -> None:
        row = self._row()
        if row is not None:
            self.group_wanted.emit(row.group)

    def _row(self) -> TweetRow | None:
        """Return the selected tweet where it has near-duplicates; else say so."""
        row = self._table.selected_tweet()
        if row is None:
            self._notice.tell(
                Tone.INFO, self.tr("No tweet is selected."), self.tr("Choose one in the table.")
            )
        elif not row.similar:
            self._notice.tell(Tone.INFO, self.tr("This tweet has no near-duplicates."))
        else:
            return row
        return None

    def _open(self, study: Study, which: Callable[[], Wanted], source: str) -> BulkDialog | None:
        if not self.coder:
            self._notice.tell(
                Tone.INFO,
                self.tr("Nobody has said who labels."),
                self.tr("Type your name on the Label page (Ctrl+3), then come back."),
            )
            return None
        self._notice.clear()
        codebook = with_keys(study.codebook, self._settings.label_keys)
        dialog = BulkDialog(study, codebook, self.coder, which, source, self._page)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.labelled.connect(self._done)
        dialog.open()
        return dialog

    def _done(self, code: str, count: int) -> None:
        study = self._page.study
        if study is None:
            return
        leaf = study.codebook.leaf(code)
        told = (
            self.tr("%n tweet(s) labelled", "", count) if count == 1 else self.tr("{count} tweets labelled")
        )
        self._notice.tell(
            Tone.GOOD,
            f"{told.format(count=figures.count(count))} {shape_of(leaf)} {leaf.name}.",
            self.tr("Ctrl+Z takes all of it back."),
        )
        self._follow()
        self._page.study_touched.emit({"labels"})

    # Undo and redo

    def _follow(self) -> None:
        study, coder = self._page.study, self.coder
        if study is not None and coder:
            run_in_worker(lambda: Labelling(study, coder), self._take, self._tell, self)

    def _take(self, labelling: Labelling) -> None:
        if labelling.study is self._page.study and labelling.coder.name == self.coder:
            self._labelling = labelling
            self._page.act_done.emit()

    def can_undo(self) -> bool:
        """Tell whether the coder's last act is one of many labels."""
        return self._labelling is not None and self._labelling.next_undo > 1

    def can_redo(self) -> bool:
        """Tell whether what was undone last is an act of many labels."""
        return self._labelling is not None and self._labelling.next_redo > 1

    def undo(self) -> bool:
        """Take the labels back, and stay on the page."""
        if self._labelling is None or not self.can_undo():
            return False
        count = figures.count(self._labelling.next_undo)
        told = self.tr("{count} labels taken back.").format(count=count)
        self._step(step_back, told, self.tr("{key} gives them again.").format(key=redo_key()))
        return True

    def redo(self) -> bool:
        """Give the labels again, and stay on the page."""
        if self._labelling is None or not self.can_redo():
            return False
        count = figures.count(self._labelling.next_redo)
        told = self.tr("{count} labels given again.").format(count=count)
        self._step(step_forward, told, self.tr("Ctrl+Z takes all of it back."))
        return True

    def _step(self, step: Callable[..., None], told: str, next_step: str) -> None:
        def then(_: TweetRow | None) -> None:
            self._notice.tell(Tone.GOOD, told, next_step)
            self._page.study_touched.emit({"labels"})

        try:
            step(self._labelling, then, self._page)
        except UserError as error:
            self._notice.tell(Tone.ERROR, error.message, error.next_step)

    def _tell(self, error: Exception) -> None:
        if not isinstance(error, UserError):
            raise error
        self._notice.tell(Tone.ERROR, error.message, error.next_step)

    def menu_actions(self) -> list[QAction]:
        """Return what the menu of a tweet offers."""
        together = (self.show_group, self.label_group_action, self.label_action, self.find_action)
        return [*self._single, *together]

    def _show_menu(self, place: QPoint) -> None:
        menu = QMenu(self._table)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addActions(self.menu_actions())
        menu.popup(self._table.viewport().mapToGlobal(place))
