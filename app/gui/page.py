"""What every page of the window is, and the one function that makes actions."""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from app.gui import theme
from app.study.study import Study


@runtime_checkable
class CanUndo(Protocol):
    """A page with acts to take back (`Page` says what each method does)."""

    key: str

    def undo(self) -> bool: ...
    def redo(self) -> bool: ...
    def can_undo(self) -> bool: ...
    def can_redo(self) -> bool: ...


class Page(QWidget):
    """One step of the work. The window shows it, tells it of the study, and asks for its state.

    Signals: `study_touched` names what this page changed in the study ("tweets", "labels", "predictions",
    "models", "runs"); `page_wanted` asks the window to show the page of that key; `state_changed` asks the
    rail to look again; `act_done` says that this page may have another act to undo or redo now;
    `import_wanted` asks the window to let the user choose a table of tweets.
    """

    key = ""
    icon = ""

    study_touched = Signal(set)
    page_wanted = Signal(str)
    state_changed = Signal()
    act_done = Signal()
    import_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.study: Study | None = None

    @property
    def title(self) -> str:
        """The page's name in the rail and the menu, translated."""
        raise TypeError("each page has a title")

    def study_opened(self, study: Study) -> None:
        """Show a study; called once, before the page is first seen."""
        self.study = study

    def study_closing(self) -> None:
        """Let go of the study."""
        self.study = None

    def study_changed(self, what: set[str]) -> None:
        """Look again at what changed; the page decides whether that concerns it."""

    def shortcuts(self) -> Sequence[QAction]:
        """Return the page's actions, for the overview of keys (F1)."""
        return [action for action in self.actions() if action.text()]

    def undo(self) -> bool:
        """Take back this page's last act; return whether there was one. Ctrl+Z comes here."""
        return False

    def redo(self) -> bool:
        """Do again what was taken back last; return whether there was something."""
        return False

    def can_undo(self) -> bool:
        """Tell whether this page has an act to take back."""
        return False

    def can_redo(self) -> bool:
        """Tell whether this page has an act to do again."""
        return False


def make_action(
    owner: QWidget,
    text: str,
    key: str | QKeySequence.StandardKey | QKeySequence,
    run: Callable[[], object],
    *,
    icon: str = "",
    checkable: bool = False,
    tip: str = "",
) -> QAction:
    """Return an action that works in its owner's window: named, with a key, and a tooltip that shows the key."""
    action = QAction(text, owner)
    sequence = QKeySequence(key)
    action.setShortcut(sequence)
    action.setToolTip(with_key(tip or text.replace("&", "").rstrip(" …"), action))
    action.setCheckable(checkable)
    if icon:
        action.setIcon(theme.icon(icon))
        action.setProperty("icon_name", icon)
    if checkable:
        action.toggled.connect(lambda _: run())
    else:
        action.triggered.connect(lambda _=False: run())
    owner.addAction(action)
    return action


def with_key(text: str, action: QAction) -> str:
    """Return a text followed by the key that an action has now, in brackets; the text alone where it has none."""
    shown = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    return f"{text} ({shown})" if shown else text
