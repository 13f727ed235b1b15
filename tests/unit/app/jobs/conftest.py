"""Jobs that run a few lines of Python as a real child process."""

import sys
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QThreadPool
from shiboken6 import isValid

from app.jobs.job import Job

SCRIPT_HEAD = """
import json, os, sys, time, pathlib
def tell(kind, /, **fields): print(json.dumps({"event": kind, "time": "2026-01-01", **fields}), flush=True)
here = pathlib.Path(os.environ["JOBS"])
def stop_file():
    return next(here.glob("*/stop"), None)
"""

StartScript = Callable[..., Job]


@pytest.fixture
def start_script(
    qapp: object, stancedesk_home: object, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StartScript]:
    """Return a function that starts a Python script as a job."""
    from app.jobs.job import jobs_folder

    monkeypatch.setenv("JOBS", str(jobs_folder()))
    jobs: list[Job] = []

    def start(script: str, **settings: object) -> Job:
        command = (sys.executable, ["-c", SCRIPT_HEAD + script])
        job = Job.start("train", "A job", [], command=command, **settings)  # type: ignore[arg-type]
        jobs.append(job)
        return job

    yield start
    for job in filter(isValid, jobs):
        if job.outcome is None and job._process is not None and job._process.is_running():
            job._process.kill()
        if job.outcome is None:
            job.release()


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Fail a test that leaves a worker running."""
    yield
    assert QThreadPool.globalInstance().waitForDone(5000)
