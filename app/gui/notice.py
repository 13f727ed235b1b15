"""A sentence on a page that stays until it is no longer true: what happened and what to do next."""

from enum import Enum

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from app.gui.fold import Fold


class Tone(Enum):
    """What kind of sentence it is: told by a sign first, by colour second."""

    INFO = "info"
    GOOD = "good"
    WARNING = "warning"
    ERROR = "error"


_SIGNS = {Tone.INFO: "ⓘ", Tone.GOOD: "✓", Tone.WARNING: "⚠", Tone.ERROR: "✕"}


class Notice(QFrame):
    """A sign, a sentence, the next step and, folded away, the details for a report. Hidden while empty."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self._sign = QLabel()
        self._sign.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._detail = QPlainTextEdit()
        self._detail.setReadOnly(True)
        self._detail.setMaximumHeight(160)
        self._detail.setAccessibleName(self.tr("Details"))
        self._fold = Fold(
            self.tr("Details"), self.tr("Show the details, to copy them for a report"), self._detail
        )
        right = QVBoxLayout()
        right.setSpacing(4)
        right.addWidget(self._text)
        right.addWidget(self._fold)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 8)
        layout.setSpacing(8)
        layout.addWidget(self._sign)
        layout.addLayout(right, 1)
        self.tone = Tone.INFO
        self.clear()

    @property
    def text(self) -> str:
        """What it says; "" while hidden."""
        return self._text.text()

    def tell(self, tone: Tone, message: str, next_step: str = "", detail: str = "") -> None:
        """Show a sentence with its next step."""
        self.tone = tone
        self.setProperty("tone", tone.value)
        self._sign.setText(_SIGNS[tone])
        self._text.setText(f"{message} {next_step}".strip())
        self._detail.setPlainText(detail)
        self._fold.setVisible(bool(detail))
        self._fold.fold()
        self.setAccessibleName(self._text.text())
        self.style().unpolish(self)
        self.style().polish(self)
        self.setVisible(bool(message))

    def clear(self) -> None:
        """Say nothing."""
        self.tell(Tone.INFO, "")
