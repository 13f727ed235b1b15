"""Events of a long job: one JSON object a line, appended to a file and repeated on standard output.

Kinds and their fields (each also has `event` and `time`, ISO 8601 in UTC):

- ``started``: what was started
- ``stage``: `stage` (prepare, trial, train, validate, export, parity, shelve, classify, …) and a `message`
- ``progress``: `stage`, `done`, `total`, `unit`, `rate` (units a second), `seconds_left`, a `message`, and for
  training `loss`, `learning_rate`, `step` of `steps`, `tokens_per_second` (without padding), `memory` (bytes) and
  `at_once` (rows computed at once)
- ``evaluated``: `epoch`, `macro_f1`, `accuracy`, `loss` on the validation rows, `languages` (code → `n`,
  `macro_f1`, `accuracy`) and `together`, the same of those with few rows, with their codes in `of`
- ``checked``: `what` was looked at before a run, its `state` (ok, warning, stop), a `message`, the `next_step`, and
  for labels that are missing the `wish` (`language`, `leaf`) that a queue can serve
- ``warning``: `message`
- ``finished`` (the results), ``cancelled``, ``failed`` (`message`, `kind`: "user", "bug" or "held": another
  process works on the run; `detail`)
"""

import contextlib
import errno
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

LAST_EVENTS = ("finished", "cancelled", "failed")


def make_event(kind: str, /, **fields: Any) -> dict[str, Any]:
    """Return an event with its time."""
    return {"event": kind, "time": datetime.now(UTC).isoformat(timespec="milliseconds"), **fields}


class EventLog:
    """Appends events to a file and repeats them on a stream. A reader that went away is no error."""

    def __init__(self, path: Path | None, stream: TextIO | None = None) -> None:
        self.path = path
        self.stream = stream

    def write(self, kind: str, /, **fields: Any) -> dict[str, Any]:
        """Append one event and return it."""
        event = make_event(kind, **fields)
        self.append(event)
        return event

    def append(self, event: dict[str, Any]) -> None:
        """Append an event that was made elsewhere."""
        line = json.dumps(event, ensure_ascii=False, allow_nan=False) + "\n"
        if self.path is not None:
            try:
                append_whole(self.path, line.encode("utf-8"))
            except OSError:
                # A full disk: how far a run is may be missing from the file, how it ended may not.
                if event["event"] not in ("progress", "warning"):
                    raise
        if self.stream is not None:
            try:
                self.stream.write(line)
                self.stream.flush()
            except (OSError, ValueError):
                self.stream = None
                _silence_standard_output()


def append_whole(path: Path, line: bytes) -> None:
    """Append a line in one write, or nothing of it; raise `OSError` where there is no room for all of it.

    A kill between two events never leaves half of one.
    """
    with open(path, "ab", buffering=0) as file:
        begin = file.seek(0, os.SEEK_END)
        if file.write(line) != len(line):
            file.truncate(begin)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _silence_standard_output() -> None:
    """Point standard output to nowhere, so that the interpreter's last flush does not fail on a closed pipe."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def parse_event(line: str) -> dict[str, Any] | None:
    """Return the event in a line, or None where the line is none (a library's print, half a line)."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the events of a file in order; nothing where it is not there. Broken lines are passed over."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.split("\n"):
        event = parse_event(line)
        if event is not None:
            yield event
