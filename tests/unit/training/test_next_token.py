"""The second aim: what is foretold, that pieces do not change it, and that a run learns it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from tests.unit.training.conftest import LEAVES, make_rows
from training.bases import Base
from training.batches import Example, collate, encode_rows
from training.contract.prompt import EncodedPrompt
from training.gguf_file import GGUFFile
from training.machine import Plan
from training.network import LeafNetwork
from training.next_token import NextToken

WEIGHT = 0.3


@pytest.fixture
def examples(encoded: EncodedPrompt) -> list[Example]:
    return encode_rows(make_rows(8), LEAVES, encoded)


@pytest.fixture
def base(small_base: Path) -> Base:
    return Base.open(GGUFFile(small_base))


@pytest.fixture
def make_network(base: Base, encoded: EncodedPrompt) -> Callable[..., LeafNetwork]:
    def make(known: list[Example], micro_batch: int = 8, weight: float = WEIGHT) -> LeafNetwork:
        return LeafNetwork(
            base,
            encoded.leaf_tokens,
            Plan("cpu", "lora", "fp32", "eager", 2),
            rank=4,
            alpha=8,
            dropout=0.0,
            seed=1,
            micro_batch=micro_batch,
            next_token=NextToken(known, encoded, base, "cpu", weight),
        )

    return make


def test_it_is_the_cross_entropy_of_the_tweets_frequent_tokens(
    make_network: Callable[..., LeafNetwork], examples: list[Example], encoded: EncodedPrompt, base: Base
) -> None:
    """Reckoned anew, tweet by tweet and token by token, without batch, mask or padding."""
    network = make_network(examples)
    before = max(1, len(encoded.before))
    texts = [example.ids[before : -len(encoded.after)] for example in examples]
    often = sorted({t for text in texts for t in text if sum(t in other for other in texts) > 1})
    rows = torch.from_numpy(base.output_rows(often))
    expected = []
    for example, text in zip(examples, texts, strict=True):
        with torch.no_grad():
            hidden = network.body(input_ids=torch.tensor([example.ids])).last_hidden_state[0]
        for place, token in enumerate(text, before):
            if token in often:
                logits = rows @ hidden[place - 1]
                expected.append(float(logits.logsumexp(0) - logits[often.index(token)]))
    assert 0 < len(expected) < sum(map(len, texts)), "some tokens are of one tweet alone"
    leaf, whole = network.losses(collate(examples, "cpu"), examples)
    assert float((whole - leaf).detach()) == pytest.approx(WEIGHT * sum(expected) / len(expected), rel=1e-4)
    logits = network.logits(collate(examples, "cpu"))
    mean = functional.cross_entropy(logits, torch.tensor([example.leaf for example in examples]))
    assert float(leaf.detach()) == pytest.approx(float(mean.detach()), rel=1e-4)


@pytest.mark.parametrize("micro_batch", [1, 3])
def test_gradients_do_not_depend_on_how_much_is_computed_at_once(
    make_network: Callable[..., LeafNetwork], examples: list[Example], micro_batch: int
) -> None:
    def gradients(size: int) -> list[torch.Tensor]:
        network = make_network(examples, size)
        network.in_pieces(examples, lambda piece: network.losses(piece, examples)[1].backward())
        found = [parameter.grad for parameter in network.parameters()]
        return [gradient for gradient in found if gradient is not None]

    pairs = list(zip(gradients(micro_batch), gradients(8), strict=True))
    assert pairs
    for ours, whole in pairs:
        torch.testing.assert_close(ours, whole, atol=1e-4, rtol=1e-3)


def test_tweets_that_share_no_token_leave_the_class_alone(
    make_network: Callable[..., LeafNetwork], examples: list[Example]
) -> None:
    one = examples[:1]
    network = make_network(one)
    leaf, whole = network.losses(collate(one, "cpu"), one)
    assert float(leaf.detach()) == float(whole.detach())
    # Foretold tokens that only other tweets have.
    known = make_network(examples)
    strange = [replace(one[0], ids=(one[0].ids[0], 9, 9, 9, *one[0].ids[-3:]))]
    leaf, whole = known.losses(collate(strange, "cpu"), strange)
    assert float(leaf.detach()) == float(whole.detach())


def test_what_is_foretold_is_learnt(
    make_network: Callable[..., LeafNetwork], examples: list[Example]
) -> None:
    """The tweets' language itself: a few steps lessen the second loss, on tweets seen without their classes."""
    network = make_network(examples, weight=1.0)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(8):
        leaf, whole = network.losses(collate(examples, "cpu"), examples)
        optimizer.zero_grad()
        (whole - leaf).backward()
        optimizer.step()
        losses.append(float((whole - leaf).detach()))
    assert losses[-1] < 0.6 * losses[0]
