"""A GGUF file rewritten with other keys.

Keys and tensors are copied as bytes and never decoded: what is not ours stays exactly as it was, and a
rewrite takes as long as copying the file.
"""

import os
import shutil
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.contract.gguf_head import MAGIC, encode_key, read_head


def rewrite(path: Path, values: Mapping[str, str | Sequence[str]], replace_prefix: str) -> None:
    """Write the file anew with `values` as keys, in place of every key that starts with `replace_prefix`.

    The new file takes the old one's place in one step; a crash or a full disk leaves the old one whole.
    """
    head = read_head(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    kept = [key for name, key in head.keys.items() if not name.startswith(replace_prefix)]
    try:
        with open(path, "rb") as source, open(temporary, "wb") as target:
            target.write(
                MAGIC + struct.pack("<IQQ", head.version, len(head.tensors), len(kept) + len(values))
            )
            for key in kept:
                _copy(source, target, key.start, key.end)
            for name, value in values.items():
                target.write(encode_key(name, value))
            _copy(source, target, *head.infos)
            target.write(b"\0" * (-target.tell() % head.alignment))
            source.seek(head.data)
            shutil.copyfileobj(source, target, 1 << 22)
            target.flush()
            os.fsync(target.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _copy(source: Any, target: Any, start: int, end: int) -> None:
    source.seek(start)
    target.write(source.read(end - start))
