"""What is asked before a base model is downloaded: the licence, and for some a token of the Hub."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.gui import figures, theme
from app.gui.link_label import LinkLabel
from app.gui.page import make_action
from app.study import hub_token
from app.study.base_models import Base
from app.study.hub import TOKEN_PAGE


class DownloadCard(QFrame):
    """Licence, terms, token, and the button; nothing is asked of the Hub before it is pressed.

    `download_wanted` tells that it was pressed. `token()` is what was typed; it is cleared once it was handed over.
    """

    download_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self._base: Base | None = None
        self.heading = QLabel()
        self.heading.setProperty("role", "heading")
        self.what = LinkLabel()
        self.terms = LinkLabel()
        self.consent = QCheckBox(self.tr("I have read the licence and a&gree to it"))
        self.consent.setToolTip(self.tr("Needed before the download (Alt+G)"))
        self.consent.toggled.connect(lambda _: self._show_what_works())
        self.why_token = LinkLabel()
        self.why_token.setProperty("role", "muted")
        self.token_field = QLineEdit()
        self.token_field.setEchoMode(QLineEdit.EchoMode.Password)
        self.token_field.setPlaceholderText("hf_…")
        self.token_field.setMaxLength(400)
        self.token_field.setAccessibleName(self.tr("Token for the Hugging Face Hub"))
        self.token_field.setToolTip(
            self.tr("It is sent to the Hub alone and kept only where you ask for it (Alt+K)")
        )
        self.token_label = QLabel(self.tr("To&ken"))
        self.token_label.setBuddy(self.token_field)
        self.keep_token = QCheckBox(self.tr("Keep it for later do&wnloads"))
        self.keep_token.setToolTip(self.tr("In a file that only you may read (Alt+W)"))
        self.forget = QPushButton(self.tr("Forget the kept token"))
        self.forget.setToolTip(self.tr("Delete the file with the token"))
        self.forget.clicked.connect(self._forget)
        self.download = QPushButton()
        self.download.setProperty("primary", True)
        self.download.clicked.connect(self.ask)
        self.action = make_action(self, self.tr("Download the base model"), "Ctrl+Return", self.ask)
        self.download.setToolTip(self.action.toolTip())
        self._lay_out()

    def _lay_out(self) -> None:
        self.token_row = QWidget()
        row = QHBoxLayout(self.token_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SMALL)
        row.addWidget(self.token_label)
        row.addWidget(self.token_field, 1)
        row.addWidget(self.keep_token)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.SMALL)
        buttons.addWidget(self.download)
        buttons.addWidget(self.forget)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.LARGE, theme.MEDIUM, theme.LARGE, theme.LARGE)
        layout.setSpacing(theme.SMALL)
        for widget in (
            self.heading, self.what, self.terms, self.consent, self.why_token, self.token_row,
        ):  # fmt: skip
            layout.addWidget(widget)
        layout.addSpacing(theme.TIGHT)
        layout.addLayout(buttons)

    def show_base(self, base: Base) -> None:
        """Ask for this base; consent was given for no other."""
        if self._base is None or self._base.name != base.name:
            self.consent.setChecked(False)
            self.token_field.clear()
            self.keep_token.setChecked(False)
        self._base = base
        # Consent given once stands for what is left of a download.
        began = base.downloaded > 0
        self.heading.setText(self.tr("Go on with the download") if began else self.tr("Download"))
        room = figures.size(2 * base.download_size + base.size)
        self.what.setText(
            self.tr(
                "From <a href='{page}'>{repository}</a> at the Hugging Face Hub: {size}. On the way to its 4-bit form "
                "it needs {room} of disk, of which {rest} stay."
            ).format(
                page=base.page,
                repository=base.repository,
                size=figures.size(base.download_size),
                room=room,
                rest=figures.size(base.size),
            )
        )
        link = f'<a href="{base.licence_url}">{base.licence}</a>'
        self.terms.setText(
            self.tr("Licence: {licence}. {terms}").format(licence=link, terms=base.terms).strip()
        )
        self.download.setText(
            self.tr("Go on with the &download ({done} of {size} are here)").format(
                done=figures.size(base.downloaded), size=figures.size(base.download_size)
            )
            if began
            else self.tr("&Download ({size})").format(size=figures.size(base.download_size))
        )
        self.download.setAccessibleName(self.download.text().replace("&", ""))
        self._show_token(base)
        self._show_what_works()

    def token(self) -> str:
        """Return the token that was typed, "" for none."""
        return self.token_field.text().strip()

    def ask(self) -> None:
        """Ask for the download, once the licence was agreed to."""
        if self.download.isEnabled() and self.isVisible():
            self.download_wanted.emit()

    def _show_token(self, base: Base) -> None:
        kept = hub_token.is_kept()
        self.token_row.setVisible(base.gated)
        self.why_token.setVisible(base.gated)
        self.forget.setVisible(base.gated and kept)
        self.why_token.setText(
            self.tr(
                "The Hub hands it to accounts that have accepted its licence on <a href='{page}'>its page</a>. The "
                "token, <a href='{tokens}'>made there</a> with the right to read, tells whose account it is."
            ).format(page=base.page, tokens=TOKEN_PAGE)
            + (" " + self.tr("A kept token is used unless you type another.") if kept else "")
        )

    def _forget(self) -> None:
        hub_token.forget()
        if self._base is not None:
            self._show_token(self._base)

    def _show_what_works(self) -> None:
        self.download.setEnabled(self.consent.isChecked())
