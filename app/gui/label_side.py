"""What stays in sight beside the tweet: how far labelling is, and the codebook."""

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.codebook_view import CodebookView
from app.gui.label_progress import LabelProgress

_WIDTH = 288


class LabelSide(QFrame):
    """The progress above, the codebook below it with the room that is left."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(_WIDTH)
        self.progress = LabelProgress()
        self.codebook = CodebookView()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, theme.LARGE, theme.LARGE, theme.LARGE)
        layout.setSpacing(theme.LARGE)
        layout.addWidget(self.progress)
        layout.addWidget(self.codebook, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.progress.fit(event.size().height())
