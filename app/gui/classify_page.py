"""The page where a model classifies the study's tweets."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from app.gui import figures, form_parts, theme
from app.gui.cascade_choice import CascadeChoice
from app.gui.cascade_view import CascadeView
from app.gui.classification_sum import ClassificationSum, done_now, missing
from app.gui.cost_button import CostButton
from app.gui.device_badge import DeviceBadge
from app.gui.empty_state import EmptyState
from app.gui.figure_table import FigureTable
from app.gui.job_ending import tell_ending
from app.gui.job_panel import JobPanel
from app.gui.language_names import language_name
from app.gui.model_choice import ModelChoice
from app.gui.notice import Notice, Tone
from app.gui.page import make_action
from app.gui.page_stack import PageStack
from app.gui.share_bars import ShareBars
from app.gui.untrained_dialog import UntrainedDialog
from app.jobs.job import Job
from app.jobs.job_list import JobList
from app.jobs.outcome import JobOutcome
from app.jobs.worker import run_in_worker
from app.settings import Settings
from app.study import classification, models, tweets
from app.study.predictions import Selection
from app.study.shelf import ModelEntry, Shelf
from app.study.study import Study

KIND = "classify"
_ALL, _UNLABELLED = "all", "unlabelled"
_PAUSE_MILLISECONDS = 150
# A choice as wide as the window is hard to read.
_FIELD = 480


class ClassifyPage(QWidget):
    """Which model, which tweets; then progress with the shares of the classes; then what came of it."""

    study_written = Signal(set)
    page_wanted = Signal(str, str)

    def __init__(
        self, study: Study, jobs: JobList, parent: QWidget | None = None, *, settings: Settings | None = None
    ) -> None:
        super().__init__(parent)
        self._study = study
        self._jobs = jobs
        self._asked = 0
        self._selected: int | None = None
        self._coder, self._blind = "", True
        self.notice = Notice()
        self.model = ModelChoice(study.codebook.leaf_codes)
        self.which = QComboBox()
        self.which.addItem(self.tr("All tweets"), _ALL)
        self.which.addItem(self.tr("Tweets without a label"), _UNLABELLED)
        self.which.setAccessibleName(self.tr("Tweets"))
        self.which.setToolTip(self.tr("Which tweets are classified (Alt+T)"))
        self.language = QComboBox()
        self.language.setAccessibleName(self.tr("Language"))
        self.language.setToolTip(self.tr("Only tweets in this language (Alt+L)"))
        self.again = QCheckBox(self.tr("Also those that this model has classified &before"))
        self.again.setToolTip(self.tr("Their predictions are replaced by the new ones (Alt+B)"))
        self.cascade = CascadeChoice([study.codebook.leaf(code) for code in study.codebook.aside])
        self.cascade_view = CascadeView()
        self.selected = QLabel()
        self.selected.setProperty("role", "heading")
        self.start = QPushButton(self.tr("&Start classifying"))
        self.start.setProperty("primary", True)
        self.start.setToolTip(self.tr("Classify the selected tweets (Ctrl+Enter)"))
        self.start.clicked.connect(self.start_classifying)
        make_action(self, self.tr("Start classifying"), "Ctrl+Return", self.start.click)
        # Until a model is chosen and its tweets are counted there is nothing to start.
        self.start.setEnabled(False)
        self.panel = JobPanel()
        self.device = DeviceBadge()
        self.costs = CostButton(settings or Settings.load(), self)
        self.bars = ShareBars(study.codebook.leaves)
        self.bars_heading = QLabel(self.tr("Shares of the classes so far"))
        self.bars_heading.setProperty("role", "heading")
        self.sum = ClassificationSum()
        self.failures = FigureTable(self.tr("Tweets that could not be classified"))
        self.retry = QPushButton(self.tr("Tr&y the failed ones again"))
        self.retry.setToolTip(self.tr("Classify the tweets that have no prediction yet (Alt+Y)"))
        self.retry.clicked.connect(self._retry)
        self.results = QPushButton(self.tr("See the &results"))
        self.results.setToolTip(self.tr("Go to Results with this model chosen (Alt+R)"))
        self.results.clicked.connect(lambda: self.page_wanted.emit("results", self.model.name()))
        self.empty = EmptyState(
            self.tr(
                "Classifying needs a model that knows the classes of this study. None stands on the shelf."
            ),
            self.tr("&Train a model"),
            self.tr("Go to Train (Ctrl+5)"),
        )
        self.empty.clicked.connect(lambda: self.page_wanted.emit("train", ""))
        # One is in sight at a time: where there is no model yet, and where there are some.
        self.untrained, first = (
            form_parts.button(
                self.tr("Try an &untrained model …"),
                self.tr("Ask a model that nobody trained with the codebook, before you label much (Alt+U)"),
                self.try_untrained,
            )
            for _ in range(2)
        )
        self.empty.add_button(first)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MILLISECONDS)
        self._pause.timeout.connect(self._ask_count)
        for box in (self.model, self.which, self.language):
            # Not connected to `start` itself: it would take the index for an interval.
            box.currentIndexChanged.connect(lambda _: self._pause.start())
        self.again.toggled.connect(lambda _: self._pause.start())
        # What a light model settled is done for a cascade, and not without one.
        self.cascade.wanted.toggled.connect(lambda _: self._pause.start())
        self._lay_out()
        self._show_report(None)
        jobs.added.connect(self._follow)
        jobs.ended.connect(self._end)
        running = jobs.running_of(KIND, self._path())
        if running is not None:
            self._follow(running)
        self.refresh()

    def _lay_out(self) -> None:
        self.settings = QWidget()
        form = QFormLayout(self.settings)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(theme.LARGE)
        form.setVerticalSpacing(theme.SMALL)
        for box in (self.model, self.which, self.language):
            box.setMaximumWidth(_FIELD)
        model = form_parts.row(self.model, self.untrained)
        model.setStretch(0, 1)
        model.addStretch()
        label = QLabel(self.tr("&Model"))
        label.setBuddy(self.model)
        form.addRow(label, model)
        form.addRow(self.tr("&Tweets"), self.which)
        form.addRow(self.tr("&Language"), self.language)
        form.addRow("", self.again)
        form.addRow("", self.cascade)
        start = QHBoxLayout()
        start.setSpacing(theme.LARGE)
        start.addWidget(self.start)
        start.addWidget(self.selected, 1)
        form.addRow(start)
        after = QHBoxLayout()
        after.setSpacing(theme.SMALL)
        after.addWidget(self.results)
        after.addWidget(self.retry)
        after.addWidget(self.costs)
        after.addStretch(1)
        work = QWidget()
        layout = QVBoxLayout(work)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.LARGE)
        layout.addWidget(self.settings)
        layout.addWidget(self.panel)
        layout.addWidget(self.device)
        layout.addWidget(self.bars_heading)
        layout.addWidget(self.bars)
        layout.addWidget(self.sum)
        layout.addWidget(self.failures)
        layout.addWidget(self.cascade_view)
        layout.addLayout(after)
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

    # What there is

    def refresh(self) -> None:
        """Read the shelf and the languages anew."""
        study = self._study
        run_in_worker(lambda: Shelf().models(), self._take_models, self._tell_error, self)
        run_in_worker(lambda: tweets.languages(study), self._take_languages, self._tell_error, self)

    def study_changed(self, what: set[str]) -> None:
        """Bring the page up to date with what was written to the study or the shelf."""
        if "models" in what or "tweets" in what:
            self.refresh()
        elif what & {"labels", "predictions"}:
            self._pause.start()

    def choose_model(self, name: str) -> None:
        """Choose a model by name."""
        self.model.choose(name)

    def set_coder(self, name: str, blind: bool) -> None:
        """Show single tweets as this coder may see them."""
        self._coder, self._blind = name, blind

    def try_untrained(self) -> UntrainedDialog:
        """Open the dialog that tries an untrained model, and choose what comes of it."""
        dialog = UntrainedDialog(self._study, self._coder, self._blind, self)
        dialog.chosen.connect(self._take_untrained)
        dialog.open()
        return dialog

    def _take_untrained(self, name: str) -> None:
        self.choose_model(name)
        self.study_written.emit({"models"})
        self.refresh()

    def _take_models(self, found: list[ModelEntry]) -> None:
        self.model.set_models(found)
        self.stack.setCurrentIndex(
            1 if self.model.count() or self._jobs.running_of(KIND, self._path()) else 0
        )

    def _take_languages(self, languages: dict[str, tuple[int, int]]) -> None:
        before = self.language.currentData()
        self.language.blockSignals(True)
        self.language.clear()
        self.language.addItem(self.tr("All languages"), "")
        for code in languages:
            # Tweets without a language have no code to be chosen by.
            if code:
                self.language.addItem(language_name(code), code)
        self.language.setCurrentIndex(max(0, self.language.findData(before)))
        self.language.blockSignals(False)
        self._pause.start()

    def _ask_count(self) -> None:
        self._asked += 1
        asked, study, model = self._asked, self._study, self.model.name()
        language = str(self.language.currentData() or "")
        unlabelled = self.which.currentData() == _UNLABELLED
        again, cascade = self.again.isChecked(), bool(self.cascade.words())
        if not model:
            return

        def count() -> tuple[dict[str, str], Selection]:
            # Of the model that has this name now, not of one that had it before.
            earlier = models.follow_shelf(study, Shelf())
            return earlier, classification.count_selected(
                study, model, language=language, only_unlabelled=unlabelled, again=again, cascade=cascade
            )

        def take(found: tuple[dict[str, str], Selection]) -> None:
            for name, earlier in found[0].items():
                self.notice.tell(Tone.INFO, models.set_aside_told(name, earlier))
            if asked == self._asked:
                self._take_count(found[1])

        run_in_worker(
            count,
            take,
            self._tell_error,
            self,
        )

    def _take_count(self, selection: Selection) -> None:
        todo, before = len(selection.keys), selection.before
        self._selected = todo
        told = self.tr("{n} tweets selected")
        if not todo:
            told = self.tr("No tweet is left to classify with these choices")
        elif before:
            told = self.tr("{n} tweets to classify, {before} have been before")
        if selection.settled:
            told += f" {self.tr('({settled} of them settled by a light model so far)')}"
        counts = {"n": todo, "before": before, "settled": len(selection.settled)}
        self.selected.setText(told.format(**{name: figures.count(n) for name, n in counts.items()}))
        self.start.setEnabled(todo > 0)

    # The job

    def words(self) -> list[str]:
        """Return the command that the choices stand for."""
        words = [
            "classify",
            str(self._path()),
            f"--model={self.model.name()}",
            f"--only={self.which.currentData()}",
        ]
        language = self.language.currentData()
        if language:
            words.append(f"--language={language}")
        if self.again.isChecked():
            words.append("--again")
        return words + self.cascade.words()

    def _path(self) -> Path:
        return Path(self._study.path).resolve()

    def start_classifying(self) -> None:
        """Start a job with the choices of the page."""
        if not self.model.name() or self._jobs.running_of(KIND, self._path()) is not None:
            return
        title = self.tr("Classifying with {model}").format(model=self.model.name())
        try:
            self._jobs.start(KIND, title, self.words(), self._path())
        except OSError as error:
            self.notice.tell(Tone.ERROR, str(error))

    def _retry(self) -> None:
        # Tweets that failed have no prediction: without “again” they are what is left.
        self.again.setChecked(False)
        self.start_classifying()

    def _follow(self, job: Job) -> None:
        if job.kind != KIND or not job.is_on(self._path()):
            return
        self.notice.clear()
        self._show_report(None)
        self.bars.set_counts({})
        self.device.clear()
        for event in job.history:
            self.device.take_event(event)
        job.event_received.connect(self._take_event)
        self.panel.follow(job)
        self.settings.setEnabled(False)
        for widget in (self.panel, self.bars, self.bars_heading):
            widget.show()
        self.bars_heading.setText(self.tr("Shares of the classes so far"))

    def _take_event(self, event: dict[str, Any]) -> None:
        self.device.take_event(event)
        if event["event"] == "progress":
            self.costs.take_speed(float(event.get("rate") or 0.0))
        if event["event"] == "progress" and event.get("per_leaf"):
            self.bars.set_counts(event["per_leaf"])

    def _end(self, job: Job, outcome: JobOutcome) -> None:
        if job.kind != KIND or not job.is_on(self._path()):
            return
        self.panel.leave()
        self.panel.hide()
        self.settings.setEnabled(True)
        kept = self.tr("What was classified before is kept; start again to go on.")
        tell_ending(self.notice, job.title, outcome, kept)
        if outcome.is_finished:
            self._show_report(outcome.results)
        elif "selected" in outcome.results:
            # Stopped: what was done until then.
            self._show_counts(outcome.results)
        self._pause.start()
        self.study_written.emit({"predictions", "models"})

    def _show_report(self, report: dict[str, Any] | None) -> None:
        for widget in (self.sum, self.failures, self.retry, self.results, self.bars, self.bars_heading):
            widget.hide()
        self.cascade_view.show_facts(None, "")
        if report is None:
            return
        self._show_counts(report)
        failed, lost = int(report["failed"]), missing(report)
        if lost:
            self.notice.tell(
                Tone.ERROR,
                self.tr("{n} tweets are missing: neither classified nor failed.").format(
                    n=figures.count(lost)
                ),
                self.tr("Start again; only what is missing is done."),
            )
        elif failed:
            self.notice.tell(
                Tone.WARNING,
                self.tr("{n} tweets could not be classified.").format(n=figures.count(failed)),
                self.tr("The reasons stand below; every other tweet has its prediction."),
            )
        else:
            self.notice.tell(Tone.GOOD, self.tr("Every selected tweet is classified."))

    def _show_counts(self, report: dict[str, Any]) -> None:
        self.device.take_event(report)
        self.costs.take_speed(float(report["per_second"]), final=True)
        self.cascade_view.show_facts(report.get("cascade"), str(report["model"]))
        self.sum.show_report(report)
        self.results.show()
        self.bars_heading.setText(
            self.tr("Shares of the classes, of what was classified now")
            if report.get("before")
            else self.tr("Shares of the classes")
        )
        self.bars.set_counts(report["per_leaf"])
        for widget in (self.bars, self.bars_heading):
            widget.setVisible(done_now(report) > 0)
        if report["failed"]:
            self.failures.show_rows(
                [self.tr("reason"), self.tr("tweets")],
                [[reason, figures.count(n)] for reason, n in report["failures"].items()],
            )
            self.failures.show()
            self.retry.show()

    def _tell_error(self, error: Exception) -> None:
        if not isinstance(error, UserError):
            raise error
        self.notice.tell(Tone.ERROR, error.message, error.next_step)
