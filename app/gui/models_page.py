"""The page of the models: those that were fine-tuned, and the bases that they are made of."""

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QTabBar, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.bases_view import BasesView
from app.gui.models_view import ModelsView
from app.gui.page import make_action
from app.gui.page_stack import PageStack
from app.jobs.job_list import JobList
from app.study.study import Study


class ModelsPage(QWidget):
    """Two tabs. `tweets_wanted` gives tweets to label and under what name."""

    key = "models"

    study_written = Signal(set)
    page_wanted = Signal(str, str)
    tweets_wanted = Signal(list, str)
    undo_changed = Signal()

    def __init__(self, study: Study, jobs: JobList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.models = ModelsView(study)
        self.models.study_written.connect(self.study_written)
        self.models.page_wanted.connect(self.page_wanted)
        self.models.tweets_wanted.connect(self.tweets_wanted)
        self.models.undo_changed.connect(self.undo_changed)
        self.bases = BasesView(study, jobs)
        self.bases.train_wanted.connect(lambda base: self.page_wanted.emit("train", base))
        self.bases.changed.connect(lambda: self.study_written.emit({"models", "bases"}))
        self.bar = QTabBar()
        self.bar.setAccessibleName(self.tr("Which models"))
        self.bar.setDrawBase(False)
        self.bar.setExpanding(False)
        self.tabs = PageStack()
        tabs = ((self.models, self.tr("Your models")), (self.bases, self.tr("Base models")))
        for place, (widget, title) in enumerate(tabs):
            self.tabs.addWidget(widget)
            self.bar.addTab(title)
            action = make_action(self, title, f"Alt+{place + 1}", partial(self.bar.setCurrentIndex, place))
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            self.bar.setTabToolTip(place, action.toolTip())
        self.bar.currentChanged.connect(self.tabs.setCurrentIndex)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.LARGE)
        layout.addWidget(self.bar)
        layout.addWidget(self.tabs, 1)

    def study_changed(self, what: set[str]) -> None:
        """Read the shelf anew where models or bases were written."""
        if "models" in what:
            self.models.refresh()
        if "bases" in what:
            self.bases.refresh()

    def set_coder(self, name: str, blind: bool) -> None:
        """Show single tweets as this coder may see them."""
        self.models.set_coder(name, blind)

    def choose_model(self, name: str) -> None:
        """Show a fine-tuned model by name."""
        self.bar.setCurrentIndex(0)
        self.models.choose_model(name)

    def show_bases(self) -> None:
        """Show the tab of the bases."""
        self.bar.setCurrentIndex(1)

    def can_undo(self) -> bool:
        """Tell whether the model that was removed last can be brought back."""
        return self.models.can_undo()

    def undo(self) -> bool:
        """Bring the model back that was removed last."""
        self.bar.setCurrentIndex(0)
        return self.models.undo()

    def can_redo(self) -> bool:
        """Removing is never done again by itself."""
        return False

    def redo(self) -> bool:
        """Removing is never done again by itself."""
        return False
