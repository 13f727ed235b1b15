"""The trained model as GGUF files for llama.cpp, in both of its forms.

`model/adapter/`: the base's own file and the adapter beside it, which llama.cpp adds up while it computes.
What was trained is the dequantised base, so this form answers as the trained model did.

`model/single/`: one file, a copy of the base in which the seven families of linear weights are the base's
plus the adapter's change, rounded to four bits anew. Faster, but the rounding can cost a small model much:
whoever serves it compares both first.

Where the scales of the base's blocks were trained (`training.scales`), there is the single file alone: it is the
base with other scales, and nothing is rounded.
"""

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.bases import Base
from training.contract.gguf_copy import FILE_TYPE
from training.errors import TrainingError
from training.gguf_file import row_bytes
from training.scales import written

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

# Type → llama.cpp's number for a file that is mostly of it. K-quants cannot be written from Python.
FILE_TYPES = {"Q4_0": 2, "Q4_1": 3, "Q5_0": 8, "Q5_1": 9, "Q8_0": 7}


def check_single_type(base: Base, single_type: str) -> None:
    """Raise `TrainingError` where the single file cannot be of this type. Cheap: called before training."""
    if single_type not in FILE_TYPES:
        raise TrainingError(
            f"The single file cannot be of type {single_type}. Choose one of {', '.join(FILE_TYPES)}."
        )
    for name in base.linears:
        try:
            row_bytes(_kind(single_type), base.file.tensors[name].shape[-1])
        except ValueError as error:
            raise TrainingError(
                f"The base model cannot be written as {single_type}: the width of {name}, {error}. "
                "Choose another base model."
            ) from error


def export(
    base: Base,
    adapter: dict[str, "Array"],
    folder: Path,
    *,
    method: str,
    rank: int,
    alpha: int,
    single_type: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Write the 4-bit forms of what was trained under `folder`.

    `adapter` maps `<layer>.a` and `<layer>.b`, or by the method “scales” `<layer>.s` and `<norm>.weight`, to float32.
    """
    need = base.file.path.stat().st_size * 2 + sum(matrix.nbytes for matrix in adapter.values())
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < need:
        raise TrainingError(
            f"The disk has {free / 1e9:.1f} GB left, the model needs {need / 1e9:.1f} GB. Free some "
            "space and train again."
        )
    single = folder / "single"
    single.mkdir(exist_ok=True)
    done = 0

    if method == "scales":
        made = written(base, adapter)
    else:
        made = {
            name: (
                _kind(single_type),
                partial(_merged, base, name, module, adapter, alpha / rank, _kind(single_type)),
            )
            for name, module in base.linears.items()
        }

    def count(make: Callable[[], "Array"]) -> "Array":
        nonlocal done
        raw = make()
        done += 1
        progress(done, len(made))
        return raw

    replaced = {name: (kind, partial(count, make)) for name, (kind, make) in made.items()}
    if method != "scales":
        together = folder / "adapter"
        together.mkdir(exist_ok=True)
        link_or_copy(base.file.path, together / "base.gguf")
        write_adapter(base, adapter, together / "adapter.gguf", alpha=alpha)
    values = {} if method == "scales" else {FILE_TYPE: FILE_TYPES[single_type]}
    base.file.copy(single / "model.gguf", replaced, values, check)


def merge(base: Base, name: str, module: str, adapter: dict[str, "Array"], scale: float) -> "Array":
    """Return a linear weight with the adapter's change, float32 in the file's order of rows."""
    change = scale * (adapter[f"{module}.b"] @ adapter[f"{module}.a"])
    merged: Array = base.file.numbers(name) + base.to_file_rows(name, change)
    return merged


def _merged(
    base: Base, name: str, module: str, adapter: dict[str, "Array"], scale: float, kind: int
) -> "Array":
    return quantise(merge(base, name, module, adapter, scale), kind)


def quantise(matrix: "Array", kind: int) -> "Array":
    """Return a float32 matrix as rows of bytes of a ggml type."""
    import numpy as np
    from gguf import GGMLQuantizationType
    from gguf.quants import quantize

    return np.asarray(quantize(np.ascontiguousarray(matrix, dtype=np.float32), GGMLQuantizationType(kind)))


def write_adapter(base: Base, adapter: dict[str, "Array"], path: Path, *, alpha: int) -> None:
    """Write a llama.cpp adapter: `<tensor>.lora_a` (rank, inputs), `.lora_b` (outputs, rank), float32."""
    import numpy as np
    from gguf import GGUFWriter

    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    writer = GGUFWriter(temporary, base.architecture)
    try:
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", float(alpha))
        for name, module in base.linears.items():
            writer.add_tensor(f"{name}.lora_a", np.ascontiguousarray(adapter[f"{module}.a"]))
            # The change of a row of W is a row of B: q and k of `llama` need theirs in the file's order.
            b = base.to_file_rows(name, adapter[f"{module}.b"])
            writer.add_tensor(f"{name}.lora_b", np.ascontiguousarray(b))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target` the same file as `source`: another name for it where the disk can, else a copy."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.partial")
    temporary.unlink(missing_ok=True)
    try:
        try:
            os.link(source.resolve(), temporary)
        except OSError:
            shutil.copyfile(source, temporary)
        # Replacing a name by another of the same file does nothing and leaves both: take the old one away.
        target.unlink(missing_ok=True)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _kind(name: str) -> int:
    from gguf import GGMLQuantizationType

    return int(GGMLQuantizationType[name])
