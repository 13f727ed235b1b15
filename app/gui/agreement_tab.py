"""The tab that tells how far the coders agree."""

from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.gui.agreement_view import AgreementView
from app.gui.review_tab import ReviewTab
from app.study.study import Study


class AgreementTab(ReviewTab):
    """The measures of agreement, as one of the views of the review."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = AgreementView()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view)

    @property
    def title(self) -> str:
        """The tab's name."""
        return self.tr("Agreement")

    def study_opened(self, study: Study) -> None:
        """Measure the study's labels as soon as the tab is seen."""
        super().study_opened(study)
        self.view.show_study(study)

    def study_closing(self) -> None:
        """Let go of the study."""
        super().study_closing()
        self.view.show_study(None)

    def study_changed(self, what: set[str]) -> None:
        """Measure again when labels changed."""
        self.view.study_changed(what)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.view.setFocus()
