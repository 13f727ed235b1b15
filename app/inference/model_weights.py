"""A model's linear weights as numbers, its adapter added: what its file and its adapter's file say together.

The adapter's change is that of llama.cpp: W + alpha / rank · B · A (Hu et al. 2021, arXiv 2106.09685).
"""

import importlib.util
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from app.inference.model_file import ModelFile
from training.contract.gguf_head import GGUFHead, Tensor, read_head, tensor_bytes

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float32]]
    Bytes = np.ndarray[Any, np.dtype[np.uint8]]

# ggml's numbers of the types that hold a number each: F32, F16, BF16.
PLAIN = frozenset({0, 1, 30})
_SLICE = 1 << 22


class UnreadableWeightsError(Exception):
    """This model's weights are of a kind that is not read here; the message says which."""


class ModelWeights:
    """The weights of a model. Raises `UnreadableWeightsError` where they cannot be had as numbers."""

    def __init__(self, model: ModelFile) -> None:
        if importlib.util.find_spec("gguf") is None:
            raise UnreadableWeightsError("the package gguf is missing")
        self.head = read_head(model.gguf)
        self.tensors = {tensor.name: tensor for tensor in self.head.tensors}
        self.linears = [t for t in self.head.tensors if t.name.startswith("blk.") and len(t.shape) == 2]
        if unknown := {tensor.kind for tensor in self.linears if not _can_be_read(tensor)}:
            raise UnreadableWeightsError(f"its weights are of ggml's types {sorted(unknown)}")
        self._adapter = None if model.adapter is None else read_head(model.adapter)
        self._adapted = {} if self._adapter is None else _pairs(self._adapter)
        if not self._adapted.keys() <= {tensor.name for tensor in self.linears}:
            raise UnreadableWeightsError("the adapter changes more than the linear weights")

    @property
    def has_adapter(self) -> bool:
        """Whether an adapter changes some of them."""
        return bool(self._adapted)

    @cached_property
    def count(self) -> int:
        """How many numbers the linear weights have together."""
        return sum(tensor.shape[0] * tensor.shape[1] for tensor in self.linears)

    def numbers(self, tensor: Tensor) -> "Floats":
        """Return a linear weight of the whole model, float32 (outputs, inputs)."""
        numbers = _matrix(self.head, tensor)
        if self._adapter is not None and tensor.name in self._adapted:
            a, b = (_matrix(self._adapter, part) for part in self._adapted[tensor.name])
            alpha = self._adapter.value("adapter.lora.alpha")
            numbers += (alpha / len(a) if alpha else 1.0) * (b @ a)
        return numbers

    def vector(self, name: str) -> "Floats":
        """Return a tensor of one dimension, such as a norm's weight, as float32."""
        return _dequantised(_raw(self.head, self.tensors[name]), self.tensors[name].kind).reshape(-1)

    def rows(self, name: str, rows: "Sequence[int] | np.ndarray[Any, Any]") -> "Floats":
        """Return some rows of a matrix, float32 (rows, width); the others are not read."""
        return _dequantised(self._mapped(name)[rows], self.tensors[name].kind)

    def _mapped(self, name: str) -> "Bytes":
        """Return a matrix's bytes, (rows, bytes a row), as they lie on the disk."""
        import numpy as np

        tensor = self.tensors[name]
        shape = (tensor.shape[1], tensor_bytes(tensor) // tensor.shape[1])
        return np.memmap(
            self.head.path, dtype=np.uint8, mode="r", offset=self.head.data + tensor.offset, shape=shape
        )


def _pairs(head: GGUFHead) -> dict[str, tuple[Tensor, Tensor]]:
    """Return {name of the weight: (A, B)} of an adapter's file."""
    parts = {t.name: t for t in head.tensors}
    names = {name.removesuffix(".lora_a") for name in parts if name.endswith(".lora_a")}
    if len(parts) != 2 * len(names):
        raise UnreadableWeightsError("the adapter has more than pairs of matrices")
    return {name: (parts[f"{name}.lora_a"], parts[f"{name}.lora_b"]) for name in names}


def _can_be_read(tensor: Tensor) -> bool:
    """Tell whether numbers of this type can be had: a block of zeros is tried."""
    import numpy as np
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    try:
        _dequantised(
            np.zeros((1, GGML_QUANT_SIZES[GGMLQuantizationType(tensor.kind)][1]), np.uint8), tensor.kind
        )
    except (ValueError, NotImplementedError):
        return False
    return True


def _matrix(head: GGUFHead, tensor: Tensor) -> "Floats":
    """Return a matrix as float32 (rows, width), dequantised a slice at a time: that makes several copies."""
    import numpy as np

    width, rows = tensor.shape
    raw = _raw(head, tensor).reshape(rows, -1)
    numbers = np.empty((rows, width), dtype=np.float32)
    step = max(1, _SLICE // width)
    for start in range(0, rows, step):
        numbers[start : start + step] = _dequantised(raw[start : start + step], tensor.kind)
    return numbers


def _raw(head: GGUFHead, tensor: Tensor) -> "Bytes":
    import numpy as np

    return np.fromfile(
        head.path, dtype=np.uint8, count=tensor_bytes(tensor), offset=head.data + tensor.offset
    )


def _dequantised(raw: "Bytes", kind: int) -> "Floats":
    from gguf import GGMLQuantizationType
    from gguf.quants import dequantize

    numbers: Floats = dequantize(raw, GGMLQuantizationType(kind))
    return numbers
