"""A run tried before it begins: the longest rows once through training, evaluation and export, and how fast it goes.

What would end a run after an hour (too little memory for the longest tweets, a disk without room for the model)
ends the trial within seconds. It is the run's own code on a small run folder inside the run's, which is taken away
again; what was measured stays, in `trial.json`.
"""

import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from training import machine, scales, speed
from training.batches import Example
from training.contract.events import EventLog
from training.contract.run_folder import RunFolder
from training.contract.spec import Row, read_rows, write_rows
from training.contract.trial import Trial
from training.run import Work, measured_precision, read, run

_FOLDER = "trial-"
# So long the export is watched: a large base's takes minutes, and what it needs shows at once.
_EXPORT_SECONDS = 15.0
_SAMPLE_SECONDS = 0.02


def try_out(
    folder: RunFolder, base_path: Path | None, events: EventLog, check: Callable[[], None]
) -> dict[str, Any]:
    """Try a run and return what was measured (`Trial`), after writing it to `trial.json`.

    Raises as `run` does, `TrainingError` for what a user can mend. A measured speed of this machine and base that
    `trial.json` holds already is not measured again.
    """
    started = time.monotonic()
    for left in folder.path.glob(f"{_FOLDER}*"):
        shutil.rmtree(left, ignore_errors=True)
    work = read(folder, base_path, events, check)
    measured = _known_speed(folder, work) or _measure(work, events, check)
    longest = max(len(example.ids) for example in work.train)
    events.write(
        "stage", stage="trial", message=f"Trying the longest tweets ({longest} tokens) through to the export"
    )
    with tempfile.TemporaryDirectory(prefix=_FOLDER, dir=folder.path) as place:
        rehearsal = _Rehearsal(RunFolder(Path(place)), folder, work, measured.precision, check)
        rehearsal.run()
    trial = Trial(
        machine=machine.identity(),
        base_sha256=work.spec.base_sha256,
        device=rehearsal.heard.device,
        method=rehearsal.heard.method,
        **asdict(measured),
        longest=longest,
        rows=rehearsal.rows,
        at_once=rehearsal.heard.at_once or min(work.spec.micro_batch, rehearsal.rows),
        step_seconds=rehearsal.heard.step_seconds,
        peak_memory=rehearsal.peak.memory,
        peak_device_memory=rehearsal.peak.device_memory,
        load_seconds=rehearsal.heard.load_seconds,
        export_seconds=rehearsal.heard.export_seconds,
        train_tokens=sum(len(example.ids) for example in work.train),
        validation_tokens=sum(len(example.ids) for example in work.validation),
        train_rows=len(work.train),
        validation_rows=len(work.validation),
        seconds=time.monotonic() - started,
    )
    from training.atomic import write_json

    write_json(folder.trial, asdict(trial))
    return asdict(trial)


def _known_speed(folder: RunFolder, work: Work) -> speed.Speed | None:
    """Return the speed that an earlier trial of this base measured on this machine."""
    if not measured_precision(folder, work.spec):
        return None
    values = json.loads(folder.trial.read_text(encoding="utf-8"))
    try:
        return speed.Speed(**{name: values[name] for name in speed.Speed.__dataclass_fields__})
    except KeyError:
        return None


def _measure(work: Work, events: EventLog, check: Callable[[], None]) -> speed.Speed:
    spec = work.spec
    # The one that the machine is said to compute in comes first: it is the other that may take long.
    plan = machine.plan(spec.method, spec.precision, scales=scales.can_tune(work.base))
    others = [name for name in speed.PRECISIONS if spec.precision == "auto" and name != plan.precision]
    events.write("stage", stage="trial", message="Measuring how fast this machine computes")
    network = work.network(plan, check)
    try:
        return speed.measure(network, work.train, spec.batch, [plan.precision, *others], check)
    finally:
        del network
        if plan.device == "cuda":
            torch.cuda.empty_cache()


