"""The light model, trained in a child process while the coder goes on."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.jobs.job import Job
from app.jobs.outcome import JobOutcome

# Between two trainings, so that a fast coder does not keep a processor busy for nothing.
_REST_SECONDS = 20.0


class LightModelJob(QObject):
    """One training at a time. It is nobody's to watch: no strip shows it, and it ends with the study.

    A process of its own, because scikit-learn holds Python's lock while it cuts texts into n-grams, and then no
    key would reach the window.
    """

    written = Signal()
    ended = Signal(JobOutcome)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._job: Job | None = None
        self._ended_at = -_REST_SECONDS

    @property
    def is_running(self) -> bool:
        """Whether a training is under way."""
        return self._job is not None

    @property
    def may_start(self) -> bool:
        """Whether none runs, and the last one ended some time ago."""
        return self._job is None and time.monotonic() - self._ended_at >= _REST_SECONDS

    def start(self, study: Path, coder: str, languages: Sequence[str], with_curve: bool) -> None:
        """Train on the labels of a study; where one is under way, nothing happens. Raises `OSError`."""
        if self._job is not None:
            return
        words = ["light-model", str(study.resolve())]
        # As one word each: a name may begin with a dash.
        words += [f"--coder={coder}"] if coder else []
        words += [f"--languages={','.join(languages)}"] if languages else []
        words += [] if with_curve else ["--no-curve"]
        # Without the study's name: a later window has no use for what this one began.
        self._job = Job.start("light-model", self.tr("Light model"), words, grace=2.0, parent=self)
        self._job.event_received.connect(self._take)
        self._job.ended.connect(self._end)

    def close(self) -> None:
        """End the training that is under way, unheard."""
        job, self._job = self._job, None
        if job is None:
            return
        job.event_received.disconnect(self._take)
        job.ended.disconnect(self._end)
        # Asked, and made to at once: nothing that it does must be finished.
        job.stop()
        job.stop()
        job.release()
        shutil.rmtree(job.folder, ignore_errors=True)
        job.deleteLater()

    def _take(self, event: dict[str, object]) -> None:
        # The orders are written before the curve is measured, which takes longer.
        if event.get("event") == "stage" and event.get("stage") == "curve":
            self.written.emit()

    def _end(self, outcome: JobOutcome) -> None:
        job, self._job = self._job, None
        self._ended_at = time.monotonic()
        if job is not None:
            shutil.rmtree(job.folder, ignore_errors=True)
            job.deleteLater()
        if outcome.is_finished:
            self.written.emit()
        self.ended.emit(outcome)
