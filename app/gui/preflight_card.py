"""What was looked at before a training run, above the button that starts it: what is missing first, the rest folded."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.gui import form_parts, theme
from app.gui.fold import Fold
from app.gui.language_names import language_name
from app.study.codebook import Codebook
from app.study.preflight import Check, LabelWish, State

_SIGNS = {State.OK: "✓", State.WARNING: "⚠", State.STOP: "✕"}
_ROLES = {State.OK: "good", State.WARNING: "warning", State.STOP: "bad"}
_SIGN_WIDTH = 18


class PreflightCard(QFrame):
    """Warnings, each with a button to the queue that serves it; how long it takes; in a fold what is in order.

    `label_wanted` gives the language ("": any) and the class ("": any) that lack labels, `check_wanted` asks to try
    the machine, `stop_wanted` to end that.
    """

    label_wanted = Signal(str, str)
    check_wanted = Signal()
    stop_wanted = Signal()

    def __init__(self, codebook: Codebook, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._codebook = codebook
        self._is_trying = False
        self.setProperty("role", "card")
        self.setAccessibleName(self.tr("Before it starts"))
        self.heading = QLabel(self.tr("Before it starts"))
        self.heading.setProperty("role", "heading")
        self.checks: tuple[Check, ...] = ()
        self.buttons: list[QPushButton] = []
        self.time = form_parts.words("")
        self.time.setAccessibleName(self.tr("Time and energy"))
        self.try_button = form_parts.button("", "", self._try_or_stop)
        self._problems = QVBoxLayout()
        self._problems.setSpacing(theme.SMALL)
        self._fine = QWidget()
        self._fine_lines = QVBoxLayout(self._fine)
        self._fine_lines.setContentsMargins(theme.MEDIUM, 0, 0, 0)
        self._fine_lines.setSpacing(theme.TIGHT)
        self.fold = Fold("", self.tr("Show what was looked at and is in order"), self._fine)
        head = QHBoxLayout()
        head.addWidget(self.heading, 1)
        head.addWidget(self.try_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.LARGE, theme.MEDIUM, theme.LARGE, theme.MEDIUM)
        layout.setSpacing(theme.SMALL)
        layout.addLayout(head)
        layout.addLayout(self._problems)
        layout.addWidget(self.time)
        layout.addWidget(self.fold)
        self.show_trying("")
        self.show_checks(())

    def show_checks(self, checks: Sequence[Check]) -> None:
        """Show what was looked at."""
        self.checks = tuple(checks)
        self.buttons = []
        _empty(self._problems)
        _empty(self._fine_lines)
        fine = [check for check in checks if check.state is State.OK and check.what != "time"]
        for check in checks:
            if check.state is not State.OK:
                self._problems.addLayout(self._problem(check))
        for check in fine:
            self._fine_lines.addWidget(_line(check))
        self.fold.button.setText(
            self.tr("1 thing is in order")
            if len(fine) == 1
            else self.tr("{n} things are in order").format(n=len(fine))
        )
        self.fold.setVisible(bool(fine))
        self._show_time()

    def show_trying(self, message: str) -> None:
        """Show that the machine is being tried, and how far that is; "": it is not."""
        self._is_trying = bool(message)
        self._message = message
        if message:
            self.try_button.setText(self.tr("Stop the chec&k"))
            self.try_button.setToolTip(self.tr("Stop trying the machine (Alt+K)"))
        else:
            self.try_button.setText(self.tr("Chec&k this machine"))
            self.try_button.setToolTip(
                self.tr(
                    "Try the longest tweets once, through to the export: tells time, energy and memory. Training "
                    "does it by itself, too (Alt+K)"
                )
            )
        self._show_time()

    def _show_time(self) -> None:
        told = [check.sentence for check in self.checks if check.what == "time"]
        if self._message:
            self.time.setText(self._message)
        elif told:
            self.time.setText(told[0])
        else:
            self.time.setText(
                self.tr("How long it takes is measured when it starts, on your own tweets; or check it now.")
            )
        self.time.setProperty("role", "" if told or self._message else "muted")
        self.time.style().polish(self.time)

    def _problem(self, check: Check) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(theme.SMALL)
        sign = QLabel(_SIGNS[check.state])
        sign.setProperty("role", _ROLES[check.state])
        sign.setFixedWidth(_SIGN_WIDTH)
        text = form_parts.words(str(check))
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        text.setAccessibleName(str(check))
        # Beside a button one line is in the middle of the row.
        middle, top = Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignTop
        row.addWidget(sign, 0, top if check.wish is None else middle)
        row.addWidget(text, 1)
        if check.wish is not None:
            row.addWidget(self._button(check.wish), 0, Qt.AlignmentFlag.AlignTop)
        return row

    def _button(self, wish: LabelWish) -> QPushButton:
        key = f"Alt+{len(self.buttons) + 1}"
        leaf = next((leaf.name for leaf in self._codebook.leaves if leaf.code == wish.leaf), "")
        if leaf and wish.language:
            text = self.tr("Label “{leaf}” in {language}").format(
                leaf=leaf, language=language_name(wish.language)
            )
        elif leaf:
            text = self.tr("Label “{leaf}”").format(leaf=leaf)
        elif wish.language:
            text = self.tr("Label in {language}").format(language=language_name(wish.language))
        else:
            text = self.tr("Label tweets")
        button = form_parts.button(
            text.replace("&", "&&"),
            self.tr("Go to the page Label, with the queue that brings such tweets ({key})").format(key=key),
            lambda: self.label_wanted.emit(wish.language, wish.leaf),
        )
        button.setAccessibleName(text)
        button.setShortcut(key)
        self.buttons.append(button)
        return button

    def _try_or_stop(self) -> None:
        if self._is_trying:
            self.stop_wanted.emit()
        else:
            self.check_wanted.emit()


def _line(check: Check) -> QLabel:
    line = form_parts.words(f"{_SIGNS[check.state]} {check}")
    line.setProperty("role", "muted")
    return line


def _empty(layout: QVBoxLayout | QHBoxLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        inner, widget = item.layout(), item.widget()
        if isinstance(inner, QVBoxLayout | QHBoxLayout):
            _empty(inner)
        elif widget is not None:
            widget.hide()
            widget.deleteLater()
