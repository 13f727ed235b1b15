"""A training that is not at its end: how far it came, and what can become of it."""

from PySide6.QtCore import Signal, SignalInstance
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.gui import figures, theme
from app.gui.page import make_action
from app.study.unfinished_runs import PAUSED, WAITING, RunState


class UnfinishedCard(QFrame):
    """Shows one run. Hidden while there is none."""

    continue_clicked = Signal()
    keep_clicked = Signal()
    discard_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self.state: RunState | None = None
        self.title = QLabel()
        self.title.setProperty("role", "heading")
        self.title.setWordWrap(True)
        self.told = QLabel()
        self.told.setWordWrap(True)
        self.go_on = self._button(
            self.tr("Continue"),
            "Alt+T",
            self.tr("Go on from there; the model becomes what it would have been without a break"),
            self.continue_clicked,
        )
        self.go_on.setProperty("primary", True)
        self.keep = self._button(
            self.tr("Keep the best so far"),
            "Alt+K",
            self.tr("Learn nothing more: check the best so far and put it on the shelf"),
            self.keep_clicked,
        )
        self.discard = self._button(
            self.tr("Discard …"),
            "Alt+C",
            self.tr("Give it up and delete what it has learned"),
            self.discard_clicked,
        )
        self.buttons = QWidget()
        row = QHBoxLayout(self.buttons)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SMALL)
        for button in (self.go_on, self.keep, self.discard):
            row.addWidget(button)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.LARGE, theme.MEDIUM, theme.LARGE, theme.MEDIUM)
        layout.setSpacing(theme.SMALL)
        layout.addWidget(self.title)
        layout.addWidget(self.told)
        layout.addWidget(self.buttons)
        self.hide()

    def _button(self, text: str, key: str, tip: str, clicked: SignalInstance) -> QPushButton:
        button = QPushButton(text)
        button.clicked.connect(clicked)
        action = make_action(self, text.rstrip(" …"), key, button.click, tip=tip)
        button.setToolTip(action.toolTip())
        return button

    def show_run(self, state: RunState | None) -> None:
        """Show how far a run is, or nothing."""
        self.state = state
        if state is not None:
            title = self._title(state)
            self.title.setText(title)
            self.setAccessibleName(title)
            self.told.setText(" ".join(self._sentences(state)))
            self.buttons.setVisible(state.can_continue)
            self.keep.setVisible(state.can_finish)
            self.go_on.setText(self.tr("Put it on the shelf") if state.is_trained else self.tr("Continue"))
        self.setVisible(state is not None)

    def _title(self, state: RunState) -> str:
        name, where = state.run.name, self._where(state)
        if state.is_conducted:
            return self.tr("“{name}” is being trained in another window or command").format(name=name)
        if state.is_trained:
            return self.tr("“{name}” is trained, but not on the shelf yet").format(name=name)
        if state.run.status in (PAUSED, WAITING):
            return self.tr("The training of “{name}” is paused {where}").format(name=name, where=where)
        if state.run.status == "cancelled":
            return self.tr("The training of “{name}” was stopped {where}").format(name=name, where=where)
        if state.run.status == "failed":
            return self.tr("The training of “{name}” failed {where}").format(name=name, where=where)
        return self.tr("The training of “{name}” was interrupted {where}").format(name=name, where=where)

    def _where(self, state: RunState) -> str:
        if not state.step:
            return self.tr("before its first step")
        return self.tr("at step {step} of {steps}").format(
            step=figures.count(state.step), steps=figures.count(state.steps)
        )

    def _sentences(self, state: RunState) -> list[str]:
        if state.is_conducted:
            return [self.tr("Its model comes on the shelf when it is done.")]
        if state.is_trained:
            return [self.tr("Both 4-bit forms are still to be compared with it: some minutes.")]
        found = []
        if state.best is not None:
            found.append(
                self.tr("Best so far: epoch {number} with macro-F1 {score} on the validation tweets.").format(
                    number=state.best["epoch"], score=figures.score(state.best["macro_f1"])
                )
            )
        elif state.has_checkpoint:
            found.append(self.tr("No epoch is scored yet."))
        if state.has_checkpoint:
            found.append(self.tr("It can go on from its last checkpoint as if nothing had happened."))
        else:
            found.append(self.tr("It had kept nothing yet: it would begin anew, with the same tweets."))
        return found
