"""Labelling many tweets together: choose the class, see what will change, confirm."""

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import (
    QDialog,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from app.gui import figures, form_parts, theme
from app.gui.codebook_view import key_of, shape_of
from app.gui.elided_label import ElidedLabel
from app.gui.figure_table import FigureTable
from app.gui.leaf_buttons import LeafButtons
from app.gui.leaf_cells import LeafCells
from app.gui.notice import Notice, Tone
from app.gui.page import make_action
from app.gui.tweet_view import isolated, text_direction
from app.jobs.worker import Work, run_in_worker
from app.study import bulk, tweets
from app.study.bulk import BulkPreview
from app.study.codebook import Codebook
from app.study.label_acts import Stopped, Watch
from app.study.study import Study
from app.study.tweets import TweetFilter, TweetRow

_WIDTH = 640
_SHOWN = 4

Wanted = TweetFilter | Sequence[int]


class BulkDialog(QDialog):
    """The tweets that `which` finds, on a worker, are labelled by `coder`, as one act. `labelled` gives the class's
    code and how many labels were given. `codebook` is the study's with the coder's own keys. `source` is that of the
    labels: a group is told as such.
    """

    labelled = Signal(str, int)

    def __init__(
        self,
        study: Study,
        codebook: Codebook,
        coder: str,
        which: Callable[[], Wanted],
        source: str = bulk.BULK,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._study, self._coder, self._source = study, coder, source
        self.preview: BulkPreview | None = None
        self.leaf = ""
        self._work: Work | None = None
        self.setWindowTitle(self.tr("Label all at once"))
        self.heading = QLabel(self.tr("Looking at the tweets …"))
        self.heading.setProperty("role", "heading")
        self.heading.setWordWrap(True)
        self.examples = QVBoxLayout()
        self.examples.setSpacing(theme.TIGHT)
        self.leaves = LeafButtons()
        self.leaves.show_codebook(codebook)
        self.leaves.chosen.connect(self.choose)
        self.changes = FigureTable(self.tr("What will change"))
        self.changes.setItemDelegate(LeafCells(codebook.leaves, self.changes))
        self.notice = Notice(closable=False)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("How far it is"))
        self.label_button = QPushButton(self.tr("Label"))
        self.label_button.setProperty("primary", True)
        self.label_button.setDefault(True)
        self.label_button.setToolTip(self.tr("Give these tweets the class chosen (Enter)"))
        self.label_button.clicked.connect(self._label)
        self.cancel = QPushButton(self.tr("&Cancel"))
        self.cancel.setAutoDefault(False)
        self.cancel.setToolTip(self.tr("Close, or stop and label nothing (Esc)"))
        self.cancel.clicked.connect(self.reject)
        self._lay_out()
        for leaf in codebook.leaves:
            action = make_action(
                self,
                self.tr("Choose “{name}”").format(name=leaf.name),
                key_of(leaf),
                partial(self.choose, leaf.code),
            )
            action.setAutoRepeat(False)
        self._show_what_works()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFocus()
        run_in_worker(lambda: self._read(which), lambda found: self._show(*found), self._tell, self)

    def choose(self, leaf: str) -> None:
        """Choose a class, and show what would change."""
        if self._work is None:
            self.leaf = leaf
            self.leaves.show_label(leaf)
            self.notice.clear()
            self._show_changes()
            self.label_button.setFocus()

    def reject(self) -> None:
        """Stop what is under way, with nothing done; else close."""
        if self._work is not None:
            self._work.stop()
            return
        super().reject()

    # On a worker

    def _read(self, which: Callable[[], Wanted]) -> tuple[BulkPreview, list[TweetRow]]:
        found = bulk.preview(self._study, self._coder, which())
        return found, tweets.get(self._study, found.ids[:_SHOWN])

    def _label(self) -> None:
        preview, leaf, source = self.preview, self.leaf, self._source
        if preview is None or not leaf or not preview.given(leaf) or self._work is not None:
            return
        study, coder, ids = self._study, self._coder, preview.ids
        self._work = run_in_worker(
            lambda progress, stop: bulk.label(study, coder, ids, leaf, source, Watch(progress, stop)),
            self._done,
            self._fail,
            self,
            on_progress=self._show_progress,
        )
        self.bar.setRange(0, 0)
        self._show_what_works()

    # What is shown

    def _show(self, preview: BulkPreview, examples: list[TweetRow]) -> None:
        self.preview = preview
        count = figures.count(len(preview.ids))
        left_out = preview.locked + preview.sealed
        if 0 < left_out < len(preview.ids):
            given = figures.count(len(preview.ids) - left_out)
            count = self.tr("{given} of {count}").format(given=given, count=count)
        if self._source == bulk.GROUP:
            self.heading.setText(self.tr("{count} near-duplicates get one label").format(count=count))
        elif len(preview.ids) == 1:
            self.heading.setText(self.tr("One tweet gets a label"))
        else:
            self.heading.setText(self.tr("{count} tweets get one label").format(count=count))
        for row in examples:
            self.examples.addWidget(_Example(row.text))
        left = len(preview.ids) - len(examples)
        if left > 0:
            more = QLabel(self.tr("… and {count} more").format(count=figures.count(left)))
            more.setProperty("role", "muted")
            self.examples.addWidget(more)
        self._show_changes()

    def _show_changes(self) -> None:
        preview = self.preview
        rows: list[list[str]] = []
        if preview is not None and self.leaf:
            name = self._named(self.leaf)
            if preview.new():
                rows.append(
                    [self.tr("Newly labelled {name}").format(name=name), figures.count(preview.new())]
                )
            for code, number in preview.changed(self.leaf).items():
                changed = self.tr("Changed from {before} to {name}").format(
                    before=self._named(code), name=name
                )
                rows.append([changed, figures.count(number)])
            if preview.same(self.leaf):
                rows.append(
                    [self.tr("{name} already").format(name=name), figures.count(preview.same(self.leaf))]
                )
        if preview is not None and preview.locked:
            rows.append([self.tr("Left out: in a locked batch"), figures.count(preview.locked)])
        if preview is not None and preview.sealed:
            rows.append([self.tr("Left out: in the sealed test set"), figures.count(preview.sealed)])
        if preview is not None and not preview.had:
            self.notice.tell(Tone.INFO, self.tr("None of these tweets can be labelled here."))
        self.changes.show_rows([self.tr("Your label on them"), self.tr("tweets")], rows, most_rows=8)
        self.hint.setVisible(not self.leaf and bool(preview and preview.had))
        self.changes.setVisible(bool(rows))
        given = preview.given(self.leaf) if preview is not None and self.leaf else 0
        text = self.tr("Label %n tweet(s)", "", given) if given == 1 else self.tr("Label {count} tweets")
        self.label_button.setText(text.format(count=figures.count(given)) if given else self.tr("Label"))
        self._show_what_works()
        self._fit()

    def _fit(self) -> None:
        """Be as high as what is shown, where the screen has room for it."""
        width = max(self.width(), _WIDTH)
        self._inside.activate()
        needed = max(self._inside.totalHeightForWidth(width), self._inside.totalMinimumSize().height())
        form_parts.open_at(self, width, needed + self._buttons.sizeHint().height())

    def _show_what_works(self) -> None:
        at_work = self._work is not None
        ready = self.preview is not None and bool(self.leaf) and self.preview.given(self.leaf) > 0
        self.label_button.setEnabled(ready and not at_work)
        self.leaves.setEnabled(bool(self.preview and self.preview.had) and not at_work)
        self.bar.setVisible(at_work)
        self.cancel.setText(self.tr("&Stop") if at_work else self.tr("&Cancel"))

    def _show_progress(self, done: int, total: int) -> None:
        self.bar.setRange(0, max(total, 1))
        self.bar.setValue(done)

    def _done(self, before: BulkPreview) -> None:
        self._work = None
        self.labelled.emit(self.leaf, before.given(self.leaf))
        self.accept()

    def _fail(self, error: Exception) -> None:
        self._work = None
        self._show_what_works()
        if isinstance(error, Stopped):
            self.notice.tell(Tone.INFO, self.tr("Stopped. No tweet was labelled."))
        else:
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        if not isinstance(error, UserError):
            raise error
        self.heading.setText(self.tr("Nothing was labelled"))
        self.hint.hide()
        self.notice.tell(Tone.ERROR, error.message, error.next_step)

    def _named(self, code: str) -> str:
        leaf = next((leaf for leaf in self._study.codebook.leaves if leaf.code == code), None)
        return code if leaf is None else f"{shape_of(leaf)} {leaf.name}"

    def _lay_out(self) -> None:
        undo = QLabel(
            self.tr("Labels of {coder}. One Ctrl+Z takes all of it back.").format(coder=self._coder)
        )
        undo.setTextFormat(Qt.TextFormat.PlainText)
        undo.setProperty("role", "muted")
        undo.setWordWrap(True)
        self.hint = QLabel(self.tr("Choose the class: press its key or click it."))
        self.hint.setProperty("role", "muted")
        buttons = form_parts.closing(self.cancel, self.label_button)
        inside = QWidget()
        layout = self._inside = QVBoxLayout(inside)
        layout.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, 0)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.heading)
        layout.addLayout(self.examples)
        layout.addWidget(self.leaves)
        layout.addWidget(self.hint)
        layout.addWidget(self.changes)
        layout.addWidget(self.notice)
        layout.addWidget(undo)
        layout.addWidget(self.bar)
        layout.addStretch(1)
        # On a low screen this is scrolled; the buttons stay in sight.
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(inside)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._buttons = buttons
        buttons.setContentsMargins(theme.WIDE, theme.MEDIUM, theme.WIDE, theme.LARGE)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(scroll, 1)
        outer.addLayout(buttons)
        self.setMinimumWidth(_WIDTH)


class _Example(ElidedLabel):
    """One of the tweets, on a line, in its own direction."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setLayoutDirection(text_direction(text))
        self.setText(isolated(" ".join(text.split())))
        self.setToolTip(text)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        # The painter aligns and orders by the direction of the tweet, the label's own painting by the program's.
        painter.setLayoutDirection(self.layoutDirection())
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        side = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(self.contentsRect(), side, self.shown())
