"""The head of a GGUF file: where its keys and tensors lie, checked against the file's size.

llama.cpp may end the whole process on a damaged file, so a file is checked here before it is handed over.
Keys stay the bytes they are until one is asked for: reading 262,144 vocabulary entries one by one takes a
generic reader ten seconds. Program and training both build on this. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import mmap
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

MAGIC = b"GGUF"
VERSIONS = (2, 3)

_STRING, _ARRAY = 8, 9
# Value type → struct format: u8 i8 u16 i16 u32 i32 f32 bool, and u64 i64 f64.
_SCALARS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
# Tensor type → (values a block, bytes a block), as in ggml's type table.
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip


class GGUFError(Exception):
    """The file is no GGUF that can be used. The message ends a sentence that starts with the file's name."""


class Key(NamedTuple):
    """Where a key lies in the file: from `start` to `end`, its value from `value`, of a GGUF value type."""

    start: int
    value: int
    end: int
    kind: int


class Tensor(NamedTuple):
    """A tensor: its shape in GGUF's order (fastest dimension first), ggml type, and place after the head."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


@dataclass(frozen=True)
class GGUFHead:
    """Where the parts of a GGUF file lie. Read with `read_head`."""

    path: Path
    size: int
    version: int
    keys: dict[str, Key]
    tensors: tuple[Tensor, ...]
    infos: tuple[int, int]
    alignment: int
    data: int

    def value(self, name: str) -> Any:
        """Return a key's value (a number, a text, a list of them), or None where there is no such key."""
        key = self.keys.get(name)
        if key is None:
            return None
        with open(self.path, "rb") as file:
            file.seek(key.value)
            raw = file.read(key.end - key.value)
        return _decode(raw, 0, key.kind)[0]


def read_head(path: Path) -> GGUFHead:
    """Read and check the head of a GGUF file; raise `GGUFError` where llama.cpp must not see the file."""
    size = path.stat().st_size
    if size < 24:
        raise GGUFError("is empty" if size == 0 else "is too short to be a GGUF model file")
    with open(path, "rb") as file:
        if file.read(4) != MAGIC:
            raise GGUFError("is not a GGUF model file")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _parse(path, data, size)
            except (
                struct.error,
                UnicodeDecodeError,
                ValueError,
                IndexError,
                OverflowError,
                MemoryError,
            ) as error:
                raise GGUFError("is damaged or was only copied in part") from error


def _parse(path: Path, data: mmap.mmap, size: int) -> GGUFHead:
    version, tensor_count, key_count = struct.unpack_from("<IQQ", data, 4)
    if version not in VERSIONS:
        raise GGUFError(f"is a GGUF file of version {version}, which this program cannot read")
    keys: dict[str, Key] = {}
    at = 24
    for _ in range(key_count):
        start = at
        name, at = _decode(data, at, _STRING)
        (kind,) = struct.unpack_from("<I", data, at)
        end = _skip(data, at + 4, kind)
        if name in keys or end > size:
            raise ValueError(name)
        keys[name] = Key(start, at + 4, end, kind)
        at = end
    infos_start = at
    tensors = []
    extents = []
    for _ in range(tensor_count):
        tensor, at = _read_tensor(data, at)
        tensors.append(tensor)
        # A type newer than our table is left to llama.cpp, which checks it too; one byte must be there at least.
        extents.append((tensor.offset, tensor_bytes(tensor) if tensor.kind in _BLOCKS else 1))
    alignment = 32
    if "general.alignment" in keys:
        alignment = _decode(data, keys["general.alignment"].value, keys["general.alignment"].kind)[0]
        if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
            raise ValueError("alignment")
    data_start = at + (-at % alignment)
    for offset, length in extents:
        if offset % alignment or data_start + offset + length > size:
            raise ValueError("a tensor lies outside the file")
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise ValueError("a tensor's name is there twice")
    return GGUFHead(path, size, version, keys, tuple(tensors), (infos_start, at), alignment, data_start)


def _read_tensor(data: mmap.mmap, at: int) -> tuple[Tensor, int]:
    name, at = _decode(data, at, _STRING)
    (dimensions,) = struct.unpack_from("<I", data, at)
    if not 0 < dimensions <= 4:
        raise ValueError("dimensions")
    shape = struct.unpack_from(f"<{dimensions}Q", data, at + 4)
    kind, offset = struct.unpack_from("<IQ", data, at + 4 + 8 * dimensions)
    return Tensor(name, shape, kind, offset), at + 16 + 8 * dimensions


def block_of(kind: int) -> int:
    """Return how many numbers a block of a ggml type holds; 1 of a type that is not known."""
    return _BLOCKS.get(kind, (1, 0))[0]


def tensor_bytes(tensor: Tensor) -> int:
    """Return how many bytes a tensor takes; `ValueError` where its type is not known or does not fit its shape."""
    values, length = _BLOCKS.get(tensor.kind, (0, 0))
    count = 1
    for dimension in tensor.shape:
        count *= dimension
    if not values or count == 0 or tensor.shape[0] % values:
        raise ValueError(f"type {tensor.kind} of shape {tensor.shape}")
    return count // values * length


def _skip(data: mmap.mmap, at: int, kind: int) -> int:
    """Return where the value that starts at `at` ends."""
    if kind == _STRING:
        return at + 8 + int(struct.unpack_from("<Q", data, at)[0])
    if kind != _ARRAY:
        return at + struct.calcsize(_SCALARS[kind]) if kind in _SCALARS else _refuse(kind)
    item, count = struct.unpack_from("<IQ", data, at)
    at += 12
    if item != _STRING:
        return at + count * struct.calcsize(_SCALARS[item]) if item in _SCALARS else _refuse(item)
    read = struct.Struct("<Q").unpack_from
    for _ in range(count):
        at += 8 + read(data, at)[0]
    return at


def _refuse(kind: int) -> int:
    raise ValueError(f"value type {kind}")


def _decode(data: bytes | mmap.mmap, at: int, kind: int) -> tuple[Any, int]:
    """Return the value that starts at `at` and where it ends."""
    if kind == _STRING:
        (length,) = struct.unpack_from("<Q", data, at)
        end = at + 8 + length
        if end > len(data):
            raise ValueError("text")
        return data[at + 8 : end].decode("utf-8"), end
    if kind == _ARRAY:
        item, count = struct.unpack_from("<IQ", data, at)
        at += 12
        values = []
        for _ in range(count):
            value, at = _decode(data, at, item)
            values.append(value)
        return values, at
    return struct.unpack_from(_SCALARS[kind], data, at)[0], at + struct.calcsize(_SCALARS[kind])


def encode_key(name: str, value: str | Sequence[str]) -> bytes:
    """Return a key with a text, or a list of texts, as GGUF writes it."""
    head = encode_text(name)
    if isinstance(value, str):
        return head + struct.pack("<I", _STRING) + encode_text(value)
    return (
        head
        + struct.pack("<IIQ", _ARRAY, _STRING, len(value))
        + b"".join(encode_text(item) for item in value)
    )


def encode_text(text: str) -> bytes:
    """Return a text as GGUF writes it: its length in bytes, then UTF-8."""
    raw = text.encode("utf-8")
    return struct.pack("<Q", len(raw)) + raw
