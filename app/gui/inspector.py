"""What is known about the selected tweet, or the codebook while none is selected."""

import html
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from app.gui import figures, theme
from app.gui.codebook_view import CodebookView, leaf_html, shape_of
from app.gui.history_words import circumstances, did_html
from app.gui.language_names import language_name
from app.gui.tweet_view import TweetView
from app.gui.when import shown_date
from app.study.codebook import Codebook, Leaf
from app.study.import_report import IMPORTED
from app.study.tweets import HistoryEntry, TweetRow

_ROW = 34


class Inspector(QWidget):
    """The tweet in full, its columns, its labels by coder, its prediction, and all that was done to it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: tuple[TweetRow, Sequence[HistoryEntry], Codebook] | None = None
        self.tweet = TweetView(12.0)
        self.about = _Facts(self.tr("About the tweet"))
        self.labels = _Facts(self.tr("Labels"))
        self.prediction = QLabel()
        self.prediction.setWordWrap(True)
        self.bars = ProbabilityBars()
        self.history = _Facts(self.tr("What was done"))
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(theme.LARGE, theme.MEDIUM, theme.LARGE, theme.LARGE)
        layout.setSpacing(theme.SMALL)
        layout.addWidget(self.tweet)
        layout.addSpacing(theme.SMALL)
        layout.addWidget(self.about)
        self._headings: dict[str, QLabel] = {}
        for name, title, widgets in (
            ("labels", self.tr("Labels"), (self.labels,)),
            ("prediction", self.tr("Prediction"), (self.prediction, self.bars)),
            ("history", self.tr("What was done"), (self.history,)),
        ):
            heading = QLabel(title)
            heading.setProperty("role", "heading")
            self._headings[name] = heading
            layout.addSpacing(theme.SMALL)
            layout.addWidget(heading)
            for widget in widgets:
                layout.addWidget(widget)
        layout.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(inside)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.details = scroll
        self.codebook = CodebookView()
        self.codebook.setContentsMargins(theme.LARGE, theme.MEDIUM, theme.LARGE, theme.LARGE)
        self.empty = QLabel(self.tr("Select a tweet to see all that is known about it."))
        self.empty.setProperty("role", "muted")
        self.empty.setWordWrap(True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setMargin(theme.WIDE)
        self.stack = QStackedWidget()
        for page in (self.empty, self.details, self.codebook):
            self.stack.addWidget(page)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.stack)
        self.setMinimumWidth(260)

    def sizeHint(self) -> QSize:
        return QSize(320, 600)

    def show_nothing(self) -> None:
        """Show how to get to see something."""
        self._shown = None
        self.stack.setCurrentWidget(self.empty)

    def show_codebook(self, codebook: Codebook) -> None:
        """Show the classes with their definitions."""
        self._shown = None
        self.codebook.show_codebook(codebook)
        self.stack.setCurrentWidget(self.codebook)

    def show_tweet(self, row: TweetRow, history: Sequence[HistoryEntry], codebook: Codebook) -> None:
        """Show a tweet with everything that was done to its labels, oldest first."""
        another = self._shown is None or self._shown[0].id != row.id
        self._shown = (row, history, codebook)
        leaves = {leaf.code: leaf for leaf in codebook.leaves}
        self.tweet.show_text(row.text)
        self.about.show_facts(
            [
                (self.tr("Id"), row.tweet_id),
                (self.tr("Author"), row.author),
                (self.tr("Date"), shown_date(row.created_at)),
                (self.tr("Language"), language_name(row.lang)),
                (self.tr("Near-duplicates"), figures.count(row.similar) if row.similar else ""),
                *row.extra.items(),
            ]
        )
        labels = [(coder, leaf_html(leaves, code)) for coder, code in row.labels]
        if row.gold:
            labels.append((self.tr("Gold label"), f"<b>{leaf_html(leaves, row.gold)}</b>"))
        if row.blind:
            labels.append(
                ("", html.escape(self.tr("Hidden until you have labelled this tweet (blind coding)")))
            )
        if row.sealed:
            labels.append(("", html.escape(self._sealed(row))))
        if row.locked:
            labels.append(("", html.escape(self.tr("In a locked batch: its labels stay as they are"))))
        if row.disputed:
            labels.append(("", f"⚠ {html.escape(self.tr('The coders disagree'))}"))
        self.labels.show_facts(labels, rich=True)
        self._show("labels", bool(labels), self.labels)
        self._show_prediction(row, codebook)
        self.history.show_facts([self._entry(entry, leaves) for entry in reversed(history)], rich=True)
        self._show("history", bool(history), self.history)
        self.stack.setCurrentWidget(self.details)
        if another:
            self.details.verticalScrollBar().setValue(0)

    def _sealed(self, row: TweetRow) -> str:
        if row.hidden:
            return self.tr("Sealed: what others and models say of this tweet is shown once you labelled it")
        if row.sealed == "test":
            return self.tr("In the sealed test set: no model learns from it")
        return self.tr(
            "A near-duplicate of a sealed test tweet: no model learns from it, and it is not scored"
        )

    def _show(self, name: str, shown: bool, *widgets: QWidget) -> None:
        self._headings[name].setVisible(shown)
        for widget in widgets:
            widget.setVisible(shown)

    def _show_prediction(self, row: TweetRow, codebook: Codebook) -> None:
        if row.prediction_status == "failed":
            text = self.tr("⚠ Could not be classified: {reason}").format(reason=row.prediction_reason)
        elif row.predicted:
            name = next((leaf.name for leaf in codebook.leaves if leaf.code == row.predicted), row.predicted)
            text = self.tr("{name}, with a probability of {share}").format(
                name=name, share=figures.share(row.confidence or 0.0, 1)
            )
            if row.settled:
                text += "\n" + self.tr("Settled by the light model of a cascade: the model did not see it.")
        else:
            text = ""
        self.prediction.setText(text)
        self.bars.show_probabilities(codebook.leaves, row.probabilities)
        self._show("prediction", bool(text), self.prediction)
        self.bars.setVisible(bool(row.probabilities))

    def _entry(self, entry: HistoryEntry, leaves: dict[str, Leaf]) -> tuple[str, str]:
        t = theme.tokens()
        about = [entry.coder]
        if entry.imported and entry.coder != IMPORTED:
            about.append(self.tr("imported"))
        about += circumstances(entry)
        did = did_html(entry, leaves)
        did += f'<br><span style="color:{t.muted}">{html.escape(" · ".join(about))}</span>'
        if entry.note:
            did += f"<br>“{html.escape(entry.note)}”"
        return shown_date(entry.given), did

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._shown is not None:
            self.show_tweet(*self._shown)


class _Facts(QLabel):
    """Names and values under each other, selectable."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.facts: list[tuple[str, str]] = []

    def show_facts(self, facts: Sequence[tuple[str, str]], rich: bool = False) -> None:
        """Show (name, value), leaving out values that are empty. With `rich`, values are HTML."""
        self.facts = [(name, value) for name, value in facts if value]
        muted = theme.tokens().muted
        lines = "".join(
            f'<tr><td style="color:{muted}; padding:0 12px 4px 0">{html.escape(name)}</td>'
            f'<td style="padding:0 0 4px 0">{value if rich else html.escape(value)}</td></tr>'
            for name, value in self.facts
        )
        self.setText(f'<table cellspacing="0" cellpadding="0">{lines}</table>')


