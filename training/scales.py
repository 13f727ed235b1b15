"""Scale tuning: what is trained are the scales of the base's own 4-bit blocks, so that nothing is rounded after.

A quantised matrix is whole numbers times a scale for each block of 32 or 256 of them: w = d · q. Here the whole
numbers stay as they are, and each block's scale gets a trained factor: w = d · (1 + s) · q, s starting at zero.
The trained model is then written by multiplying the scales in the base's own file: it has the base's types, its
size and its speed, and computes with the very weights that were trained. An adapter that is merged and rounded
loses what it learnt: its changes are smaller than the steps of a 4-bit grid. The weights of the norms, which the
file holds in 32 bits, are trained with them.

Kim et al. 2023, *Memory-Efficient Fine-Tuning of Compressed Large Language Models via sub-4-bit Integer
Quantization* (arXiv 2305.14152). Figures on our tweets stand in docs/recipe.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from training.bases import Base

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Block:
    """How a ggml type lays out a block: its numbers, its bytes, and where its 16-bit scales stand."""

    numbers: int
    bytes: int
    scales: tuple[int, ...]


# All scales of a block are linear in its numbers, so that one factor for all of them multiplies the block. The types
# of 256 have scales of their own for 16 or 32 numbers, in 6 or 8 bits: those are left, the common one is multiplied.
BLOCKS = {
    "Q4_0": Block(32, 18, (0,)),
    "Q4_1": Block(32, 20, (0, 2)),
    "Q5_0": Block(32, 22, (0,)),
    "Q5_1": Block(32, 24, (0, 2)),
    "Q8_0": Block(32, 34, (0,)),
    "IQ4_NL": Block(32, 18, (0,)),
    "Q4_K": Block(256, 144, (0, 2)),
    "Q5_K": Block(256, 176, (0, 2)),
    "Q6_K": Block(256, 210, (208,)),
}


class ScaledLinear(torch.nn.Module):
    """A linear layer of frozen numbers with a trained factor, 1 + `s`, for each block: `s` (outputs, blocks)."""

    def __init__(self, weight: torch.Tensor, block: int, dtype: torch.dtype, dropout: float = 0.0) -> None:
        super().__init__()
        outputs, inputs = weight.shape
        self.register_buffer("weight", weight, persistent=False)
        self.dtype = dtype
        self.dropout = dropout
        self.s = torch.nn.Parameter(torch.zeros(outputs, inputs // block, device=weight.device))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output, computed in its dtype."""
        s: torch.Tensor = self.s
        if self.training and self.dropout:
            # Holds the change of some columns of blocks back, of the same ones for a whole micro-batch.
            kept = torch.rand(s.shape[1], device=s.device) >= self.dropout
            s = s * (kept / (1 - self.dropout))
        answer: torch.Tensor = _Scaled.apply(x.to(self.dtype), self.weight, s)
        return answer


class _Scaled(torch.autograd.Function):
    """x Wᵀ with W = weight · (1 + s). The change of s is that of W, summed over each block: no W in float32 is kept."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        blocks = weight.view(*s.shape, -1)
        # The product is rounded, not the factor: in bf16 a factor would move in steps of 0.4 to 0.8%.
        scaled = (blocks * (1 + s).unsqueeze(-1)).view(weight.shape).to(x.dtype)
        ctx.save_for_backward(x, scaled, weight, s)
        return functional.linear(x, scaled)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, torch.Tensor]:
        x, scaled, weight, s = ctx.saved_tensors
        gradient = gradients[0]
        outputs, inputs = weight.shape
        whole = gradient.reshape(-1, outputs).T @ x.reshape(-1, inputs)
        change = (whole.view(*s.shape, -1) * weight.view(*s.shape, -1)).sum(dim=-1)
        return gradient @ scaled, None, change


def can_tune(base: Base) -> bool:
    """Whether all linear weights of the base are of types whose scales can be trained."""
    return all(_kind(base, name) in BLOCKS for name in base.linears)


def norms(base: Base) -> dict[str, str]:
    """Return the norms whose weights are trained: those that the file holds in 32 bits, file's name → model's."""
    from gguf import GGMLQuantizationType

    tensors = base.file.tensors
    return {n: m for n, m in base.norms.items() if tensors[n].kind == GGMLQuantizationType.F32}


def count_of_trained(base: Base) -> int:
    """Return how many numbers are trained: the scales, and the weights of the norms."""
    shapes = ((base.file.tensors[name].shape, BLOCKS[_kind(base, name)].numbers) for name in base.linears)
    scales = sum(shape[0] * shape[-1] // numbers for shape, numbers in shapes)
    return scales + sum(base.file.tensors[name].shape[-1] for name in norms(base))


def put_on(
    model: torch.nn.Module, base: Base, dtype: torch.dtype, dropout: float
) -> dict[str, torch.nn.Module]:
    """Replace every linear layer of the seven families by a scaled one; return them and the norms by their names.

    The model must hold them in float32: the numbers of the file, not rounded again.
    """
    scaled: dict[str, torch.nn.Module] = {}
    for name, module in base.linears.items():
        linear: Any = model.get_submodule(module)
        scaled[module] = ScaledLinear(
            linear.weight.detach(), BLOCKS[_kind(base, name)].numbers, dtype, dropout
        )
        parent, _, last = module.rpartition(".")
        setattr(model.get_submodule(parent), last, scaled[module])
    for module in norms(base).values():
        scaled[module] = model.get_submodule(module)
        scaled[module].requires_grad_(True)
    return scaled


def written(base: Base, values: "dict[str, Array]") -> "Mapping[str, tuple[int, Callable[[], Array]]]":
    """Return the tensors of the file that were trained: each one's type, which stays, and what makes its bytes.

    `values` maps `<layer>.s` to the factors of a linear layer, `<norm>.weight` to the weights of a norm.
    """
    kinds = {name: tensor.kind for name, tensor in base.file.tensors.items()}
    blocks = {
        name: (kinds[name], partial(rescaled, base, name, values[f"{module}.s"]))
        for name, module in base.linears.items()
    }
    return blocks | {
        name: (kinds[name], partial(_norm_bytes, values[f"{module}.weight"] + base.norm_shift))
        for name, module in norms(base).items()
    }


def rescaled(base: Base, name: str, s: "Array") -> "Array":
    """Return a tensor's bytes with its blocks multiplied by 1 + `s` (outputs, blocks; the model's order of rows)."""
    return rescale(base.file.bytes_of(name), _kind(base, name), 1 + base.to_file_rows(name, s))


def rescale(raw: "Array", kind: str, factors: "Array") -> "Array":
    """Return rows of bytes (outputs, bytes) whose blocks are multiplied by `factors` (outputs, blocks)."""
    import numpy as np

    block = BLOCKS[kind]
    parts = raw.reshape(*factors.shape, block.bytes).copy()
    for start in block.scales:
        scale = np.ascontiguousarray(parts[..., start : start + 2]).view("<f2")
        changed = (scale.astype(np.float32) * factors[..., None]).astype("<f2")
        parts[..., start : start + 2] = changed.view(np.uint8)
    return parts.reshape(raw.shape)


def _norm_bytes(weight: "Array") -> "Array":
    import numpy as np

    return weight.astype("<f4").view(np.uint8)


def _kind(base: Base, name: str) -> str:
    from gguf import GGMLQuantizationType

    return GGMLQuantizationType(base.file.tensors[name].kind).name
