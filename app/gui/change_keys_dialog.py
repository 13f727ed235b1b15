"""Changing the keys of the label page: press the new key on the line of an act."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QAction, QColor, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.gui import form_parts, theme
from app.gui.notice import Notice, Tone

# Keys that move in every window, or end what was begun.
_KEPT = {
    Qt.Key.Key_Escape, Qt.Key.Key_Tab, Qt.Key.Key_Backtab, Qt.Key.Key_Return, Qt.Key.Key_Enter,
    Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown,
}  # fmt: skip
_MODIFIERS = {
    Qt.Key.Key_Shift, Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_AltGr, Qt.Key.Key_Meta, Qt.Key.Key_CapsLock,
    Qt.Key.Key_NumLock, Qt.Key.Key_unknown,
}  # fmt: skip
_ROW = 34
_USUAL = 2


@dataclass(frozen=True)
class KeyLine:
    """An act whose key can be changed: the name it is kept under, what it does, its usual key, its key now."""

    name: str
    text: str
    usual: str
    key: str


class ChangeKeysDialog(QDialog):
    """Accepted with `chosen`: {name: key} of all acts whose key is another than the usual one."""

    def __init__(
        self, lines: Sequence[KeyLine], taken: Mapping[str, str], parent: QWidget | None = None
    ) -> None:
        """Begin with these acts; `taken` are the window's own keys: {key: what it does}."""
        super().__init__(parent)
        self._lines = list(lines)
        self._keys = {line.name: line.key for line in lines}
        self._taken = {_folded(key): text for key, text in taken.items()}
        self.setWindowTitle(self.tr("Change the keys of the label page"))
        text = QLabel(
            self.tr(
                "Choose a line and press the key that you want. The keys are yours: they are kept on this computer, "
                "and the codebook stays as it is."
            )
        )
        text.setWordWrap(True)
        self.notice = Notice(closable=False)
        self.table = _KeyTable(self)
        self.reset = self._button(
            self.tr("&Usual keys again"),
            self.tr("Give all acts the keys that they had at first"),
            self._reset,
        )
        self.cancel = self._button(
            self.tr("Cancel"), self.tr("Leave the keys as they are (Esc)"), self.reject
        )
        self.use = self._button(
            self.tr("Use these &keys"), self.tr("Label with these keys from now on"), self.accept
        )
        self.use.setProperty("primary", True)
        for button in (self.reset, self.cancel, self.use):
            # Enter is for the button that has the focus; a key pressed in the table is never one for a button.
            button.setAutoDefault(False)
        row = QHBoxLayout()
        row.setSpacing(theme.SMALL)
        row.addWidget(self.reset)
        row.addStretch(1)
        row.addWidget(self.cancel)
        row.addWidget(self.use)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.LARGE)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(text)
        layout.addWidget(self.notice)
        layout.addWidget(self.table, 1)
        layout.addLayout(row)
        form_parts.open_at(self, 520, 600)
        self._show()
        self.table.setCurrentCell(0, 1)
        self.table.setFocus()

    @property
    def chosen(self) -> dict[str, str]:
        """The keys that are not the usual ones."""
        return {
            line.name: self._keys[line.name]
            for line in self._lines
            if _folded(self._keys[line.name]) != _folded(line.usual)
        }

    def press(self, key: str) -> None:
        """Give the chosen act a key, or tell whose it is already."""
        place = self.table.currentRow()
        if not 0 <= place < len(self._lines):
            return
        line = self._lines[place]
        shown = shown_name(key)
        if _folded(key) in self._taken:
            self.notice.tell(
                Tone.WARNING,
                self.tr("“{key}” is the window's own key: {text}.").format(
                    key=shown, text=self._taken[_folded(key)]
                ),
                self.tr("Press another one."),
            )
            return
        for other in self._lines:
            if other.name != line.name and _folded(self._keys[other.name]) == _folded(key):
                self.notice.tell(
                    Tone.WARNING,
                    self.tr("“{key}” is the key of “{text}” already.").format(key=shown, text=other.text),
                    self.tr("Press another one, or give “{text}” another key first.").format(text=other.text),
                )
                return
        self.notice.clear()
        self._keys[line.name] = key
        self._show()

    def _reset(self) -> None:
        self.notice.clear()
        self._keys = {line.name: line.usual for line in self._lines}
        self._show()

    def _show(self) -> None:
        self.table.setRowCount(len(self._lines))
        for place, line in enumerate(self._lines):
            key = self._keys[line.name]
            for column, text in enumerate((line.text, shown_name(key), shown_name(line.usual))):
                item = QTableWidgetItem(text)
                if column == _USUAL:
                    item.setForeground(QColor(theme.tokens().muted))
                self.table.setItem(place, column, item)
            self.table.setRowHeight(place, _ROW)

    def _button(self, text: str, tip: str, run: object) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.clicked.connect(run)
        return button


class _KeyTable(QTableWidget):
    """The acts and their keys. It takes each key that is pressed, but for those that move."""

    def __init__(self, dialog: ChangeKeysDialog) -> None:
        super().__init__(0, 3)
        self._dialog = dialog
        self.setHorizontalHeaderLabels([self.tr("what it does"), self.tr("key"), self.tr("usual key")])
        self.setAccessibleName(self.tr("Keys of the label page"))
        self.setToolTip(self.tr("Choose a line (↑ ↓) and press the key that you want"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)

    def event(self, event: QEvent) -> bool:
        # Also the window's own keys come here, so that it can be told what they are.
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and _is_choice(event)
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not _is_choice(event):
            super().keyPressEvent(event)
            return
        self._dialog.press(key_of_event(event))


def _is_choice(event: QKeyEvent) -> bool:
    return event.key() not in _KEPT and event.key() not in _MODIFIERS


def key_of_event(event: QKeyEvent) -> str:
    """Return the key that was pressed as shortcuts name it; of letters and signs, what the keyboard types."""
    held = event.modifiers() & ~(Qt.KeyboardModifier.KeypadModifier | Qt.KeyboardModifier.GroupSwitchModifier)
    text = event.text()
    plain = held in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier)
    if plain and len(text) == 1 and text.isprintable() and not text.isspace():
        return text.upper() if len(text.upper()) == 1 else text
    return QKeySequence(event.keyCombination()).toString(QKeySequence.SequenceFormat.PortableText)


def shown_name(key: str) -> str:
    """Return a key as it is shown."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) or key


def keys_of(actions: Sequence[QAction]) -> dict[str, str]:
    """Return {key: what it does} of actions."""
    found = {}
    for action in actions:
        name = str(action.property("key_name") or action.text().replace("&", "").rstrip(" …"))
        for key in action.shortcuts():
            found[key.toString()] = name
    return found


def _folded(key: str) -> str:
    return QKeySequence(key).toString().casefold() or key.casefold()
