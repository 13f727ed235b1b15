"""Weights unfolded to 16 bits: the same model, with and without an adapter, in a cache that stays small."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.inference.classifier import Classifier
from app.inference.engine import Engine, InferenceError, PackedContext
from app.inference.model_file import ModelFile
from app.inference.tuning import Tuning, agree
from app.inference.unfolding import KINDS, Unfolding
from tests.small_base import write_small_base
from training.contract.gguf_head import read_head
from training.contract.prompt import normalise

from .conftest import make_card

TEXTS = [f"tweet {n} says enough " * (n % 9 + 1) for n in range(40)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a real base in four bits, of two layers."""
    return write_small_base(tmp_path_factory.mktemp("base") / "base.gguf")


@pytest.fixture
def adapted(base: Path, tmp_path: Path) -> Callable[[float], ModelFile]:
    """Return a function that gives the base an adapter with changes of about this size."""

    def write(size: float) -> ModelFile:
        from gguf import GGUFWriter

        random = np.random.default_rng(1)
        path = tmp_path / "adapter.gguf"
        writer = GGUFWriter(path, "llama")
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", 8.0)
        for tensor in read_head(base).tensors:
            if tensor.name.endswith(("attn_q.weight", "ffn_down.weight")):
                width, rows = tensor.shape
                a = random.normal(size=(4, width)).astype(np.float32)
                b = (size * random.normal(size=(rows, 4))).astype(np.float32)
                writer.add_tensor(f"{tensor.name}.lora_a", a)
                writer.add_tensor(f"{tensor.name}.lora_b", b)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return ModelFile(base, path, make_card(base), 0)

    return write


@pytest.mark.parametrize("kind", KINDS)
def test_it_answers_as_the_stored_model_with_its_adapter(
    adapted: Callable[[float], ModelFile], base: Path, tmp_path: Path, kind: str
) -> None:
    model = adapted(0.02)
    with Classifier(model, unfolded=tmp_path / "cache") as classifier:
        stored = classifier.classify(TEXTS)
        tokens = classifier.encoded.ids(TEXTS[5])
        classifier.use(Tuning(weights=kind))
        unfolded = classifier.classify(TEXTS)
        assert classifier.encoded.ids(TEXTS[5]) == tokens
        classifier.use(Tuning())
        np.testing.assert_array_equal(classifier.classify(TEXTS), stored)
    # Kernels of 8 bits round activations: a single probability of this random model moves by up to .05.
    assert np.abs(unfolded - stored).mean() < 0.01
    # The adapter is in it: without one the answers are others.
    with Classifier(ModelFile(base, None, model.card, 0)) as classifier:
        assert np.abs(classifier.classify(TEXTS) - stored).mean() > 0.05


def test_a_job_goes_on_with_the_weights_that_it_began_with(
    adapted: Callable[[float], ModelFile], tmp_path: Path
) -> None:
    model, tuning = adapted(0.01), Tuning(weights="F16", batch_tokens=511)
    kept = Tuning.from_dict(tuning.batches())
    with Classifier(model, unfolded=tmp_path / "a") as classifier:
        classifier.use(tuning)
        first = classifier.classify(TEXTS)
    with Classifier(model, unfolded=tmp_path / "b", tuning=kept) as classifier:
        np.testing.assert_array_equal(classifier.classify(TEXTS), first)


def test_what_16_bits_cannot_say_is_answered_by_the_stored_model(
    adapted: Callable[[float], ModelFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers beyond 65,504 are infinite in F16: no text may end without an answer for that."""
    with Classifier(adapted(0.01), unfolded=tmp_path) as classifier:
        classifier.use(Tuning(weights="F16"))
        first = classifier.leaf_logits(TEXTS)
        evaluate = PackedContext.evaluate

        def overflow(context: PackedContext, *rest: Any) -> Any:
            logits = evaluate(context, *rest)
            if context is classifier._context:
                logits[::3] = np.nan
            return logits

        monkeypatch.setattr(PackedContext, "evaluate", overflow)
        answered = classifier.leaf_logits(TEXTS)
        stored = classifier._as_stored(classifier._sequences([normalise(TEXTS[0])]))
    kept = np.arange(len(TEXTS)) % 3 != 0
    np.testing.assert_array_equal(answered[kept], first[kept])
    np.testing.assert_array_equal(answered[0], stored[0])
    assert np.isfinite(answered).all()


def test_another_model_does_not_agree(adapted: Callable[[float], ModelFile], tmp_path: Path) -> None:
    model = adapted(0.01)
    file = Unfolding(model, tmp_path).file("F16")
    assert file is not None and model.card is not None
    with Engine(model.gguf, model.adapter) as whole, Engine(file) as unfolded, Engine(model.gguf) as base:
        columns = model.card.leaf_tokens
        assert agree(whole, unfolded, [1], 100, columns)
        assert not agree(whole, base, [1], 100, columns)


def test_there_is_nothing_to_unfold_in_a_model_of_32_bits(tiny_llama: Path, tmp_path: Path) -> None:
    assert Unfolding(ModelFile(tiny_llama, None, None, 0), tmp_path).kinds == ()


def test_a_large_model_is_run_as_it_is(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ModelFile(base, None, None, 0)
    assert Unfolding(model, tmp_path).kinds == tuple(KINDS)
    monkeypatch.setattr("app.inference.unfolding._MOST_BYTES", 1e6)
    assert Unfolding(model, tmp_path).kinds == ()


def test_a_full_disk_leaves_the_model_as_it_is(base: Path, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("no folder")
    unfolding = Unfolding(ModelFile(base, None, None, 0), in_the_way / "cache")
    with pytest.raises(InferenceError, match="Free some space"):
        unfolding.file("F16")


def test_a_job_without_room_for_unfolded_weights_is_tuned_without_them(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("no folder")
    monkeypatch.setattr("app.inference.tuning._MOST_SECONDS", 0.0)
    monkeypatch.setattr(Unfolding, "_has_room", lambda *_: True)
    with Classifier(ModelFile(base, None, make_card(base), 0), unfolded=in_the_way / "cache") as classifier:
        assert classifier.tune().weights == ""
        assert np.isfinite(classifier.classify(TEXTS)).all()


def test_stopped_it_leaves_nothing(base: Path, tmp_path: Path) -> None:
    assert Unfolding(ModelFile(base, None, None, 0), tmp_path).file("F16", lambda: True) is None
    assert list(tmp_path.iterdir()) == []


def test_the_models_used_last_are_kept(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.inference.unfolding._KEPT", 1)
    unfolding = Unfolding(ModelFile(base, None, None, 0), tmp_path)
    first, second = unfolding.file("BF16"), unfolding.file("F16")
    assert second is not None and list(tmp_path.iterdir()) == [second] and first != second
    unfolding.remove("F16")
    assert list(tmp_path.iterdir()) == []
