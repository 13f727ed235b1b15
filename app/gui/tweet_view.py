"""A tweet as it is read: in its own direction and script, with links, handles and hashtags tinted."""

import html
import re
import unicodedata

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QResizeEvent, QTextOption
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextEdit, QWidget

from app.gui import theme

# Marks and joiners belong to words (Hindi vowels are marks), so a tag ends at blanks and punctuation only.
_SPECIAL = re.compile(
    r"(?P<link>(?:https?://|www\.)\S+)"
    r"|(?P<handle>(?<!\w)[@＠]\w+)"
    r"|(?P<tag>(?<!\w)[#＃][^\s#＃@.,;:!?()\[\]{}<>\"'“”«»،؛؟。、！？…]+)"
)


def text_direction(text: str) -> Qt.LayoutDirection:
    """Return the direction of a tweet: that of its first strong character outside links, handles and hashtags.

    A reply to a Latin handle in Arabic is Arabic. A tweet that is nothing but those takes their direction.
    """
    for candidate in (_SPECIAL.sub(" ", text), text):
        for character in candidate:
            kind = unicodedata.bidirectional(character)
            if kind in ("R", "AL"):
                return Qt.LayoutDirection.RightToLeft
            if kind == "L":
                return Qt.LayoutDirection.LeftToRight
    return Qt.LayoutDirection.LeftToRight


def tweet_html(text: str) -> str:
    """Return a tweet as HTML in the colours in use; every character of it stays as it is."""
    colours = theme.tokens()
    parts = []
    end = 0
    for match in _SPECIAL.finditer(text):
        parts.append(html.escape(text[end : match.start()]))
        colour = colours.muted if match.lastgroup == "link" else colours.accent
        parts.append(f'<span style="color:{colour}">{html.escape(match.group())}</span>')
        end = match.end()
    parts.append(html.escape(text[end:]))
    return "".join(parts).replace("\r\n", "\n").replace("\n", "<br>")


class TweetView(QTextEdit):
    """Shows one tweet, selectable, as high as its text. It never scrolls by itself; what holds it does."""

    def __init__(self, points: float = 11.0, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tweet = ""
        self.setReadOnly(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        # The style sheet's padding and border of text fields are for fields that one types in.
        self.setStyleSheet(
            f"QTextEdit {{ background: transparent; border: 0; padding: 0; font-size: {points}pt; }}"
        )
        self.document().setDocumentMargin(0)
        self.setAccessibleName(self.tr("Tweet"))

    @property
    def tweet(self) -> str:
        """The text that is shown."""
        return self._tweet

    def show_text(self, text: str) -> None:
        """Show a tweet's text."""
        self._tweet = text
        self._render()

    def direction(self) -> Qt.LayoutDirection:
        """Return the direction in which the text is laid out."""
        return self.document().defaultTextOption().textDirection()

    def _render(self) -> None:
        direction = text_direction(self._tweet)
        option = self.document().defaultTextOption()
        option.setTextDirection(direction)
        option.setAlignment(Qt.AlignmentFlag.AlignLeft)
        self.document().setDefaultTextOption(option)
        side = "rtl" if direction == Qt.LayoutDirection.RightToLeft else "ltr"
        self.setHtml(
            f'<div dir="{side}" style="line-height:112%; white-space:pre-wrap">{tweet_html(self._tweet)}</div>'
        )
        self.setAccessibleDescription(self._tweet)
        self._fit()

    def _fit(self) -> None:
        self.document().setTextWidth(self.viewport().width())
        height = int(self.document().size().height()) + 4
        if height != self.height():
            self.setFixedHeight(max(height, self.fontMetrics().height() + 4))

    def sizeHint(self) -> QSize:
        return QSize(400, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._tweet:
            self._render()
        elif event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()
