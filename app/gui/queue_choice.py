"""The chooser of the queue on the bar of the label page."""

from functools import partial

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from app.gui.elided import ElidedButton
from app.gui.page import with_key
from app.gui.queue_names import queue_meaning, queue_name
from app.study import queues
from app.study.queue_choice import KINDS, USUAL_REPEATS, QueueChoice

_MOST_WIDTH = 240
_ENDING = " ▾"
# After these a line divides the menu: plain ones, a model's, those about labels.
_ENDS = (queues.QUOTAS, queues.RARE_CLASS, queues.MODEL_DISAGREES)


class QueueButton(ElidedButton):
    """Shows which queue is at work; a click or its key opens the menu of all.

    `kind_chosen` gives a kind, `quotas_wanted` asks for the numbers of the languages, `repeats_chosen` the share of
    hidden repeats.
    """

    kind_chosen = Signal(str)
    quotas_wanted = Signal()
    repeats_chosen = Signal(float)

    def __init__(self, act: QAction, others: list[QAction], parent: QWidget | None = None) -> None:
        """Make the button of `act`, which opens the menu; `others` stand at the menu's end."""
        super().__init__(_MOST_WIDTH, parent, _ENDING)
        self._act = act
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setPopupMode(ElidedButton.ToolButtonPopupMode.InstantPopup)
        self.menu_ = QMenu(self)
        self.menu_.setToolTipsVisible(True)
        self.menu_.setAccessibleName(self.tr("Queues"))
        self.kinds: dict[str, QAction] = {}
        group = QActionGroup(self)
        for number, kind in enumerate(KINDS, 1):
            action = self._add(queue_name(kind), f"Alt+{number}", queue_meaning(kind))
            action.setActionGroup(group)
            action.triggered.connect(partial(self._choose, kind))
            self.kinds[kind] = action
            if kind in _ENDS:
                self.menu_.addSeparator()
        self.menu_.addSeparator()
        self.repeats = self._add(
            self.tr("Hidden repeats"),
            f"Alt+{len(KINDS) + 1}",
            self.tr(
                "One tweet in twenty is one that you labelled a day or a hundred labels ago, unmarked: it tells how "
                "consistent you are and changes no label."
            ),
        )
        self.repeats.triggered.connect(lambda on: self.repeats_chosen.emit(USUAL_REPEATS if on else 0.0))
        self.menu_.addActions(others)
        self.setMenu(self.menu_)
        self.show_choice(QueueChoice())

    def show_choice(
        self, choice: QueueChoice, waiting: bool = False, assigned: bool = False, class_name: str = ""
    ) -> None:
        """Show a choice; `waiting` tells that its order is still random, for the model is not ready.

        `class_name` is that of the class that was asked for.
        `assigned` tells that what was assigned to the coder comes instead of all tweets in random order.
        """
        name = self.tr("Assigned to you") if assigned else queue_name(choice.kind, class_name)
        self.setText(f"{name}{_ENDING}")
        self.setAccessibleName(self.tr("Queue: {name}").format(name=name))
        meaning = (
            self.tr("The tweets that were assigned to you, in the order in which they were drawn.")
            if assigned
            else queue_meaning(choice.kind, class_name)
        )
        lines = [with_key(self.tr("Choose the queue"), self._act), meaning]
        if waiting:
            lines.append(self.tr("In random order until a model has learnt from the labels."))
        self.setToolTip("\n".join(lines))
        self.kinds[choice.kind].setChecked(True)
        self.repeats.setChecked(choice.repeats > 0)

    def open(self) -> None:
        """Open the menu under the button, at the queue that is at work."""
        chosen = next((action for action in self.kinds.values() if action.isChecked()), None)
        if chosen is not None:
            self.menu_.setActiveAction(chosen)
        self.menu_.popup(self.mapToGlobal(QPoint(0, self.height())), None)
        if chosen is not None:
            self.menu_.setActiveAction(chosen)

    def _add(self, name: str, key: str, meaning: str) -> QAction:
        action = self.menu_.addAction(name)
        action.setShortcut(QKeySequence(key))
        action.setCheckable(True)
        action.setToolTip(with_key(meaning, action))
        return action

    def _choose(self, kind: str) -> None:
        if kind == queues.QUOTAS:
            self.quotas_wanted.emit()
        else:
            self.kind_chosen.emit(kind)
