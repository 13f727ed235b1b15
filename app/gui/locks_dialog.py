"""Locking a finished batch of tweets, and releasing it again."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.gui import figures, form_parts, theme
from app.gui.notice import Notice, Tone
from app.gui.when import shown_date
from app.jobs.worker import run_in_worker
from app.study import locks, tweets
from app.study.locks import Batch
from app.study.study import Study
from app.study.tweets import TweetFilter

_WIDTH = 600


class LocksDialog(QDialog):
    """A name for the tweets that pass the filter, and the batches that there are. `changed` tells of an act."""

    changed = Signal()

    def __init__(self, study: Study, filter: TweetFilter, coder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._study, self._filter, self._coder = study, filter, coder
        self.batches: list[Batch] = []
        self.release_buttons: list[QPushButton] = []
        self.setWindowTitle(self.tr("Locked batches"))
        self.notice = Notice()
        self.name = QLineEdit()
        self.name.setPlaceholderText(self.tr("Name of the batch, such as “pilot”"))
        self.name.setAccessibleName(self.tr("Name of the batch"))
        self.name.setMaxLength(100)
        self.lock = QPushButton(self.tr("Lock"))
        self.lock.setToolTip(
            self.tr("Lock the tweets that the filters of the Tweets page let through (Enter)")
        )
        self.lock.setProperty("primary", True)
        self.lock.setEnabled(False)
        self.lock.clicked.connect(self._lock)
        self.name.textChanged.connect(lambda _: self._show_what_works())
        self.close_button = form_parts.button(
            self.tr("Close"), self.tr("Back to the tweets (Esc)"), self.reject
        )
        self._count = 0
        self._lay_out()
        self._read()

    def _lock(self) -> None:
        study, name, coder, filter = self._study, self.name.text(), self._coder, self._filter
        self.lock.setEnabled(False)
        run_in_worker(
            lambda: locks.lock(study, name, coder, filter), lambda _: self._done(), self._tell, self
        )

    def _release(self, batch: Batch) -> None:
        study = self._study
        run_in_worker(lambda: locks.release(study, batch.id), lambda _: self._done(), self._tell, self)

    def _done(self) -> None:
        self.notice.clear()
        self.name.clear()
        self.changed.emit()
        self._read()

    def _read(self) -> None:
        study, filter = self._study, self._filter
        run_in_worker(
            lambda: (tweets.count(study, filter), locks.count_locked(study, filter), locks.batches(study)),
            lambda found: self._show(*found),
            self._tell,
            self,
        )

    def _show(self, count: int, locked: int, batches: list[Batch]) -> None:
        self._count, self.batches = count - locked, batches
        self.which.setText(self._told(count, locked))
        while self._rows.count():
            item = self._rows.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.release_buttons = []
        for batch in batches:
            self._rows.addWidget(self._row(batch))
        self._rows.addStretch(1)
        self.none.setVisible(not batches)
        self._show_what_works()

    def _told(self, count: int, locked: int) -> str:
        every = self._filter == TweetFilter()
        if locked and locked == count:
            return (
                self.tr("All tweets of the study are locked already.")
                if every
                else self.tr("All tweets that the search and the filters let through are locked already.")
            )
        if locked:
            text = self.tr("{left} tweets become one batch; {locked} of the {count} are locked already.")
        elif every:
            text = self.tr("All {count} tweets of the study become one batch.")
        else:
            text = self.tr("The {count} tweets that the search and the filters let through become one batch.")
        return text.format(
            count=figures.count(count), locked=figures.count(locked), left=figures.count(count - locked)
        )

    def _show_what_works(self) -> None:
        self.name.setEnabled(self._count > 0)
        self.lock.setEnabled(bool(self.name.text().strip()) and self._count > 0 and bool(self._coder))

    def _row(self, batch: Batch) -> QFrame:
        row = QFrame()
        row.setProperty("role", "card")
        name = QLabel(batch.name)
        name.setTextFormat(Qt.TextFormat.PlainText)
        name.setProperty("role", "heading")
        about = [
            self.tr("{count} tweets").format(count=figures.count(batch.tweets)),
            self.tr("locked by {coder} on {date}").format(coder=batch.coder, date=shown_date(batch.created)),
        ]
        if batch.released:
            about.append(self.tr("released on {date}").format(date=shown_date(batch.released)))
        text = QLabel(" · ".join(about))
        text.setTextFormat(Qt.TextFormat.PlainText)
        text.setProperty("role", "muted")
        text.setWordWrap(True)
        words = QVBoxLayout()
        words.setSpacing(theme.TIGHT)
        words.addWidget(name)
        words.addWidget(text)
        layout = QHBoxLayout(row)
        layout.setContentsMargins(theme.LARGE, theme.MEDIUM, theme.LARGE, theme.MEDIUM)
        layout.addLayout(words, 1)
        if batch.is_locked:
            button = QPushButton(self.tr("Release"))
            button.setToolTip(self.tr("Let the labels of “{name}” be changed again").format(name=batch.name))
            button.setAutoDefault(False)
            button.clicked.connect(lambda _=False: self._release(batch))
            self.release_buttons.append(button)
            layout.addWidget(button)
        return row

    def _tell(self, error: Exception) -> None:
        self.notice.tell(Tone.ERROR, str(error))
        self._show_what_works()

    def _lay_out(self) -> None:
        text = QLabel(
            self.tr(
                "Lock a batch of tweets when it is finished: labels and gold labels of these tweets stay as they "
                "are until you release the batch."
            )
        )
        text.setWordWrap(True)
        self.which = QLabel()
        self.which.setWordWrap(True)
        self.which.setProperty("role", "muted")
        row = QHBoxLayout()
        row.setSpacing(theme.SMALL)
        row.addWidget(self.name, 1)
        row.addWidget(self.lock)
        self.none = QLabel(self.tr("No batch is locked yet."))
        self.none.setProperty("role", "muted")
        held = QWidget()
        self._rows = QVBoxLayout(held)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(theme.SMALL)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(held)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.WIDE)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(text)
        layout.addWidget(self.notice)
        layout.addLayout(row)
        layout.addWidget(self.which)
        layout.addSpacing(theme.SMALL)
        layout.addWidget(self.none)
        layout.addWidget(scroll, 1)
        layout.addLayout(form_parts.closing(self.close_button))
        self.resize(_WIDTH, 460)
