"""What is seen before a study is open: what the program does, and four ways to begin."""

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QPixmap
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidgetItem,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

import resources
from app.gui import theme
from app.gui.dropped_files import local_files
from app.gui.notice import Notice
from app.gui.recent_studies import RecentStudies

_WIDTH = 720
_LOGO = 56


class WelcomePage(QWidget):
    """New, open, recent, sample; a dropped study is opened, a dropped table becomes a new study."""

    new_clicked = Signal()
    open_clicked = Signal()
    sample_clicked = Signal()
    study_chosen = Signal(Path)
    files_dropped = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self.notice = Notice()
        logo = QLabel()
        # Drawn at three times its size: sharp on every screen.
        pixmap = QPixmap()
        pixmap.loadFromData(resources.icon_bytes(resources.APP_ICON), "SVG")
        pixmap = pixmap.scaledToWidth(3 * _LOGO, Qt.TransformationMode.SmoothTransformation)
        pixmap.setDevicePixelRatio(3)
        logo.setPixmap(pixmap)
        title = QLabel("StanceDesk")
        title.setProperty("role", "title")
        about = QLabel(
            self.tr(
                "Label tweets, teach a small language model what you mean, and let it classify the rest. "
                "Everything stays on this computer."
            )
        )
        about.setWordWrap(True)
        about.setProperty("role", "muted")
        head = QHBoxLayout()
        head.setSpacing(theme.LARGE)
        head.addWidget(logo, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(theme.TIGHT)
        words.addWidget(title)
        words.addWidget(about)
        head.addLayout(words, 1)

        self.new = self._button(self.tr("&New study"), "Ctrl+N", self.tr("Start a study of your own"))
        self.new.setProperty("primary", True)
        self.open = self._button(self.tr("&Open study"), "Ctrl+O", self.tr("Open a study from a file"))
        self.sample = self._button(
            self.tr("&Try the sample study"),
            "Ctrl+Shift+S",
            self.tr("Invented tweets in 13 languages, with labels, to try everything with"),
        )
        self.new.clicked.connect(self.new_clicked)
        self.open.clicked.connect(self.open_clicked)
        self.sample.clicked.connect(self.sample_clicked)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.SMALL)
        for button in (self.new, self.open, self.sample):
            buttons.addWidget(button, 1)

        self.recent = RecentStudies()
        self.recent.itemActivated.connect(self._choose)
        self.recent.itemClicked.connect(self._choose)
        self.recent_heading = QLabel(self.tr("Recent studies"))
        self.recent_heading.setProperty("role", "heading")
        self.hint = QLabel(
            self.tr("You can also drop a table of tweets (CSV, Excel, Parquet, JSON lines) or a study here.")
        )
        self.hint.setProperty("role", "muted")
        self.hint.setWordWrap(True)

        card = QFrame()
        card.setProperty("role", "card")
        card.setMaximumWidth(_WIDTH)
        inside = QVBoxLayout(card)
        inside.setContentsMargins(32, 32, 32, 32)
        inside.setSpacing(theme.WIDE)
        inside.addLayout(head)
        inside.addLayout(buttons)
        inside.addWidget(self.notice)
        recent = QVBoxLayout()
        recent.setSpacing(theme.SMALL)
        recent.addWidget(self.recent_heading)
        recent.addWidget(self.recent)
        inside.addLayout(recent)
        inside.addWidget(self.hint)
        card.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(card, 100)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.WIDE)
        column.addStretch(2)
        column.addLayout(row)
        column.addStretch(3)
        self.show_recent([])

    def show_recent(self, studies: list[str]) -> None:
        """Show the recent studies; one whose file is gone says so."""
        self.recent.show_studies(studies)
        self.recent.setVisible(bool(studies))
        self.recent_heading.setVisible(bool(studies))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept files."""
        if local_files(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Tell which files were dropped."""
        self.files_dropped.emit(local_files(event.mimeData()))

    def _button(self, text: str, key: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setMinimumHeight(44)
        button.setToolTip(f"{tip} ({key})")
        button.setAccessibleName(text.replace("&", ""))
        return button

    def _choose(self, item: QListWidgetItem) -> None:
        if item.flags() & Qt.ItemFlag.ItemIsEnabled:
            self.study_chosen.emit(Path(item.data(Qt.ItemDataRole.UserRole)))
