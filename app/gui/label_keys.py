"""The keys of a page on which one labels: one for each class, and those of the coder's other acts."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from app.gui import theme
from app.gui.codebook_view import key_of
from app.gui.page import make_action, with_key
from app.study.codebook import Codebook, Leaf


@dataclass(frozen=True)
class _Act:
    action: QAction
    name: str
    keys: tuple[str, ...]
    spare: str


class LabelKeys:
    """Actions that work on their page only, and not while one types: fields take the keys of letters first.

    `chosen` are the keys that the coder gave to acts and classes: {name of the act, or `class_name`: key}.
    """

    def __init__(self, page: QWidget, chosen: Mapping[str, str] | None = None) -> None:
        self._page = page
        self._leaves: list[QAction] = []
        self._acts: list[_Act] = []
        self._chosen = dict(chosen or {})

    def add(
        self,
        text: str,
        keys: tuple[str, ...],
        run: Callable[[], object],
        icon: str = "",
        spare: str = "",
        name: str = "",
    ) -> QAction:
        """Add an act with its keys, the first of which is shown; `spare` is its key where classes have all others.

        With a `name` the coder can give it another key.
        """
        action = make_action(self._page, text, keys[0], run, icon=icon)
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self._acts.append(_Act(action, name, keys, spare))
        return action

    def choose(self, chosen: Mapping[str, str]) -> None:
        """Take over the keys that the coder chose; they work after the next `show_leaves`."""
        self._chosen = dict(chosen)

    def show_leaves(self, leaves: Iterable[Leaf], name: str, run: Callable[[str], object]) -> None:
        """Give each class its key; `name` has the place "{name}". Where an act has the same, the class's wins."""
        for action in self._leaves:
            self._page.removeAction(action)
            action.deleteLater()
        self._leaves = []
        taken = set()
        named = {act.name for act in self._acts}
        for leaf in leaves:
            action = make_action(
                self._page, name.format(name=leaf.name), key_of(leaf), partial(run, leaf.code)
            )
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            # A key held down must not label a hundred tweets.
            action.setAutoRepeat(False)
            self._leaves.append(action)
            taken.add(leaf.key.casefold())
        # The list of keys (F1) begins with those of the classes.
        self._page.insertActions(self._acts[0].action, self._leaves)
        for act in self._acts:
            wanted = (self._chosen[act.name],) if act.name in self._chosen else act.keys
            # What the coder chose for one act is no longer the usual key of another.
            others = {key.casefold() for name, key in self._chosen.items() if name in named - {act.name}}
            free = [key for key in wanted if key.casefold() not in taken | others] or [act.spare]
            act.action.setShortcuts([QKeySequence(key) for key in free if key])
            act.action.setToolTip(with_key(act.action.text(), act.action))

    def changeable(self) -> list[tuple[str, str, str, str]]:
        """Return (name, text, usual key, key now) of the acts whose key the coder can change."""
        return [
            (act.name, act.action.text(), act.keys[0], act.action.shortcut().toString())
            for act in self._acts
            if act.name
        ]

    def enable_leaves(self, enabled: bool) -> None:
        """Let the classes' keys work, or not."""
        for action in self._leaves:
            action.setEnabled(enabled)

    def refresh_icons(self) -> None:
        """Draw the icons in the colours in use."""
        for act in self._acts:
            name = act.action.property("icon_name")
            if name:
                act.action.setIcon(theme.icon(name))


def shown_key(action: QAction) -> str:
    """Return the key of an act as it is shown on a button."""
    return action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)


def class_name(codebook: Codebook, leaf: str) -> str:
    """Return the name under which a coder's own key for a class is kept: classes of other codebooks have theirs."""
    return f"class:{codebook.name}:{leaf}"


def with_keys(codebook: Codebook, chosen: Mapping[str, str]) -> Codebook:
    """Return a codebook as the coder sees it, with the keys that the coder chose; the study keeps its own."""
    questions = tuple(
        replace(
            question,
            options=tuple(
                option
                if option.follow_up
                else replace(option, key=chosen.get(class_name(codebook, option.code), option.key))
                for option in question.options
            ),
        )
        for question in codebook.questions
    )
    return Codebook(codebook.name, codebook.version, codebook.start, questions)
