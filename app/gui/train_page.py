"""The page where a model is fine-tuned on the study's labels."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.errors import UserError
from app.gui import figures, theme
from app.gui.elsewhere_acts import ElsewhereActs
from app.gui.figure_table import FigureTable
from app.gui.job_ending import tell_ending
from app.gui.language_names import language_name
from app.gui.notice import Notice, Tone
from app.gui.page import make_action
from app.gui.page_stack import PageStack
from app.gui.preflight_card import PreflightCard
from app.gui.questions import ask_to_discard
from app.gui.train_form import TrainForm
from app.gui.training_result import TrainingResult
from app.gui.training_view import TrainingView
from app.gui.unfinished_card import UnfinishedCard
from app.jobs.job import Job
from app.jobs.job_list import JobList
from app.jobs.machine_check import MachineCheck
from app.jobs.outcome import JobOutcome
from app.jobs.worker import run_in_worker
from app.study import models, preflight, training_process, unfinished_runs
from app.study.base_models import Base
from app.study.preflight import Check, Preflight, stops
from app.study.readiness import Readiness, readiness
from app.study.shelf import Shelf
from app.study.study import Study
from app.study.unfinished_runs import WAITING, RunState

KIND = "train"
# Several checks of languages in a row are one question to the study.
_PAUSE_MILLISECONDS = 150
# How soon it is looked again whether another program is done with a run.
_ELSEWHERE_MILLISECONDS = 3000


class TrainPage(QWidget):
    """Settings, then the run under way, then its result."""

    study_written = Signal(set)
    """The study or the shelf was changed: {"models", "runs"}."""
    label_wanted = Signal(str, str)
    """Labels are missing: in a language and of a class; "" for any."""
    page_wanted = Signal(str, str)
    """Another page is asked for: its name and the model to choose there."""

    def __init__(self, study: Study, jobs: JobList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._study = study
        self._jobs = jobs
        self._flight: Preflight | None = None
        self._machine: dict[str, Any] | None = None
        self._asking_machine = False
        self._asked = 0
        self._must_look = True
        self._bases: list[Base] = []
        self.notice = Notice()
        self.form = TrainForm(self._study.codebook, self._study.name)
        self.form.changed.connect(self._show_state)
        self.form.kind.currentIndexChanged.connect(lambda _: self._show_machine())
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MILLISECONDS)
        self._pause.timeout.connect(self._look)
        self.form.changed.connect(self._pause.start)
        self.check = MachineCheck(self)
        self.check.ended.connect(self._checked)
        self.card = PreflightCard(self._study.codebook)
        self.card.label_wanted.connect(self.label_wanted)
        self.card.check_wanted.connect(self.check_machine)
        self.card.stop_wanted.connect(self.check.stop)
        self.check.told.connect(self.card.show_trying)
        self.machine = QLabel(self.tr("Looking at what this machine can train with …"))
        self.machine.setWordWrap(True)
        self.machine.setProperty("role", "muted")
        self.reasons = Notice()
        self.start = QPushButton(self.tr("&Start training"))
        self.start.setProperty("primary", True)
        self.start.setToolTip(self.tr("Train on the checked languages (Ctrl+Enter)"))
        self.start.clicked.connect(self.start_training)
        make_action(self, self.tr("Start training"), "Ctrl+Return", self.start.click)
        self.elsewhere = ElsewhereActs(self, study, jobs, self.form, self.notice)
        self.elsewhere.exported.connect(self._tell_exported)
        self.runs = FigureTable(self.tr("Earlier runs"), left=5)
        self.runs_heading = QLabel(self.tr("Earlier runs"))
        self.runs_heading.setProperty("role", "heading")
        self.use_settings = QPushButton(self.tr("&Use its settings again"))
        self.use_settings.setToolTip(
            self.tr("Fill in base, languages and settings of the newest run (Alt+U)")
        )
        self.use_settings.clicked.connect(self._use_newest_settings)
        self._runs: list[RunState] = []
        # Runs that were taken up without being asked: where that fails, it is not tried again and again.
        self._taken_up: set[str] = set()
        self.unfinished = UnfinishedCard()
        self.unfinished.continue_clicked.connect(lambda: self._go_on(self.unfinished.state))
        self.unfinished.keep_clicked.connect(lambda: self._go_on(self.unfinished.state, keep_best=True))
        self.unfinished.discard_clicked.connect(self._ask_to_discard)
        self.view = TrainingView()
        self.result = TrainingResult(study.codebook)
        self.result.again_clicked.connect(self._show_settings)
        self.result.adapter_wanted.connect(self._train_as_adapter)
        self.result.classify_clicked.connect(lambda model: self.page_wanted.emit("classify", model))
        self.result.model_clicked.connect(lambda model: self.page_wanted.emit("models", model))
        self._lay_out()
        jobs.added.connect(self._follow)
        jobs.ended.connect(self._end)
        running = jobs.running_of(KIND, self._path())
        if running is not None:
            self._follow(running)
        self.refresh()

    def _lay_out(self) -> None:
        start = QHBoxLayout()
        start.setSpacing(12)
        start.addWidget(self.start)
        start.addWidget(self.elsewhere.button)
        start.addWidget(self.machine, 1)
        past = QHBoxLayout()
        past.addWidget(self.runs_heading, 1)
        past.addWidget(self.use_settings)
        self.settings = QWidget()
        layout = QVBoxLayout(self.settings)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        layout.addWidget(self.unfinished)
        layout.addWidget(self.form)
        layout.addWidget(self.reasons)
        # Above what was looked at, so that it is in sight on a small screen, however much there is to tell.
        layout.addLayout(start)
        layout.addWidget(self.card)
        layout.addSpacing(12)
        layout.addLayout(past)
        layout.addWidget(self.runs)
        layout.addStretch(1)
        self.stack = PageStack()
        for page in (self.settings, self.view, self.result):
            self.stack.addWidget(page)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(theme.MEDIUM)
        outer.addWidget(self.notice)
        outer.addWidget(self.stack, 1)
        self._show_runs([])
        self._show_state()

    # What there is

    def refresh(self) -> None:
        """Read the base models, the labels, the machine and the earlier runs anew."""
        run_in_worker(lambda: Shelf().bases(), self._take_bases, self._tell_error, self)
        self._look()
        self._ask_runs()
        self._ask_machine()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._must_look:
            self._look()
        self._ask_machine()

    def _ask_machine(self) -> None:
        # Asked when the page is first seen: the answer takes a process that imports PyTorch, seconds of work
        # that those who only label need not wait for.
        if self._machine is None and not self._asking_machine and self.isVisible():
            self._asking_machine = True
            run_in_worker(training_process.probe, self._take_machine, self._tell_machine_error, self)

    def study_changed(self, what: set[str]) -> None:
        """Bring the page up to date with what was written to the study."""
        if what & {"labels", "tweets", "codebook"}:
            self._look()
        if what & {"models", "runs"}:
            self._ask_runs()
        if "bases" in what:
            run_in_worker(lambda: Shelf().bases(), self._take_bases, self._tell_error, self)

    def choose_model(self, name: str) -> None:
        """Choose a base to train on, by name."""
        self.form.choose_base(name)

    def _look(self) -> None:
        """Look, on a worker, at all that a run with the form's settings needs; out of sight only once it is seen.

        Reading all labels of a large study takes seconds of Python's time, which whoever labels would feel.
        """
        self._must_look = not self.isVisible()
        if self._must_look:
            return
        self._asked += 1
        asked = self._asked
        wish, study, machine, shelf = self.form.wish(), self._study, self._machine, Shelf()

        def take(found: tuple[Readiness, Preflight]) -> None:
            # An answer to an earlier question is not shown.
            if asked == self._asked:
                self._take_flight(*found)

        def ask() -> tuple[Readiness, Preflight]:
            flight = preflight.look(
                study,
                wish.base,
                wish.languages,
                wish.settings,
                shelf,
                machine=machine,
                language_name=language_name,
            )
            return readiness(study) if wish.languages else flight.readiness, flight

        run_in_worker(ask, take, self._tell_error, self)

    def _ask_runs(self) -> None:
        study = self._study

        def ask() -> tuple[list[RunState], set[str]]:
            return unfinished_runs.list_states(study), {model.name for model in models.list_models(study)}

        def take(found: tuple[list[RunState], set[str]]) -> None:
            self._show_runs(found[0])
            self.form.set_taken_names(found[1])

        run_in_worker(ask, take, self._tell_error, self)

    def _take_bases(self, bases: list[Base]) -> None:
        self._bases = bases
        self.form.set_bases(bases)
        self._show_state()

    def _take_flight(self, everything: Readiness, flight: Preflight) -> None:
        self._flight = flight
        self.form.set_readiness(everything)
        self.card.show_checks(flight.checks)
        self._show_state()

    def _tell_machine_error(self, error: Exception) -> None:
        self._asking_machine = False
        self._tell_error(error)

    def _take_machine(self, machine: dict[str, Any]) -> None:
        self._machine = machine
        self._show_machine()
        if machine.get("cuda"):
            self._look()
        self._show_state()

    def _show_machine(self) -> None:
        if self._machine is not None:
            told, detail = self._machine_in_words(self._machine)
            self.machine.setText(told)
            self.machine.setToolTip(detail)

    def _machine_in_words(self, machine: dict[str, Any]) -> tuple[str, str]:
        """Return what this machine means for the user, and how it trains in the words of the field."""
        if not machine.get("torch"):
            return "", ""
        precision = "bf16" if machine.get("bf16") else "fp32"
        device = str(machine.get("device") or "")
        method = self.tr("scales of the 4-bit blocks") if self.form.wish().one_file else "LoRA"
        if machine.get("cuda"):
            if not self.form.wish().one_file:
                method = "QLoRA, 4-bit" if machine.get("bitsandbytes") else "LoRA"
            return self.tr("This machine trains on its graphics card: minutes for a few thousand tweets."), (
                self.tr("{method}, {precision}, on {device}").format(
                    method=method, precision=precision, device=device
                )
            )
        return self.tr(
            "This machine trains on its processor: minutes for a hundred tweets, an hour or more for thousands. "
            "You can go on labelling meanwhile."
        ), self.tr("{method}, {precision}, on {device} with {cores} cores").format(
            method=method, precision=precision, device=device, cores=machine.get("cores") or 1
        )

    # Whether it can start

    def obstacles(self) -> list[str]:
        """Return why training cannot start, one sentence each with what to do; empty: it can."""
        found = []
        machine = self._machine
        if machine is not None and not machine.get("torch"):
            found.append(
                str(machine.get("message") or "")
                or self.tr(
                    "Training needs packages that are not installed ({packages}). Install StanceDesk with its "
                    'training extra, in its source folder: pip install ".[training]".'
                ).format(packages=", ".join(machine.get("missing") or []))
            )
        return found + self._obstacles_anywhere()

    def _obstacles_anywhere(self) -> list[str]:
        """Return those that no other machine would mend."""
        found = []
        base = self.form.chosen_base()
        if base is not None and not base.available:
            found.append(
                self.tr("The base model {base} is not installed. {how}").format(
                    base=base.title, how=base.missing
                )
            )
        if self.form.languages.rowCount() and not self.form.chosen_languages():
            found.append(self.tr("No language is checked. Check at least one."))
        return found

    def _show_state(self) -> None:
        obstacles = self.obstacles()
        if obstacles:
            self.reasons.tell(Tone.WARNING, "\n".join(obstacles))
        else:
            self.reasons.clear()
        looked = self._flight is not None
        self.card.setVisible(looked)
        may = looked and self._machine is not None and bool(self._bases) and not obstacles
        may = may and not stops(self._flight.checks if self._flight is not None else ())
        self.start.setEnabled(may)
        labelled = self._flight is not None and not self._flight.readiness.missing
        may_elsewhere = labelled and bool(self._bases) and not self._obstacles_anywhere()
        self.elsewhere.export.setEnabled(may_elsewhere)
        self.card.try_button.setEnabled(may or self.check.is_running)

    def check_machine(self) -> None:
        """Try this machine with the form's settings, in a process of its own."""
        if self.check.is_running or not self.card.try_button.isEnabled():
            return
        try:
            self.check.start(self.form.wish().words(self._path()))
        except OSError as error:
            self.notice.tell(Tone.ERROR, str(error))
            return
        self.card.show_trying(self.tr("Looking at what this machine can do …"))

    def _checked(self, outcome: JobOutcome) -> None:
        self.card.show_trying("")
        tell_ending(self.notice, self.tr("Checking this machine"), outcome, self.tr("Nothing is left of it."))
        if outcome.is_finished:
            self.card.show_checks([Check.from_dict(one) for one in outcome.results["checks"]])
        else:
            self._look()

    # The run

    def _path(self) -> Path:
        return Path(self._study.path).resolve()

    def start_training(self) -> None:
        """Start a run with the form's settings."""
        if self.start.isEnabled():
            self._start(self.form.shelf_name(), self.form.wish().words(self._path()))

    def _go_on(self, state: RunState | None, *, keep_best: bool = False) -> None:
        """Take a run up where it was."""
        if state is not None:
            words = ["train", str(self._path()), f"--resume={state.run.id}"]
            self._start(state.run.name, words + (["--keep-best"] if keep_best else []))

    def _start(self, name: str, words: list[str]) -> None:
        if self._jobs.running_of(KIND, self._path()) is not None:
            return
        self.check.close()
        self.card.show_trying("")
        try:
            self._jobs.start(KIND, self.tr("Training {name}").format(name=name), words, self._path())
        except OSError as error:
            self.notice.tell(Tone.ERROR, str(error))

    def _follow(self, job: Job) -> None:
        if job.kind != KIND or not job.is_on(self._path()):
            return
        self.notice.clear()
        self.view.follow(job)
        self.stack.setCurrentWidget(self.view)

    def _end(self, job: Job, outcome: JobOutcome) -> None:
        if job.kind != KIND or not job.is_on(self._path()):
            return
        self.view.leave()
        tell_ending(self.notice, job.title, outcome, "")
        if outcome.is_finished:
            self.result.show_results(outcome.results)
            self.stack.setCurrentWidget(self.result)
        else:
            self.stack.setCurrentWidget(self.settings)
        self.refresh()
        self.study_written.emit({"models", "runs"})

    def _tell_exported(self) -> None:
        self._ask_runs()
        self.study_written.emit({"runs"})

    def _train_as_adapter(self) -> None:
        self.form.kind.setCurrentIndex(self.form.kind.findData(False))
        self._show_settings()

    def _show_settings(self) -> None:
        self.stack.setCurrentWidget(self.settings)

    # Earlier runs

    def _show_runs(self, runs: list[RunState]) -> None:
        self._runs = runs
        self._show_unfinished()
        for widget in (self.runs, self.runs_heading, self.use_settings):
            widget.setVisible(bool(runs))
        self.runs.show_rows(
            [
                self.tr("model"),
                self.tr("base"),
                self.tr("languages"),
                self.tr("begun"),
                self.tr("outcome"),
                self.tr("macro-F1"),
            ],
            [self._run_row(past) for past in runs],
            most_rows=6,
        )

    def _show_unfinished(self) -> None:
        """Show the newest run that is not at its end; take up one that nobody conducts or that waited for this."""
        if self._jobs.running_of(KIND, self._path()) is not None:
            self.unfinished.show_run(None)
            return
        found = next((state for state in self._runs if state.can_continue or state.is_conducted), None)
        self.unfinished.show_run(found)
        if found is None:
            return
        if found.is_conducted:
            QTimer.singleShot(_ELSEWHERE_MILLISECONDS, self, self._ask_runs)
        if self.notice.tone is Tone.INFO:
            # That it was stopped is told by the card, which says more.
            self.notice.clear()
        wants = found.is_alone or (found.run.status == WAITING and not found.is_conducted)
        if wants and found.run.id not in self._taken_up:
            self._taken_up.add(found.run.id)
            self._go_on(found)

    def _ask_to_discard(self) -> None:
        state = self.unfinished.state
        if state is not None:
            ask_to_discard(self, state.run.name, lambda: self._discard(state))

    def _discard(self, state: RunState) -> None:
        study = self._study
        run_in_worker(
            lambda: unfinished_runs.discard(study, state.run),
            lambda _: self.study_written.emit({"runs"}),
            self._tell_error,
            self,
        )

    def _run_row(self, past: RunState) -> list[str]:
        run = past.run
        outcomes = {
            "running": self.tr("running"),
            "finished": self.tr("finished"),
            "cancelled": self.tr("stopped"),
            "failed": self.tr("failed"),
            "interrupted": self.tr("interrupted"),
            "paused": self.tr("paused"),
            "waiting": self.tr("paused"),
            "discarded": self.tr("discarded"),
            "elsewhere": self.tr("elsewhere, not back yet"),
        }
        outcome = outcomes.get(run.status, run.status)
        if run.status != "finished" and past.steps:
            outcome = self.tr("{outcome} at step {step} of {steps}").format(
                outcome=outcome, step=past.step, steps=past.steps
            )
        served = run.metrics.get("served") or {}
        return [
            run.name,
            run.base,
            ", ".join(run.languages),
            figures.moment(run.created),
            outcome,
            figures.score((served.get("validation") or {}).get("macro_f1")),
        ]

    def _use_newest_settings(self) -> None:
        if self._runs:
            run = self._runs[0].run
            self.form.use(run.base, run.languages, run.spec)

    def _tell_error(self, error: Exception) -> None:
        if not isinstance(error, UserError):
            raise error
        self.notice.tell(Tone.ERROR, error.message, error.next_step)