class _Rehearsal:
    """A run of one step on the longest rows, in a folder of its own."""

    def __init__(
        self, small: RunFolder, folder: RunFolder, work: Work, precision: str, check: Callable[[], None]
    ) -> None:
        self._small = small
        self._check = check
        self.heard = _Heard()
        self.peak = _Peak()
        spec = work.spec
        train, validation = list(read_rows(folder.train)), list(read_rows(folder.validation))
        chosen = longest_rows(train, work.train, spec.batch)
        self.rows = len(chosen)
        write_rows(small.train, chosen)
        by_length = sorted(work.validation, key=lambda example: -len(example.ids))[: spec.micro_batch]
        write_rows(small.validation, [validation[example.row] for example in by_length])
        replace(
            spec,
            base_path=str(work.base.file.path),
            precision=precision,
            epochs=1,
            rounds=1,
            # No word is left out: the rows are as long as they can be.
            text_dropout=0.0,
        ).write(small.spec)

    def run(self) -> None:
        """Do it. The export of a large base is cut short once it is known how long it takes."""
        try:
            with self.peak:
                run(self._small, None, self.heard, self._look)
        except _Enough:
            pass
        self.heard.end()

    def _look(self) -> None:
        self._check()
        if self.heard.export_share and self.heard.seconds_in_export > _EXPORT_SECONDS:
            raise _Enough


class _Enough(Exception):
    """What the export takes is known."""


def longest_rows(rows: list[Row], examples: list[Example], count: int) -> list[Row]:
    """Return the longest `count` rows, of two classes at least: of one class alone nothing can be trained."""
    by_length = sorted(examples, key=lambda example: (-len(example.ids), example.row))
    chosen = by_length[:count]
    if len({example.leaf for example in chosen}) == 1:
        other = next(example for example in by_length if example.leaf != chosen[0].leaf)
        chosen = [*chosen[: max(1, count - 1)], other]
    return [rows[example.row] for example in chosen]


class _Heard(EventLog):
    """Listens to a run and notes when things happened. It writes nothing."""

    def __init__(self) -> None:
        super().__init__(None)
        self.device = self.method = ""
        self.at_once = 0
        self.step_seconds = self.load_seconds = self.export_seconds = 0.0
        self.export_share = 0.0
        self._stage = ""
        self._since = time.monotonic()

    def append(self, event: dict[str, Any]) -> None:
        """Take in an event."""
        now = time.monotonic()
        if event["event"] == "stage":
            if event["stage"] == "train" and not self.load_seconds:
                self.load_seconds = now - self._since
            if "device" in event:
                self.device, self.method = event["device"], event["method"]
            # Preparing has two stages in a row; loading the base is the second.
            self._stage, self._since = event["stage"], now
        elif event["event"] == "progress" and event["stage"] == "train" and not self.step_seconds:
            self.step_seconds = now - self._since
            self.at_once = int(event.get("at_once") or 0)
        elif event["event"] == "progress" and event["stage"] == "export":
            self.export_share = event["done"] / event["total"]
            self.export_seconds = (now - self._since) / max(self.export_share, 1e-9)

    @property
    def seconds_in_export(self) -> float:
        """How long the export has been going on."""
        return time.monotonic() - self._since if self._stage == "export" else 0.0

    def end(self) -> None:
        """Note that the run ended: an export that went to its end took what it took."""
        if self.export_share == 1:
            self.export_seconds = self.seconds_in_export


class _Peak:
    """The most memory that this process holds while it is entered, in bytes; on a GPU what PyTorch has taken there."""

    def __init__(self) -> None:
        self.memory = 0
        self.device_memory: int | None = None
        self._ended = threading.Event()
        self._sampler = threading.Thread(target=self._sample, name="memory", daemon=True)

    def __enter__(self) -> "_Peak":
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        self._sampler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._sampler.join()
        if torch.cuda.is_available():
            self.device_memory = int(torch.cuda.max_memory_reserved())

    def _sample(self) -> None:
        # The system's own figure is of the process's whole life, and measuring may have taken more.
        import psutil

        process = psutil.Process()
        while True:
            self.memory = max(self.memory, process.memory_info().rss)
            if self._ended.wait(_SAMPLE_SECONDS):
                return
