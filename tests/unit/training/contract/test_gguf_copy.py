"""Copies of GGUF files: with other numbers, and with a model's first layers alone."""

from pathlib import Path

import pytest

from tests.small_base import embedded_base
from training.contract.gguf_copy import copy_first_layers, copy_gguf
from training.contract.gguf_head import GGUFError, read_head


def test_the_first_layers_alone_are_a_model_with_everything_else_unchanged(tmp_path: Path) -> None:
    whole = read_head(embedded_base())
    copy_first_layers(whole, tmp_path / "short.gguf", 3)
    short = read_head(tmp_path / "short.gguf")
    assert short.value("llama.block_count") == 3
    assert list(short.keys) == list(whole.keys)
    for name in set(whole.keys) - {"llama.block_count"}:
        assert short.value(name) == whole.value(name)
    layers = {t.name.split(".")[1] for t in short.tensors if t.name.startswith("blk.")}
    assert layers == {"0", "1", "2"}
    others = [t.name for t in whole.tensors if not t.name.startswith("blk.")]
    assert [t.name for t in short.tensors if not t.name.startswith("blk.")] == others
    before, after = whole.path.read_bytes(), short.path.read_bytes()
    for tensor in short.tensors:
        (old,) = [t for t in whole.tensors if t.name == tensor.name]
        assert (tensor.kind, tensor.shape) == (old.kind, old.shape)
        first, second = whole.data + old.offset, short.data + tensor.offset
        assert before[first : first + 64] == after[second : second + 64]


@pytest.mark.parametrize("layers", [-1, 0, 2, 3])
def test_a_model_is_only_made_shorter(tmp_path: Path, small_base: Path, layers: int) -> None:
    with pytest.raises(GGUFError, match="no more than"):
        copy_first_layers(read_head(small_base), tmp_path / "short.gguf", layers)
    assert list(tmp_path.iterdir()) == []


def test_a_key_is_changed_in_its_place_or_added(tmp_path: Path, small_base: Path) -> None:
    head = read_head(small_base)
    copy_gguf(head, tmp_path / "copy.gguf", {}, {"llama.context_length": 77, "general.new": 5})
    copy = read_head(tmp_path / "copy.gguf")
    assert list(copy.keys) == [*head.keys, "general.new"]
    assert (copy.value("llama.context_length"), copy.value("general.new")) == (77, 5)
