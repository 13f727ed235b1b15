"""A GGUF file as training needs it: keys, tensors as numbers, and a copy in which some tensors are others."""

import mmap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.contract.gguf_copy import copy_gguf
from training.contract.gguf_head import GGUFError, read_head
from training.errors import TrainingError

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Tensor:
    """One tensor: `shape` has the rows first, as numpy has it; `kind` is ggml's type number."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


class GGUFFile:
    """A GGUF file, mapped into memory. Raises `TrainingError` where it is none, or only part of one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with open(path, "rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError as error:
            raise TrainingError(
                f"The base model is not at {path}. Add it to the shelf again or choose another base."
            ) from error
        except (OSError, ValueError) as error:
            raise TrainingError(f"The base model {path.name} cannot be read: {error}.") from error
        try:
            self.head = read_head(path)
            self.tensors = {
                t.name: Tensor(t.name, tuple(reversed(t.shape)), t.kind, t.offset) for t in self.head.tensors
            }
            # The head is checked by a table of ggml's types; one that it does not know is told here.
            for tensor in self.tensors.values():
                row_bytes(tensor.kind, tensor.shape[-1])
        except (GGUFError, ValueError, KeyError) as error:
            raise TrainingError(
                f"The base model {path.name} is not a GGUF model file, or only part of one. Fetch it again."
            ) from error

    def value(self, name: str, default: Any = None) -> Any:
        """Return a key's value, or `default` where the file has no such key."""
        return self.head.value(name) if name in self.head.keys else default

    def bytes_of(self, name: str) -> "Array":
        """Return a tensor's bytes as they are in the file, uint8 of shape (rows, bytes a row)."""
        import numpy as np

        tensor = self.tensors[name]
        rows = 1
        for size in tensor.shape[:-1]:
            rows *= size
        length = rows * row_bytes(tensor.kind, tensor.shape[-1])
        raw = np.frombuffer(self._map, dtype=np.uint8, count=length, offset=self.head.data + tensor.offset)
        return raw.reshape(rows, -1)

    def numbers(self, name: str) -> "Array":
        """Return a tensor as float32, dequantised."""
        import numpy as np

        tensor = self.tensors[name]
        raw = self.bytes_of(name)
        # In slices: dequantising makes several temporary copies, and an embedding has 170 million numbers.
        step = max(1, (1 << 22) // max(1, tensor.shape[-1]))
        out = np.empty((len(raw), tensor.shape[-1]), dtype=np.float32)
        for start in range(0, len(raw), step):
            out[start : start + step] = dequantise(raw[start : start + step], tensor.kind)
        return out.reshape(tensor.shape)

    def rows(self, name: str, indices: list[int]) -> "Array":
        """Return some rows of a matrix as float32."""
        return dequantise(self.bytes_of(name)[indices], self.tensors[name].kind)

    def copy(
        self,
        target: Path,
        replaced: Mapping[str, tuple[int, Callable[[], "Array"]]],
        values: Mapping[str, int] | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Write this file anew with other tensors, and other numbers for keys, in place of some.

        See `training.contract.gguf_copy`.
        """
        copy_gguf(self.head, target, replaced, values, check)


def row_bytes(kind: int, width: int) -> int:
    """Return the bytes of a row of `width` numbers in a ggml type; `ValueError` where it does not fit."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    values, size = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
    if width % values:
        raise ValueError(f"{width} is not a multiple of {values}")
    return int(width // values * size)


def dequantise(raw: "Array", kind: int) -> "Array":
    """Return rows of bytes as float32 rows."""
    import numpy as np
    from gguf import GGMLQuantizationType
    from gguf.quants import dequantize

    try:
        return np.asarray(dequantize(np.ascontiguousarray(raw), GGMLQuantizationType(kind)), dtype=np.float32)
    except NotImplementedError as error:
        name = GGMLQuantizationType(kind).name
        raise TrainingError(
            f"The base model holds weights of type {name}, which cannot be trained. Choose another base."
        ) from error
