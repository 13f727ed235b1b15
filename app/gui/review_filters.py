"""What the list of disagreements is narrowed by: open or decided, language, coders, the labels given."""

from collections.abc import Iterable, Sequence
from itertools import combinations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QWidget

from app.gui import theme
from app.gui.codebook_view import shape_of
from app.gui.language_names import language_name
from app.study import review
from app.study.codebook import Leaf
from app.study.tweets import NO_LANGUAGE, TweetFilter


class ReviewFilters(QWidget):
    """`changed` tells that another list is wanted."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state = self._choice(self.tr("Open or decided"))
        self.state.addItem(self.tr("Open"), False)
        self.state.addItem(self.tr("Decided"), True)
        self.language = self._choice(self.tr("Language"))
        self.coders = self._choice(self.tr("Coders"))
        self.one = self._choice(self.tr("One of the labels"))
        self.other = self._choice(self.tr("Another of the labels"))
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.SMALL)
        layout.addWidget(self.state, 0, 0)
        layout.addWidget(self.language, 0, 1)
        layout.addWidget(self.one, 1, 0)
        layout.addWidget(self.other, 1, 1)
        layout.addWidget(self.coders, 2, 0, 1, 2)
        for column in (0, 1):
            layout.setColumnStretch(column, 1)
        self.show_leaves(())
        self.show_languages(())
        self.show_coders(())
        for choice in (self.state, self.language, self.coders, self.one, self.other):
            choice.currentIndexChanged.connect(lambda _: self.changed.emit())

    def asked(self, viewer: str | None = None, blind: bool = False) -> TweetFilter:
        """Return what is asked for, by whom (`TweetFilter`)."""
        between = {leaf for leaf in (self.one.currentData(), self.other.currentData()) if leaf}
        return review.asked(
            language=self.language.currentData() or "",
            coders=tuple(self.coders.currentData() or ()),
            between=tuple(sorted(between)),
            decided=self.decided(),
            viewer=viewer,
            blind=blind,
        )

    def decided(self) -> bool:
        """Tell whether what was decided is asked for, and not what is open."""
        return bool(self.state.currentData())

    def clear(self, decided: bool = False) -> None:
        """Ask for all that is open, or was decided."""
        for choice in (self.state, self.language, self.coders, self.one, self.other):
            choice.blockSignals(True)
            choice.setCurrentIndex(0)
            choice.blockSignals(False)
        self.state.blockSignals(True)
        self.state.setCurrentIndex(int(decided))
        self.state.blockSignals(False)
        self.changed.emit()

    def show_leaves(self, leaves: Iterable[Leaf]) -> None:
        """Offer the classes of a codebook."""
        named = [(f"{shape_of(leaf)} {leaf.name}", leaf.code) for leaf in leaves]
        _fill(self.one, [(self.tr("Any label"), ""), *named])
        _fill(self.other, [(self.tr("and any other"), ""), *named])

    def show_languages(self, codes: Iterable[str]) -> None:
        """Offer these languages."""
        named = [(language_name(code), code or NO_LANGUAGE) for code in codes]
        _fill(self.language, [(self.tr("All languages"), ""), *named])

    def show_coders(self, names: Sequence[str]) -> None:
        """Offer these coders, alone and in pairs; with two of them there is nothing to choose."""
        few = [
            (self.tr("{one} and {other}").format(one=a, other=b), (a, b)) for a, b in combinations(names, 2)
        ]
        _fill(self.coders, [(self.tr("All coders"), ()), *((name, (name,)) for name in names), *few])
        self.coders.setVisible(len(names) > 2)

    def _choice(self, name: str) -> QComboBox:
        choice = QComboBox()
        choice.setAccessibleName(name)
        choice.setToolTip(name)
        choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        choice.setMinimumContentsLength(6)
        return choice


def _fill(choice: QComboBox, entries: Iterable[tuple[str, object]]) -> None:
    """Offer other entries; the one chosen stays where it is there still."""
    chosen = choice.currentData()
    choice.blockSignals(True)
    choice.clear()
    for name, data in entries:
        choice.addItem(name, data)
    # Qt finds no tuple: what it keeps are objects of Python's.
    kept = [n for n in range(choice.count()) if choice.itemData(n) == chosen]
    choice.setCurrentIndex(kept[0] if kept else 0)
    choice.blockSignals(False)
