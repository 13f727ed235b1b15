"""A base made of a Hugging Face folder, in a process of its own: `python -m training --convert`."""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import app
from app.errors import UserError
from app.study.training_process import end_process, require_training
from training.contract.events import LAST_EVENTS, parse_event

QUANTISATION = "Q4_K_M"
"""The 4-bit type of the bases that are made here: llama.cpp's best for its size, which it writes itself."""

Events = Callable[[dict[str, Any]], None]


def converter() -> Path:
    """Return where set-up puts llama.cpp's converter, whether or not it is there."""
    return Path(sys.prefix) / "share" / "stancedesk" / "llama.cpp" / "convert_hf_to_gguf.py"


def require_converter() -> None:
    """Raise `UserError` where no Hugging Face folder can be converted."""
    require_training()
    if not converter().is_file():
        raise UserError(
            "llama.cpp's converter of Hugging Face folders is not part of this installation.",
            "In StanceDesk's source folder: make setup, or python packaging/llama_converter.py.",
        )


def convert(folder: Path, target: Path, on_event: Events, stop: Callable[[], bool]) -> dict[str, Any] | None:
    """Make a base of a folder; return its facts, or None where it was stopped.

    Raises `UserError` for what the user can mend, `ConversionBug` for what is a fault of the program.
    """
    require_converter()
    words = ["--convert", str(folder), "--to", str(target), "--converter", str(converter())]
    child = subprocess.Popen(
        [sys.executable, "-m", "training", *words, "--type", QUANTISATION],
        # `-m` looks in the current folder first, which may be anybody's.
        cwd=Path(app.__file__).resolve().parents[1],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    said: list[str] = []
    stopped = threading.Event()
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.2):
            if stop():
                stopped.set()
                end_process(child.pid)
                return

    assert child.stdout is not None and child.stderr is not None
    errors = child.stderr
    threads = [
        threading.Thread(target=watch, name="stop-watcher", daemon=True),
        threading.Thread(target=lambda: said.extend(errors), name="log-reader", daemon=True),
    ]
    for thread in threads:
        thread.start()
    last: dict[str, Any] = {}
    try:
        for line in child.stdout:
            event = parse_event(line)
            if event is None:
                continue
            if event["event"] in LAST_EVENTS:
                last = event
            else:
                on_event(event)
        child.wait()
    finally:
        if child.poll() is None:
            end_process(child.pid)
        ended.set()
        for thread in threads:
            thread.join()
        child.stdout.close()
        child.stderr.close()
    return _result(last, stopped.is_set(), "".join(said)[-4000:])


def _result(last: dict[str, Any], stopped: bool, log: str) -> dict[str, Any] | None:
    if stopped or last.get("event") == "cancelled":
        return None
    if last.get("event") == "finished":
        return last
    if last.get("kind") == "user":
        raise UserError(str(last["message"]))
    if not last:
        raise UserError(
            "Converting the base was interrupted: its process ended without a word (killed, or out of memory).",
            "Close other programs and try again.",
        )
    raise ConversionBug(str(last.get("message", "The conversion failed.")), str(last.get("detail") or log))


class ConversionBug(Exception):
    """The conversion failed in a way that is not the user's to mend. `detail` is the report."""

    def __init__(self, message: str, detail: str) -> None:
        super().__init__(message)
        self.detail = detail
