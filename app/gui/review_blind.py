"""What stands on the review page in place of disagreements that whoever is at work cannot see or decide now."""

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from app.gui import figures, theme
from app.study.review import ReviewCounts


def translated(text: str) -> str:
    """Return a sentence on what is hidden in the language of the window."""
    return QCoreApplication.translate("review_blind", text)


def blind_sentence() -> str:
    """Return what blind coding hides here."""
    return translated("Blind coding: disagreements show what others labelled.")


def left_out(counts: ReviewCounts) -> str:
    """Return the sentences on the disagreements that are not listed, "" where all are."""
    told = []
    if counts.sealed == 1:
        told.append(translated("One sealed tweet waits for your own label."))
    elif counts.sealed:
        told.append(translated("{count} sealed tweets wait for your own label."))
    if counts.locked == 1:
        told.append(translated("One more disagreement is in a locked batch and stays as it is."))
    elif counts.locked:
        told.append(translated("{locked} more disagreements are in locked batches and stay as they are."))
    return "\n".join(told).format(count=figures.count(counts.sealed), locked=figures.count(counts.locked))


class BlindLine(QWidget):
    """One quiet line and its button, above those disagreements that may be seen."""

    seeing_wanted = Signal()

    def __init__(self, button: str, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        text = QLabel(blind_sentence())
        text.setProperty("role", "muted")
        text.setWordWrap(True)
        self.button = QPushButton(button)
        self.button.setAccessibleName(tip)
        self.button.setToolTip(tip)
        self.button.clicked.connect(self.seeing_wanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SMALL)
        row.addWidget(text, 1)
        row.addWidget(self.button)
        self.hide()
