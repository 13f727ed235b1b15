"""The bar over the tweet: back, skip, what was done last, in which language, by whom."""

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.elided import ElidedButton, ElidedChoice, QuietLine
from app.gui.language_names import language_name

_MOST_CODER_WIDTH = 180
_LEAST_CODER_WIDTH = 130
# What was done last is told in a line of its own where it has less than this.
_LEAST_ACT = 330


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
        self.coder.least_width = _LEAST_CODER_WIDTH
        self.coder.clicked.connect(self.coder_clicked)
        self._act = self._series = ""
        self.last_act = QuietLine()
        layout = QHBoxLayout()
        layout.setSpacing(theme.SMALL)
        self.buttons: list[QToolButton] = []
        # How wide each is with its name: in the narrowest window their signs alone are shown.
        self._whole: dict[QWidget, int] = {}
        self.choices: list[QWidget] = []
        for act in acts:
            button = act_button(act)
            self.buttons.append(button)
            layout.addWidget(button)
        layout.addStretch(1)
        layout.addWidget(self.language)
        layout.addWidget(self.coder)
        self._place = len(self.buttons)
        self._row = layout
        self._second = QHBoxLayout()
        self._second.setSpacing(theme.SMALL)
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(theme.TIGHT)
        self._rows.addLayout(layout)
        self._rows.addLayout(self._second)
        self._is_apart, self._is_low = True, False
        self._arrange(False, False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return super().event(event)

    def minimumSizeHint(self) -> QSize:
        """Ask for what the two rows need: what stands in one now can go into two."""
        hint = super().minimumSizeHint()
        rest = 0 if self._is_low or self.language.isHidden() else self.language.minimumSizeHint().width()
        return QSize(max(0, hint.width() - rest), hint.height())

    def _fit(self) -> None:
        """Let the queue and the coder be read, and what was done last: where there is no room, in a second row."""
        for button in self.buttons:
            if button.toolButtonStyle() == Qt.ToolButtonStyle.ToolButtonTextBesideIcon:
                self._whole[button] = button.sizeHint().width()
        wanted = sum(
            self._whole.get(control, control.sizeHint().width()) + theme.SMALL
            for control in self.controls()
            if not control.isHidden()
        )
        low = wanted > self.width() and not self.language.isHidden()
        self._arrange(wanted + _LEAST_ACT > self.width(), low)
        signs_alone = low and wanted - self.language.sizeHint().width() > self.width()
        for button in self.buttons:
            button.setToolButtonStyle(
                Qt.ToolButtonStyle.ToolButtonIconOnly
                if signs_alone
                else Qt.ToolButtonStyle.ToolButtonTextBesideIcon
            )

    def _arrange(self, apart: bool, low: bool) -> None:
        """Put the last act into the second row, where it is `apart`; the language beside it, where that is `low`."""
        if apart != self._is_apart:
            self._is_apart = apart
            self._row.takeAt(self._place)
            self._second.removeWidget(self.last_act)
            if apart:
                self._row.insertStretch(self._place, 1)
                self._second.insertWidget(0, self.last_act, 1)
            else:
                self._row.insertWidget(self._place, self.last_act, 1)
            side = Qt.AlignmentFlag.AlignLeft if apart else Qt.AlignmentFlag.AlignHCenter
            self.last_act.alignment = side | Qt.AlignmentFlag.AlignVCenter
        if low != self._is_low:
            self._is_low = low
            if low:
                self._row.removeWidget(self.language)
                self._second.addWidget(self.language)
            else:
                self._second.removeWidget(self.language)
                self._row.insertWidget(self._row.indexOf(self.coder), self.language)

    def say(self, act: str) -> None:
        """Tell what was done last."""
        self._act = act
        self._tell()

    def show_series(self, series: str) -> None:
        """Tell, before what was done last, which of several chosen tweets is in sight; "" for none."""
        self._series = series
        self._tell()

    def _tell(self) -> None:
        self.last_act.setText(" · ".join(part for part in (self._series, self._act) if part))

    def add_choice(self, button: QWidget) -> None:
        """Put the chooser of the queue before that of the language."""
        self.choices.append(button)
        self._row.insertWidget(self._place + 1, button)

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

    def choose_language(self, code: str) -> None:
        """Choose a language, "" for all; where the coder turns out not to read it, it is all again."""
        if self.language.findData(code) < 0:
            self.language.addItem(language_name(code), code)
        self.language.setCurrentIndex(self.language.findData(code))

    def chosen_language(self) -> str:
        """Return the code of the language to label in; "" for all."""
        return str(self.language.currentData() or "")
