"""The training process: `python -m training`, started, listened to and stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from app.errors import UserError
from training.contract.event_file import EventFile
from training.contract.events import LAST_EVENTS, parse_event
from training.contract.run_folder import RunFolder
from training.contract.run_lock import lock_holder

# Training looks for the stop file at each step; a step of a large model may take this long.
_GRACE_SECONDS = 60.0
_LOOK_SECONDS = 0.2

_NEEDS = (
    "Training needs PyTorch and its companions, which are not part of this installation.",
    'Install StanceDesk from its source with the training extra (pip install ".[training]"), or train on another '
    "machine: page Train, “Elsewhere”, or stancedesk train STUDY --export-run DIR.",
)


def probe() -> dict[str, Any]:
    """Ask a training process what this machine can do: PyTorch, GPU, precision, memory, what is missing."""
    if getattr(sys, "frozen", False):
        return {"torch": None, "missing": ["torch"], "message": " ".join(_NEEDS)}
    answer = subprocess.run(
        [sys.executable, "-m", "training", "--probe"], capture_output=True, text=True, check=False
    )
    try:
        return dict(json.loads(answer.stdout.strip().splitlines()[-1]))
    except (ValueError, IndexError):
        return {"torch": None, "missing": ["training"], "message": " ".join(_NEEDS)}


def require_training() -> None:
    """Raise `UserError` where training cannot be part of this installation: the packaged program."""
    if getattr(sys, "frozen", False):
        raise UserError(*_NEEDS)


def began(pid: int) -> float | None:
    """Return when the process of this number began, in seconds since the epoch; None where none lives."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except (psutil.Error, ValueError, OverflowError):
        return None


def training_lives(run: RunFolder) -> bool:
    """Tell whether the training process of a run lives."""
    return lock_holder(run.lock, began) is not None


def conductor_lives(run: RunFolder) -> bool:
    """Tell whether a program lives that conducts the run."""
    return lock_holder(run.conductor_lock, began) is not None


def run_training(
    run: RunFolder,
    on_event: Callable[[dict[str, Any]], None],
    stop: Callable[[], bool],
    *,
    base: Path | None = None,
    finish: bool = False,
    trial: bool = False,
) -> str:
    """Train in a child process; return finished, cancelled, interrupted, or held: another process is at it.

    Each event of the child goes to `on_event` but the last, which is returned in a word: what comes after
    training decides how the whole job ends. A failure that the user can mend raises `UserError`; a bug
    raises `TrainingBug`; a child that died without a word is "interrupted". `base`: where the base model lies,
    if not where the run says; `finish`: nothing more is learned, the best so far is kept; `trial`: it is only tried.
    """
    require_training()
    words = [sys.executable, "-m", "training", str(run.path)]
    words += ["--base", str(base)] if base is not None else []
    words += ["--finish"] if finish else []
    words += ["--try"] if trial else []
    with open(run.log, "ab") as log:
        child = subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=log,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
            # A group of its own: Ctrl+C reaches this process alone, which then stops the child in good order.
            start_new_session=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
    assert child.stdout is not None
    last: dict[str, Any] | None = None
    try:
        last = _listen(child, run, on_event, stop)
    except BaseException:
        run.stop.touch()
        end_process(child.pid)
        raise
    finally:
        child.stdout.close()
    child.wait()
    return _end_of(last, run)


def follow_training(
    run: RunFolder, on_event: Callable[[dict[str, Any]], None], stop: Callable[[], bool]
) -> str:
    """Follow a training process that another program began and no longer listens to; return as `run_training`.

    Its events are read from the run's file, from now on.
    """
    events = EventFile(run.events)
    events.read()
    last: dict[str, Any] | None = None
    asked_at = 0.0
    while True:
        # First whether it lives, then what it wrote: so nothing is missed that it wrote before its end.
        pid = lock_holder(run.lock, began)
        for event in events.read():
            if event["event"] in LAST_EVENTS:
                last = event
            else:
                on_event(event)
        if pid is None:
            break
        if not asked_at and stop():
            run.stop.touch()
            asked_at = time.monotonic()
        elif asked_at and time.monotonic() - asked_at > _GRACE_SECONDS:
            end_process(pid)
        time.sleep(_LOOK_SECONDS)
    return _end_of(last or ({"event": "cancelled"} if asked_at else None), run)


def _end_of(last: dict[str, Any] | None, run: RunFolder) -> str:
    """Return in a word how training ended, by its last event; raise what went wrong."""
    if last is None:
        return "interrupted"
    if last["event"] == "failed":
        if last.get("kind") == "held":
            return "held"
        if last.get("kind") == "user":
            raise UserError(str(last["message"]))
        raise TrainingBug(str(last.get("message", "Training failed.")), str(last.get("detail", "")), run.log)
    return str(last["event"])


class TrainingBug(Exception):
    """Training failed in a way that is not the user's to mend. `detail` is the report, `log` the rest."""

    def __init__(self, message: str, detail: str, log: Path) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.log = log


def _listen(
    child: "subprocess.Popen[str]",
    run: RunFolder,
    on_event: Callable[[dict[str, Any]], None],
    stop: Callable[[], bool],
) -> dict[str, Any] | None:
    """Pass events on until the child's output ends; ask it to stop when told to."""
    import threading

    asked_at: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        # Beside the reading, which blocks between two events.
        while not ended.wait(0.3):
            if not asked_at and stop():
                run.stop.touch()
                asked_at.append(time.monotonic())
            elif asked_at and time.monotonic() - asked_at[0] > _GRACE_SECONDS:
                end_process(child.pid)
                return

    watcher = threading.Thread(target=watch, name="stop-watcher", daemon=True)
    watcher.start()
    last = None
    assert child.stdout is not None
    try:
        for line in child.stdout:
            event = parse_event(line)
            if event is None:
                continue
            if event["event"] in LAST_EVENTS:
                last = event
            else:
                on_event(event)
    finally:
        ended.set()
        watcher.join()
    # Asked to stop and gone without a word: it was stopped by force, which is a cancellation all the same.
    return last or ({"event": "cancelled"} if asked_at else None)


def end_process(pid: int) -> None:
    """Terminate a process and what it started; kill what stays."""
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return
    for process in family:
        _signal(process, getattr(signal, "SIGTERM", signal.SIGINT))
    _, alive = psutil.wait_procs(family, timeout=5)
    for process in alive:
        try:
            process.kill()
        except psutil.Error:
            continue


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.Error:
        return
