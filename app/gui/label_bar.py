"""The bar over the tweet: back, skip, what was done last, in which language, by whom."""

from collections.abc import Iterable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.elided import ElidedButton, ElidedChoice, QuietLine
from app.gui.language_names import language_name

_MOST_CODER_WIDTH = 180
_NARROW = 620


def act_button(act: QAction) -> QToolButton:
    """Return a button for an act of the page."""
    button = QToolButton()
    button.setDefaultAction(act)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    button.setAccessibleName(act.text())
    # Not taken by a click: the page's keys shall still be the page's.
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button


class LabelBar(QWidget):
    """Shows the page's acts as buttons, and what they did as a quiet line."""

    language_chosen = Signal()
    coder_clicked = Signal()

    def __init__(self, acts: Iterable[QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.language = ElidedChoice(11)
        self.language.setAccessibleName(self.tr("Language"))
        self.language.setToolTip(self.tr("Label tweets in this language only"))
        self.language.addItem(self.tr("All languages"), "")
        self.language.currentIndexChanged.connect(lambda _: self.language_chosen.emit())
        self.coder = ElidedButton(_MOST_CODER_WIDTH)
        self.coder.clicked.connect(self.coder_clicked)
        self.last_act = QuietLine()
        self.last_act.alignment = Qt.AlignmentFlag.AlignCenter
        layout = QHBoxLayout()
        layout.setSpacing(theme.SMALL)
        self.buttons: list[QToolButton] = []
        self.choices: list[QWidget] = []
        for act in acts:
            button = act_button(act)
            self.buttons.append(button)
            layout.addWidget(button)
        layout.addWidget(self.last_act, 1)
        layout.addWidget(self.language)
        layout.addWidget(self.coder)
        self._place = layout.indexOf(self.last_act)
        self._row = layout
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(theme.TIGHT)
        self._rows.addLayout(layout)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = event.size().width() < _NARROW
        if narrow == (self._row.indexOf(self.last_act) < 0):
            return
        # What was done last is not cut down to a letter: it gets a line of its own.
        if narrow:
            self._row.removeWidget(self.last_act)
            self._row.insertStretch(self._place, 1)
            self._rows.addWidget(self.last_act)
        else:
            self._rows.removeWidget(self.last_act)
            self._row.takeAt(self._place)
            self._row.insertWidget(self._place, self.last_act, 1)

    def add_choice(self, button: QWidget) -> None:
        """Put the chooser of the queue before that of the language."""
        self.choices.append(button)
        self._row.insertWidget(self._row.indexOf(self.language), button)

    def controls(self) -> list[QWidget]:
        """Return what can be used, from left to right."""
        return [*self.buttons, *self.choices, self.language, self.coder]

    def show_work(self, at_work: bool, coder: str) -> None:
        """Show the controls that make sense now."""
        for control in (*self.buttons, *self.choices, self.language):
            control.setVisible(at_work)
        self.coder.setText(coder)
        self.coder.setAccessibleName(self.tr("Labelling as {coder}").format(coder=coder))
        self.coder.setToolTip(self.tr("{coder} is at work (Ctrl+Shift+P changes that)").format(coder=coder))
        self.coder.setVisible(bool(coder))

    def show_languages(self, codes: Iterable[str]) -> None:
        """Offer these languages; the one chosen stays."""
        chosen = self.chosen_language()
        self.language.blockSignals(True)
        self.language.clear()
        self.language.addItem(self.tr("All languages"), "")
        for code in codes:
            if code:
                self.language.addItem(language_name(code), code)
        self.language.setCurrentIndex(max(0, self.language.findData(chosen)))
        self.language.blockSignals(False)

    def chosen_language(self) -> str:
        """Return the code of the language to label in; "" for all."""
        return str(self.language.currentData() or "")
