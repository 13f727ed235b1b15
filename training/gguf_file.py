"""A GGUF file as training needs it: keys, tensors as numbers, and a copy in which some tensors are others.

Keys are kept as the bytes they are, so that a copy says exactly what the original said. Reading 262,144
vocabulary entries one by one takes a generic reader ten seconds; here only the keys that are asked for are
decoded. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import mmap
import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.errors import TrainingError

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_UINT32, _STRING, _ARRAY = 4, 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


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
        self.keys: dict[str, tuple[int, int, int, int]] = {}
        self.tensors: dict[str, Tensor] = {}
        try:
            self._parse()
        except (struct.error, ValueError, KeyError, IndexError, OverflowError) as error:
            raise TrainingError(
                f"The base model {path.name} is not a GGUF model file, or only part of one. Fetch it again."
            ) from error

    def value(self, name: str, default: Any = None) -> Any:
        """Return a key's value, or `default` where the file has no such key."""
        if name not in self.keys:
            return default
        _, start, _, kind = self.keys[name]
        return self._decode(start, kind)[0]

    def bytes_of(self, name: str) -> "Array":
        """Return a tensor's bytes as they are in the file, uint8 of shape (rows, bytes a row)."""
        import numpy as np

        tensor = self.tensors[name]
        rows = 1
        for size in tensor.shape[:-1]:
            rows *= size
        length = rows * row_bytes(tensor.kind, tensor.shape[-1])
        raw = np.frombuffer(self._map, dtype=np.uint8, count=length, offset=self._data + tensor.offset)
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
        file_type: int | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Write this file anew with other tensors in place of some.

        `replaced` maps a tensor's name to its new type and to what makes its bytes, called when they are due.
        `file_type` becomes the file's `general.file_type`. The target appears in one step or not at all;
        `check` is called between tensors and may raise.
        """
        kinds = {name: replaced[name][0] if name in replaced else t.kind for name, t in self.tensors.items()}
        file_type_key = "general.file_type"
        kept = [key for name, key in self.keys.items() if file_type is None or name != file_type_key]
        head = [b"GGUF", struct.pack("<IQQ", self.version, len(kinds), len(kept) + (file_type is not None))]
        head += [self._map[start:end] for start, _, end, _ in kept]
        if file_type is not None:
            head.append(encode_text(file_type_key) + struct.pack("<II", _UINT32, file_type))
        offset = 0
        for name, tensor in self.tensors.items():
            head.append(encode_text(name) + struct.pack("<I", len(tensor.shape)))
            head.append(struct.pack(f"<{len(tensor.shape)}Q", *reversed(tensor.shape)))
            head.append(struct.pack("<IQ", kinds[name], offset))
            rows = 1
            for size in tensor.shape[:-1]:
                rows *= size
            offset += rows * row_bytes(kinds[name], tensor.shape[-1])
            offset += -offset % self.alignment
        temporary = target.with_name(f".{target.name}.{os.getpid()}.partial")
        try:
            with open(temporary, "wb") as file:
                file.write(b"".join(head))
                for name in self.tensors:
                    check()
                    file.write(b"\0" * (-file.tell() % self.alignment))
                    file.write((replaced[name][1]() if name in replaced else self.bytes_of(name)).tobytes())
                file.write(b"\0" * (-file.tell() % self.alignment))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    def _parse(self) -> None:
        if self._map[:4] != b"GGUF":
            raise ValueError("magic")
        self.version, tensors, keys = struct.unpack_from("<IQQ", self._map, 4)
        if self.version not in (2, 3):
            raise ValueError("version")
        at = 24
        for _ in range(keys):
            start = at
            name, at = self._decode(at, _STRING)
            (kind,) = struct.unpack_from("<I", self._map, at)
            end = self._skip(at + 4, kind)
            self.keys[name] = (start, at + 4, end, kind)
            at = end
        for _ in range(tensors):
            name, at = self._decode(at, _STRING)
            (dimensions,) = struct.unpack_from("<I", self._map, at)
            shape = struct.unpack_from(f"<{dimensions}Q", self._map, at + 4)
            kind, offset = struct.unpack_from("<IQ", self._map, at + 4 + 8 * dimensions)
            at += 16 + 8 * dimensions
            self.tensors[name] = Tensor(name, tuple(reversed(shape)), kind, offset)
        self.alignment = self.value("general.alignment", 32)
        self._data = at + -at % self.alignment
        for name, tensor in self.tensors.items():
            if not tensor.shape or self.bytes_of(name).nbytes == 0:
                raise ValueError(name)

    def _skip(self, at: int, kind: int) -> int:
        if kind == _STRING:
            end = at + 8 + int(struct.unpack_from("<Q", self._map, at)[0])
        elif kind != _ARRAY:
            end = at + struct.calcsize(_SCALARS[kind])
        else:
            item, count = struct.unpack_from("<IQ", self._map, at)
            at += 12
            if item == _STRING:
                read = struct.Struct("<Q").unpack_from
                for _ in range(count):
                    at += 8 + read(self._map, at)[0]
                end = at
            else:
                end = at + count * struct.calcsize(_SCALARS[item])
        if end > len(self._map):
            raise ValueError("the file ends within a key")
        return end

    def _decode(self, at: int, kind: int) -> tuple[Any, int]:
        if kind == _STRING:
            end = self._skip(at, kind)
            return self._map[at + 8 : end].decode("utf-8"), end
        if kind == _ARRAY:
            item, count = struct.unpack_from("<IQ", self._map, at)
            at += 12
            values = []
            for _ in range(count):
                value, at = self._decode(at, item)
                values.append(value)
            return values, at
        (value,) = struct.unpack_from("<" + _SCALARS[kind], self._map, at)
        return value, at + struct.calcsize(_SCALARS[kind])


def encode_text(text: str) -> bytes:
    """Return a text as GGUF writes it: its length in bytes, then UTF-8."""
    raw = text.encode("utf-8")
    return struct.pack("<Q", len(raw)) + raw


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
