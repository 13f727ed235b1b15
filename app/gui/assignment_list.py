"""The assignments of a study, with how far each coder is."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.gui import figures, form_parts, theme
from app.gui.tweet_view import isolated_name
from app.gui.when import shown_date
from app.study.assigning import Assigned


class AssignmentList(QScrollArea):
    """A card an assignment. `remove_wanted` gives the id of one that is to be taken back."""

    remove_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.remove_buttons: list[QPushButton] = []
        held = QWidget()
        self._rows = QVBoxLayout(held)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(theme.SMALL)
        self.setWidgetResizable(True)
        self.setWidget(held)
        self.setAccessibleName(self.tr("Assignments"))

    def show_assignments(self, found: Sequence[Assigned]) -> None:
        """Show these, in this order."""
        while self._rows.count():
            item = self._rows.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.remove_buttons = []
        for assigned in found:
            self._rows.addWidget(self._card(assigned))
        self._rows.addStretch(1)

    def _card(self, assigned: Assigned) -> QFrame:
        card = QFrame()
        card.setProperty("role", "card")
        name = form_parts.words(assigned.name)
        name.setProperty("role", "heading")
        about = form_parts.words(
            self.tr("{count} tweets · seed {seed} · {date}").format(
                count=figures.count(assigned.tweets), seed=assigned.seed, date=shown_date(assigned.created)
            )
        )
        about.setProperty("role", "muted")
        shares = form_parts.words(
            " · ".join(
                self.tr("{coder} {done} of {all}").format(
                    coder=isolated_name(share.coder),
                    done=figures.count(share.done),
                    all=figures.count(share.assigned),
                )
                for share in assigned.shares
            )
        )
        shares.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        lines = QVBoxLayout()
        lines.setSpacing(theme.TIGHT)
        for line in (name, about, shares):
            lines.addWidget(line)
        remove = form_parts.button(
            self.tr("Remove"),
            self.tr("Take “{name}” back: its labels stay, what has none can be assigned anew").format(
                name=assigned.name
            ),
            lambda: self.remove_wanted.emit(assigned.id),
        )
        remove.setAccessibleName(self.tr("Remove {name}").format(name=assigned.name))
        self.remove_buttons.append(remove)
        layout = QHBoxLayout(card)
        layout.setContentsMargins(theme.LARGE, theme.SMALL, theme.LARGE, theme.SMALL)
        layout.addLayout(lines, 1)
        layout.addWidget(remove)
        return card
