"""The codebook beside the work: each class with its sign, name, key, definition and examples."""

import html

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QFrame, QLineEdit, QTextBrowser, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.tweet_view import text_direction
from app.study.codebook import Codebook, Leaf

DEFAULT_SHAPE = "●"


def shape_of(leaf: Leaf) -> str:
    """Return the sign of a class; a disc where the codebook gives none."""
    return leaf.shape or DEFAULT_SHAPE


def key_of(leaf: Leaf) -> str:
    """Return the key of a class as it is shown everywhere: as on the keyboard, in capitals."""
    upper = leaf.key.upper()
    return upper if len(upper) == 1 else leaf.key


def leaf_html(leaves: dict[str, Leaf], code: str) -> str:
    """Return a class as HTML: its sign in its colour and its name; the code where the codebook has it no more."""
    leaf = leaves.get(code)
    if leaf is None:
        return html.escape(code)
    colour = theme.leaf_colour(leaf.colour).name()
    return f'<span style="color:{colour}">{html.escape(shape_of(leaf))}</span> {html.escape(leaf.name)}'


class CodebookView(QWidget):
    """All classes, one under the other, with a field that leaves only those in which a word stands."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._codebook: Codebook | None = None
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(self.tr("Find in the codebook"))
        self.filter.setAccessibleName(self.tr("Find in the codebook"))
        self.filter.setToolTip(self.tr("Show only the classes in which this word stands"))
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._render)
        self.text = QTextBrowser()
        self.text.setOpenLinks(False)
        self.text.setFrameShape(QFrame.Shape.NoFrame)
        self.text.setStyleSheet("QTextBrowser { background: transparent; border: 0; padding: 0; }")
        self.text.viewport().setAutoFillBackground(False)
        self.text.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.text.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.text.setAccessibleName(self.tr("Codebook"))
        self.text.document().setDocumentMargin(0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.SMALL)
        layout.addWidget(self.filter)
        layout.addWidget(self.text, 1)

    def show_codebook(self, codebook: Codebook | None) -> None:
        """Show a codebook."""
        self._codebook = codebook
        self._render()

    def _render(self) -> None:
        if self._codebook is None:
            self.text.clear()
            return
        wanted = self.filter.text().strip().casefold()
        leaves = [leaf for leaf in self._codebook.leaves if wanted in _all_words(leaf)]
        if leaves:
            self.text.setHtml("".join(self._leaf_html(leaf) for leaf in leaves))
        else:
            self.text.setHtml(
                f'<p style="color:{theme.tokens().muted}">'
                + html.escape(self.tr("No class has “{word}”.").format(word=self.filter.text().strip()))
                + "</p>"
            )

    def _leaf_html(self, leaf: Leaf) -> str:
        t = theme.tokens()
        key = (
            f'&nbsp;&nbsp;<span style="background-color:{t.raised}; color:{t.muted}">'
            f"&nbsp;{html.escape(key_of(leaf))}&nbsp;</span>"
            if leaf.key
            else ""
        )
        parts = [
            f'<p style="margin:0 0 4px 0; font-size:11.5pt">'
            f'<span style="color:{theme.leaf_colour(leaf.colour).name()}">{html.escape(shape_of(leaf))}</span> '
            f"<b>{html.escape(leaf.name)}</b>{key}</p>"
        ]
        for line in leaf.definition.strip().splitlines():
            indent = 12 if line.startswith("- ") else 0
            shown = f"• {line[2:]}" if indent else line
            if shown.strip():
                parts.append(
                    f'<p style="margin:0 0 4px {indent}px; text-indent:-{indent}px">{html.escape(shown)}</p>'
                )
        for example in leaf.examples:
            rtl = text_direction(example) == Qt.LayoutDirection.RightToLeft
            side = "margin:0 12px 4px 0" if rtl else "margin:0 0 4px 12px"
            parts.append(
                f'<p dir="{"rtl" if rtl else "ltr"}" style="{side}; color:{t.muted}">'
                f"{html.escape(example)}</p>"
            )
        return "".join(parts) + '<p style="margin:0; font-size:6pt">&nbsp;</p>'

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._render()


def _all_words(leaf: Leaf) -> str:
    return "\n".join((leaf.name, leaf.code, leaf.definition, *leaf.examples)).casefold()
