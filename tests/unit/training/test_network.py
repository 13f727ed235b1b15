"""The network: answers that padding does not touch, memory that is halved, four-bit training on a CPU."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.unit.training.conftest import LEAVES, make_rows
from training.bases import Base
from training.batches import Batch, Example, collate, encode_rows
from training.contract.prompt import EncodedPrompt
from training.errors import TrainingError
from training.gguf_file import GGUFFile
from training.machine import Plan
from training.network import CPU_TOKENS, LeafNetwork

FLOAT = Plan("cpu", "lora", "fp32", "eager", 2)


@pytest.fixture
def make_network(small_base: Path, encoded: EncodedPrompt) -> Callable[..., LeafNetwork]:
    def make(plan: Plan = FLOAT, micro_batch: int = 8, dropout: float = 0.0) -> LeafNetwork:
        return LeafNetwork(
            Base.open(GGUFFile(small_base)),
            encoded.leaf_tokens,
            plan,
            rank=4,
            alpha=8,
            dropout=dropout,
            seed=1,
            micro_batch=micro_batch,
        )

    return make


@pytest.fixture
def examples(encoded: EncodedPrompt) -> list[Example]:
    return encode_rows(make_rows(8), LEAVES, encoded)


def loss_of(network: LeafNetwork, batch: Batch) -> torch.Tensor:
    return functional.cross_entropy(network.logits(batch), batch.leaf, reduction="sum")


def test_padding_and_company_do_not_change_an_answer(
    make_network: Callable[..., LeafNetwork], examples: list[Example]
) -> None:
    network = make_network()
    longest = Example(99, examples[0].ids * 4, 0, "en")
    together = network.probabilities([*examples, longest])
    alone = np.concatenate([network.probabilities([example]) for example in [*examples, longest]])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(together.sum(axis=1), 1.0)


def test_an_adapter_starts_as_the_base_itself(
    make_network: Callable[..., LeafNetwork], examples: list[Example]
) -> None:
    network = make_network()
    before = network.probabilities(examples)
    for layer in network.adapted.values():
        layer.scale = 0.0
    np.testing.assert_array_equal(network.probabilities(examples), before)


def test_only_the_adapter_learns_and_all_of_it(
    make_network: Callable[..., LeafNetwork], examples: list[Example]
) -> None:
    network = make_network()
    assert len(network.adapted) == 2 * 7
    with torch.no_grad():
        for layer in network.adapted.values():
            layer.b.normal_(std=0.02)
    loss_of(network, collate(examples, "cpu")).backward()
    assert all(float(parameter.grad.abs().sum()) > 0 for parameter in network.parameters())
    trained = {id(parameter) for parameter in network.parameters()}
    assert {id(p) for p in network.body.parameters() if p.requires_grad} == trained


@pytest.mark.parametrize("micro_batch", [1, 3, 8])
def test_gradients_do_not_depend_on_how_much_is_computed_at_once(
    make_network: Callable[..., LeafNetwork], examples: list[Example], micro_batch: int
) -> None:
    def gradients(size: int) -> list[torch.Tensor]:
        network = make_network(micro_batch=size)
        network.in_pieces(examples, lambda piece: loss_of(network, piece).backward())
        return [parameter.grad for parameter in network.parameters()]

    for ours, whole in zip(gradients(micro_batch), gradients(8), strict=True):
        torch.testing.assert_close(ours, whole, atol=1e-4, rtol=1e-3)


def test_pieces_hold_every_example_and_few_tokens(make_network: Callable[..., LeafNetwork]) -> None:
    network = make_network(micro_batch=16)
    many = [Example(i, (1,) * length, 0, "en") for i, length in enumerate([40] * 40 + [300] * 9 + [2000])]
    pieces = list(network.pieces(many))
    assert [example for piece in pieces for example in piece] == many
    assert max(len(piece) for piece in pieces) == 16
    for piece in pieces:
        assert len(piece) == 1 or len(piece) * max(len(e.ids) for e in piece) <= CPU_TOKENS


def test_when_memory_runs_out_half_as_much_is_computed_at_once(
    make_network: Callable[..., LeafNetwork], examples: list[Example]
) -> None:
    network, sizes = make_network(), []

    def compute(piece: Batch) -> int:
        sizes.append(len(piece.leaf))
        if len(piece.leaf) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return len(piece.leaf)

    assert network.in_pieces(examples, compute) == [2, 2, 2, 2]
    assert network.in_pieces(examples, compute) == [2, 2, 2, 2]
    assert sizes == [8, 4] + [2] * 8


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 3072 bytes."),
        RuntimeError("std::bad_alloc"),
        RuntimeError("could not create a memory object"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_memory_that_runs_out_on_the_way_back_leaves_no_trace(
    make_network: Callable[..., LeafNetwork], examples: list[Example], error: Exception
) -> None:
    """Gradients and what chance draws are those of an attempt that had memory enough from the start."""

    def gradients(network: LeafNetwork, fails: bool) -> list[torch.Tensor]:
        network.body.train()
        torch.manual_seed(3)

        def compute(piece: Batch) -> None:
            loss_of(network, piece).backward()
            if fails and len(piece.leaf) > 4:
                raise error

        network.in_pieces(examples, compute)
        return [parameter.grad for parameter in network.parameters()]

    short, enough = make_network(dropout=0.5), make_network(dropout=0.5, micro_batch=4)
    for ours, theirs in zip(gradients(short, True), gradients(enough, False), strict=True):
        assert torch.equal(ours, theirs)
    assert short.micro_batch == 4


def test_memory_for_not_even_one_tweet_is_told_and_a_bug_is_not_hidden(
    make_network: Callable[..., LeafNetwork], examples: list[Example]
) -> None:
    def never(error: Exception) -> Callable[[Batch], Any]:
        def compute(piece: Batch) -> Any:
            raise error

        return compute

    with pytest.raises(TrainingError, match="too little memory"):
        make_network().in_pieces(examples, never(RuntimeError("DefaultCPUAllocator: can't allocate memory")))
    with pytest.raises(RuntimeError, match="shapes"):
        make_network().in_pieces(examples, never(RuntimeError("shapes do not match")))


def test_dropout_is_drawn_anew_in_training_and_is_none_in_scoring(
    make_network: Callable[..., LeafNetwork], examples: list[Example]
) -> None:
    network = make_network(dropout=0.5)
    with torch.no_grad():
        for layer in network.adapted.values():
            layer.b.normal_(std=0.02)
    batch = collate(examples, "cpu")
    np.testing.assert_array_equal(network.probabilities(examples), network.probabilities(examples))
    network.body.train()
    assert not torch.equal(network.logits(batch), network.logits(batch))


@pytest.mark.filterwarnings("ignore::UserWarning:bitsandbytes.*", "ignore::FutureWarning")
def test_four_bit_training_runs_on_a_cpu_and_learns(
    make_network: Callable[..., LeafNetwork], examples: list[Example]
) -> None:
    network = make_network(Plan("cpu", "qlora", "bf16", "eager", 2))
    layer: Any = network.body.layers[0].mlp.up_proj.linear
    assert layer.weight.quant_state.quant_type == "nf4"
    assert layer.weight.dtype == torch.uint8
    near, exact = network.probabilities(examples), make_network().probabilities(examples)
    assert np.abs(near - exact).max() < 0.2
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(4):
        optimizer.zero_grad()
        loss = loss_of(network, collate(examples, "cpu"))
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
