"""The jobs of a window."""

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.jobs.job import Job, jobs_folder, study_key
from app.jobs.outcome import JobOutcome

# The training process gets a minute to finish its step, its conductor a little more.
_GRACE = {"train": 90.0}
_KEPT_SECONDS = 7 * 24 * 3600


class JobList(QObject):
    """Running jobs, in the order in which they began. A job leaves the list when it ends."""

    added = Signal(Job)
    removed = Signal(Job)
    changed = Signal(Job)
    ended = Signal(Job, JobOutcome)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: list[Job] = []

    def running(self) -> list[Job]:
        """Return the jobs that run."""
        return list(self._jobs)

    def running_of(self, kind: str, study: Path | str = "") -> Job | None:
        """Return the job of this kind that runs (on this study, where one is given), or None."""
        found = (job for job in self._jobs if job.kind == kind and (not study or job.is_on(study)))
        return next(found, None)

    def start(self, kind: str, title: str, words: Sequence[str], study: Path | str = "") -> Job:
        """Start a command as a job (`kind`: train, classify, evaluate) and return it.

        Raises `OSError` where it cannot be started.
        """
        job = Job.start(kind, title, words, study=study, grace=_GRACE.get(kind, 20.0), parent=self)
        self.add(job)
        return job

    def add(self, job: Job) -> None:
        """Take a job in and follow it to its end."""
        job.setParent(self)
        self._jobs.append(job)
        # Bound methods, not lambdas: a lambda would keep this list alive until its own child is deleted.
        job.changed.connect(self._tell_change)
        job.ended.connect(self._remove)
        self.added.emit(job)

    def attach_running(self, study: Path | str) -> list[Job]:
        """Follow the jobs that an earlier window left running on this study; return them.

        Jobs that died unheard are followed, too: their end is told as what it was.
        """
        found = []
        known = {job.record.id for job in self._jobs}
        for folder in sorted(_folders()):
            if folder.name in known or _study_of(folder) != study_key(study):
                continue
            if (folder / "told").exists():
                if time.time() - folder.stat().st_mtime > _KEPT_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)
                continue
            job = Job.attach(folder, parent=self)
            if job is not None:
                self.add(job)
                found.append(job)
        return found

    def stop_all(self, saying: str = "") -> None:
        """Ask every job to stop; a training hears what is said, too (`Job.stop`)."""
        for job in self.running():
            job.stop(saying=saying if job.kind == "train" else "")

    def release_all(self) -> None:
        """Follow no job any more and leave them running; a later window finds them."""
        for job in self._jobs:
            job.release()
        self._jobs.clear()

    def _tell_change(self) -> None:
        self.changed.emit(self.sender())

    def _remove(self, outcome: JobOutcome) -> None:
        job = self.sender()
        assert isinstance(job, Job)
        if job.folder.is_dir():
            (job.folder / "told").touch()
        self._jobs.remove(job)
        self.removed.emit(job)
        self.ended.emit(job, outcome)
        job.deleteLater()


def _folders() -> list[Path]:
    try:
        return [folder for folder in jobs_folder().iterdir() if folder.is_dir()]
    except OSError:
        return []


def _study_of(folder: Path) -> str:
    try:
        return str(json.loads((folder / "job.json").read_text(encoding="utf-8"))["study"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
