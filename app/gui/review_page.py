"""The page where labels are reviewed: disagreements, how far coders agree, labels that want a second look."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QStackedWidget, QTabBar, QVBoxLayout, QWidget

from app.gui import figures, theme
from app.gui.agreement_tab import AgreementTab
from app.gui.disagreements_tab import DisagreementsTab
from app.gui.page import Page, make_action
from app.gui.review_tab import ReviewTab
from app.gui.second_look_tab import SecondLookTab
from app.settings import Settings
from app.study.study import Study


class ReviewPage(Page):
    """Tabs over one study. `add_tab` takes further ones.

    `coder_wanted` asks who decides, `label_wanted` gives tweets to label again, `codebook_wanted` asks
    for the dialog that changes the codebook.
    """

    key = "review"
    icon = "review"

    coder_wanted = Signal()
    label_wanted = Signal(list)
    codebook_wanted = Signal()

    def __init__(self, settings: Settings | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._telling = False
        self._open = 0
        self.tabs: list[ReviewTab] = []
        self.bar = QTabBar()
        self.bar.setAccessibleName(self.tr("What is reviewed"))
        self.bar.setDrawBase(False)
        self.bar.setExpanding(False)
        self.stack = QStackedWidget()
        self.bar.currentChanged.connect(self._show_tab)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.WIDE, theme.MEDIUM, theme.WIDE, theme.LARGE)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.bar)
        layout.addWidget(self.stack, 1)
        self.disagreements = DisagreementsTab(settings or Settings())
        self.disagreements.coder_wanted.connect(self.coder_wanted)
        self.disagreements.number_changed.connect(self._count_open)
        self.second_look = SecondLookTab()
        self.second_look.label_wanted.connect(self.label_wanted)
        self.second_look.codebook_wanted.connect(self.codebook_wanted)
        self.second_look.coder_wanted.connect(self.coder_wanted)
        self.agreement = AgreementTab()
        for tab in (self.disagreements, self.agreement, self.second_look):
            self.add_tab(tab)

    @property
    def title(self) -> str:
        """The page's name."""
        return self.tr("Review")

    def add_tab(self, tab: ReviewTab) -> None:
        """Add a tab at the end, with a key of its own: Alt and its number."""
        place = len(self.tabs)
        self.tabs.append(tab)
        self.stack.addWidget(tab)
        self.bar.addTab(tab.title)
        action = make_action(self, tab.title, f"Alt+{place + 1}", lambda: self.bar.setCurrentIndex(place))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.bar.setTabToolTip(place, action.toolTip())
        tab.page_wanted.connect(self.page_wanted)
        tab.labels_changed.connect(self._tell_labels)
        tab.number_changed.connect(
            lambda number: self.bar.setTabText(
                place, f"{tab.title}  {figures.count(number)}" if number else tab.title
            )
        )

    def study_opened(self, study: Study) -> None:
        """Show a study in every tab."""
        super().study_opened(study)
        for tab in self.tabs:
            tab.study_opened(study)

    def study_closing(self) -> None:
        """Let every tab go of the study."""
        super().study_closing()
        for tab in self.tabs:
            tab.study_closing()

    def study_changed(self, what: set[str]) -> None:
        """Tell every tab; one that changed it itself knows already."""
        if self._telling:
            self.second_look.study_changed(what)
            return
        for tab in self.tabs:
            tab.study_changed(what)

    def set_coder(self, name: str, blind: bool = True) -> None:
        """Work as this person, "" for nobody yet; `blind` to what others labelled."""
        for tab in self.tabs:
            tab.set_coder(name, blind)

    def show_tweet(self, tweet: int) -> None:
        """Show a tweet to decide on, disputed or not."""
        self.show_tab(self.disagreements)
        self.disagreements.show_tweet(tweet)

    def show_tab(self, tab: ReviewTab) -> None:
        """Show a tab."""
        self.bar.setCurrentIndex(self.tabs.index(tab))

    def state_text(self) -> str:
        """The number of disagreements that are open."""
        return figures.count(self._open) if self._open else ""

    def undo(self) -> bool:
        """Take back the last decision and show its tweet."""
        done = self.disagreements.undo()
        if done:
            self.show_tab(self.disagreements)
        return done

    def redo(self) -> bool:
        """Decide again what was taken back last."""
        done = self.disagreements.redo()
        if done:
            self.show_tab(self.disagreements)
        return done

    def can_undo(self) -> bool:
        """Tell whether there is a decision to take back."""
        return self.disagreements.review is not None and self.disagreements.review.can_undo

    def can_redo(self) -> bool:
        """Tell whether there is a decision to give again."""
        return self.disagreements.review is not None and self.disagreements.review.can_redo

    def _count_open(self, number: int) -> None:
        self._open = number
        self.state_changed.emit()

    def _show_tab(self, place: int) -> None:
        self.stack.setCurrentIndex(place)
        if self.isVisible():
            self.tabs[place].setFocus()

    def _tell_labels(self) -> None:
        self._telling = True
        try:
            self.study_touched.emit({"labels"})
        finally:
            self._telling = False

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if self.tabs:
            self.tabs[self.bar.currentIndex()].setFocus()
