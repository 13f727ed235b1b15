"""A long job: a child process that tells its events, can be stopped and outlives the window."""

import json
import shutil
import subprocess
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from PySide6.QtCore import QObject, QTimer, Signal

from app import paths
from app.jobs.commands import child_command, child_environment, child_folder
from app.jobs.log_tail import tail
from app.jobs.outcome import JobOutcome, outcome_of
from app.jobs.process_family import end_family, find_process, is_alive, start_apart
from training.contract.event_file import EventFile
from training.contract.events import LAST_EVENTS

_LOOK_MILLISECONDS = 150
# From the last event to the end of the process: Python takes its time to say goodbye.
_GOODBYE_SECONDS = 5.0


@dataclass(frozen=True)
class JobRecord:
    """What is written beside a job's events, so that another window finds it again."""

    id: str
    kind: str
    title: str
    study: str
    words: list[str]
    pid: int
    started: float


@dataclass
class JobProgress:
    """How far a job is. `total` 0 and `seconds_left` None: not known yet. `rate`: units a second."""

    stage: str = ""
    message: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""
    rate: float = 0.0
    seconds_left: float | None = None


class Job(QObject):
    """A running child process of a command with `--json` and `--stop-file`.

    The child has a session of its own and writes to files, not to a pipe: neither closing nor killing the
    window harms it, and a later window follows it on (`Job.attach`).
    """

    event_received = Signal(dict)
    changed = Signal()
    ended = Signal(JobOutcome)

    def __init__(self, record: JobRecord, folder: Path, grace: float, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.record = record
        self.kind = record.kind
        self.title = record.title
        self.folder = folder
        self.progress = JobProgress()
        # What a page needs that is opened later: all events but those of plain progress.
        self.history: list[dict[str, Any]] = []
        self.outcome: JobOutcome | None = None
        self.is_stopping = False
        # Asked to stop so that it goes on another time.
        self.rests = False
        self._grace = grace
        self._asked_at = 0.0
        self._forced = False
        self._last: dict[str, Any] | None = None
        self._last_at = 0.0
        self._child: subprocess.Popen[bytes] | None = None
        self._process = find_process(record.pid, record.started)
        self._events = EventFile(folder / "events.jsonl")
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MILLISECONDS)
        self._timer.timeout.connect(self._look)
        self._timer.start()

    @classmethod
    def start(
        cls,
        kind: str,
        title: str,
        words: Sequence[str],
        *,
        study: Path | str = "",
        grace: float = 20.0,
        command: tuple[str, list[str]] | None = None,
        parent: QObject | None = None,
    ) -> "Job":
        """Start `stancedesk WORDS… --json --stop-file FILE` (or another command) and return its job.

        `grace`: seconds between being asked to stop and being made to. Raises `OSError` if it cannot start.
        """
        identifier = uuid.uuid4().hex
        folder = jobs_folder() / identifier
        folder.mkdir(parents=True)
        program, arguments = command or child_command([*words, "--json", "--stop-file", str(folder / "stop")])
        try:
            child = start_apart(
                [program, *arguments],
                child_folder(),
                child_environment(),
                folder / "events.jsonl",
                folder / "log.txt",
            )
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise OSError(
                f"The program {program} could not be started: {error.strerror or error}."
            ) from error
        try:
            begin = psutil.Process(child.pid).create_time()
        except psutil.Error:
            begin = 0.0  # It has ended already; its events tell how.
        record = JobRecord(identifier, kind, title, study_key(study), list(words), child.pid, begin)
        partial = folder / "job.partial"
        partial.write_text(json.dumps(asdict(record), ensure_ascii=False), encoding="utf-8")
        partial.replace(folder / "job.json")
        job = cls(record, folder, grace, parent)
        job._child = child
        return job

    @classmethod
    def attach(cls, folder: Path, grace: float = 20.0, parent: QObject | None = None) -> "Job | None":
        """Follow a job that another window started; None where the folder holds none."""
        try:
            record = JobRecord(**json.loads((folder / "job.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        job = cls(record, folder, grace, parent)
        if job._stop_file.exists():
            job.is_stopping, job.rests = True, bool(job._stop_file.read_text(encoding="utf-8"))
            job._asked_at = time.monotonic()
        return job

    @property
    def log(self) -> Path:
        """The child's standard error. Shown, never parsed."""
        return self.folder / "log.txt"

    @property
    def is_running(self) -> bool:
        """Whether its end has not been told yet."""
        return self.outcome is None

    def is_on(self, study: Path | str) -> bool:
        """Tell whether the job works on this study."""
        return self.record.study == study_key(study)

    @property
    def _stop_file(self) -> Path:
        return self.folder / "stop"

    def stop(self, *, saying: str = "") -> None:
        """Ask the job to stop. After the grace time, or when asked again, it is made to.

        `saying` is a word for the command: "pause" or "wait" let a training rest. By name alone: a button's
        `clicked` hands over whether it is checked to whatever takes an argument.
        """
        if self.outcome is not None:
            return
        if self.is_stopping:
            self._force()
            return
        self.is_stopping, self.rests = True, bool(saying)
        self._asked_at = time.monotonic()
        # In one step: whoever sees the file sees what it says.
        partial = self.folder / "stop.partial"
        partial.write_text(saying, encoding="utf-8")
        partial.replace(self._stop_file)
        self.changed.emit()

    def release(self) -> None:
        """Stop watching; the process goes on."""
        self._timer.stop()
        self._let_go()

    def _let_go(self) -> None:
        if self._child is not None and self._child.poll() is None:
            # To Popen a child that is left running on purpose is a mistake to warn of.
            self._child.returncode = 0

    def _force(self) -> None:
        if not self._forced and self._process is not None:
            self._forced = True
            end_family(
                self._process, lambda seconds, then: QTimer.singleShot(round(seconds * 1000), self, then)
            )

    def _look(self) -> None:
        # First whether it lives, then what it wrote: so nothing is missed that it wrote before its end.
        if self._child is not None:
            self._child.poll()
        alive = is_alive(self._process)
        self._take(self._events.read())
        if not alive or (self._last is not None and time.monotonic() - self._last_at > _GOODBYE_SECONDS):
            self._end()
        elif self.is_stopping and time.monotonic() - self._asked_at > self._grace:
            self._force()

    def _take(self, events: list[dict[str, Any]]) -> None:
        for index, event in enumerate(events):
            if event["event"] in LAST_EVENTS:
                self._last = event
                self._last_at = time.monotonic()
                continue
            plain = event["event"] == "progress" and event.get("loss") is None
            if not plain:
                self.history.append(event)
            self._note(event)
            # Of a run of plain progress only the newest matters.
            if not (plain and index + 1 < len(events) and events[index + 1]["event"] == "progress"):
                self.event_received.emit(event)
        if events:
            self.changed.emit()

    def _note(self, event: dict[str, Any]) -> None:
        if event["event"] == "stage":
            self.progress = JobProgress(str(event.get("stage", "")), str(event.get("message", "")))
        elif event["event"] == "progress":
            self.progress.stage = str(event.get("stage", self.progress.stage))
            self.progress.done = int(event.get("done") or 0)
            self.progress.total = int(event.get("total") or 0)
            self.progress.unit = str(event.get("unit") or "")
            self.progress.message = str(event.get("message") or self.progress.message)
            self.progress.rate = float(event.get("rate") or 0.0)
            left = event.get("seconds_left")
            self.progress.seconds_left = None if left is None else float(left)

    def _end(self) -> None:
        self._timer.stop()
        self._let_go()
        self.outcome = outcome_of(self._last, asked_to_stop=self.is_stopping, log=tail(self.log))
        if self.outcome.ending in ("finished", "cancelled"):
            shutil.rmtree(self.folder, ignore_errors=True)
        self.changed.emit()
        self.ended.emit(self.outcome)


def study_key(study: Path | str) -> str:
    """Return what a job remembers its study by: the file's one absolute path; "" for none."""
    return str(Path(study).resolve()) if str(study) else ""


def jobs_folder() -> Path:
    """Return the folder of the jobs' own folders (events, log, stop file)."""
    return paths.data_folder() / "jobs"
