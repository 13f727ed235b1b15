"""Drawing a sealed test set: how many tweets a language, in which languages, with which seed."""

import secrets
from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.gui import figures, form_parts, theme
from app.gui.figure_table import FigureTable
from app.gui.language_names import language_name
from app.gui.notice import Notice, Tone
from app.gui.questions import ask_to_take_back
from app.jobs.worker import run_in_worker
from app.study import sealing
from app.study.evaluation import FEW_ROWS
from app.study.sealing import LanguagePlan, SealedSet
from app.study.sealing_text import drawing_told
from app.study.study import Study

_WIDTH, _HEIGHT = 700, 560
_NUMBER = 140
_MOST_ROWS, _LEAST_ROWS = 4, 2
# A check box in a cell, with what is around it, in pixels.
_CHECK_BOX = 48
_SEALED, _AVAILABLE, _DRAWN, _LEFT = range(1, 5)


class SealDialog(QDialog):
    """Shows what would be drawn, and draws it. `changed` tells what was done, in a sentence."""

    changed = Signal(str)

    def __init__(self, study: Study, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._study = study
        self._plans: list[LanguagePlan] = []
        self.setWindowTitle(self.tr("Draw a sealed test set"))
        self.notice = Notice(closable=False)
        self.number = form_parts.number_box(
            self.tr("Test tweets per language"), 1, sealing.MOST_PER_LANGUAGE, sealing.PER_LANGUAGE
        )
        self.number.setToolTip(self.tr("How many test tweets each language has in the end (Alt+P)"))
        self.number.valueChanged.connect(lambda _: self._show_numbers())
        self.seed = form_parts.number_box(
            self.tr("Seed"), 1, sealing.LAST_SEED, secrets.randbelow(sealing.LAST_SEED) + 1
        )
        for box in (self.number, self.seed):
            box.setFixedWidth(_NUMBER)
        self.seed.setToolTip(self.tr("The same number draws the same tweets (Alt+E)"))
        self.languages = FigureTable(self.tr("Languages to draw from"))
        self.languages.setToolTip(self.tr("Space checks or unchecks a language (Alt+L)"))
        self.languages.itemChanged.connect(lambda _: self._show_numbers())
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.labelled = self._muted("")
        self.labelled.hide()
        self.take_back = QPushButton(self.tr("&Take the seal off …"))
        self.take_back.setToolTip(
            self.tr("Take back the last drawing, while none of its tweets is labelled (Alt+T)")
        )
        self.take_back.setAutoDefault(False)
        self.take_back.setEnabled(False)
        self.take_back.clicked.connect(self._ask_to_take_back)
        self.cancel = QPushButton(self.tr("&Cancel"))
        self.cancel.setToolTip(self.tr("Draw nothing (Esc)"))
        self.cancel.setAutoDefault(False)
        self.cancel.clicked.connect(self.reject)
        self.draw = QPushButton(self.tr("&Seal these tweets"))
        self.draw.setToolTip(self.tr("Draw the tweets and seal them (Enter)"))
        self.draw.setProperty("primary", True)
        self.draw.setDefault(True)
        self.draw.setEnabled(False)
        self.draw.clicked.connect(self._draw)
        self._lay_out()
        self._read()

    def chosen_languages(self) -> list[str]:
        """Return the codes of the languages that are checked."""
        return [
            plan.language
            for row, plan in enumerate(self._plans)
            if (item := self.languages.item(row, 0)) is not None
            and item.checkState() == Qt.CheckState.Checked
        ]

    def _read(self) -> None:
        study = self._study
        run_in_worker(
            lambda: (sealing.plan(study, 1), sealing.labelled_before(study), sealing.sealed_set(study)),
            lambda found: self._show(*found),
            self._tell,
            self,
        )

    def _show(self, plans: Sequence[LanguagePlan], labelled: int, sealed: SealedSet) -> None:
        self._plans = list(plans)
        self.take_back.setEnabled(sealed.may_be_taken_back)
        self.languages.blockSignals(True)
        header = [
            self.tr("language"),
            self.tr("sealed now"),
            self.tr("can be drawn"),
            self.tr("will be drawn"),
            self.tr("left to train on"),
        ]
        names = [language_name(plan.language) for plan in plans]
        self.languages.show_rows(header, [[name, *[""] * _LEFT] for name in names], most_rows=_MOST_ROWS)
        # Qt measures a cell without its check box.
        widest = max((self.fontMetrics().horizontalAdvance(name) for name in names), default=0)
        self.languages.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        self.languages.horizontalHeader().resizeSection(0, max(widest + _CHECK_BOX, 180))
        for row, plan in enumerate(plans):
            item = self.languages.item(row, 0)
            if item is not None:
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                item.setCheckState(Qt.CheckState.Checked if plan.available else Qt.CheckState.Unchecked)
        self.languages.blockSignals(False)
        self.number.setValue(sealing.suggested(plans))
        self.labelled.setText(
            self.tr(
                "⚠ {count} tweets are labelled already and cannot be drawn. The test set speaks for the whole "
                "study only if these were a random choice, too."
            ).format(count=figures.count(labelled))
        )
        self.labelled.setVisible(labelled > 0)
        self._show_numbers()
        self._fit()

    def _fit(self) -> None:
        """Grow to what is shown: a table of a fixed height would lie over the words under it.

        Where the screen has no room for that, the table shows fewer rows.
        """
        layout = self.layout()
        assert layout is not None
        for rows in range(_MOST_ROWS, _LEAST_ROWS - 1, -1):
            self.languages.fit(rows)
            layout.activate()
            least = max(layout.totalHeightForWidth(self.width()), layout.totalMinimumSize().height())
            form_parts.open_at(self, self.width(), max(_HEIGHT, least))
            if self.height() >= least:
                return

    def _show_numbers(self) -> None:
        """Show what these settings would draw."""
        chosen = set(self.chosen_languages())
        drawn = short = languages = empty = 0
        self.languages.blockSignals(True)
        for row, one in enumerate(self._plans):
            is_chosen = one.language in chosen
            plan = replace(one, wanted=self.number.value() if is_chosen else 0)
            drawn += plan.drawn
            short += plan.short
            languages += plan.drawn > 0
            empty += plan.drawn > 0 and not plan.left
            for column, number in (
                (_SEALED, plan.sealed),
                (_AVAILABLE, plan.available),
                (_DRAWN, plan.drawn),
                (_LEFT, plan.left),
            ):
                item = self.languages.item(row, column)
                if item is not None:
                    item.setText(figures.count(number))
        self.languages.blockSignals(False)
        self.summary.setText(self._summary(drawn, languages, short, empty))
        self.draw.setEnabled(drawn > 0)

    def _summary(self, drawn: int, languages: int, short: int, empty: int) -> str:
        if not self._plans:
            return ""
        if not drawn:
            return self.tr("Nothing would be drawn: ask for more tweets, or choose other languages.")
        told = [
            (
                self.tr("{tweets} tweets in {languages} languages will be sealed.")
                if languages > 1
                else self.tr("{tweets} tweets in one language will be sealed.")
            ).format(tweets=figures.count(drawn), languages=languages)
        ]
        if short:
            told.append(
                self.tr(
                    "{short} fewer than asked for: some languages have no more that nobody labelled."
                ).format(short=figures.count(short))
            )
        if empty:
            told.append(
                self.tr("In {languages} languages nothing is left to train on.").format(languages=empty)
                if empty > 1
                else self.tr("In one language nothing is left to train on.")
            )
        return " ".join(told)

    def _draw(self) -> None:
        study, number, seed = self._study, self.number.value(), self.seed.value()
        languages = self.chosen_languages()
        self.draw.setEnabled(False)
        self.notice.clear()
        run_in_worker(
            lambda: sealing.draw(study, number, languages, seed),
            lambda drawing: self._done(drawing_told(drawing)),
            self._tell,
            self,
        )

    def _ask_to_take_back(self) -> None:
        study = self._study
        ask_to_take_back(
            self,
            lambda: run_in_worker(lambda: sealing.take_back(study), self._taken_back, self._tell, self),
        )

    def _taken_back(self, freed: int) -> None:
        self._done(self.tr("{count} tweets are no longer sealed.").format(count=figures.count(freed)))

    def _done(self, told: str) -> None:
        self.changed.emit(told)
        self.accept()

    def _tell(self, error: Exception) -> None:
        # A low screen has no room for both.
        self.about.hide()
        self.notice.tell(Tone.ERROR, str(error))
        self._show_numbers()
        self._fit()

    # How it is made

    def _muted(self, text: str) -> QLabel:
        label = QLabel(text)
        label.setWordWrap(True)
        label.setProperty("role", "muted")
        return label

    def _lay_out(self) -> None:
        self.about = QLabel(
            self.tr(
                "Models are scored on the sealed test set. It is drawn at random before anybody labels, no model "
                "learns from its tweets or their near-duplicates, and nobody sees predictions on them before "
                "labelling them."
            )
        )
        self.about.setWordWrap(True)
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.MEDIUM)
        grid.setVerticalSpacing(theme.SMALL)
        for row, (name, box, text) in enumerate(
            (
                (
                    self.tr("Tweets &per language"),
                    self.number,
                    self.tr(
                        "To be labelled and scored. With fewer than {few}, a language's score is an anecdote."
                    ),
                ),
                (
                    self.tr("S&eed"),
                    self.seed,
                    self.tr("The same number draws the same tweets. It is kept with the test set."),
                ),
            )
        ):
            label = QLabel(name)
            label.setBuddy(box)
            grid.addWidget(label, row, 0)
            grid.addWidget(box, row, 1)
            grid.addWidget(self._muted(text.format(few=FEW_ROWS)), row, 2)
        grid.setColumnStretch(2, 1)
        label = QLabel(self.tr("&Languages"))
        label.setBuddy(self.languages)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.SMALL)
        buttons.addWidget(self.take_back)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.draw)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.LARGE)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.about)
        layout.addWidget(self.notice)
        layout.addLayout(grid)
        layout.addWidget(label)
        layout.addWidget(self.languages)
        layout.addWidget(
            self._muted(
                self.tr(
                    "One tweet is drawn from each group of near-duplicates; the others are sealed with it."
                )
            )
        )
        layout.addWidget(self.summary)
        layout.addWidget(self.labelled)
        layout.addStretch(1)
        layout.addLayout(buttons)
        form_parts.open_at(self, _WIDTH, _HEIGHT)
