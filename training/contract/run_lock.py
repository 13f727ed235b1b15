"""Lock files: they tell work that is under way from work that was cut off, and keep two from doing it at once."""

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path

# When the process of this number began, in seconds since the epoch; None where none of that number lives.
Began = Callable[[int], float | None]

# Systems tell when a process began to a hundredth of a second, or to a whole one.
_SAME_START_SECONDS = 2.0


class LockHeld(Exception):
    """A process that lives holds the lock. `pid`: its number."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"Process {pid} is at it already.")
        self.pid = pid


def take_lock(path: Path, began: Began, *, held: bool = False) -> None:
    """Write this process into a lock file; what a process that was killed left there is no lock.

    Of several that try at once one gets it. `held`: this process may hold it already. Raises `LockHeld` for the
    others and for those that come later, `OSError` where it cannot be written.
    """
    mine = os.getpid() if held else None
    _refuse_if_held(path, began, mine)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        fresh.write_text(json.dumps({"pid": os.getpid(), "started": began(os.getpid())}), encoding="utf-8")
        try:
            # Unlike a rename this fails where there is one; and nobody reads a lock that is half written.
            os.link(fresh, path)
        except OSError:
            # One that was left, or a disk that knows no links.
            _refuse_if_held(path, began, mine)
            fresh.replace(path)
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


def _refuse_if_held(path: Path, began: Began, mine: int | None) -> None:
    holder = lock_holder(path, began)
    if holder is not None and holder != mine:
        raise LockHeld(holder)


def lock_holder(path: Path, began: Began) -> int | None:
    """Return the living process that holds a lock: the one that began then, not another of its number."""
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))
        pid, started = int(lock["pid"]), float(lock["started"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
    living = began(pid)
    return pid if living is not None and abs(living - started) < _SAME_START_SECONDS else None
