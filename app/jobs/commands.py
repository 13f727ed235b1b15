"""The command lines of child processes, from source, installed and frozen alike."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import app


def child_command(words: Sequence[str]) -> tuple[str, list[str]]:
    """Return (program, arguments) that run `stancedesk WORDS…` with this very installation."""
    if getattr(sys, "frozen", False):
        return sys.executable, list(words)
    return sys.executable, ["-m", "app", *words]


def child_folder() -> Path:
    """Return the folder that children start in: where the packages lie.

    Python's `-m` looks in the current folder first. A user's folder that happens to hold an `app` must not
    be run. Paths among a child's words are therefore absolute.
    """
    if getattr(sys, "frozen", False):
        return Path(sys.executable).parent
    return Path(app.__file__).resolve().parents[1]


def child_environment() -> dict[str, str]:
    """Return the environment of children: events are UTF-8 lines on every system."""
    return dict(os.environ) | {"PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}
