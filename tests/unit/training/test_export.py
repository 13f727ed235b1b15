"""Both 4-bit forms: llama.cpp answers with them as the trained model does."""

import json
import os
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.unit.training.conftest import LEAVES, llama_logits, make_rows, softmax
from training import adapter
from training.bases import LINEARS, Base
from training.batches import Example, encode_rows
from training.contract.prompt import EncodedPrompt
from training.errors import TrainingError
from training.export import check_single_type, export, link_or_copy
from training.gguf_file import GGUFFile
from training.machine import Plan
from training.network import LeafNetwork

RANK, ALPHA = 4, 12


@pytest.fixture
def network(small_base: Path, encoded: EncodedPrompt) -> LeafNetwork:
    """Return a network whose adapter changes the answers much, in every layer."""
    network = LeafNetwork(
        Base.open(GGUFFile(small_base)),
        encoded.leaf_tokens,
        Plan("cpu", "lora", "fp32", "eager", 2),
        rank=RANK,
        alpha=ALPHA,
        dropout=0.0,
        seed=5,
        micro_batch=8,
    )
    torch.manual_seed(5)
    with torch.no_grad():
        for layer in network.adapted.values():
            layer.b.normal_(std=0.3)
    return network


@pytest.fixture
def examples(encoded: EncodedPrompt) -> list[Example]:
    return encode_rows(make_rows(12), LEAVES, encoded)


def write(network: LeafNetwork, base: Path, folder: Path, single_type: str) -> None:
    trained = {name: value.numpy() for name, value in adapter.state(network.adapted).items()}
    export(
        Base.open(GGUFFile(base)),
        trained,
        folder,
        method="lora",
        rank=RANK,
        alpha=ALPHA,
        single_type=single_type,
    )


def test_the_base_with_its_adapter_answers_as_the_trained_model(
    network: LeafNetwork, small_base: Path, encoded: EncodedPrompt, examples: list[Example], tmp_path: Path
) -> None:
    write(network, small_base, tmp_path, "Q4_0")
    sequences = [example.ids for example in examples]
    served = softmax(
        llama_logits(
            tmp_path / "adapter" / "base.gguf",
            sequences,
            encoded.leaf_tokens,
            tmp_path / "adapter" / "adapter.gguf",
        )
    )
    without = softmax(llama_logits(small_base, sequences, encoded.leaf_tokens))
    trained = network.probabilities(examples)
    # What llama.cpp rounds (8-bit inputs) stays; what the adapter changed is far more.
    assert np.abs(served - trained).max() < 0.06
    assert np.abs(without - trained).max() > 0.2


def test_the_single_file_answers_as_the_trained_model_where_rounding_is_fine(
    network: LeafNetwork, small_base: Path, encoded: EncodedPrompt, examples: list[Example], tmp_path: Path
) -> None:
    write(network, small_base, tmp_path, "Q8_0")
    single = tmp_path / "single" / "model.gguf"
    served = softmax(llama_logits(single, [example.ids for example in examples], encoded.leaf_tokens))
    assert np.abs(served - network.probabilities(examples)).max() < 0.06


def test_the_single_file_differs_from_the_base_in_its_linears_alone(
    network: LeafNetwork, small_base: Path, tmp_path: Path
) -> None:
    write(network, small_base, tmp_path, "Q4_0")
    base, single = GGUFFile(small_base), GGUFFile(tmp_path / "single" / "model.gguf")
    assert single.value("general.file_type") == 2
    assert set(single.head.keys) == set(base.head.keys)
    assert single.value("tokenizer.ggml.merges") == base.value("tokenizer.ggml.merges")
    changed = [name for name, tensor in single.tensors.items() if tensor.kind != base.tensors[name].kind]
    assert {name.split(".")[2] for name in changed} == set(LINEARS)
    assert len(changed) == 14
    for name in set(base.tensors) - set(changed):
        np.testing.assert_array_equal(single.bytes_of(name), base.bytes_of(name))
    layer = network.adapted["layers.1.self_attn.k_proj"]
    with torch.no_grad():
        exact = layer.linear.weight + ALPHA / RANK * layer.b @ layer.a
    rounded = Base.open(single).weight("blk.1.attn_k.weight")
    assert np.abs(rounded - exact.numpy()).max() < np.abs(exact.numpy()).max() / 7


def test_the_base_takes_no_second_place_on_the_disk(
    network: LeafNetwork, small_base: Path, tmp_path: Path
) -> None:
    write(network, small_base, tmp_path, "Q4_0")
    write(network, small_base, tmp_path, "Q4_0")
    assert (tmp_path / "adapter" / "base.gguf").samefile(small_base)
    assert sorted(p.name for p in tmp_path.rglob("*.*")) == ["adapter.gguf", "base.gguf", "model.gguf"]


def test_where_a_file_cannot_be_linked_it_is_copied(
    small_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    link_or_copy(small_base, tmp_path / "base.gguf")
    assert not (tmp_path / "base.gguf").samefile(small_base)
    assert (tmp_path / "base.gguf").read_bytes() == small_base.read_bytes()


def test_too_little_space_is_told_before_anything_is_written(
    network: LeafNetwork, small_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 1000))
    with pytest.raises(TrainingError, match="Free some space"):
        write(network, small_base, tmp_path / "model", "Q4_0")
    assert not list((tmp_path / "model").iterdir())


def test_a_type_that_cannot_be_written_is_refused(small_base: Path) -> None:
    base = Base.open(GGUFFile(small_base))
    check_single_type(base, "Q4_0")
    with pytest.raises(TrainingError, match="Choose one of Q4_0"):
        check_single_type(base, "Q4_K_M")


def test_the_adapter_is_one_that_peft_knows(network: LeafNetwork, tmp_path: Path) -> None:
    from safetensors import safe_open

    state = adapter.state(network.adapted)
    adapter.save(tmp_path, state, method="lora", rank=RANK, alpha=ALPHA, dropout=0.1, base="small")
    configuration = json.loads((tmp_path / "adapter_config.json").read_text(encoding="utf-8"))
    assert (configuration["r"], configuration["lora_alpha"], configuration["peft_type"]) == (4, 12, "LORA")
    with safe_open(tmp_path / "adapter_model.safetensors", framework="pt") as file:
        name = "base_model.model.model.layers.0.mlp.down_proj.lora_B.weight"
        torch.testing.assert_close(file.get_tensor(name), state["layers.0.mlp.down_proj.b"])
        assert len(file.keys()) == len(state) == 28
