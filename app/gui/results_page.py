"""The page of the results: how good a model is per language, and what it said of the tweets."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMessageBox, QPushButton, QVBoxLayout, QWidget

from app.errors import UserError
from app.gui import figures, theme
from app.gui.confidence_section import ConfidenceSection
from app.gui.empty_state import EmptyState
from app.gui.figure_table import FigureTable
from app.gui.job_ending import tell_ending
from app.gui.job_panel import JobPanel
from app.gui.language_names import language_name
from app.gui.model_choice import ModelChoice
from app.gui.notice import Notice, Tone
from app.gui.page import make_action
from app.gui.page_stack import PageStack
from app.gui.questions import ask_before_first_look
from app.gui.score_columns import question_names, score_cells, score_columns
from app.gui.share_bars import ShareBars
from app.jobs.job import Job
from app.jobs.job_list import JobList
from app.jobs.outcome import JobOutcome
from app.jobs.worker import run_in_worker
from app.study import evaluations, models, predictions, sealing
from app.study.evaluation import FEW_ROWS
from app.study.evaluations import KeptEvaluation
from app.study.sealing import SealedSet
from app.study.sealing_text import looks_told, paper_sentence
from app.study.shelf import ModelEntry, Shelf
from app.study.study import Study, now

KIND = "evaluate"


class ResultsPage(QWidget):
    """Scores and shares of one model at a time. `export_wanted` asks the window for the export."""

    study_written = Signal(set)
    page_wanted = Signal(str, str)
    export_wanted = Signal()

    def __init__(self, study: Study, jobs: JobList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._study = study
        self._jobs = jobs
        self._asked = 0
        self.notice = Notice()
        self.model = ModelChoice(study.codebook.leaf_codes)
        self.model.currentIndexChanged.connect(self._show_model)
        self.evaluate = QPushButton(self.tr("Eval&uate"))
        self.evaluate.setProperty("primary", True)
        self.evaluate.setToolTip(self.tr("Compare the model with the labels, per language (Ctrl+Enter)"))
        self.evaluate.clicked.connect(self.start_evaluation)
        make_action(self, self.tr("Evaluate"), "Ctrl+Return", self.evaluate.click)
        self.export = QPushButton(self.tr("E&xport …"))
        self.export.setToolTip(self.tr("Write tweets, labels and predictions to a file (Ctrl+E)"))
        self.export.clicked.connect(self.export_wanted)
        self.panel = JobPanel()
        self.note = Notice()
        self._sealed: SealedSet | None = None
        self._report: KeptEvaluation | None = None
        self.looks = QLabel()
        self.looks.setWordWrap(True)
        self.looks.setProperty("role", "muted")
        self.looks.setAccessibleName(self.tr("Looks at the sealed test set"))
        self.copy_sentence = QPushButton(self.tr("&Copy sentence for a paper"))
        copy = make_action(
            self, self.tr("Copy what a paper says of the test set"), "Ctrl+Shift+M", self.copy_for_paper
        )
        self.copy_sentence.setToolTip(copy.toolTip())
        self.copy_sentence.clicked.connect(self.copy_for_paper)
        self.overall_heading = _heading(self.tr("Scores"))
        self.overall = FigureTable(self.tr("Scores over all languages"))
        self.languages_heading = _heading(self.tr("Scores per language"))
        self.languages = FigureTable(self.tr("Scores per language"))
        self.few = QLabel()
        self.few.setWordWrap(True)
        self.few.setProperty("role", "muted")
        self.confidence = ConfidenceSection(study)
        self.confidence.keeping_failed.connect(self._tell_error)
        self.shares_heading = _heading(self.tr("What the model said"))
        self.bars = ShareBars(study.codebook.leaves)
        self.shares = FigureTable(self.tr("Shares of the classes per language"))
        self.nothing_said = QLabel(
            self.tr("This model has not classified tweets of this study yet. Classify does that.")
        )
        self.nothing_said.setProperty("role", "muted")
        self.empty = EmptyState(
            self.tr(
                "There are no results without a model. Train one on your labels, or add one to the shelf."
            ),
            self.tr("&Train a model"),
            self.tr("Go to Train (Ctrl+5)"),
        )
        self.empty.clicked.connect(lambda: self.page_wanted.emit("train", ""))
        self._lay_out()
        jobs.added.connect(self._follow)
        jobs.ended.connect(self._end)
        running = jobs.running_of(KIND, self._path())
        if running is not None:
            self._follow(running)
        self.refresh()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(theme.SMALL)
        label = QLabel(self.tr("&Model"))
        label.setBuddy(self.model)
        head.addWidget(label)
        head.addWidget(self.model)
        head.addWidget(self.evaluate)
        head.addStretch(1)
        head.addWidget(self.export)
        self.looked = looked = QWidget()
        row = QHBoxLayout(looked)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.MEDIUM)
        row.addWidget(self.looks, 1)
        row.addWidget(self.copy_sentence, 0, Qt.AlignmentFlag.AlignTop)
        work = QWidget()
        layout = QVBoxLayout(work)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.MEDIUM)
        layout.addLayout(head)
        for widget in (
            self.panel,
            self.overall_heading,
            self.note,
            looked,
            self.overall,
            self.languages_heading,
            self.languages,
            self.few,
            self.confidence,
            self.shares_heading,
            self.nothing_said,
            self.bars,
            self.shares,
        ):
            layout.addWidget(widget)
        layout.addStretch(1)
        self.stack = PageStack()
        self.stack.addWidget(self.empty)
        self.stack.addWidget(work)
        self.stack.setCurrentIndex(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(theme.MEDIUM)
        outer.addWidget(self.notice)
        outer.addWidget(self.stack, 1)
        self.panel.hide()
        self.looked.hide()
        self._show_shares({})
        self._show_report(None)

    # What there is

    def refresh(self) -> None:
        """Read the shelf anew."""
        run_in_worker(lambda: Shelf().models(), self._take_models, self._tell_error, self)

    def study_changed(self, what: set[str]) -> None:
        """Bring the page up to date with what was written to the study or the shelf."""
        if what & {"labels", "tweets"}:
            # The scores on screen may compare with labels that are no longer the current ones.
            self._ask_report()
        if "models" in what:
            self.refresh()
        elif "predictions" in what:
            self._ask_shares()

    def choose_model(self, name: str) -> None:
        """Choose a model by name."""
        self.model.choose(name)

    def _take_models(self, found: list[ModelEntry]) -> None:
        self.model.set_models(found)
        self.stack.setCurrentIndex(1 if self.model.count() else 0)

    def _show_model(self) -> None:
        self.evaluate.setEnabled(bool(self.model.name()))
        self._ask_report()
        self._ask_shares()

    def _ask_report(self) -> None:
        self._asked += 1
        asked, name, study = self._asked, self.model.name(), self._study

        def ask() -> tuple[dict[str, str], KeptEvaluation | None, SealedSet]:
            # Of the model that has this name now, not of one that had it before.
            earlier = models.follow_shelf(study, Shelf())
            return earlier, evaluations.of_model(study, name), sealing.sealed_set(study)

        def take(earlier: dict[str, str], found: KeptEvaluation | None, sealed: SealedSet) -> None:
            self._tell_earlier(earlier)
            # An answer to an earlier question is not shown, nor one that a new evaluation overtook.
            if asked == self._asked:
                self._show_report(found)
                self._show_looks(sealed)

        run_in_worker(
            ask,
            lambda found: take(*found),
            self._tell_error,
            self,
        )

    def _ask_shares(self) -> None:
        name, study = self.model.name(), self._study

        def ask() -> tuple[dict[str, str], dict[str, dict[str, int]]]:
            earlier = models.follow_shelf(study, Shelf())
            known = {model.name for model in models.list_models(study)}
            return earlier, predictions.per_language(study, name) if name in known else {}

        def take(earlier: dict[str, str], found: dict[str, dict[str, int]]) -> None:
            self._tell_earlier(earlier)
            if name == self.model.name():
                self._show_shares(found)

        run_in_worker(ask, lambda found: take(*found), self._tell_error, self)

    def _tell_earlier(self, earlier: dict[str, str]) -> None:
        for name, kept_as in earlier.items():
            self.notice.tell(Tone.INFO, models.set_aside_told(name, kept_as))

    def _show_shares(self, found: dict[str, dict[str, int]]) -> None:
        leaves = self._study.codebook.leaves
        pooled = {leaf.code: sum(one.get(leaf.code, 0) for one in found.values()) for leaf in leaves}
        self.nothing_said.setVisible(not found)
        self.bars.setVisible(bool(found))
        self.shares.setVisible(bool(found))
        self.bars.set_counts(pooled)
        rows = []
        for language, one in sorted(found.items(), key=lambda item: -sum(item[1].values())):
            n = sum(one.get(leaf.code, 0) for leaf in leaves)
            rows.append(
                [
                    language_name(language),
                    figures.count(n),
                    *(figures.share(one.get(leaf.code, 0), n) for leaf in leaves),
                ]
            )
        self.shares.show_rows(
            [self.tr("language"), self.tr("classified"), *(leaf.name for leaf in leaves)], rows
        )

    # The evaluation

    def start_evaluation(self) -> QMessageBox | None:
        """Score the chosen model on the labelled tweets; ask before the first look at the sealed test set."""
        if not self.model.name() or self._jobs.running_of(KIND, self._path()) is not None:
            return None
        if self._sealed is not None and self._sealed.labelled and not self._sealed.looks:
            return ask_before_first_look(self, self._evaluate)
        self._evaluate()
        return None

    def _evaluate(self) -> None:
        name = self.model.name()
        words = ["evaluate", str(self._path()), f"--model={name}"]
        try:
            self._jobs.start(KIND, self.tr("Evaluating {model}").format(model=name), words, self._path())
        except OSError as error:
            self.notice.tell(Tone.ERROR, str(error))

    def _path(self) -> Path:
        return Path(self._study.path).resolve()

    def _follow(self, job: Job) -> None:
        if job.kind != KIND or not job.is_on(self._path()):
            return
        self.notice.clear()
        self.panel.follow(job)
        self.panel.show()
        self.evaluate.setEnabled(False)

    def _end(self, job: Job, outcome: JobOutcome) -> None:
        if job.kind != KIND or not job.is_on(self._path()):
            return
        self.panel.leave()
        self.panel.hide()
        self.evaluate.setEnabled(True)
        tell_ending(self.notice, job.title, outcome, self.tr("Start again; what was classified is kept."))
        if outcome.is_finished:
            self.model.choose(str(outcome.results["model"]))
            self._show_report(KeptEvaluation(outcome.results, now(), is_stale=False))
            self._ask_report()
        self.study_written.emit({"predictions"})

    def _show_looks(self, sealed: SealedSet) -> None:
        """Say how often a score on the sealed test set was looked at."""
        self._sealed = sealed
        self.looked.setVisible(sealed.tweets > 0)
        told = [looks_told(sealed.looks)]
        if sealed.looks:
            last = sealed.looks[-1]
            told.append(
                self.tr("The last look was at “{model}”, {when}.").format(
                    model=last.model, when=figures.moment(last.looked)
                )
            )
        if sealed.labelled < sealed.tweets:
            told.append(
                self.tr("{labelled} of its {tweets} tweets are labelled so far.").format(
                    labelled=figures.count(sealed.labelled), tweets=figures.count(sealed.tweets)
                )
            )
        self.looks.setText(" ".join(told))
        self.copy_sentence.setVisible(bool(self._sentence()))

    def _sentence(self) -> str:
        look = (self._report.report.get("look") or {}) if self._report is not None else {}
        return paper_sentence(self._sealed, str(look.get("id", ""))) if self._sealed is not None else ""

    def copy_for_paper(self) -> None:
        """Copy how the test set was drawn, and how often it was scored before the scores in sight."""
        if sentence := self._sentence():
            QGuiApplication.clipboard().setText(sentence)
            self.notice.tell(Tone.GOOD, self.tr("Copied: {text}").format(text=sentence))

    def _show_report(self, kept: KeptEvaluation | None) -> None:
        self._report = kept
        self.confidence.show_scores(self.model.name(), kept)
        for widget in (self.overall, self.languages_heading, self.languages, self.few):
            widget.setVisible(kept is not None)
        if kept is None:
            self.note.tell(
                Tone.INFO,
                self.tr("Not evaluated yet."),
                self.tr("Evaluate compares what the model says with your labels, per language."),
            )
            return
        report = kept.report
        told = [str(report["note"]), self.tr("Evaluated {when}.").format(when=figures.moment(kept.evaluated))]
        if kept.is_stale:
            told.append(self.tr("Labels were given or changed since: evaluate again."))
        careful = report["warning"] or kept.is_stale
        self.note.tell(Tone.WARNING if careful else Tone.INFO, " ".join(told))
        header, keys = score_columns(report["overall"], question_names(self._study.codebook))

        def row(name: str, scores: dict[str, Any]) -> list[str]:
            return [name, *score_cells(scores, keys)]

        pooled = [row(self.tr("all languages"), report["overall"])]
        if report["unseen"]["n"] and report["seen"]["n"]:
            pooled.append(row(self.tr("languages seen in training"), report["seen"]))
            pooled.append(row(self.tr("languages not seen in training"), report["unseen"]))
        self.overall.show_rows(["", *header], pooled)
        per_language = sorted(report["languages"].items(), key=lambda item: -item[1]["n"])
        rows = [
            row(
                f"{language_name(code)}{' *' if one['few'] else ''}"
                + ("" if one["seen"] else f" {self.tr('(not seen)')}"),
                one,
            )
            for code, one in per_language
        ]
        self.languages.show_rows([self.tr("language"), *header], rows, most_rows=20)
        few = any(one["few"] for one in report["languages"].values())
        self.few.setVisible(few)
        self.few.setText(
            self.tr(
                "* fewer than {n} tweets: these scores are anecdotes. Compare the pooled ones instead."
            ).format(n=FEW_ROWS)
        )

    def _tell_error(self, error: Exception) -> None:
        if not isinstance(error, UserError):
            raise error
        self.notice.tell(Tone.ERROR, error.message, error.next_step)


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "heading")
    return label
