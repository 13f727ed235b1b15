"""Agreement between the coders, to read and to copy into a methods section."""

import html
from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from app.gui import agreement_figures as words
from app.gui import figures, theme
from app.gui.confusion_view import ConfusionView
from app.gui.empty_state import EmptyState
from app.gui.estimate_table import EstimateTable
from app.gui.figure_table import FigureTable
from app.gui.interval_plot import IntervalPlot
from app.gui.language_names import language_name
from app.gui.notice import Notice, Tone
from app.gui.page import make_action
from app.jobs.worker import run_in_worker
from app.study.agreement import AgreementReport, QuestionAgreement, measure_agreement
from app.study.agreement_measures import EXPLANATIONS, MEASURES
from app.study.agreement_text import methods_text
from app.study.study import Study
from app.study.tweets import NO_LANGUAGE

# Among the codes of languages, of which none may be empty.
_ALL = "all"


class AgreementView(QWidget):
    """Measures of one question at a time, over all languages or in one.

    It measures when it is seen, on a worker. `second_coder_wanted` asks to label what others labelled, `assign_wanted`
    for the dialog that divides tweets among coders.
    """

    second_coder_wanted = Signal()
    assign_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.study: Study | None = None
        self.report: AgreementReport | None = None
        # By language, as long as no label changes.
        self._reports: dict[str, AgreementReport] = {}
        self._stale = False
        # Counts what is measured, so that a report that was overtaken is dropped.
        self._asked = 0
        self.notice = Notice()
        self.question, self.language = QComboBox(), QComboBox()
        self.copy_table = self._button(
            self.tr("Copy table"),
            "Ctrl+Shift+D",
            self.tr("Copy all figures of this question for a spreadsheet"),
            self.copy_figures,
        )
        self.copy_text = self._button(
            self.tr("Copy as text for a methods section"),
            "Ctrl+Shift+M",
            self.tr("Copy a paragraph with all figures and the works that it cites"),
            self.copy_methods,
        )
        self.basis = _muted()
        self.measures = FigureTable(self.tr("Measures of agreement"))
        # As narrow as its columns: the plot beside it takes the rest.
        self.measures.setSizeAdjustPolicy(QAbstractScrollArea.SizeAdjustPolicy.AdjustToContents)
        self.measures.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.plot = IntervalPlot(self.tr("The measures with their 95% intervals"))
        self.remarks = _muted()
        self.explanations = [_muted() for _ in MEASURES]
        self.languages_heading = _heading(self.tr("Each language"))
        self.languages = EstimateTable(self.tr("Agreement per language"))
        self.languages_notes, self.pairs_notes, self.repeats_notes = _muted(), _muted(), _muted()
        self.pairs_heading = _heading(self.tr("Each pair of coders"))
        self.pairs = EstimateTable(self.tr("Agreement per pair of coders"))
        self.confusion_heading = _heading(self.tr("Who said what"))
        self.confusion = ConfusionView()
        self.repeats_heading = _heading(self.tr("The same coder twice"))
        self.repeats_note = _muted()
        self.repeats = EstimateTable(self.tr("Agreement of each coder with the own earlier labels"))
        self.empty = EmptyState(
            self.tr(
                "Two coders must label the same tweets before their agreement can be measured. Let a second coder "
                "sign in and label tweets that have labels already (those stay hidden), divide new tweets among "
                "coders, or import a second file of labels under another coder's name."
            ),
            self.tr("&Label as a second coder"),
            self.tr("Sign in as somebody else, and label what others labelled (Alt+L)"),
        )
        self.assign = QPushButton(self.tr("Assign tweets …"))
        self.assign.setAccessibleName(self.tr("Assign tweets"))
        self.assign.setToolTip(self.tr("Divide tweets among coders (Ctrl+Shift+A)"))
        self.assign.clicked.connect(self.assign_wanted)
        self.empty.add_button(self.assign)
        self.waiting = QLabel()
        self.waiting.setProperty("role", "muted")
        self.waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.clicked.connect(self.second_coder_wanted)
        self._lay_out()
        self.question.currentIndexChanged.connect(lambda _: self._show_question())
        self.language.currentIndexChanged.connect(lambda _: self._measure())

    # What there is

    def show_study(self, study: Study | None) -> None:
        """Show the agreement in a study; None lets go of the one that was shown."""
        self.study = study
        _offer(self.language, [], None)
        self.study_changed({"labels"})

    def study_changed(self, what: set[str]) -> None:
        """Measure anew where labels changed: now, or when the view is next seen."""
        if what & {"labels", "tweets", "codebook"}:
            self._reports.clear()
            self._stale = True
            if self.isVisible():
                self._measure()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._measure()

    def _measure(self) -> None:
        self.notice.clear()
        self._stale = False
        self._asked += 1
        asked, study, language = self._asked, self.study, self._language()
        if study is None:
            self._show_report(None)
            return
        if language in self._reports:
            self._show_report(self._reports[language])
            return

        def take(report: AgreementReport) -> None:
            if asked == self._asked:
                self._reports[language] = report
                self._show_report(report)

        def refuse(error: Exception) -> None:
            if asked == self._asked:
                self._tell_error(error)

        for label in (self.basis, self.waiting):
            label.setText(self.tr("Measuring …"))
        if self.report is None:
            # Not the empty state: whether there is nothing to measure is not known yet.
            self.stack.setCurrentWidget(self.waiting)
        wanted = [] if language == _ALL else [language or NO_LANGUAGE]
        run_in_worker(lambda: measure_agreement(study, wanted), take, refuse, self)

    def _language(self) -> str:
        return str(self.language.currentData()) if self.language.count() else _ALL

    def _show_report(self, report: AgreementReport | None) -> None:
        if report is not None and report.is_empty and self._language() != _ALL:
            # The last label of this language was taken back.
            self.language.setCurrentIndex(0)
            return
        self.report = report
        if report is None or report.is_empty:
            self.stack.setCurrentIndex(0)
            return
        self.stack.setCurrentIndex(1)
        if self._language() == _ALL:
            named = [(language_name(code), code) for code in report.languages]
            _offer(self.language, [(self.tr("All languages"), _ALL), *named], _ALL)
        questions = [(words.question_name(question), question.code) for question in report.questions]
        _offer(self.question, questions, self.question.currentData())
        self._place_copies()
        self._show_question()

    def shown(self) -> QuestionAgreement | None:
        """Return the agreement on the question that is chosen, None for nothing."""
        if self.report is None or self.report.is_empty:
            return None
        return self.report.question(str(self.question.currentData()))

    def _show_question(self) -> None:
        self.notice.clear()
        question, report = self.shown(), self.report
        if question is None or report is None:
            return
        self.basis.setText(self._basis(question, report))
        self._show_measures(question)
        languages = [(language_name(code), found) for code, found in question.languages.items()]
        pairs = [(f"{pair.first} × {pair.second}", pair.estimates) for pair in question.pairs]
        repeats = [(one.coder, one.estimates) for one in question.repeats]
        self.languages.show_estimates(self.tr("language"), languages)
        self.pairs.show_estimates(self.tr("coders"), pairs)
        self.repeats.show_estimates(self.tr("coder"), repeats)
        self.confusion.show_question(question)
        for notes, rows in (
            (self.languages_notes, languages if len(languages) > 1 else []),
            (self.pairs_notes, pairs if len(pairs) > 1 else []),
            (self.repeats_notes, repeats),
        ):
            notes.setText(words.footnotes(rows))
            notes.setVisible(bool(notes.text()))
        for widgets, there in (
            # One language and one pair are what stands above already.
            ((self.languages_heading, self.languages), len(languages) > 1),
            ((self.pairs_heading, self.pairs), len(pairs) > 1),
            ((self.confusion_heading, self.confusion), bool(pairs)),
            ((self.repeats,), bool(repeats)),
        ):
            for widget in widgets:
                widget.setVisible(there)
        self.repeats_note.setText(
            self.tr(
                "Labels of tweets that came to their coder again without notice, against those that stood."
            )
            if repeats
            else self.tr("No tweet came to its coder a second time yet.")
        )

    def _show_measures(self, question: QuestionAgreement) -> None:
        self.measures.show_rows(
            [self.tr("measure"), self.tr("value"), self.tr("95 % interval"), self.tr("tweets")],
            [
                [
                    words.measure_name(one.measure),
                    self.tr("not defined") if one.value is None else words.figure(one, one.value),
                    words.interval(one),
                    words.tweets_cell(question.overall),
                ]
                for one in question.overall.values()
            ],
        )
        self.measures.updateGeometry()
        self.plot.show_rows(
            [words.plot_row(one) for one in question.overall.values()],
            head=self.measures.horizontalHeader().sizeHint().height() + self.measures.frameWidth(),
            row=self.measures.verticalHeader().defaultSectionSize(),
        )
        self.remarks.setText(words.remarks(question.overall))
        self.remarks.setVisible(bool(self.remarks.text()))

    def _basis(self, question: QuestionAgreement, report: AgreementReport) -> str:
        coders = (
            self.tr("both coders")
            if len(report.coders) == 2
            else self.tr("at least two of {n} coders").format(n=figures.count(len(report.coders)))
        )
        if question.conditional:
            told = self.tr(
                "{n} tweets for which {coders} answered this question; whether a tweet leads to it is measured "
                "by the question before."
            )
        else:
            told = self.tr("{n} tweets that {coders} labelled.")
        sentences = [told, self.tr("The coders' own labels count, gold labels do not.")]
        if report.contested:
            sentences.append(
                self.tr(
                    "Of {contested} labels that one coder gave differently in two copies, the later counts."
                )
            )
        return " ".join(sentences).format(
            n=figures.count(question.n),
            coders=coders,
            contested=figures.count(report.contested),
        )

    # Copies

    def copy_figures(self) -> None:
        """Put all figures of the question on the clipboard, tab-separated."""
        question = self.shown()
        if question is not None:
            QGuiApplication.clipboard().setText(words.to_copy(question))
            self.notice.tell(
                Tone.GOOD,
                self.tr("All figures of this question are copied."),
                self.tr("Paste them into a spreadsheet."),
            )

    def copy_methods(self) -> None:
        """Put the paragraph for a methods section on the clipboard."""
        if self.report is not None and not self.report.is_empty:
            QGuiApplication.clipboard().setText(methods_text(self.report))
            self.notice.tell(
                Tone.GOOD,
                self.tr("The paragraph and the works that it cites are copied."),
                self.tr("Paste them into your text."),
            )

    def _tell_error(self, error: Exception) -> None:
        if not isinstance(error, UserError):
            raise error
        self.basis.clear()
        self.waiting.clear()
        self.notice.tell(Tone.ERROR, error.message, error.next_step)

    # Building

    def _button(self, text: str, key: str, tip: str, run: Callable[[], object]) -> QPushButton:
        action = make_action(self, text, key, run, tip=tip)
        button = QPushButton(text)
        button.setToolTip(action.toolTip())
        button.setAccessibleName(text)
        button.clicked.connect(action.trigger)
        return button

    def _lay_out(self) -> None:
        self._choices, self._copies = QWidget(), QWidget()
        choices = QHBoxLayout(self._choices)
        copies = QHBoxLayout(self._copies)
        for row in (choices, copies):
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(theme.SMALL)
        for choice, text, tip in (
            (self.question, self.tr("&Question"), self.tr("Which question is measured")),
            (self.language, self.tr("Lan&guage"), self.tr("In which language the tweets are")),
        ):
            label = QLabel(text)
            label.setBuddy(choice)
            choice.setAccessibleName(text.replace("&", ""))
            choice.setToolTip(f"{tip} (Alt+{text[text.index('&') + 1].upper()})")
            choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            choices.addWidget(label)
            choices.addWidget(choice)
        choices.addStretch(1)
        copies.addWidget(self.copy_table)
        copies.addWidget(self.copy_text)
        copies.addStretch(1)
        self._head = QGridLayout()
        self._head.setSpacing(theme.SMALL)
        self._head.setColumnStretch(0, 1)
        self._place_copies()
        figure = QHBoxLayout()
        figure.setSpacing(theme.MEDIUM)
        figure.addWidget(self.measures)
        figure.addWidget(self.plot, 1)
        inside = QWidget()
        rows = QVBoxLayout(inside)
        rows.setContentsMargins(0, 0, theme.SMALL, 0)
        rows.setSpacing(theme.SMALL)
        rows.addWidget(self.basis)
        rows.addLayout(figure)
        rows.addWidget(self.remarks)
        for label, measure in zip(self.explanations, MEASURES, strict=True):
            name, explained = words.measure_name(measure), words.translated(EXPLANATIONS[measure])
            label.setText(f"<b>{html.escape(name)}.</b> {html.escape(explained)}")
            rows.addWidget(label)
        for part in (
            (self.languages_heading, self.languages, self.languages_notes),
            (self.pairs_heading, self.pairs, self.pairs_notes),
            (self.confusion_heading, self.confusion),
            (self.repeats_heading, self.repeats_note, self.repeats, self.repeats_notes),
        ):
            rows.addSpacing(theme.SMALL)
            for widget in part:
                rows.addWidget(widget)
        rows.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(inside)
        work = QWidget()
        layout = QVBoxLayout(work)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.MEDIUM)
        layout.addLayout(self._head)
        layout.addWidget(area, 1)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.empty)
        self.stack.addWidget(work)
        self.stack.addWidget(self.waiting)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(theme.MEDIUM)
        outer.addWidget(self.notice)
        outer.addWidget(self.stack, 1)

    def _place_copies(self) -> None:
        """Put the buttons beside the choices; below them where there is no room for both."""
        needed = self._choices.sizeHint().width() + theme.SMALL + self._copies.sizeHint().width()
        row, column = (0, 1) if self.width() >= needed else (1, 0)
        self._head.addWidget(self._choices, 0, 0)
        self._head.addWidget(self._copies, row, column)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_copies()


def _offer(choice: QComboBox, named: Sequence[tuple[str, str]], chosen: object) -> None:
    """Put (name, data) into a choice without telling anybody; `chosen` stays chosen where it is there."""
    choice.blockSignals(True)
    choice.clear()
    for name, data in named:
        choice.addItem(name, data)
    choice.setCurrentIndex(max(0, choice.findData(chosen)) if named else -1)
    choice.blockSignals(False)


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "heading")
    return label


def _muted() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setProperty("role", "muted")
    return label
