"""The one question before the first label: who labels."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.gui import theme

_WIDTH = 460


class CoderPanel(QWidget):
    """Asks for the coder's name, in the page. `chosen` gives the name.

    `question` and `begin` are the heading and the button where it is not labelling that begins.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None, question: str = "", begin: str = "") -> None:
        super().__init__(parent)
        card = QFrame()
        card.setProperty("role", "card")
        card.setFixedWidth(_WIDTH)
        heading = QLabel(question or self.tr("Who is labelling?"))
        heading.setProperty("role", "heading")
        text = QLabel(
            self.tr(
                "Your name stands beside each label. There is no password; "
                "anyone who has the study's file can read it."
            )
        )
        text.setWordWrap(True)
        text.setProperty("role", "muted")
        self.name = QLineEdit()
        self.name.setPlaceholderText(self.tr("Name or initials"))
        self.name.setAccessibleName(self.tr("Your name"))
        self.name.setToolTip(
            self.tr("Your name, as it stands beside your labels (Enter begins, Esc goes back)")
        )
        self.name.setMaxLength(100)
        begin = begin or self.tr("Start labelling")
        self.button = QPushButton(begin)
        self.button.setProperty("primary", True)
        self.button.setToolTip(self.tr("{begin} (Enter)").format(begin=begin))
        self.button.setEnabled(False)
        self.name.textChanged.connect(lambda text: self.button.setEnabled(bool(text.strip())))
        self.name.returnPressed.connect(self._choose)
        self.button.clicked.connect(self._choose)
        row = QHBoxLayout()
        row.setSpacing(theme.SMALL)
        row.addWidget(self.name, 1)
        row.addWidget(self.button)
        layout = QVBoxLayout(card)
        layout.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.WIDE)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(heading)
        layout.addWidget(text)
        layout.addLayout(row)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(card)
        middle.addStretch(1)
        outer = QVBoxLayout(self)
        outer.addStretch(2)
        outer.addLayout(middle)
        outer.addStretch(3)
        self.setFocusProxy(self.name)

    def ask(self, name: str) -> None:
        """Ask, with a name to begin with."""
        self.name.setText(name)
        self.name.selectAll()
        self.name.setFocus(Qt.FocusReason.OtherFocusReason)

    def _choose(self) -> None:
        name = " ".join(self.name.text().split())
        if name:
            self.chosen.emit(name)
