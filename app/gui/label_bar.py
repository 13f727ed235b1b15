"""The bar over the tweet: back, skip, what was done last, in which language, by whom."""

from collections.abc import Iterable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QToolButton, QWidget

from app.gui import theme
from app.gui.language_names import language_name


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
        self.language = QComboBox()
        self.language.setAccessibleName(self.tr("Language"))
        self.language.setToolTip(self.tr("Label tweets in this language only"))
        self.language.addItem(self.tr("All languages"), "")
        self.language.currentIndexChanged.connect(lambda _: self.language_chosen.emit())
        self.coder = QToolButton()
        self.coder.setToolTip(self.tr("Who is labelling; press to change"))
        self.coder.clicked.connect(self.coder_clicked)
        self.last_act = QLabel()
        self.last_act.setProperty("role", "muted")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.SMALL)
        self.buttons: list[QToolButton] = []
        for act in acts:
            button = act_button(act)
            self.buttons.append(button)
            layout.addWidget(button)
        layout.addStretch(1)
        layout.addWidget(self.last_act)
        layout.addStretch(1)
        layout.addWidget(self.language)
        layout.addWidget(self.coder)

    def show_work(self, at_work: bool, coder: str) -> None:
        """Show the controls that make sense now."""
        for control in (*self.buttons, self.language):
            control.setVisible(at_work)
        self.coder.setText(coder)
        self.coder.setAccessibleName(self.tr("Labelling as {coder}").format(coder=coder))
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
