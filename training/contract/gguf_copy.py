"""A copy of a GGUF file in which some tensors are others.

Keys are copied as the bytes they are, so that a copy says exactly what the original said. Training writes its models
so, the program the weights that it computes with. Standard library only.
"""

import mmap
import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from training.contract.gguf_head import GGUFHead, encode_text, tensor_bytes

_FILE_TYPE = "general.file_type"
_UINT32 = 4


def copy_gguf(
    head: GGUFHead,
    target: Path,
    replaced: Mapping[str, tuple[int, Callable[[], Any]]],
    file_type: int | None = None,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Write the file that `head` is of anew as `target`, with other tensors in place of some.

    `replaced` maps a tensor's name to its new ggml type and to what makes its bytes (anything with a buffer), called
    when they are due.
    `file_type` becomes the file's `general.file_type`. The target appears in one step or not at all; `check` is called
    between tensors and may raise. Raises `ValueError` for a type that ggml's table
    here does not know, or that does not fit a tensor's width.
    """
    kinds = {t.name: replaced[t.name][0] if t.name in replaced else t.kind for t in head.tensors}
    sizes = {t.name: tensor_bytes(t._replace(kind=kinds[t.name])) for t in head.tensors}
    kept = [key for name, key in head.keys.items() if file_type is None or name != _FILE_TYPE]
    temporary = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with (
            open(head.path, "rb") as source,
            mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as data,
            open(temporary, "wb") as file,
        ):
            keys = len(kept) + (file_type is not None)
            file.write(b"GGUF" + struct.pack("<IQQ", head.version, len(kinds), keys))
            for key in kept:
                file.write(data[key.start : key.end])
            if file_type is not None:
                file.write(encode_text(_FILE_TYPE) + struct.pack("<II", _UINT32, file_type))
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
