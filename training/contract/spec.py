"""What a training run is asked to do, as written to `spec.json`."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

# Trains the scales of the base's own 4-bit blocks: the model is one file.
ONE_FILE = "scales"
# ggml's numbers of the types whose blocks have a scale to train: `training.scales.BLOCKS`.
SCALABLE = frozenset({2, 3, 6, 7, 8, 12, 13, 14, 20})
METHODS = ("auto", ONE_FILE, "lora", "qlora")
# A factor of a scale has to move by several per cent, a number of an adapter by thousandths.
LEARNING_RATES = {"scales": 1e-2, "lora": 3e-4, "qlora": 3e-4}


class SpecError(ValueError):
    """The settings cannot be used; the message is a sentence for the user."""


def _setting(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass
class TrainingSpec:
    """Settings of one run. Each field's `help` is its documentation and the text in the window."""

    base: str = field(metadata={"help": "name of the base model on the shelf, or a path"})
    base_path: str = field(metadata={"help": "the base model's GGUF file on this machine"})
    base_sha256: str = field(metadata={"help": "hash of that file, so that another machine uses the same"})
    leaves: list[str] = field(metadata={"help": "codes of the classes, in the order of the answer letters"})
    prompt: dict[str, Any] = field(metadata={"help": "how a tweet is shown to the model (`Prompt`)"})
    method: str = _setting(
        "auto",
        "auto (qlora on a CUDA GPU, else lora), lora, qlora (nf4), or scales (those of the base's own 4-bit "
        "blocks: one file, nothing rounded)",
    )
    precision: str = _setting("auto", "auto, bf16 or fp32 for the computation")
    epochs: int = _setting(3, "how often each training row is seen")
    batch: int = _setting(16, "rows an optimiser step")
    micro_batch: int = _setting(16, "rows computed at once; the rest of the batch is accumulated")
    learning_rate: float = _setting(
        0.0, "peak learning rate, cosine schedule; 0: 0.01 for scales, 0.0003 for an adapter"
    )
    warmup: float = _setting(0.03, "share of the steps over which the learning rate rises")
    rank: int = _setting(16, "rank of the adapter")
    alpha: int = _setting(32, "scale of the adapter, divided by the rank")
    dropout: float = _setting(0.1, "dropout inside the adapter; of scales: share of the changes held back")
    text_dropout: float = _setting(0.12, "share of a tweet's tokens left out in training, others each epoch")
    next_token: float = _setting(
        0.3,
        "weight of a second aim beside the class, to foretell each token of the tweets; 0: the class alone",
    )
    averaging: float = _setting(
        0.1, "the adapter is averaged over this share of the steps, up to the present one; 0: not averaged"
    )
    rounds: int = _setting(
        1,
        "the epochs are divided into so many rounds, each begins anew with another order, and what is kept is their "
        "average: steadier, at the same speed of the model, for more time of training",
    )
    weight_decay: float = _setting(0.0, "weight decay of the adapter")
    max_gradient: float = _setting(1.0, "gradients are clipped to this norm")
    seed: int = _setting(1, "seed of order, initialisation and dropout")
    single_type: str = _setting("Q4_0", "4-bit type of the merged single file")

    def check(self) -> None:
        """Raise `SpecError` for settings that cannot work."""
        if len(self.leaves) < 2:
            raise SpecError("A model needs at least two classes.")
        for name in ("epochs", "batch", "micro_batch", "rank", "alpha", "rounds"):
            if getattr(self, name) < 1:
                raise SpecError(f"The setting “{name}” must be 1 or more, it is {getattr(self, name)}.")
        if self.method not in METHODS:
            raise SpecError(f"The setting “method” must be one of {', '.join(METHODS)}, it is {self.method}.")
        if self.precision not in ("auto", "bf16", "fp32"):
            raise SpecError(f"The setting “precision” must be auto, bf16 or fp32, it is {self.precision}.")
        if not 0 <= self.learning_rate < 1:
            raise SpecError(
                f"The setting “learning_rate” must be 0 or more and less than 1, it is {self.learning_rate}."
            )
        if not 0 <= self.next_token < 100:
            raise SpecError(
                f"The setting “next_token” must be 0 or more and less than 100, it is {self.next_token}."
            )
        for name in ("dropout", "text_dropout", "averaging"):
            if not 0 <= getattr(self, name) < 1:
                raise SpecError(
                    f"The setting “{name}” must be 0 or more and less than 1, it is {getattr(self, name)}."
                )
        if self.epochs % self.rounds:
            raise SpecError(
                f"“epochs” ({self.epochs}) must be a multiple of “rounds” ({self.rounds}). Raise epochs."
            )
        if self.batch % self.micro_batch:
            raise SpecError(
                f"“batch” ({self.batch}) must be a multiple of “micro_batch” ({self.micro_batch}). Lower micro_batch."
            )

    def write(self, path: Path) -> None:
        """Write the spec as JSON."""
        path.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "TrainingSpec":
        """Read and check a spec; raise `SpecError` where it cannot be used."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SpecError(f"The run's settings cannot be read: {error}.") from error
        except ValueError as error:
            raise SpecError(f"The run's settings in {path.name} are not valid JSON: {error}.") from error
        return cls.from_dict(values)

    @classmethod
    def from_dict(cls, values: Any) -> "TrainingSpec":
        """Build a spec from plain values and check it."""
        if not isinstance(values, dict):
            raise SpecError("The run's settings must be names with values.")
        unknown = set(values) - {f.name for f in fields(cls)}
        if unknown:
            raise SpecError(f"Unknown settings: {', '.join(sorted(unknown))}.")
        try:
            spec = cls(**values)
            spec.check()
        except TypeError as error:
            raise SpecError(f"The run's settings are incomplete or of the wrong kind: {error}.") from error
        return spec


@dataclass(frozen=True)
class Row:
    """One labelled tweet of a run."""

    id: str
    text: str
    lang: str
    label: str


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as JSON lines."""
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file; raise `SpecError` at the first line that is none."""
    # Not splitlines(): U+2028 and its kin are line breaks to Python and plain characters in JSON.
    with open(path, encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, 1):
            try:
                yield Row(**json.loads(line))
            except (ValueError, TypeError) as error:
                raise SpecError(f"Line {number} of {path.name} is not a labelled tweet: {error}.") from error
