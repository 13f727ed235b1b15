"""The line over the classes that tells what a model would say, where the coder wants to know."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from app.gui import figures
from app.gui.codebook_view import shape_of
from app.gui.elided import QuietLine
from app.study.codebook import Codebook
from app.study.suggestions import Suggestion


class SuggestionLine(QuietLine):
    """Text alone: no class is chosen beforehand. `shown` is what stands with the label, "" where nothing was told."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.shown = ""
        self.alignment = Qt.AlignmentFlag.AlignCenter
        self.setAccessibleName(self.tr("Suggestion"))
        self.hide()

    def show_suggestion(self, suggestion: Suggestion | None, wanted: bool, codebook: Codebook) -> None:
        """Show a suggestion, or that there is none for this tweet; nothing where none is `wanted`."""
        self.shown = suggestion.shown if wanted and suggestion is not None else ""
        if suggestion is not None:
            leaf = codebook.leaf(suggestion.leaf)
            self.setText(
                self.tr("Suggestion: {leaf} ({share}) · {model}").format(
                    leaf=f"{shape_of(leaf)} {leaf.name}",
                    share=figures.share(suggestion.probability, 1),
                    model=suggestion.model,
                )
            )
        else:
            self.setText(self.tr("No suggestion for this tweet"))
        self.setAccessibleDescription(self.text())
        self.setVisible(wanted)
