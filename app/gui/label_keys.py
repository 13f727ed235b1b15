"""The keys of the label page: one for each class, and those of the coder's other acts."""

from collections.abc import Callable, Iterable
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from app.gui import theme
from app.gui.codebook_view import key_of
from app.gui.page import make_action, with_key
from app.study.codebook import Leaf


class LabelKeys:
    """Actions that work on their page only, and not while one types: fields take the keys of letters first."""

    def __init__(self, page: QWidget) -> None:
        self._page = page
        self._leaves: list[QAction] = []
        self._acts: list[tuple[QAction, tuple[str, ...], str]] = []

    def add(
        self, text: str, keys: tuple[str, ...], run: Callable[[], object], icon: str = "", spare: str = ""
    ) -> QAction:
        """Add an act with its keys, the first of which is shown; `spare` is its key where classes have all others."""
        action = make_action(self._page, text, keys[0], run, icon=icon)
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self._acts.append((action, keys, spare))
        return action

    def show_leaves(self, leaves: Iterable[Leaf], name: str, run: Callable[[str], object]) -> None:
        """Give each class its key; `name` has the place "{name}". Where an act has the same, the class's wins."""
        for action in self._leaves:
            self._page.removeAction(action)
            action.deleteLater()
        self._leaves = []
        taken = set()
        for leaf in leaves:
            action = make_action(
                self._page, name.format(name=leaf.name), key_of(leaf), partial(run, leaf.code)
            )
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            # A key held down must not label a hundred tweets.
            action.setAutoRepeat(False)
            self._leaves.append(action)
            taken.add(leaf.key.casefold())
        for action, keys, spare in self._acts:
            free = [key for key in keys if key.casefold() not in taken] or [spare]
            action.setShortcuts([QKeySequence(key) for key in free])
            action.setToolTip(with_key(action.text(), action))

    def enable_leaves(self, enabled: bool) -> None:
        """Let the classes' keys work, or not."""
        for action in self._leaves:
            action.setEnabled(enabled)

    def refresh_icons(self) -> None:
        """Draw the icons in the colours in use."""
        for action, _, _ in self._acts:
            name = action.property("icon_name")
            if name:
                action.setIcon(theme.icon(name))
