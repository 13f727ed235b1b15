"""The coder's acts on the label page beside the classes, each with its key and the name its key is changed by."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from app.gui.label_keys import LabelKeys
from app.gui.mark_names import mark_name
from app.study.codebook import Leaf
from app.study.marks import MARKS

_MARK_KEYS = {
    "uncertain": ("U", "F"),
    "quoting": ("Q",),
    "sarcasm": ("S",),
    "unclear_target": ("T",),
}
# None that a field of text has a use for: they work while one types a note, too.
_SPARE_MARK_KEYS = {
    "uncertain": "Ctrl+Shift+F",
    "quoting": "Ctrl+Shift+Q",
    "sarcasm": "Ctrl+Shift+I",
    "unclear_target": "Ctrl+Shift+G",
}


class Coding(Protocol):
    """What the page can do."""

    def label(self, leaf: str) -> None: ...
    def back(self) -> None: ...
    def skip(self) -> None: ...
    def write_note(self) -> None: ...
    def toggle_mark(self, mark: str) -> None: ...
    def clear_label(self) -> None: ...
    def toggle_history(self) -> None: ...
    def toggle_author(self) -> None: ...
    def find_in_codebook(self) -> None: ...
    def scroll_tweet(self, pages: float) -> None: ...
    def leave(self) -> None: ...


class LabelActs:
    """The actions, and their keys as the coder has them."""

    def __init__(self, page: QWidget, coding: Coding, chosen: Mapping[str, str]) -> None:
        self._coding = coding
        self.keys = LabelKeys(page, chosen)
        add = self.keys.add
        self.back = add(_tr("Back"), ("Backspace", "Left"), coding.back, "back", "Alt+Left", "back")
        self.skip = add(_tr("Skip"), ("Space", "Right"), coding.skip, "skip", "Alt+Right", "skip")
        self.marks: dict[str, QAction] = {
            mark: add(
                _tr("Mark: {name}").format(name=mark_name(mark)),
                _MARK_KEYS[mark],
                lambda mark=mark: coding.toggle_mark(mark),  # type: ignore[misc]
                spare=_SPARE_MARK_KEYS[mark],
                name=mark,
            )
            for mark in MARKS
        }
        self.note = add(_tr("Write a note"), ("N",), coding.write_note, spare="Ctrl+Shift+N", name="note")
        self.clear = add(
            _tr("Take the label off"), ("Delete",), coding.clear_label, spare="Ctrl+Delete", name="clear"
        )
        self.history = add(
            _tr("History"), ("H",), coding.toggle_history, spare="Ctrl+Shift+H", name="history"
        )
        self.author = add(
            _tr("Hide author"), ("A",), coding.toggle_author, spare="Ctrl+Shift+D", name="author"
        )
        self.find = add(
            _tr("Find in the codebook"), ("Ctrl+F",), coding.find_in_codebook, spare="Ctrl+F", name="find"
        )
        self.leave = add(_tr("Leave the field"), ("Esc",), coding.leave)
        self.scrolls = [
            add(_tr("Scroll a long tweet down"), ("Down", "PgDown"), lambda: coding.scroll_tweet(0.5)),
            add(_tr("Scroll a long tweet up"), ("Up", "PgUp"), lambda: coding.scroll_tweet(-0.5)),
        ]

    def show_classes(self, leaves: Iterable[Leaf]) -> None:
        """Give each class its key."""
        self.keys.show_leaves(leaves, _tr("Label “{name}”"), self._coding.label)

    def enable(self, at_work: bool, can_go_back: bool, locked: bool = False) -> None:
        """Let those acts work that make sense now; nothing is said of a tweet that is `locked`."""
        self.keys.enable_leaves(at_work and not locked)
        for action in (self.note, self.clear, *self.marks.values()):
            action.setEnabled(at_work and not locked)
        for action in (self.skip, self.history, self.author, *self.scrolls):
            action.setEnabled(at_work)
        self.back.setEnabled(can_go_back)


def _tr(text: str) -> str:
    return QCoreApplication.translate("label_acts", text)
