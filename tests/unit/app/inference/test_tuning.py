"""Finding the fastest way to run a model: real batches through a tiny real model, and the choice by its rates."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.inference import tuning
from app.inference.classifier import Classifier
from app.inference.engine import Engine, InferenceError
from app.inference.model_file import ModelFile
from app.inference.torch_engine import KIND
from app.inference.tuning import Tuning, Weights, best_weights, fastest
from app.inference.unfolding import Unfolding

from .conftest import make_card, write_adapter


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Tuning], float]], list[Tuning]]:
    """Return a function that makes measurements say what another says, and returns the list of what is measured."""

    def say(rate: Callable[[Tuning], float]) -> list[Tuning]:
        measured: list[Tuning] = []

        def told(engine: Any, before: Any, longest: int, way: Tuning) -> float:
            measured.append(way)
            return rate(way)

        monkeypatch.setattr(tuning, "_rate", told)
        return measured

    return say


def _found(gguf: Path, stop: Callable[[], bool] = lambda: False) -> Tuning:
    with Engine(gguf) as engine:
        return fastest(engine, "", [1], 100, stop)


def test_the_fastest_batch_then_threads_are_taken(
    tiny_llama: Path,
    rates: Callable[[Callable[[Tuning], float]], list[Tuning]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tuning, "logical_cores", lambda: 97)
    rates(lambda way: way.batch_tokens + (500.0 if way.threads == 97 else 0.0))
    found = _found(tiny_llama)
    assert (found.batch_tokens, found.threads, found.tokens_per_second) == (1024, 97, 1524.0)


def test_a_tuning_of_an_earlier_version_is_read(tiny_llama: Path) -> None:
    """A job goes on in which flash attention was one of the choices."""
    kept = {"batch_tokens": 511, "batch_texts": 64, "flash_attention": 1, "weights": "F16"}
    assert Tuning.from_dict(kept) == Tuning(batch_tokens=511, weights="F16")
    for broken in (None, [], {"batch_tokens": 0}, {"no_setting": 1}):
        with pytest.raises(ValueError, match="not a tuning"):
            Tuning.from_dict(broken)


def test_the_fastest_weights_that_agree_are_taken(
    tiny_llama: Path,
    rates: Callable[[Callable[[Tuning], float]], list[Tuning]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kinds = {"": 700.0, "F16": 600.0, "Q8_0": 1400.0, "BF16": 2000.0}
    measured = rates(lambda way: kinds[way.weights])
    with ExitStack() as opened:
        engines = {kind: opened.enter_context(Engine(tiny_llama)) for kind in kinds}
        monkeypatch.setattr(tuning, "agree", lambda stored, other, *_: other is not engines["BF16"])
        found = best_weights(engines, [1], 100, [5, 6])
        assert (found.kind, found.gain) == ("Q8_0", 2.0)
        monkeypatch.setattr(tuning, "agree", lambda *_: False)
        assert best_weights(engines, [1], 100, [5, 6]) == Weights("")
        kinds |= {"Q8_0": 701.0, "BF16": 702.0}
        assert best_weights(engines, [1], 100, [5, 6]) == Weights("")
        assert best_weights(engines, [1], 100, [5, 6], lambda: True) == Weights("")
    assert {way.batch_tokens for way in measured} == {512}


@pytest.mark.parametrize(("rate", "tried"), [(1000.0, True), (2000.0, False)])
def test_files_are_not_written_where_pytorch_gains_enough(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: float, tried: bool
) -> None:
    told = {"": 1000.0, KIND: rate}
    monkeypatch.setattr(tuning, "_rate", lambda engine, before, longest, way: told.get(way.weights, 900.0))
    written: list[str] = []
    file = Unfolding.file

    def write(unfolding: Unfolding, kind: str, *rest: Any) -> Path | None:
        written.append(kind)
        return file(unfolding, kind, *rest)

    monkeypatch.setattr(Unfolding, "file", write)
    model = ModelFile(tiny_llama, write_adapter(tmp_path / "a.gguf", tiny_llama), make_card(tiny_llama), 0)
    with Classifier(model, unfolded=tmp_path / "cache") as classifier:
        assert classifier.tune().weights == ("" if tried else KIND)
    assert bool(written) is tried


def test_noise_changes_nothing(
    tiny_llama: Path, rates: Callable[[Callable[[Tuning], float]], list[Tuning]]
) -> None:
    rates(lambda way: 1000.0 + way.batch_tokens / 100)
    found = _found(tiny_llama)
    assert replace(found, tokens_per_second=0.0) == Tuning()


def test_the_best_turn_counts_and_the_hopeless_have_one(
    tiny_llama: Path, rates: Callable[[Callable[[Tuning], float]], list[Tuning]]
) -> None:
    turns: dict[int, int] = {}

    def rate(way: Tuning) -> float:
        turns[way.batch_tokens] = turn = turns.get(way.batch_tokens, 0) + 1
        # 512 is disturbed in its first turn; 256 is slow in each.
        return {256: 100.0, 512: 900.0 if turn == 1 else 1500.0}.get(way.batch_tokens, 1000.0)

    measured = rates(rate)
    assert _found(tiny_llama).batch_tokens == 512
    assert sum(way.batch_tokens == 256 for way in measured) == 1


def test_what_memory_does_not_hold_is_left_out(
    tiny_llama: Path, rates: Callable[[Callable[[Tuning], float]], list[Tuning]]
) -> None:
    def rate(way: Tuning) -> float:
        if way.batch_tokens > 768:
            raise InferenceError("There is not enough memory.")
        return float(way.batch_tokens)

    rates(rate)
    assert _found(tiny_llama).batch_tokens == 768


def test_stopped_or_out_of_time_it_ends_with_what_is_usual(
    tiny_llama: Path,
    rates: Callable[[Callable[[Tuning], float]], list[Tuning]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured = rates(lambda way: float(way.batch_tokens))
    assert _found(tiny_llama, lambda: True) == Tuning() and measured == []
    monkeypatch.setattr(tuning, "_MOST_SECONDS", -1.0)
    assert _found(tiny_llama) == Tuning() and measured == []


def test_made_up_tweets_fill_a_batch(tiny_llama: Path) -> None:
    with Engine(tiny_llama) as engine:
        texts = tuning._made_up(engine, 512, 64, 100)
        assert sum(map(len, texts)) == 512 and len({len(text) for text in texts}) > 5
        few = tuning._made_up(engine, 8192, 64, 20)
        assert len(few) == 64 and max(map(len, few)) == 20


def test_a_tuned_classifier_answers_the_same(tiny_gemma: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Really measured, on a model of 32 bits: whatever comes out, the answers stay."""
    monkeypatch.setattr(tuning, "_ROUNDS", 1)
    monkeypatch.setattr(tuning, "_ON_PROCESSOR", (512, 768))
    card = make_card(tiny_gemma)
    texts = [f"tweet {n} " * (n % 40 + 1) for n in range(120)]
    with Classifier(ModelFile(tiny_gemma, None, card, 0)) as classifier:
        before = classifier.leaf_logits(texts)
        found = classifier.tune()
        assert found == classifier.tuning and found.tokens_per_second > 0
        np.testing.assert_allclose(classifier.leaf_logits(texts), before, atol=0.02)
        classifier.use(Tuning(batch_tokens=256, batch_texts=3))
        np.testing.assert_allclose(classifier.leaf_logits(texts), before, atol=0.02)
