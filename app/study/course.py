"""The course of a model's training, kept beside the model: the loss at each step, the scores after each epoch."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from training.contract.events import EventLog, read_events

NAME = "course.jsonl"


def write(folder: Path, events: Iterable[dict[str, Any]]) -> None:
    """Keep those of a run's events that tell of its course, in a model's folder. Raises `OSError`."""
    path = folder / NAME
    path.unlink(missing_ok=True)
    log = EventLog(path)
    for event in events:
        if event["event"] == "evaluated" or (event["event"] == "progress" and event.get("loss") is not None):
            log.append(event)


def read(folder: Path) -> list[dict[str, Any]]:
    """Return these events in order; empty where the model came without them."""
    return list(read_events(folder / NAME))


def copy(source: Path, target: Path) -> None:
    """Take the course of a model along to another folder. Raises `OSError`."""
    if (source / NAME).is_file():
        shutil.copyfile(source / NAME, target / NAME)
