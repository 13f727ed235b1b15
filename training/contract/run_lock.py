"""Lock files: they tell work that is under way from work that was cut off, and keep two from doing it at once."""

import contextlib
import json
import os
from pathlib import Path

import psutil

# Systems tell when a process began to a hundredth of a second, or to a whole one.
_SAME_START_SECONDS = 2.0


class LockHeld(Exception):
    """Another process that lives holds the lock. `pid`: its number."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"Process {pid} is at it already.")
        self.pid = pid


def take_lock(path: Path) -> None:
    """Write this process into a lock file; what a process that was killed left there is no lock.

    Of several that try at once one gets it. Raises `LockHeld` for the others and for those that come later,
    `OSError` where it cannot be written.
    """
    _refuse_if_held(path)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.partial")
    lock = {"pid": os.getpid(), "started": psutil.Process().create_time()}
    try:
        fresh.write_text(json.dumps(lock), encoding="utf-8")
        try:
            # Unlike a rename this fails where there is one; and nobody reads a lock that is half written.
            os.link(fresh, path)
        except OSError:
            # One that was left, or a disk that knows no links.
            _refuse_if_held(path)
            fresh.replace(path)
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


def _refuse_if_held(path: Path) -> None:
    holder = lock_holder(path)
    if holder is not None and holder.pid != os.getpid():
        raise LockHeld(holder.pid)


def lock_holder(path: Path) -> psutil.Process | None:
    """Return the living process that holds a lock: the one that began then, not another of its number."""
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))
        pid, started = int(lock["pid"]), float(lock["started"])
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < _SAME_START_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, ValueError, KeyError, TypeError, OverflowError, psutil.Error):
        return None
