"""What a trial before a run measured on a machine, as `trial.json` and the trial's last event hold it."""

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Trial:
    """What a trial measured. Times in seconds, memory in bytes, speeds in tokens a second without padding.

    `longest`: tokens of the longest row; `rows`: rows of the step, `at_once` of them computed at once in the end.
    `step_seconds` are those of the longest batch. `peak_device_memory` is a GPU's, None without one.
    `load_seconds` and `export_seconds` come once a run. `train_tokens` and `validation_tokens` are those of all
    rows, once. `compared`: {precision: tokens a second}.
    """

    machine: str
    base_sha256: str
    device: str
    method: str
    precision: str
    compared: dict[str, float]
    training: float
    scoring: float
    watts: float
    watts_from: str
    longest: int
    rows: int
    at_once: int
    step_seconds: float
    peak_memory: int
    peak_device_memory: int | None
    load_seconds: float
    export_seconds: float
    train_tokens: int
    validation_tokens: int
    train_rows: int
    validation_rows: int
    seconds: float

    @classmethod
    def from_dict(cls, values: Any) -> "Trial | None":
        """Return the trial in plain values; None where they are none, or one of another version."""
        try:
            return cls(**{one.name: values[one.name] for one in fields(cls)})
        except (TypeError, KeyError):
            return None
