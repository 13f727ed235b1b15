"""The names inside a run folder, and how far the run in it has come."""

import json
from dataclasses import dataclass
from pathlib import Path

from training.contract.events import read_events


@dataclass(frozen=True)
class RunFolder:
    """One training run on disk. The folder alone reproduces the run, on another machine too."""

    path: Path

    @property
    def spec(self) -> Path:
        """The run's settings (`TrainingSpec`)."""
        return self.path / "spec.json"

    @property
    def train(self) -> Path:
        """Training rows, one JSON object a line: id, text, lang, label."""
        return self.path / "train.jsonl"

    @property
    def validation(self) -> Path:
        """Validation rows, the same shape. Their labels choose the epoch, the calibration and the served form."""
        return self.path / "validation.jsonl"

    @property
    def codebook(self) -> Path:
        """The codebook that the rows were labelled under (TOML), for the model's card; training does not read it."""
        return self.path / "codebook.toml"

    @property
    def events(self) -> Path:
        """What happened, one JSON event a line; the truth about the run."""
        return self.path / "events.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Where training leaves what it needs to resume."""
        return self.path / "checkpoints"

    @property
    def adapter(self) -> Path:
        """The trained adapter as PEFT safetensors."""
        return self.path / "adapter"

    @property
    def model(self) -> Path:
        """The two 4-bit forms: `single/` and `adapter/`, each a folder that can be served."""
        return self.path / "model"

    @property
    def metrics(self) -> Path:
        """Scores of the trained model on the validation rows, then of each 4-bit form, and the parity result."""
        return self.path / "metrics.json"

    @property
    def environment(self) -> Path:
        """Versions of the libraries and the machine's kind."""
        return self.path / "environment.json"

    @property
    def trial(self) -> Path:
        """What a trial before the run measured on a machine: precision, speeds, memory (`training.trial`)."""
        return self.path / "trial.json"

    @property
    def log(self) -> Path:
        """Standard error of the training process. Never parsed."""
        return self.path / "log.txt"

    @property
    def stop(self) -> Path:
        """When this file appears, training stops at the next step."""
        return self.path / "stop"

    @property
    def lock(self) -> Path:
        """Process id and start time of the process that works here."""
        return self.path / "lock.json"

    @property
    def validation_probabilities(self) -> Path:
        """The trained model's probabilities on the validation rows: JSON, one list of floats a row."""
        return self.path / "validation_probabilities.json"

    @property
    def conductor_lock(self) -> Path:
        """The same for the program that started the run and that checks and serves its result."""
        return self.path / "conductor.json"

    def is_trained(self) -> bool:
        """Tell whether training came to its end here and all that it left is there.

        The scores are written last, after the forms; trained scales have the single form alone.
        """
        try:
            method = json.loads(self.metrics.read_text(encoding="utf-8"))["method"]
        except (OSError, ValueError, KeyError, TypeError):
            return False
        left = [self.validation_probabilities, self.model / "single" / "model.gguf"]
        left += [self.model / "adapter" / "adapter.gguf"] if method != "scales" else []
        return all(path.is_file() for path in left)

    def outcome(self) -> str:
        """Return finished, cancelled or failed from the last such event, or "" where the run never ended."""
        ended = [
            e["event"] for e in read_events(self.events) if e["event"] in ("finished", "cancelled", "failed")
        ]
        return ended[-1] if ended else ""
