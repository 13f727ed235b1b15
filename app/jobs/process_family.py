"""A child process and what it started: whether it lives, its priority, its end."""

import contextlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

# Terminated processes get this long to close their files.
_FAREWELL_SECONDS = 3.0
_NICE = 10


def find_process(pid: int, started: float) -> psutil.Process | None:
    """Return the process of this number that began then, or None: numbers are used again."""
    try:
        process = psutil.Process(pid)
        return process if abs(process.create_time() - started) < 2.0 else None
    except psutil.Error:
        return None


def is_alive(process: psutil.Process | None) -> bool:
    """Tell whether a process still works; one that ended and was not fetched by its parent does not."""
    if process is None:
        return False
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def start_apart(
    command: list[str], folder: Path, environment: dict[str, str], output: Path, log: Path
) -> "subprocess.Popen[bytes]":
    """Start a child with low priority, in a session of its own, that writes to files.

    Not QProcess: that kills its child when the window goes, and its detached start tells no process id.
    """
    flags = 0
    if sys.platform == "win32":
        flags = (
            subprocess.CREATE_NEW_PROCESS_GROUP
            | subprocess.CREATE_NO_WINDOW
            | subprocess.BELOW_NORMAL_PRIORITY_CLASS
        )
    with open(output, "wb") as out, open(log, "wb") as err:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
            creationflags=flags,
        )
    if sys.platform != "win32":
        with contextlib.suppress(psutil.Error, OSError):
            psutil.Process(child.pid).nice(_NICE)
        # Linux shares the processor among sessions first, where the niceness of a process does not count.
        with contextlib.suppress(OSError):
            Path(f"/proc/{child.pid}/autogroup").write_text(str(_NICE), encoding="ascii")
    return child


def end_family(process: psutil.Process, later: Callable[[float, Callable[[], None]], object]) -> None:
    """Terminate a process and all that it started, kill what stays. `later(seconds, call)` waits."""
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return
    for member in family:
        _quietly(member.terminate)

    def kill() -> None:
        for member in family:
            # is_running knows a process by its start time: a stranger with the same number is left alone.
            if member.is_running():
                _quietly(member.kill)

    later(_FAREWELL_SECONDS, kill)


def _quietly(act: Callable[[], None]) -> None:
    try:
        act()
    except psutil.Error:
        return
