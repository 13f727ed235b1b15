"""A copy of a GGUF file in which some tensors are others.

Keys are copied as the bytes they are, so that a copy says exactly what the original said. Training writes its models
so, the program the weights that it computes with. Standard library only.
"""

import mmap
import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from training.contract.gguf_head import GGUFError, GGUFHead, encode_text, tensor_bytes

# GGUF's number of a key that says what kind of numbers most of a file is, and of unsigned 32-bit numbers.
FILE_TYPE = "general.file_type"
_UINT32, _ARRAY = 4, 9


def copy_gguf(
    head: GGUFHead,
    target: Path,
    replaced: Mapping[str, tuple[int, Callable[[], Any]]],
    values: Mapping[str, int] | None = None,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Write the file that `head` is of anew as `target`, with other tensors in place of some.

    `replaced` maps a tensor's name to its new ggml type and to what makes its bytes (anything with a buffer), called
    when they are due.
    `values` are keys with the unsigned 32-bit numbers that they get, whether the file had them or not. The target
    appears in one step or not at all; `check` is called between tensors and may raise. Raises `ValueError` for a type
    that ggml's table here does not know, or that does not fit a tensor's width.
    """
    kinds = {t.name: replaced[t.name][0] if t.name in replaced else t.kind for t in head.tensors}
    sizes = {t.name: tensor_bytes(t._replace(kind=kinds[t.name])) for t in head.tensors}
    values = values or {}
    added = [name for name in values if name not in head.keys]
    temporary = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with (
            open(head.path, "rb") as source,
            mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as data,
            open(temporary, "wb") as file,
        ):
            keys = len(head.keys) + len(added)
            file.write(b"GGUF" + struct.pack("<IQQ", head.version, len(kinds), keys))
            for name in [*head.keys, *added]:
                if name in values:
                    file.write(encode_text(name) + struct.pack("<II", _UINT32, values[name]))
                else:
                    file.write(data[head.keys[name].start : head.keys[name].end])
            offset = 0
            for tensor in head.tensors:
                file.write(encode_text(tensor.name) + struct.pack("<I", len(tensor.shape)))
                file.write(struct.pack(f"<{len(tensor.shape)}Q", *tensor.shape))
                file.write(struct.pack("<IQ", kinds[tensor.name], offset))
                offset += sizes[tensor.name] + (-sizes[tensor.name] % head.alignment)
            for tensor in head.tensors:
                check()
                file.write(b"\0" * (-file.tell() % head.alignment))
                if tensor.name in replaced:
                    file.write(replaced[tensor.name][1]())
                else:
                    start = head.data + tensor.offset
                    file.write(data[start : start + sizes[tensor.name]])
            file.write(b"\0" * (-file.tell() % head.alignment))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def copy_first_layers(
    head: GGUFHead, target: Path, layers: int, check: Callable[[], None] = lambda: None
) -> None:
    """Write a model's first `layers` layers, with its embedding, last norm and output matrix, as a model of its own.

    The later layers of a language model add least (Gromov et al. 2024, arXiv 2403.17887); what the first ones lack is
    learned in fine-tuning. Raises `GGUFError` where the model has not more layers, or says something for each
    of them in its keys.
    """
    architecture = head.value("general.architecture")
    count = f"{architecture}.block_count"
    if not 0 < layers < int(head.value(count) or 0):
        raise GGUFError(f"has no more than {layers} layers")
    for name, key in head.keys.items():
        if name.startswith(f"{architecture}.") and key.kind == _ARRAY:
            raise GGUFError(
                f"says something for each of its layers ({name}), which no shorter model can keep"
            )
    kept = tuple(t for t in head.tensors if _layer(t.name) < layers)
    copy_gguf(replace(head, tensors=kept), target, {}, {count: layers}, check)


def _layer(tensor: str) -> int:
    """Return the layer that a tensor belongs to, -1 for what belongs to none."""
    first, _, rest = tensor.partition(".")
    return int(rest.partition(".")[0]) if first == "blk" else -1
