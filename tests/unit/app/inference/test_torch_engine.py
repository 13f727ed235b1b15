"""PyTorch's kernels answer as llama.cpp does, from the same files, whatever the batch."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.inference import torch_engine, torch_network, tuning
from app.inference.classifier import Classifier
from app.inference.engine import Engine, InferenceError
from app.inference.model_file import ModelFile
from app.inference.torch_engine import KIND, TorchEngine, kinds
from app.inference.tuning import Tuning
from app.inference.unfolding import Unfolding

from .conftest import make_card, write_adapter

COLUMNS = (11, 222, 3333, 4444)
TEXTS = [f"tweet {n} says enough " * (n % 9 + 1) for n in range(40)]


def _model(gguf: Path, adapter: Path | None = None) -> ModelFile:
    return ModelFile(gguf, adapter, None, 0)


def _tokens(*lengths: int) -> list[Any]:
    random = np.random.default_rng(3)
    return [random.integers(100, 40_000, length).astype(np.int32) for length in lengths]


def _logits(engine: Engine, texts: list[Any], before: list[int], **batches: int) -> Any:
    context = engine.context(before, max(map(len, texts)), **batches)
    try:
        return context.evaluate(texts, COLUMNS)
    finally:
        context.close()


@pytest.fixture(params=["llama", "gemma"])
def tiny(request: pytest.FixtureRequest, tiny_llama: Path, tiny_gemma: Path) -> Path:
    return tiny_llama if request.param == "llama" else tiny_gemma


@pytest.mark.parametrize("beginning", [0, 1, 50])
def test_it_says_what_llama_cpp_says(tiny: Path, tmp_path: Path, beginning: int) -> None:
    """With an adapter, and texts longer and shorter than Gemma's window, which is 32 tokens here."""
    adapter = write_adapter(tmp_path / "adapter.gguf", tiny)
    before = _tokens(50)[0].tolist()[:beginning]
    texts = _tokens(1, 90, 7, 31, 32, 33, 64)
    with Engine(tiny, adapter) as whole, TorchEngine(_model(tiny, adapter)) as ours:
        expected, found = _logits(whole, texts, before), _logits(ours, texts, before)
    # llama.cpp keeps keys and values in 16 bits; the logits are of 1 to 15.
    np.testing.assert_allclose(found, expected, atol=0.1)
    assert np.abs(found - expected).mean() < 0.02
    # The adapter is in it.
    with TorchEngine(_model(tiny)) as base:
        assert np.abs(_logits(base, texts, before) - expected).mean() > 0.1


