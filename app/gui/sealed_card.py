"""The sealed test set on the page of the study: what there is of it, and what can be done."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.gui import figures, theme
from app.study.sealing import SealedSet
from app.study.sealing_text import looks_told


class SealedCard(QFrame):
    """How many tweets are sealed, labelled and looked at. `label_wanted` asks for those that are left to label."""

    draw_wanted = Signal()
    label_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        heading = QLabel(self.tr("Sealed test set"))
        heading.setProperty("role", "heading")
        self.state = QLabel()
        self.state.setWordWrap(True)
        self.state.setAccessibleName(self.tr("Sealed test set"))
        self.looks = QLabel()
        self.looks.setWordWrap(True)
        self.looks.setProperty("role", "muted")
        self.draw = QPushButton(self.tr("&Draw a sealed test set …"))
        self.draw.setToolTip(
            self.tr("Draw tweets at random on which models are scored and never trained (Ctrl+D)")
        )
        self.draw.clicked.connect(self.draw_wanted)
        self.label = QPushButton(self.tr("&Label them"))
        self.label.setAccessibleName(self.tr("Label the sealed tweets"))
        self.label.setToolTip(self.tr("Label the sealed tweets that you have not labelled yet (Ctrl+L)"))
        self.label.clicked.connect(self.label_wanted)
        self.label.setEnabled(False)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.SMALL)
        buttons.addWidget(self.draw)
        buttons.addWidget(self.label)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.LARGE, theme.MEDIUM, theme.LARGE, theme.LARGE)
        layout.setSpacing(theme.SMALL)
        for widget in (heading, self.state, self.looks):
            layout.addWidget(widget)
        layout.addSpacing(theme.TIGHT)
        layout.addLayout(buttons)

    def show_set(self, sealed: SealedSet) -> None:
        """Show the test set as it is now."""
        self.label.setEnabled(sealed.tweets > 0)
        if not sealed.tweets:
            self.state.setText(
                self.tr(
                    "None yet. Draw one before anybody labels: models are scored on it, never trained on it, and "
                    "nobody sees predictions on its tweets before labelling them."
                )
            )
            self.looks.setText("")
            self.looks.hide()
            return
        text = (
            self.tr("{tweets} tweets in {languages} languages are sealed, {labelled} of them are labelled.")
            if len(sealed.languages) > 1
            else self.tr("{tweets} tweets in one language are sealed, {labelled} of them are labelled.")
        )
        told = [
            text.format(
                tweets=figures.count(sealed.tweets),
                languages=len(sealed.languages),
                labelled=figures.count(sealed.labelled),
            )
        ]
        if sealed.copies:
            told.append(
                self.tr("{copies} near-duplicates of them are kept out of training, too.").format(
                    copies=figures.count(sealed.copies)
                )
            )
        self.state.setText(" ".join(told))
        self.looks.setText(looks_told(sealed.looks))
        self.looks.show()
