"""The files of a run folder that came from outside: each asked for by name, checked, never followed elsewhere."""

import json
import math
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from training.contract.events import parse_event
from training.contract.fingerprint import fingerprint
from training.contract.gguf_head import GGUFError, GGUFHead, read_head
from training.contract.run_folder import RunFolder
from training.contract.spec import SpecError, TrainingSpec, read_rows

# What of a head says how texts are cut into tokens and what the network is: a model made of a base keeps it.
_KEPT_KEYS = ("tokenizer.ggml.", "general.architecture")
# A model may be given output rows of its own, beside the base's tensors.
_NEW_TENSORS = {"output.weight"}
_TRAINED = ("adapter_model.safetensors", "adapter_config.json", "scales.safetensors")
_TEXT_LIMIT = 64 << 20
_ROW_LIMIT = 1 << 30
_EVENTS = ("started", "stage", "progress", "evaluated", "warning")
_COUNTS = ("done", "total", "step", "steps", "epoch")
_NUMBERS = ("rate", "seconds_left", "loss", "learning_rate", "macro_f1", "accuracy")
_TEXTS = ("time", "stage", "message", "unit", "what")


class Refused(Exception):
    """A file is missing or is not what it should be. The message ends a sentence after a colon."""


class ReturnedFiles:
    """The files of a run folder, read-only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, name: str) -> bool:
        """Tell whether there is something of this name."""
        return os.path.lexists(self._folder / name)

    def fingerprint(self) -> str:
        """Return what the run is told by; raise `Refused` where settings or rows cannot be read."""
        run = RunFolder(self._folder)
        spec = self._json(run.spec.name)
        for rows in (run.train.name, run.validation.name):
            self._open(rows, _ROW_LIMIT).close()
        try:
            return fingerprint(TrainingSpec.from_dict(spec), run)
        except SpecError as error:
            raise Refused(str(error)) from error

    def progress(self) -> tuple[str, int, int]:
        """Return how the run ended ("" where it did not), and at which step of how many."""
        outcome, step, steps = "", 0, 0
        for event in self._all_events():
            if event["event"] in ("finished", "cancelled", "failed"):
                outcome = event["event"]
            elif event["event"] in ("started", "progress", "stage"):
                outcome = ""
            if event["event"] == "progress" and _is_count(event.get("step")):
                step, steps = event["step"], event["steps"] if _is_count(event.get("steps")) else 0
        return outcome, step, steps

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield what happened, of each event the fields that are known and of their kind."""
        for event in self._all_events():
            if event["event"] in _EVENTS:
                yield {"event": event["event"]} | {
                    name: value
                    for name, value in event.items()
                    if (name in _COUNTS and _is_count(value))
                    or (name in _NUMBERS and _is_number(value))
                    or (name in _TEXTS and isinstance(value, str))
                }

    def metrics(self, leaves: list[str]) -> dict[str, Any]:
        """Return the scores, checked for what the model's card is made of."""
        values = self._json("metrics.json")
        tokens = values.get("leaf_tokens")
        scores = values.get("validation")
        if (
            not isinstance(tokens, list)
            or len(tokens) != len(leaves)
            or not all(_is_count(token) for token in tokens)
            or not isinstance(scores, dict)
            or not all(_is_number(scores.get(name)) for name in ("accuracy", "macro_f1"))
            or not all(isinstance(values.get(name), str) for name in ("method", "precision"))
            or not isinstance(values.get("epochs"), list)
            or not _is_count(values.get("best_epoch"))
            or not _is_number(values.get("seconds"))
        ):
            raise Refused("metrics.json does not hold the scores of a training.")
        # What a run at home gets from the check of its forms, this one shall get from it, too.
        return {name: value for name, value in values.items() if name not in ("parity", "served")}

    def environment(self) -> dict[str, Any]:
        """Return what is said of the other machine; nothing where nothing is."""
        return self._json("environment.json") if self.has("environment.json") else {}

    def probabilities(self, validation: Path, leaf_count: int) -> list[list[float] | None]:
        """Return the trained model's probabilities, one list a row of our own validation rows."""
        rows = self._json_value("validation_probabilities.json")
        wanted = sum(1 for _ in read_rows(validation))
        if not isinstance(rows, list) or len(rows) != wanted or not any(rows):
            raise Refused("validation_probabilities.json does not fit the validation tweets.")
        for row in rows:
            if row is not None and not (
                isinstance(row, list)
                and len(row) == leaf_count
                and all(_is_number(value) and 0 <= value <= 1 for value in row)
                and abs(sum(row) - 1) < 1e-3
            ):
                raise Refused("validation_probabilities.json holds what are no probabilities.")
        return rows

    def copy(self, name: str, target: Path) -> None:
        """Copy a file, if it is one and no link."""
        with self._open(name, None) as source, open(target, "wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)

    def take_gguf(self, name: str, target: Path, base: Path) -> None:
        """Copy a model or adapter file and check that it is whole, and made of this base."""
        self.copy(name, target)
        try:
            head, of_base = read_head(target), read_head(base)
            adapter = head.value("general.type") == "adapter"
        except GGUFError as error:
            raise Refused(f"{name} {error}.") from error
        except (ValueError, TypeError) as error:
            raise Refused(f"{name} is damaged.") from error
        fits = _is_adapter_of if target.name == "adapter.gguf" else _is_model_of
        if adapter != (target.name == "adapter.gguf") or not fits(head, of_base):
            raise Refused(f"{name} was not made of the base model that this run was written for.")

    def take_trained(self, target: Path) -> None:
        """Copy what was trained, as safetensors: an adapter in the PEFT library's form, or scales; if it came along."""
        for name in _TRAINED:
            if not self.has(f"adapter/{name}"):
                continue
            target.mkdir(parents=True, exist_ok=True)
            self.copy(f"adapter/{name}", target / name)
            if name.endswith(".json"):
                self._json(f"adapter/{name}")
            elif not _is_safetensors(target / name):
                raise Refused(f"adapter/{name} is damaged or was only copied in part.")

    def _json(self, name: str) -> dict[str, Any]:
        values = self._json_value(name)
        if not isinstance(values, dict):
            raise Refused(f"{name} is damaged.")
        return values

    def _json_value(self, name: str) -> Any:
        with self._open(name, _TEXT_LIMIT) as file:
            try:
                return json.loads(file.read(), parse_constant=_refuse_constant)
            except (ValueError, RecursionError) as error:
                raise Refused(f"{name} is damaged.") from error

    def _all_events(self) -> Iterator[dict[str, Any]]:
        with self._open("events.jsonl", _ROW_LIMIT) as file:
            for line in file:
                try:
                    event = parse_event(line.decode("utf-8", "replace"))
                except RecursionError:
                    continue
                if event is not None:
                    yield event

    def _open(self, name: str, limit: int | None) -> BinaryIO:
        """Open a file for reading; raise `Refused` for what is missing, no plain file, reached by a link, or huge."""
        path = self._folder
        for part in PurePosixPath(name).parts:
            path = path / part
            if path.is_symlink():
                raise Refused(f"{name} is a link to somewhere else.")
        try:
            # Not waiting: what looks like a file may be a pipe that nobody writes to.
            handle = os.open(
                path,
                os.O_RDONLY
                | getattr(os, "O_NOFOLLOW", 0)
                | getattr(os, "O_NONBLOCK", 0)
                | getattr(os, "O_BINARY", 0),
            )
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Refused(f"{name} is missing.") from error
        file = os.fdopen(handle, "rb")
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode) or (limit is not None and about.st_size > limit):
            file.close()
            raise Refused(f"{name} is not the file that training writes.")
        return file


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _is_number(value: Any) -> bool:
    # Counts beyond this are no figures of a training, and too large to become a float.
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) < 2**63
        and math.isfinite(value)
    )


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _is_adapter_of(head: GGUFHead, base: GGUFHead) -> bool:
    shapes = {tensor.name: tensor.shape for tensor in base.tensors}
    for tensor in head.tensors:
        name, _, part = tensor.name.rpartition(".")
        shape = shapes.get(name)
        # GGUF's order, the inputs first: A is (inputs, rank), B is (rank, outputs).
        if shape is None or len(shape) != 2 or len(tensor.shape) != 2:
            return False
        if not (
            (part == "lora_a" and tensor.shape[0] == shape[0])
            or (part == "lora_b" and tensor.shape[1] == shape[1])
        ):
            return False
    return bool(head.tensors)


