"""The bar over the tweet under review: previous, next, what was done last, who decides."""

from collections.abc import Iterable

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from app.gui import theme
from app.gui.label_bar import act_button


class ReviewBar(QWidget):
    """Shows the acts as buttons, and what they did as a quiet line."""

    coder_clicked = Signal()

    def __init__(self, acts: Iterable[QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.last_act = QLabel()
        self.last_act.setProperty("role", "muted")
        self.coder = QToolButton()
        self.coder.setToolTip(self.tr("Who decides (Ctrl+Shift+P changes that)"))
        self.coder.clicked.connect(self.coder_clicked)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.SMALL)
        for act in acts:
            layout.addWidget(act_button(act))
        layout.addStretch(1)
        layout.addWidget(self.last_act)
        layout.addStretch(1)
        layout.addWidget(self.coder)

    def show_coder(self, name: str) -> None:
        """Show who decides; nothing for nobody yet."""
        self.coder.setText(name)
        self.coder.setAccessibleName(self.tr("Deciding as {coder}").format(coder=name))
        self.coder.setVisible(bool(name))
