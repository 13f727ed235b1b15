"""The labels of a tweet side by side, a card for each coder's."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QVBoxLayout, QWidget

from app.gui import figures, theme
from app.gui.codebook_view import leaf_html
from app.gui.mark_names import marks_told
from app.gui.tweet_view import text_direction
from app.gui.when import shown_date
from app.study.codebook import Codebook
from app.study.review import GivenLabel

_IN_A_ROW = 3
_LEFT_TO_RIGHT = "\u200e"


class LabelCards(QWidget):
    """Who gave which label, when, in how long, how sure, with which note, having which suggestion in sight."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.cards: list[QFrame] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(theme.MEDIUM)

    def show_labels(self, labels: Sequence[GivenLabel], codebook: Codebook) -> None:
        """Show these labels in place of those before."""
        for card in self.cards:
            self._grid.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.cards = [self._card(label, codebook) for label in labels]
        for place, card in enumerate(self.cards):
            self._grid.addWidget(card, place // _IN_A_ROW, place % _IN_A_ROW)
        for column in range(_IN_A_ROW):
            self._grid.setColumnStretch(column, 1 if column < len(self.cards) else 0)

    def _card(self, label: GivenLabel, codebook: Codebook) -> QFrame:
        leaves = {leaf.code: leaf for leaf in codebook.leaves}
        card = QFrame()
        card.setProperty("role", "card")
        layout = QVBoxLayout(card)
        layout.setContentsMargins(theme.LARGE, theme.MEDIUM, theme.LARGE, theme.MEDIUM)
        layout.setSpacing(theme.TIGHT)
        layout.addWidget(_line(_at_left(label.coder), "muted"))
        leaf = _line(leaf_html(leaves, label.leaf), "heading", Qt.TextFormat.RichText)
        layout.addWidget(leaf)
        for text, role in self._about(label, codebook):
            layout.addWidget(_line(text, role))
        layout.addStretch(1)
        name = leaves[label.leaf].name if label.leaf in leaves else label.leaf
        card.setAccessibleName(self.tr("{coder}: {leaf}").format(coder=label.coder, leaf=name))
        return card

    def _about(self, label: GivenLabel, codebook: Codebook) -> list[tuple[str, str]]:
        lines: list[tuple[str, str]] = []
        if label.marks:
            lines.append((marks_told(label.marks), "warning"))
        if label.note:
            lines.append((f"“{label.note}”", ""))
        if label.contested:
            lines.append((self.tr("⚠ labelled differently in another copy of the study"), "warning"))
        if label.suggestion_shown:
            names = {leaf.code: leaf.name for leaf in codebook.leaves}
            shown = names.get(label.suggestion_shown, label.suggestion_shown)
            lines.append((self.tr("with the suggestion “{leaf}” in sight").format(leaf=shown), "muted"))
        when = [shown_date(label.given)]
        if label.imported:
            when.append(self.tr("imported"))
        if label.seconds is not None:
            when.append(figures.duration(label.seconds))
        when.append(self.tr("codebook {version}").format(version=label.codebook_version))
        lines.append((" · ".join(when), "muted"))
        return lines


def _at_left(name: str) -> str:
    """Return a name that stands at the left, above the label, where it is an Arabic one, too."""
    return f"{_LEFT_TO_RIGHT}{name}" if text_direction(name) == Qt.LayoutDirection.RightToLeft else name


def _line(text: str, role: str = "", kind: Qt.TextFormat = Qt.TextFormat.PlainText) -> QLabel:
    label = QLabel()
    label.setTextFormat(kind)
    label.setText(text)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if role:
        label.setProperty("role", role)
    return label