def test_of_real_tweets_and_real_bases(smollm: Path, gemma: Path, tweets: list[str]) -> None:
    for base in (smollm, gemma):
        with Engine(base) as stored, TorchEngine(_model(base)) as ours:
            begin = stored.begin_of_sequence
            before = [] if begin is None else [begin]
            columns = [int(stored.tokenize(f" {word}")[0]) for word in ("positive", "negative", "neutral")]
            texts = [stored.tokenize(text) for text in tweets[::4]]
            answers = []
            for engine in (stored, ours):
                context = engine.context(before, 600)
                logits = context.evaluate(texts, columns).astype(np.float64)
                answers.append(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
                context.close()
        divergence = (np.exp(answers[1]) * (answers[1] - answers[0])).sum(axis=1).mean()
        # Kernels of four-bit weights round activations to 8 bits: that is all that lies between.
        assert divergence < 0.01, (base.name, divergence)


@pytest.fixture(scope="module")
def engine(tiny_gemma: Path) -> Iterator[TorchEngine]:
    with TorchEngine(_model(tiny_gemma)) as opened:
        yield opened


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.integers(1, 70), min_size=1, max_size=25),
    batch_tokens=st.integers(1, 300),
    batch_texts=st.integers(1, 30),
)
def test_the_batch_changes_no_answer(
    engine: TorchEngine, lengths: list[int], batch_tokens: int, batch_texts: int
) -> None:
    texts = _tokens(*lengths)
    alone = np.concatenate([_logits(engine, [text], [1, 5]) for text in texts])
    together = _logits(engine, texts, [1, 5], batch_tokens=batch_tokens, batch_texts=batch_texts)
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_a_classifier_tunes_to_it_and_a_later_one_goes_on_alike(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = {KIND: 9.0, "": 1.0}
    monkeypatch.setattr(tuning, "_rate", lambda engine, before, longest, way: rates.get(way.weights, 2.0))
    model = ModelFile(tiny_llama, write_adapter(tmp_path / "a.gguf", tiny_llama), make_card(tiny_llama), 0)
    with Classifier(model, unfolded=tmp_path / "cache") as classifier:
        stored = classifier.classify(TEXTS)
        assert classifier.tune().weights == KIND
        assert isinstance(classifier.engine, TorchEngine) and classifier.device == "CPU"
        first = classifier.classify(TEXTS)
        kept = Tuning.from_dict(classifier.tuning.batches())
        classifier.use(Tuning())
        np.testing.assert_array_equal(classifier.classify(TEXTS), stored)
    np.testing.assert_allclose(first, stored, atol=0.02)
    # What was unfolded for llama.cpp while this was found out does not stay.
    assert not list((tmp_path / "cache").glob("*.gguf"))
    with Classifier(model, tuning=kept) as classifier:
        np.testing.assert_array_equal(classifier.classify(TEXTS), first)


def test_it_can_be_stopped_between_batches(engine: TorchEngine) -> None:
    texts = _tokens(*[20] * 10)
    context = engine.context([1], 20, batch_tokens=40)
    begun = engine.decoded_tokens
    heard: list[int] = []

    def on_batch(indices: Any) -> bool:
        heard.extend(indices)
        return len(heard) < 4

    logits = context.evaluate(texts, COLUMNS, on_batch)
    assert len(heard) == 4 and engine.decoded_tokens - begun == 80
    assert np.isfinite(logits[heard]).all()
    assert np.isnan(np.delete(logits, heard, axis=0)).all()
    assert context.evaluate([], COLUMNS).shape == (0, 4)


def test_it_can_be_stopped_while_it_is_read(tiny_llama: Path) -> None:
    with pytest.raises(InferenceError, match="stopped"):
        TorchEngine(_model(tiny_llama), stop=lambda: True)


def test_what_is_too_long_is_left_to_llama_cpp(engine: TorchEngine) -> None:
    with pytest.raises(InferenceError, match="too long"):
        engine.context([1] * 8000, 600)


def test_other_models_are_left_to_llama_cpp(
    tiny_llama: Path, tiny_gemma: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kinds(_model(tiny_llama)) == kinds(_model(tiny_gemma)) == (KIND,)
    # Another architecture, and a tensor that is not computed with.
    for old, new in ((b"llama", b"qwen9"), (b"blk.1.ffn_up.weight", b"blk.1.ffn_ux.weight")):
        changed = tmp_path / "changed.gguf"
        changed.write_bytes(tiny_llama.read_bytes().replace(old, new))
        assert kinds(_model(changed)) == ()
    # A key that means another computation.
    monkeypatch.setattr(torch_network, "_UNKNOWN_KEYS", ("rope.freq_base",))
    assert kinds(_model(tiny_llama)) == ()


def test_without_memory_or_libraries_there_is_none(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Memory:
        available = 1000

    with monkeypatch.context() as patch:
        patch.setattr(psutil, "virtual_memory", Memory)
        assert kinds(_model(tiny_llama)) == ()
    find: Callable[..., Any] = importlib.util.find_spec
    for missing in ("torch", "gguf"):
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, missing=missing: None if name == missing else find(name)
        )
        assert kinds(_model(tiny_llama)) == ()
    assert Unfolding(_model(tiny_llama), Path()).kinds == ()


def test_memory_that_ends_is_told(engine: TorchEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("not enough memory: you tried to allocate 9 bytes")

    context = engine.context([1], 20)
    monkeypatch.setattr(torch_engine.TorchEngine, "compute", lambda _, work: work())
    monkeypatch.setattr(engine.network, "logits", fail)
    with pytest.raises(InferenceError, match="Free some memory"):
        context.evaluate(_tokens(5), COLUMNS)