class ProbabilityBars(QWidget):
    """The probability of each class, as word, bar and per cent."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[tuple[Leaf, float]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Probabilities of the classes"))

    def show_probabilities(self, leaves: Sequence[Leaf], probabilities: dict[str, float]) -> None:
        """Show {leaf: probability}, in the order of the codebook."""
        self._rows = [(leaf, probabilities[leaf.code]) for leaf in leaves if leaf.code in probabilities]
        self.setAccessibleDescription(
            ", ".join(f"{leaf.name} {figures.share(value, 1)}" for leaf, value in self._rows)
        )
        self.setFixedHeight(max(1, len(self._rows)) * _ROW)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        t = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        left = painter.fontMetrics().height() + 2.0
        top = Qt.AlignmentFlag.AlignTop
        for place, (leaf, value) in enumerate(self._rows):
            box = QRectF(0, place * _ROW, self.width(), _ROW)
            colour = theme.leaf_colour(leaf.colour)
            painter.setPen(colour)
            painter.drawText(box, top | Qt.AlignmentFlag.AlignLeft, shape_of(leaf))
            painter.setPen(QColor(t.text))
            painter.drawText(box.adjusted(left, 0, 0, 0), top | Qt.AlignmentFlag.AlignLeft, leaf.name)
            painter.drawText(box, top | Qt.AlignmentFlag.AlignRight, figures.share(value, 1))
            track = QRectF(0, box.bottom() - 12, box.width(), 4)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(t.raised))
            painter.drawRoundedRect(track, 2, 2)
            track.setWidth(track.width() * min(1.0, value))
            painter.setBrush(colour)
            painter.drawRoundedRect(track, 2, 2)
