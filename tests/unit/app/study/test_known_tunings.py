"""A tuning is measured once for each kind of model and machine, then remembered; a damaged memory harms nothing."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app import paths
from app.inference.model_file import ModelFile
from app.inference.tuning import Tuning
from app.study import known_tunings
from app.study.known_tunings import LEAST_TEXTS, tuned


@dataclass
class Model:
    """What a classifier is for its tuning: this one needs no file of weights. `measured` counts."""

    device: str = "CPU"
    tuning: Tuning = field(default_factory=Tuning)
    measured: int = 0
    encoded: Any = field(default_factory=lambda: SimpleNamespace(before=[1]))
    engine: Any = field(default_factory=lambda: SimpleNamespace(threads=2))

    def tune(self, stop: Any) -> Tuning:
        """Measure."""
        self.measured += 1
        self.tuning = Tuning(batch_tokens=512, tokens_per_second=900.0)
        return self.tuning

    def use(self, tuning: Tuning) -> None:
        """Take it over."""
        self.tuning = tuning


@pytest.fixture
def file(tmp_path: Path) -> ModelFile:
    """Return a model's file."""
    gguf = tmp_path / "model.gguf"
    gguf.write_bytes(b"GGUF" * 10)
    return ModelFile(gguf, None, None, 40)


def test_measured_once_then_remembered(file: ModelFile) -> None:
    told: list[str] = []
    first, second = Model(), Model()
    assert tuned(first, file, LEAST_TEXTS, lambda: told.append("x")).batch_tokens == 512  # type: ignore[arg-type]
    assert tuned(second, file, 1, lambda: told.append("x")) == first.tuning  # type: ignore[arg-type]
    assert (first.measured, second.measured, told) == (1, 0, ["x"])


def test_few_texts_are_not_worth_it(file: ModelFile) -> None:
    model = Model()
    assert tuned(model, file, LEAST_TEXTS - 1, lambda: None) == Tuning()  # type: ignore[arg-type]
    assert model.measured == 0


def test_another_model_or_machine_is_measured_anew(file: ModelFile) -> None:
    tuned(Model(), file, LEAST_TEXTS, lambda: None)  # type: ignore[arg-type]
    other = Model(engine=SimpleNamespace(threads=8))
    tuned(other, file, LEAST_TEXTS, lambda: None)  # type: ignore[arg-type]
    file.gguf.write_bytes(b"GGUF" * 11)
    larger = Model()
    tuned(larger, file, LEAST_TEXTS, lambda: None)  # type: ignore[arg-type]
    assert (other.measured, larger.measured) == (1, 1)


def test_a_stopped_measurement_is_not_remembered(file: ModelFile) -> None:
    tuned(Model(), file, LEAST_TEXTS, lambda: None, lambda: True)  # type: ignore[arg-type]
    model = Model()
    tuned(model, file, LEAST_TEXTS, lambda: None)  # type: ignore[arg-type]
    assert model.measured == 1


@pytest.mark.parametrize(
    "text", ["", "[]", "{broken", '{"KEY": {"later": 1}}', '{"KEY": {"batch_tokens": "512"}}']
)
def test_a_damaged_memory_is_made_anew(file: ModelFile, text: str) -> None:
    model = Model()
    key = known_tunings._key(model, file)  # type: ignore[arg-type]
    path = paths.cache_folder() / "tunings.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace("KEY", key), encoding="utf-8")
    assert tuned(model, file, LEAST_TEXTS, lambda: None).batch_tokens == 512  # type: ignore[arg-type]
    assert model.measured == 1
    again = Model()
    tuned(again, file, LEAST_TEXTS, lambda: None)  # type: ignore[arg-type]
    assert again.measured == 0
