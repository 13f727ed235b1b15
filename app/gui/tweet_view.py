"""A tweet as it is read: in its own direction and script, with links, handles and hashtags tinted."""

import html
import re
import unicodedata
from collections.abc import Iterator

from PySide6.QtCore import QEvent, QMimeData, QSize, Qt
from PySide6.QtGui import (
    QPainter,
    QPixmap,
    QResizeEvent,
    QTextBlockFormat,
    QTextCursor,
    QTextDocument,
    QTextOption,
)
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextEdit, QWidget

from app.gui import theme

# Marks and joiners belong to words (Hindi vowels are marks), so a tag ends at blanks and punctuation only.
# Handles are of plain letters; a match that ended before a vowel sign would tear its syllable apart.
_SPECIAL = re.compile(
    r"(?P<retweet>\ART(?=\s+[@＠]))"
    r"|(?P<link>(?:https?://|www\.)\S+)"
    r"|(?P<handle>(?<!\w)[@＠][A-Za-z0-9_]+)"
    r"|(?P<tag>(?<!\w)[#＃][^\s#＃@.,;:!?()\[\]{}<>\"'“”«»،؛؟。、！？…]+)"
)


# The height of a line, in heights of the base font.
_PITCH, _ARABIC_PITCH = 1.12, 1.3
# More characters than this are read as an article is, not as a headline: in letters of this share of the size.
_LONG, _LONG_SHARE = 700, 0.72

# Unicode's isolates: a run of the other direction, or of its own, that what stands around it does not reach.
_LEFT_TO_RIGHT, _BY_ITSELF, _END = "\u2066", "\u2068", "\u2069"
_ISOLATES = "\u2066\u2067\u2068\u2069"
_WITHOUT_ISOLATES = str.maketrans("", "", _ISOLATES)


def text_direction(text: str) -> Qt.LayoutDirection:
    """Return the direction of a tweet: that of its first strong character outside links, handles and hashtags.

    A reply to a Latin handle in Arabic is Arabic, and so is its retweet, which begins with "RT". A tweet that
    is nothing but those takes their direction.
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
    """Return a tweet as HTML in the colours in use; see `isolated` for what is added to it."""
    colours = theme.tokens()
    mixed = _mixes_directions(text)
    parts = []
    for kind, part in _parts(text):
        if not kind:
            parts.append(html.escape(part))
            continue
        colour = colours.muted if kind in ("link", "retweet") else colours.accent
        opened, closed = _isolates(kind) if mixed else ("", "")
        parts.append(f'{opened}<span style="color:{colour}">{html.escape(part)}</span>{closed}')
    return "".join(parts).replace("\r\n", "\n").replace("\n", "<br>")


def isolated_name(name: str) -> str:
    """Return a name for a line of other words and numbers: an Arabic name must not turn them around."""
    return f"{_BY_ITSELF}{name}{_END}" if text_direction(name) == Qt.LayoutDirection.RightToLeft else name


def one_line(text: str) -> str:
    """Return a tweet for a cell of a table: where it is cut off, the dots stand at its end in any script."""
    return isolated_name(isolated(" ".join(text.split())))


def isolated(text: str) -> str:
    """Return a tweet for the screen: in one that has right-to-left script, links, handles and tags isolated.

    Without, the "@" of a handle in an Arabic tweet would stand at the handle's wrong end. Tweets that bring
    isolates of their own are left as they are.
    """
    if not _mixes_directions(text):
        return text
    parts = []
    for kind, part in _parts(text):
        opened, closed = _isolates(kind) if kind else ("", "")
        parts.append(f"{opened}{part}{closed}")
    return "".join(parts)


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, part) for all of a text in its order; the kind of plain text is ""."""
    end = 0
    for match in _SPECIAL.finditer(text):
        yield "", text[end : match.start()]
        yield match.lastgroup or "", match.group()
        end = match.end()
    yield "", text[end:]


def _isolates(kind: str) -> tuple[str, str]:
    return (_BY_ITSELF if kind == "tag" else _LEFT_TO_RIGHT), _END


def _mixes_directions(text: str) -> bool:
    return not any(c in _ISOLATES for c in text) and any(
        unicodedata.bidirectional(c) in ("R", "AL") for c in text
    )


def _has_arabic(text: str) -> bool:
    return any(unicodedata.bidirectional(c) == "AL" for c in text)


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
        self._points = points
        self._is_long = False
        self._style()
        self.document().setDocumentMargin(0)
        self.setAccessibleName(self.tr("Tweet"))

    @property
    def tweet(self) -> str:
        """The text that is shown."""
        return self._tweet

    def show_text(self, text: str) -> None:
        """Show a tweet's text; a long one in smaller letters."""
        self._tweet = text
        if (len(text) > _LONG) != self._is_long:
            self._is_long = not self._is_long
            self._style()
        self._render()

    def warm_up(self, text: str) -> None:
        """Draw a text where nobody sees it: a script's letters take their time only when they are first drawn."""
        if not text or self.viewport().width() <= 0:
            return
        document = QTextDocument()
        document.setDefaultFont(self.font())
        document.setDocumentMargin(0)
        document.setTextWidth(self.viewport().width())
        document.setHtml(tweet_html(text[:_LONG]))
        unseen = QPixmap(self.viewport().width(), 400)
        painter = QPainter(unseen)
        document.drawContents(painter)
        painter.end()

    def _style(self) -> None:
        # The style sheet's padding and border of text fields are for fields that one types in.
        points = self._points * (_LONG_SHARE if self._is_long else 1.0)
        self.setStyleSheet(
            f"QTextEdit {{ background: transparent; border: 0; padding: 0; font-size: {points}pt; }}"
        )

    def toPlainText(self) -> str:
        """Return the tweet as it is, without what was added for the screen."""
        return self._tweet

    def createMimeDataFromSelection(self) -> QMimeData:
        """Return the selected text as it stands in the tweet: plain, without what was added for the screen."""
        text = self.textCursor().selection().toPlainText()
        data = QMimeData()
        data.setText(text.translate(_WITHOUT_ISOLATES) if _mixes_directions(self._tweet) else text)
        return data

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
        self.setHtml(f'<div dir="{side}" style="white-space:pre-wrap">{tweet_html(self._tweet)}</div>')
        self._set_lines()
        self.setAccessibleDescription(self._tweet)
        self._fit()

    def _set_lines(self) -> None:
        """Give all lines one height: fonts of other scripts ask for up to twice as much, and differ in a tweet."""
        metrics = self.fontMetrics()
        # Arabic has its marks above and below.
        factor = _ARABIC_PITCH if _has_arabic(self._tweet) else _PITCH
        lines = QTextBlockFormat()
        lines.setLineHeight(factor * metrics.height(), QTextBlockFormat.LineHeightTypes.FixedHeight.value)
        cursor = QTextCursor(self.document())
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.mergeBlockFormat(lines)

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
            self._set_lines()
            self._fit()
