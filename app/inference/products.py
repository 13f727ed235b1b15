"""Products of states with a model's weights in float32, by the kernels of PyTorch that suit the processor.

PyTorch has two libraries for them. MKL is Intel's, and what it takes by itself; on AMD's processors oneDNN's kernels,
with weights that are laid out for them once, make a whole pass a seventh faster (docs/speed.md). Which one is taken
follows from the processor alone: results of the two differ in their last bits, and a job that goes on has to have those
that it began with.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

from app.inference.machine import is_amd

if TYPE_CHECKING:
    import numpy as np
    import torch

    Floats = np.ndarray[Any, np.dtype[np.float32]]


class Product:
    """Multiplies states, (tokens, inputs), by a matrix of weights, (outputs, inputs), which is not to be changed."""

    def __init__(self, weights: "Floats") -> None:
        import torch

        self._weights = torch.from_numpy(weights)
        self._is_packed = packs()
        if self._is_packed:
            self._weights = torch.ops.mkldnn._reorder_linear_weight(self._weights)

    def __call__(self, states: "torch.Tensor") -> "torch.Tensor":
        """Return the products, (tokens, outputs)."""
        import torch

        if not self._is_packed:
            return torch.nn.functional.linear(states, self._weights)
        found: torch.Tensor = torch.ops.mkldnn._linear_pointwise(states, self._weights, None, "none", [], "")
        return found


@cache
def packs() -> bool:
    """Tell whether oneDNN multiplies here, with packed weights."""
    import torch

    # What PyTorch's own compiler calls; no other way takes weights that are packed already and states that are not.
    names = ("_reorder_linear_weight", "_linear_pointwise")
    return (
        is_amd()
        and torch.backends.mkldnn.is_available()
        and all(hasattr(torch.ops.mkldnn, name) for name in names)
    )
