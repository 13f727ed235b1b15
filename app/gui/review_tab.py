"""What every tab of the review page is."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.study.study import Study


class ReviewTab(QWidget):
    """One view of the page. The page tells it of the study and of who is at work.

    Signals: `page_wanted` asks for the page of that key; `number_changed` gives what stands beside the tab's title,
    0 for nothing; `labels_changed` tells that labels or gold labels were changed here.
    """

    page_wanted = Signal(str)
    number_changed = Signal(int)
    labels_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.study: Study | None = None
        self.coder = ""

    @property
    def title(self) -> str:
        """The tab's name, translated."""
        raise TypeError("each tab has a title")

    def study_opened(self, study: Study) -> None:
        """Show a study."""
        self.study = study

    def study_closing(self) -> None:
        """Let go of the study."""
        self.study = None

    def study_changed(self, what: set[str]) -> None:
        """Look again at what changed."""

    def set_coder(self, name: str, blind: bool = True) -> None:
        """Work as this person, "" for nobody yet; `blind` to what others labelled."""
        self.coder = name
