"""What a coder does about the order of work: choose the queue, show suggestions, look at the learning curve."""

from collections.abc import Callable
from typing import Any, Protocol

from PySide6.QtCore import QObject, Qt

from app.gui.label_bar import LabelBar
from app.gui.label_order import LabelOrder
from app.gui.learning_curve_dialog import LearningCurveDialog
from app.gui.page import Page, make_action
from app.gui.queue_choice import QueueButton
from app.gui.queue_names import queue_empty
from app.gui.quota_dialog import QuotaDialog
from app.gui.suggestion_line import SuggestionLine
from app.jobs.worker import run_in_worker
from app.study import queues, tweets
from app.study.labelling import Labelling
from app.study.tweets import TweetFilter, TweetRow


class AtWork(Protocol):
    """What of the label page is asked: who labels, and what is in sight."""

    coder: str
    labelling: Labelling | None
    row: TweetRow | None


class LabelOrderActs(QObject):
    """The acts with their keys, the button on the bar, the line with the suggestion, and the dialogs."""

    def __init__(
        self, page: Page, at_work: AtWork, order: LabelOrder, bar: LabelBar, tell: Callable[[Exception], None]
    ) -> None:
        super().__init__(page)
        self._page, self._at_work, self._order, self._tell = page, at_work, order, tell
        self.suggestion = SuggestionLine()
        self.queue_action = make_action(page, self.tr("Choose the queue"), "Ctrl+J", self.open_menu)
        self.suggestions_action = make_action(
            page,
            self.tr("Show suggestions"),
            "Ctrl+T",
            self._toggle_suggestions,
            tip=self.tr("Show what a model would say; that stands with each label then"),
        )
        self.suggestions_action.setCheckable(True)
        self.curve_action = make_action(
            page,
            self.tr("Learning curve …"),
            "Ctrl+U",
            self.show_curve,
            tip=self.tr("Show how much more labels would help"),
        )
        self.button = QueueButton(self.queue_action, [self.suggestions_action, self.curve_action])
        self.button.kind_chosen.connect(lambda kind: self._choose(kind=kind, leaf=""))
        self.button.repeats_chosen.connect(lambda share: self._choose(repeats=share))
        self.button.quotas_wanted.connect(self._ask_for_quotas)
        bar.add_choice(self.button)
        order.chosen.connect(self.show_choice)
        order.learnt.connect(self.show_choice)

    @property
    def empty_reason(self) -> str:
        """Why the chosen queue may be empty while there are tweets to label; "" for the random one."""
        kind, order = self._order.choice.kind, self._order
        if kind == queues.RANDOM:
            return ""
        # The other queues of a model go on in random order without one: they are empty only at the very end.
        of_model = kind == queues.MODEL_DISAGREES
        return queue_empty(kind, of_model and order.is_learning, of_model and order.is_waiting)

    def open_menu(self) -> None:
        """Open the menu of the queues."""
        if self.button.isVisible():
            self.button.open()

    def choose_random(self) -> None:
        """Go back to the random queue."""
        self._choose(kind=queues.RANDOM)

    def label_search_result(self, filter: TweetFilter) -> None:
        """Make the tweets that pass a filter the queue."""
        self._choose(kind=queues.SEARCH, filter=filter)

    def label_class(self, leaf: str) -> None:
        """Let the tweets come first that are likeliest of a class; "": in random order, whatever they are."""
        self._choose(kind=queues.RARE_CLASS if leaf else queues.RANDOM, leaf=leaf)

    def show_choice(self) -> None:
        """Show on the button which queue is at work."""
        order, study = self._order, self._page.study
        leaves = {} if study is None else {leaf.code: leaf.name for leaf in study.codebook.leaves}
        named = leaves.get(order.choice.leaf, "")
        self.button.show_choice(order.choice, order.is_waiting, order.is_assigned, named)
        self.suggestions_action.setChecked(self._order.choice.suggestions)

    def show_suggestion(self, row: TweetRow, labelling: Labelling) -> None:
        """Show what is suggested for the tweet in sight, where the coder wants that."""
        wanted = self._order.choice.suggestions
        suggestion = self._order.suggestion(row, labelling.turn()) if wanted else None
        self.suggestion.show_suggestion(suggestion, wanted, labelling.study.codebook)

    def show_curve(self) -> LearningCurveDialog | None:
        """Show the learning curve."""
        if self._page.study is None or self._at_work.labelling is None:
            return None
        dialog = LearningCurveDialog(self._order, self._page.study.codebook, self._page)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        # Beside the page, not before it: the curve grows while one labels.
        dialog.show()
        return dialog

    def _choose(self, **changes: Any) -> None:
        self._order.choose(self._at_work.coder, **changes)

    def _toggle_suggestions(self) -> None:
        shown = self.suggestions_action.isChecked()
        self._choose(suggestions=shown)
        row, labelling = self._at_work.row, self._at_work.labelling
        if not shown:
            # What was seen of the tweet in sight was seen: it still stands with its label.
            self.suggestion.hide()
        elif row is not None and labelling is not None:
            self.show_suggestion(row, labelling)

    def _ask_for_quotas(self) -> None:
        study = self._page.study
        # Until the numbers are there, the queue is the one that it was.
        self.show_choice()
        if study is not None:
            run_in_worker(lambda: tweets.languages(study), self._show_quotas, self._tell, self)

    def _show_quotas(self, languages: dict[str, tuple[int, int]]) -> None:
        labelling = self._at_work.labelling
        reads = None if labelling is None else labelling.coder.reads
        languages = {code: counts for code, counts in languages.items() if reads is None or code in reads}
        dialog = QuotaDialog(languages, self._order.choice.quotas, self._page)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._choose(kind=queues.QUOTAS, quotas=dialog.quotas()))
        dialog.open()
