"""What the list of disagreements shows while it is empty: why, and the next step."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from app.gui import figures
from app.gui.empty_state import EmptyState
from app.gui.review_blind import left_out
from app.study.review import ReviewCounts


class ReviewEnd(QWidget):
    """A sentence and a button; `all_wanted` asks for the list without filters, `decided_wanted` for the other."""

    page_wanted = Signal(str)
    all_wanted = Signal()
    decided_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._next = ""
        self.state = EmptyState("", self.tr("Label tweets"))
        self.state.clicked.connect(self._go)
        self.button = self.state.button
        self.decided = QPushButton(self.tr("Show what was decided"))
        self.decided.setToolTip(self.tr("Show the tweets that have a gold label"))
        self.decided.clicked.connect(self.decided_wanted)
        self.state.add_button(self.decided)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.state)

    def show_reason(self, counts: ReviewCounts, filtered: bool) -> None:
        """Say why there is nothing to decide here; `filtered`: not all that is open was asked for."""
        if filtered:
            self._show("", self.tr("No tweet passes these filters."), self.tr("Show all"))
        elif counts.disputed:
            # What was in sight must not be seen any more.
            left = self.tr("{count} left to decide").format(count=figures.count(counts.disputed))
            self._show("", f"{left}.", self.tr("Show them"))
        elif counts.sealed or counts.locked:
            text = self.tr("There is nothing that you can decide now.")
            self._show("label", f"{text}\n{left_out(counts)}", self.tr("Label tweets"))
        elif counts.adjudicated:
            self._show(
                "train",
                self.tr(
                    "All disagreements are decided. There are gold labels on {count} tweets. "
                    "A model learns from them and from what the coders agree on."
                ).format(count=figures.count(counts.adjudicated)),
                self.tr("Train a model"),
            )
        elif len(counts.coders) < 2:
            so_far = (
                self.tr("So far only “{coder}” has labelled.").format(coder=counts.coders[0])
                if counts.coders
                else self.tr("Nobody has labelled yet.")
            )
            self._show(
                "label",
                self.tr(
                    "When two coders label the same tweets, what they disagree on is decided here. {so_far} "
                    "Let a second person label, or import a table with another coder's labels."
                ).format(so_far=so_far),
                self.tr("Label tweets"),
            )
        else:
            self._show(
                "label",
                self.tr(
                    "{coders} agree wherever they labelled the same tweet. There is nothing to decide."
                ).format(coders=", ".join(counts.coders)),
                self.tr("Label more tweets"),
            )
        self.decided.setVisible(bool(counts.adjudicated) and not filtered)

    def _show(self, page: str, text: str, button: str) -> None:
        self._next = page
        self.state.say(text)
        self.button.setText(button)
        self.button.setToolTip(button)

    def _go(self) -> None:
        if self._next:
            self.page_wanted.emit(self._next)
        else:
            self.all_wanted.emit()
