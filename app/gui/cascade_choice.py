"""Whether a light model may settle what is surely unrelated, and how much may be lost by that."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.gui import theme
from app.study.cascade_planning import LEAST_BOUND, MOST_BOUND, USUAL_BOUND, Terms
from app.study.codebook import Leaf

# A longer line is hard to read.
_LINE = 720


class CascadeChoice(QWidget):
    """A box to tick, the bound in per cent, and a sentence that says what it means. Off unless it is asked for."""

    changed = Signal()

    def __init__(self, aside: Sequence[Leaf], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.wanted = QCheckBox(self.tr("Let a light model settle what is unrelated f&or sure"))
        self.wanted.setToolTip(self.tr("Cascade: classify only what is not surely unrelated in full (Alt+O)"))
        self.bound = QDoubleSpinBox()
        self.bound.setRange(LEAST_BOUND, MOST_BOUND)
        self.bound.setDecimals(1)
        self.bound.setSingleStep(0.1)
        self.bound.setValue(USUAL_BOUND)
        self.bound.setSuffix(" %")
        self.bound.setAccessibleName(self.tr("Share of the related tweets that may be lost"))
        self.bound.setToolTip(
            self.tr("Of the tweets that the model would call related, at most so many are lost (arrow keys)")
        )
        self.bound.lineEdit().setTextMargins(theme.SMALL - 2, 0, theme.SMALL - 2, 0)
        self.loses = QLabel(self.tr("losing at most"))
        self.of = QLabel(self.tr("of the related tweets"))
        self.explanation = QLabel(self._explain(aside))
        self.explanation.setWordWrap(True)
        self.explanation.setMaximumWidth(_LINE)
        self.explanation.setProperty("role", "muted")
        # Under the words of the choice, not under its box.
        self.explanation.setContentsMargins(theme.WIDE - 2, 0, 0, theme.TIGHT)
        line = QHBoxLayout()
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(theme.SMALL)
        line.addWidget(self.wanted)
        line.addWidget(self.loses)
        line.addWidget(self.bound)
        line.addWidget(self.of)
        line.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(line)
        layout.addWidget(self.explanation)
        self.wanted.setEnabled(bool(aside))
        self.wanted.toggled.connect(lambda _: self._show_state())
        self.bound.valueChanged.connect(lambda _: self.changed.emit())
        self._show_state()

    def words(self) -> list[str]:
        """Return the words of the command that the choice stands for."""
        return [f"--cascade={self.bound.value():g}"] if self.wanted.isChecked() else []

    def _explain(self, aside: Sequence[Leaf]) -> str:
        if not aside:
            return self.tr(
                "Not with this codebook: no answer to its first question ends there while another leads on."
            )
        return self.tr(
            "The model first classifies a random sample. Then what is “{leaf}” beyond doubt is settled in no time: "
            "of the tweets that the model would not call so, at most this share is lost, with {confidence} % "
            "confidence. Where that does not pay, all tweets are classified in full."
        ).format(leaf="”, “".join(leaf.name for leaf in aside), confidence=f"{100 * Terms().confidence:g}")

    def _show_state(self) -> None:
        for widget in (self.loses, self.bound, self.of):
            widget.setEnabled(self.wanted.isChecked())
        self.explanation.setVisible(self.wanted.isChecked() or not self.wanted.isEnabled())
        self.changed.emit()
