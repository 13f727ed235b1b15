"""The page that tells how far the coders agree."""

from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.agreement_view import AgreementView
from app.gui.page import Page
from app.study.study import Study


class AgreementPage(Page):
    """The measures of agreement as a step of the work, between labelling and training."""

    key = "agreement"
    icon = "agreement"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = AgreementView()
        self.view.page_wanted.connect(self.page_wanted)
        heading = QLabel(self.title)
        heading.setProperty("role", "title")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.WIDE)
        layout.setSpacing(theme.LARGE)
        layout.addWidget(heading)
        layout.addWidget(self.view, 1)

    @property
    def title(self) -> str:
        """The page's name."""
        return self.tr("Agreement")

    def study_opened(self, study: Study) -> None:
        """Measure the study's labels as soon as the page is seen."""
        super().study_opened(study)
        self.view.show_study(study)

    def study_closing(self) -> None:
        """Let go of the study."""
        super().study_closing()
        self.view.show_study(None)

    def study_changed(self, what: set[str]) -> None:
        """Measure again when labels changed."""
        self.view.study_changed(what)
