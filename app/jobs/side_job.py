"""A child process that one part of a page waits for: no strip shows it, and it ends with that part."""

import shutil
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.jobs.job import Job
from app.jobs.outcome import JobOutcome


class SideJob(QObject):
    """One at a time, followed by whoever asked for it and nowhere else.

    `told` gives a sentence on what is being done, `ended` how it ended. Asked to stop, it has `grace` seconds to do
    so by itself, and none where it is closed and is `made_to_end`: where nothing that it does must be finished.
    """

    told = Signal(str)
    ended = Signal(JobOutcome)

    def __init__(
        self,
        kind: str,
        title: str,
        parent: QObject | None = None,
        *,
        grace: float = 20.0,
        made_to_end: bool = False,
    ) -> None:
        super().__init__(parent)
        self._kind, self._title = kind, title
        self._grace, self._made_to_end = grace, made_to_end
        self._job: Job | None = None
        if parent is not None:
            parent.destroyed.connect(self.close)

    @property
    def is_running(self) -> bool:
        """Whether one is under way."""
        return self._job is not None

    def start(self, words: Sequence[str]) -> None:
        """Start `stancedesk WORDS…`; while one is under way, nothing happens. Raises `OSError`."""
        if self._job is not None:
            return
        # Without the study's name: a later window has no use for what this one began.
        self._job = Job.start(self._kind, self._title, words, grace=self._grace, parent=self)
        self._job.event_received.connect(self.take)
        self._job.ended.connect(self._end)

    def stop(self) -> None:
        """Ask it to stop; asked again, it is made to."""
        if self._job is not None:
            self._job.stop()

    def close(self) -> None:
        """End what is under way, unheard."""
        job, self._job = self._job, None
        if job is None:
            return
        job.event_received.disconnect(self.take)
        job.ended.disconnect(self._end)
        job.stop()
        if self._made_to_end:
            job.stop()
        job.release()
        if self._made_to_end:
            shutil.rmtree(job.folder, ignore_errors=True)
        job.deleteLater()

    def take(self, event: dict[str, Any]) -> None:
        """Hear an event of the process."""
        if event["event"] == "stage":
            self.told.emit(f"{event['message']} …")

    def _end(self, outcome: JobOutcome) -> None:
        job, self._job = self._job, None
        if job is not None:
            shutil.rmtree(job.folder, ignore_errors=True)
            job.deleteLater()
        self.ended.emit(outcome)
