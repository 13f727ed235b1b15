"""The overview of a study: how far it is, and what to do next."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.gui import figures, theme
from app.gui.elided_label import ElidedLabel
from app.gui.language_bars import LanguageBars
from app.gui.notice import Notice, Tone
from app.gui.page import Page, make_action
from app.gui.seal_dialog import SealDialog
from app.gui.sealed_card import SealedCard
from app.gui.share_bars import ShareBars
from app.jobs.worker import run_in_worker
from app.study import agreement, sealing
from app.study.readiness import readiness
from app.study.sealing import SealedSet
from app.study.study import Study, StudyCounts

# Before so many labels a first model is not worth its training.
_FIRST_LABELS = 100


class StudyPage(Page):
    """Counts, progress by language, the sealed test set, and the next step as a button.

    `label_wanted` asks for the test tweets that the coder has not labelled, `agreement_wanted` for what the coders'
    agreement is.
    """

    key = "study"
    icon = "study"

    export_wanted = Signal()
    assign_wanted = Signal()
    label_wanted = Signal()
    agreement_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts: StudyCounts | None = None
        self._is_stale = False
        self.notice = Notice()
        self.name = ElidedLabel()
        self.name.setProperty("role", "title")
        self.file = ElidedLabel(Qt.TextElideMode.ElideMiddle)
        self.file.setProperty("role", "muted")
        self.numbers = {what: QLabel(figures.NONE) for what in ("tweets", "labelled", "predicted", "models")}
        names = {
            "tweets": self.tr("tweets"),
            "labelled": self.tr("labelled"),
            "predicted": self.tr("classified"),
            "models": self.tr("models"),
        }
        tiles = QHBoxLayout()
        tiles.setSpacing(theme.MEDIUM)
        for what, label in self.numbers.items():
            tiles.addWidget(self._tile(label, names[what]), 1)
        self.next_text = QLabel()
        self.next_text.setWordWrap(True)
        self.next_button = QPushButton()
        self.next_button.setProperty("primary", True)
        self.next_button.clicked.connect(self._do_next)
        self._next = ""
        self.next_card = QFrame()
        self.next_card.setProperty("role", "card")
        next_row = QHBoxLayout(self.next_card)
        next_row.setContentsMargins(theme.LARGE, theme.LARGE, theme.LARGE, theme.LARGE)
        next_row.setSpacing(theme.LARGE)
        next_row.addWidget(self.next_text, 1)
        next_row.addWidget(self.next_button)
        self.classes = ShareBars()
        self.doubled = QLabel()
        self.doubled.setWordWrap(True)
        self.doubled.setProperty("role", "muted")
        self.agreement = QPushButton(self.tr("Coders' a&greement"))
        self.agreement.setToolTip(self.tr("See how far the coders agree (Ctrl+G)"))
        self.agreement.clicked.connect(self.agreement_wanted)
        self.languages = LanguageBars()
        self.bars = QWidget()
        bars = QHBoxLayout(self.bars)
        bars.setContentsMargins(0, 0, 0, 0)
        bars.setSpacing(theme.MEDIUM)
        self.sealed = SealedCard()
        left, right = QVBoxLayout(), QVBoxLayout()
        left.setSpacing(theme.MEDIUM)
        left.addWidget(self._card(self.tr("Labels by class"), self.classes, self._doubled_row()))
        left.addWidget(self.sealed)
        right.addWidget(self._card(self.tr("Labelled by language"), self.languages))
        for column in (left, right):
            column.addStretch(1)
            bars.addLayout(column, 1)
        self.sealed.draw_wanted.connect(self.ask_draw)
        self.sealed.label_wanted.connect(self.label_wanted)
        self.import_button = QPushButton(self.tr("&Import tweets …"))
        self.assign_button = QPushButton(self.tr("&Assign tweets …"))
        self.assign_button.setToolTip(self.tr("Divide tweets among coders (Ctrl+Shift+A)"))
        self.assign_button.clicked.connect(self.assign_wanted)
        self.export_button = QPushButton(self.tr("E&xport …"))
        self.import_button.setToolTip(self.tr("Import tweets from a table (Ctrl+I)"))
        self.export_button.setToolTip(self.tr("Write tweets, labels and predictions to a file (Ctrl+E)"))
        self.import_button.clicked.connect(self.import_wanted)
        self.export_button.clicked.connect(self.export_wanted)
        head_row = QHBoxLayout()
        titles = QVBoxLayout()
        titles.setSpacing(theme.TIGHT)
        titles.addWidget(self.name)
        titles.addWidget(self.file)
        head_row.addLayout(titles, 1)
        head_row.addWidget(self.import_button)
        head_row.addWidget(self.assign_button)
        head_row.addWidget(self.export_button)

        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.WIDE)
        layout.setSpacing(theme.LARGE)
        layout.addLayout(head_row)
        layout.addWidget(self.notice)
        layout.addWidget(self.next_card)
        layout.addLayout(tiles)
        layout.addWidget(self.bars)
        layout.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(inside)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        make_action(self, self.tr("Do the next step"), "Ctrl+Return", self._do_next)
        make_action(self, self.tr("Draw a sealed test set …"), "Ctrl+D", self.sealed.draw.click)
        make_action(self, self.tr("Label the sealed tweets"), "Ctrl+L", self.sealed.label.click)
        make_action(self, self.tr("See how far the coders agree"), "Ctrl+G", self.agreement.click)

    @property
    def title(self) -> str:
        """The page's name."""
        return self.tr("Study")

    def study_opened(self, study: Study) -> None:
        """Show the study's counts."""
        super().study_opened(study)
        self.name.setText(study.title)
        self.file.setText(str(study.path))
        self._count()

    def study_changed(self, what: set[str]) -> None:
        """Count again, now or when the page is seen next: each label is a change."""
        self._is_stale = True
        if self.isVisible():
            self._count()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._is_stale:
            self._count()

    def _count(self) -> None:
        self._is_stale = False
        study = self.study
        if study is None:
            return

        def ask() -> tuple[StudyCounts, str, SealedSet, int]:
            counts = study.counts()
            ready = readiness(study) if _may_train(counts) else None
            missing = ready.missing[0] if ready is not None and ready.missing else ""
            return counts, missing, sealing.sealed_set(study), agreement.count_doubled(study)

        def show(counts: StudyCounts, missing: str, sealed: SealedSet, doubled: int) -> None:
            self._show(counts, missing)
            self._show_doubled(doubled)
            self.sealed.show_set(sealed)

        run_in_worker(ask, lambda found: show(*found), self.tell, self)

    def tell(self, error: Exception) -> None:
        """Say what went wrong."""
        self.notice.tell(Tone.ERROR, str(error))

    def ask_draw(self) -> SealDialog | None:
        """Show the dialog that draws a sealed test set."""
        if self.study is None or not self._counts or not self._counts.tweets:
            return None
        dialog = SealDialog(self.study, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.changed.connect(self._sealed_changed)
        dialog.open()
        return dialog

    def _sealed_changed(self, told: str) -> None:
        self.notice.tell(Tone.GOOD, told)
        self.study_touched.emit({"tweets"})

    def _show(self, counts: StudyCounts, missing: str = "") -> None:
        if self.study is None:
            return
        self._counts = counts
        for what, label in self.numbers.items():
            label.setText(figures.count(getattr(counts, what)))
        self.classes.set_leaves(self.study.codebook.leaves)
        # All of them, also those in locked batches, which Review does not ask about: the rows add up to the labelled.
        self.classes.set_counts(counts.per_leaf, max(0, counts.labelled - sum(counts.per_leaf.values())))
        self.languages.set_counts(counts.per_language)
        self.bars.setVisible(counts.tweets > 0)
        self._suggest(counts, missing)

    def _show_doubled(self, doubled: int) -> None:
        """Say on how many tweets the coders' agreement is measured."""
        if doubled == 1:
            told = self.tr("One tweet has labels of at least two coders.")
        elif doubled:
            told = self.tr("{n} tweets have labels of at least two coders.").format(n=figures.count(doubled))
        else:
            told = self.tr("No tweet has labels of two coders yet.")
        self.doubled.setText(told)

    def _suggest(self, counts: StudyCounts, missing: str) -> None:
        """Say what to do next, one step at a time. `missing` says why the labels do not suffice to train."""
        if counts.tweets == 0:
            step = (
                "import",
                self.tr("This study is empty. Begin with a table of tweets."),
                self.tr("Import tweets"),
            )
        elif missing and counts.labelled >= counts.tweets:
            step = ("import", f"{missing} {self.tr('Import more tweets.')}", self.tr("Import tweets"))
        elif missing:
            step = ("label", f"{missing} {self.tr('Label more tweets.')}", self.tr("Label tweets"))
        elif counts.models == 0 and not _may_train(counts):
            step = (
                "label",
                self.tr("Label tweets, so that a model can learn from them. A few hundred are a good start."),
                self.tr("Label tweets"),
            )
        elif counts.models == 0:
            step = (
                "train",
                self.tr("There are labels to learn from. Fine-tune a model on them."),
                self.tr("Train a model"),
            )
        elif counts.predicted < counts.tweets:
            step = (
                "classify",
                self.tr("A model is ready. Let it classify the tweets."),
                self.tr("Classify tweets"),
            )
        else:
            step = (
                "results",
                self.tr("All tweets are classified. See how good the model is, and export."),
                self.tr("See the results"),
            )
        self._next = step[0]
        self.next_text.setText(step[1])
        self.next_button.setText(step[2])
        self.next_button.setAccessibleName(step[2])
        self.next_button.setToolTip(self.tr("Do the next step ({key})").format(key="Ctrl+Enter"))

    def _do_next(self) -> None:
        if self._next == "import":
            self.import_wanted.emit()
        elif self._next:
            self.page_wanted.emit(self._next)

    def _doubled_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(theme.SMALL)
        row.addWidget(self.doubled, 1)
        row.addWidget(self.agreement)
        return row

    def _card(self, heading: str, content: QWidget, below: QHBoxLayout | None = None) -> QFrame:
        card = QFrame()
        card.setProperty("role", "card")
        head = QLabel(heading)
        head.setProperty("role", "heading")
        layout = QVBoxLayout(card)
        layout.setContentsMargins(theme.LARGE, theme.MEDIUM, theme.LARGE, theme.LARGE)
        layout.setSpacing(theme.SMALL)
        layout.addWidget(head)
        layout.addWidget(content)
        if below is not None:
            layout.addLayout(below)
        return card

    def _tile(self, number: QLabel, name: str) -> QFrame:
        tile = QFrame()
        tile.setProperty("role", "card")
        number.setProperty("role", "title")
        number.setAccessibleName(name)
        caption = QLabel(name)
        caption.setProperty("role", "muted")
        layout = QVBoxLayout(tile)
        layout.setContentsMargins(theme.LARGE, theme.MEDIUM, theme.LARGE, theme.MEDIUM)
        layout.setSpacing(0)
        layout.addWidget(number)
        layout.addWidget(caption)
        return tile


def _may_train(counts: StudyCounts) -> bool:
    """Tell whether it is time for a first model, so far as the number of labels says."""
    return counts.models == 0 and 0 < min(_FIRST_LABELS, counts.tweets) <= counts.labelled
