"""What was done to a tweet, in words: the same in the inspector and on the label page."""

import html

from PySide6.QtCore import QCoreApplication

from app.gui import figures
from app.gui.codebook_view import leaf_html
from app.gui.mark_names import marks_told
from app.study.bulk import GROUP
from app.study.codebook import Leaf
from app.study.tweets import HistoryEntry


def _tr(text: str) -> str:
    return QCoreApplication.translate("history_words", text)


def did_html(entry: HistoryEntry, leaves: dict[str, Leaf]) -> str:
    """Return what came of it as HTML: the label or gold label that stands after it."""
    none = _tr("no gold label") if entry.decided else _tr("no label")
    did = leaf_html(leaves, entry.leaf) if entry.leaf else html.escape(none)
    if entry.decided and entry.leaf:
        did = html.escape(_tr("gold label:")) + " " + did
    return html.escape(_tr("taken back to:")) + " " + did if entry.undoes else did


def circumstances(entry: HistoryEntry) -> list[str]:
    """Return how it was done, as plain words: with other tweets, the marks beside it, the time it took."""
    said = []
    if entry.source == GROUP:
        said.append(_tr("together with its near-duplicates"))
    elif entry.in_bulk:
        said.append(_tr("together with other tweets"))
    if entry.marks:
        said.append(marks_told(entry.marks))
    if entry.seconds is not None:
        said.append(figures.duration(entry.seconds))
    return said
