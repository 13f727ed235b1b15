"""The light model, trained in a child process while the coder goes on."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, Signal

from app.jobs.outcome import JobOutcome
from app.jobs.side_job import SideJob

# Between two trainings, so that a fast coder does not keep a processor busy for nothing.
_REST_SECONDS = 20.0


class LightModelJob(SideJob):
    """One training at a time; `written` whenever its orders are there, which is before it ends.

    A process of its own, because scikit-learn holds Python's lock while it cuts texts into n-grams, and then no
    key would reach the window.
    """

    written = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        title = QCoreApplication.translate("LightModelJob", "Light model")
        super().__init__("light-model", title, parent, grace=2.0, made_to_end=True)
        self._ended_at = -_REST_SECONDS
        self.ended.connect(self._rest)

    @property
    def may_start(self) -> bool:
        """Whether none runs, and the last one ended some time ago."""
        return not self.is_running and time.monotonic() - self._ended_at >= _REST_SECONDS

    def learn(self, study: Path, coder: str, languages: Sequence[str], with_curve: bool) -> None:
        """Train on the labels of a study; where one is under way, nothing happens. Raises `OSError`."""
        words = ["light-model", str(study.resolve())]
        # As one word each: a name may begin with a dash.
        words += [f"--coder={coder}"] if coder else []
        words += [f"--languages={','.join(languages)}"] if languages else []
        words += [] if with_curve else ["--no-curve"]
        self.start(words)

    def take(self, event: dict[str, Any]) -> None:
        """Hear an event: the orders are written before the curve is measured, which takes longer."""
        if event.get("event") == "stage" and event.get("stage") == "curve":
            self.written.emit()

    def _rest(self, outcome: JobOutcome) -> None:
        self._ended_at = time.monotonic()
        if outcome.is_finished:
            self.written.emit()
