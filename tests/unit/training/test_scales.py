"""Scale tuning: what is trained is what is written, to the precision of a 16-bit scale."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from tests.unit.training.conftest import LEAVES, llama_logits, make_rows, softmax
from training import adapter
from training.bases import Base
from training.batches import Example, collate, encode_rows
from training.contract.prompt import EncodedPrompt
from training.contract.spec import SCALABLE
from training.export import export
from training.gguf_file import GGUFFile, dequantise, row_bytes
from training.machine import Plan
from training.network import LeafNetwork
from training.scales import BLOCKS, ScaledLinear, can_tune, rescale


def make_network(base: Path, encoded: EncodedPrompt, method: str = "scales") -> LeafNetwork:
    return LeafNetwork(
        Base.open(GGUFFile(base)),
        encoded.leaf_tokens,
        Plan("cpu", method, "fp32", "eager", 2),
        rank=4,
        alpha=8,
        dropout=0.0,
        seed=1,
        micro_batch=8,
    )


@pytest.fixture
def examples(encoded: EncodedPrompt) -> list[Example]:
    return encode_rows(make_rows(12), LEAVES, encoded)


@pytest.mark.parametrize("kind", sorted(BLOCKS))
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_a_block_of_any_type_is_multiplied_as_a_whole(kind: str, seed: int) -> None:
    from gguf import GGMLQuantizationType

    chance = np.random.default_rng(seed)
    block, number = BLOCKS[kind], int(GGMLQuantizationType[kind])
    assert row_bytes(number, block.numbers) == block.bytes
    raw = chance.integers(0, 256, (3, 4, block.bytes), dtype=np.uint8)
    for start in block.scales:
        scales = chance.uniform(0.001, 0.1, (3, 4, 1)).astype("<f2")
        raw[..., start : start + 2] = scales.view(np.uint8)
    factors = chance.uniform(0.5, 1.5, (3, 4)).astype(np.float32)
    before = dequantise(raw.reshape(3, -1), number)
    after = dequantise(rescale(raw.reshape(3, -1), kind, factors), number)
    expected = (before.reshape(3, 4, -1) * factors[..., None]).reshape(3, -1)
    # A 16-bit float has 11 bits; where an offset is taken off, both round, and the difference may be small.
    largest = 32 * 0.15 * 127 if kind in ("IQ4_NL", "Q6_K") else np.abs(before).max() * 1.5 + 64 * 0.15
    np.testing.assert_allclose(after, expected, rtol=2e-3, atol=largest * 2**-10)
    np.testing.assert_array_equal(
        rescale(raw.reshape(3, -1), kind, np.ones((3, 4), np.float32)), raw.reshape(3, -1)
    )


def test_a_plan_knows_the_same_types() -> None:
    from gguf import GGMLQuantizationType

    assert {int(GGMLQuantizationType[kind]) for kind in BLOCKS} == SCALABLE


def test_the_change_of_a_scale_is_that_of_its_block() -> None:
    torch.manual_seed(1)
    layer = ScaledLinear(torch.randn(6, 64), 32, torch.float32)
    with torch.no_grad():
        layer.s.normal_(std=0.1)
    x = torch.randn(5, 3, 64, requires_grad=True)
    out = layer(x)
    s = layer.s.detach().clone().requires_grad_()
    same = functional.linear(x, (layer.weight.view(6, 2, 32) * (1 + s).unsqueeze(-1)).view(6, 64))
    torch.testing.assert_close(out, same)
    weights = torch.randn_like(out)
    ours = torch.autograd.grad((out * weights).sum(), [x, layer.s])
    theirs = torch.autograd.grad((same * weights).sum(), [x, s])
    torch.testing.assert_close(ours, theirs)


def test_it_starts_as_the_base_itself_and_only_scales_and_norms_learn(
    small_base: Path, encoded: EncodedPrompt, examples: list[Example]
) -> None:
    network, base = make_network(small_base, encoded), make_network(small_base, encoded, "lora")
    np.testing.assert_allclose(network.probabilities(examples), base.probabilities(examples), atol=1e-6)
    assert can_tune(Base.open(GGUFFile(small_base)))
    batch = collate(examples, "cpu")
    functional.cross_entropy(network.logits(batch), batch.leaf).backward()
    # Seven linears and two norms a layer, and the last norm.
    assert len(network.parameters()) == 2 * (7 + 2) + 1
    assert all(float(parameter.grad.abs().sum()) > 0 for parameter in network.parameters())
    assert {id(p) for p in network.body.parameters() if p.requires_grad} == {
        id(p) for p in network.parameters()
    }


def test_the_file_answers_as_the_trained_model_and_differs_from_the_base_in_scales_and_norms_alone(
    small_base: Path, encoded: EncodedPrompt, examples: list[Example], tmp_path: Path
) -> None:
    network = make_network(small_base, encoded)
    torch.manual_seed(5)
    with torch.no_grad():
        for layer in network.adapted.values():
            if isinstance(layer, ScaledLinear):
                layer.s.normal_(std=0.5)
            else:
                layer.weight.mul_(1 + 0.2 * torch.randn_like(layer.weight))
    trained = {name: value.numpy() for name, value in adapter.state(network.adapted).items()}
    base = Base.open(GGUFFile(small_base))
    export(base, trained, tmp_path, method="scales", rank=1, alpha=1, single_type="Q4_0")
    assert [path.name for path in tmp_path.iterdir()] == ["single"]
    path = tmp_path / "single" / "model.gguf"
    sequences = [example.ids for example in examples]
    served = softmax(llama_logits(path, sequences, encoded.leaf_tokens))
    without = softmax(llama_logits(small_base, sequences, encoded.leaf_tokens))
    answers = network.probabilities(examples)
    # What llama.cpp rounds (8-bit inputs) stays; what the scales changed is far more.
    assert np.abs(served - answers).max() < 0.06
    assert np.abs(without - answers).max() > 0.2

    single = Base.open(GGUFFile(path))
    assert path.stat().st_size == small_base.stat().st_size
    for name, tensor in base.file.tensors.items():
        assert single.file.tensors[name].kind == tensor.kind
        if name in base.norms:
            now = network.adapted[base.norms[name]].weight.detach().numpy() + base.norm_shift
            np.testing.assert_array_equal(single.file.numbers(name), now)
            assert np.abs(now - base.file.numbers(name)).max() > 0.01
        elif name not in base.linears:
            np.testing.assert_array_equal(single.file.bytes_of(name), base.file.bytes_of(name))
    for name, module in base.linears.items():
        layer = network.adapted[module]
        exact = (layer.weight.view(*layer.s.shape, -1) * (1 + layer.s.detach()).unsqueeze(-1)).view(
            layer.weight.shape
        )
        difference = np.abs(single.weight(name) - exact.numpy()).max()
        assert difference < np.abs(exact.numpy()).max() * 2**-9