def _is_model_of(head: GGUFHead, base: GGUFHead) -> bool:
    shapes = {tensor.name: tensor.shape for tensor in head.tensors}
    wanted = {tensor.name: tensor.shape for tensor in base.tensors}
    if {name for name in shapes if name not in wanted} - _NEW_TENSORS:
        return False
    if any(shapes.get(name) != shape for name, shape in wanted.items()):
        return False
    architecture = f"{base.value('general.architecture')}."
    kept = [name for name in base.keys if name.startswith((*_KEPT_KEYS, architecture))]
    return all(_raw(head, name) == _raw(base, name) for name in kept)


def _raw(head: GGUFHead, name: str) -> bytes | None:
    key = head.keys.get(name)
    if key is None:
        return None
    with open(head.path, "rb") as file:
        file.seek(key.value)
        return file.read(key.end - key.value)


def _is_safetensors(path: Path) -> bool:
    """Tell whether a file is safetensors and whole: its head's length, a head in JSON, tensors to the very end."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(size - 8, _TEXT_LIMIT):
            return False
        try:
            head = json.loads(file.read(length))
            ends = [about["data_offsets"][1] for name, about in head.items() if name != "__metadata__"]
        except (ValueError, RecursionError, AttributeError, KeyError, IndexError, TypeError):
            return False
    return bool(ends) and all(_is_count(end) for end in ends) and 8 + length + max(ends) == size
