"""A model's weights unfolded from their four bits, its adapter added: what this machine multiplies fastest.

On a processor the arithmetic is the wall, and 16-bit weights have better kernels than most four-bit types: with
Gemma 3 270M on two cores (AVX2), in tokens a second, its Q4_K_M file 387, the same with an adapter 344, unfolded to
F16 517; on two cores with AMX its file 771, F16 642, BF16 665, Q8_0 1,254 (the best of three turns). To 16 bits nothing
is rounded again: a number of a four-bit block is a scale times a small integer, which 16 bits hold to 11 (F16) or 8
(BF16) binary digits, and activations are kept as exactly, where four-bit kernels round them to 8 bits. Q8_0 rounds
weights, like activations, to 8 bits: by at most a 254th of the largest in a block of 32. The model on the disk stays as
it is; what is unfolded lies in a cache and can be made again.

The adapter's change is that of llama.cpp: W + alpha / rank · B · A (Hu et al. 2021, arXiv 2106.09685).
"""

import contextlib
import shutil
from collections.abc import Callable
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.inference.engine import InferenceError
from app.inference.model_file import ModelFile
from app.inference.model_file import sha256 as hash_of
from training.contract.gguf_copy import copy_gguf
from training.contract.gguf_head import GGUFHead, Tensor, read_head, tensor_bytes

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float32]]

# ggml's numbers of the types that are computed with.
KINDS = {"F16": 1, "BF16": 30, "Q8_0": 8}
_PLAIN = frozenset({0, 1, 30})
# So many numbers of a row share a scale in Q8_0.
_BLOCK = 32
# A model whose weights would be larger than this, in bytes, is run as it is: unfolding would take longer than it saves
# in most jobs, and large models have widths that the four-bit kernels are made for.
_MOST_BYTES = 2.5e9
# Of the disk's free room.
_MOST_OF_DISK = 0.25
# So many unfolded models are kept; the one that was used longest ago goes.
_KEPT = 3
_SLICE = 1 << 22


class _Stopped(Exception):
    """Ends the writing of a file, so that it does not appear."""


class Unfolding:
    """Where a model's unfolded weights are kept: files in `folder`, made when they are asked for."""

    def __init__(self, model: ModelFile, folder: Path) -> None:
        self._model = model
        self._folder = folder

    @property
    def kinds(self) -> tuple[str, ...]:
        """In which types the weights can be had here; none where there is nothing to gain, or no room."""
        try:
            weights, adapted = _weights(self._model)
        except _NotUnfoldable:
            return ()
        stored = {tensor.kind for tensor in weights}
        if not adapted and stored <= _PLAIN:
            return ()
        size = sum(2 * _count(tensor) for tensor in weights)
        if size > _MOST_BYTES:
            return ()
        return tuple(
            kind
            for kind, number in KINDS.items()
            if (adapted or stored != {number})
            and (number in _PLAIN or all(tensor.shape[0] % _BLOCK == 0 for tensor in weights))
            and (self._path(kind).is_file() or self._has_room(size))
        )

    def file(self, kind: str, stop: Callable[[], bool] = lambda: False) -> Path | None:
        """Return the file with the weights in a type of `KINDS`, made if need be; None where `stop` said so.

        It takes about three seconds for 100 million weights. Raises `InferenceError` where it cannot be made.
        """
        path = self._path(kind)
        if not path.is_file():

            def check() -> None:
                if stop():
                    raise _Stopped

            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                _write(self._model, path, KINDS[kind], check)
            except _Stopped:
                return None
            except (OSError, _NotUnfoldable) as error:
                raise InferenceError(
                    f"The weights of {self._model.trained.name} cannot be unfolded in {self._folder}. Free some "
                    "space on that disk.",
                    str(error),
                ) from error
        path.touch()
        self._forget()
        return path

    def remove(self, kind: str) -> None:
        """Remove the file of a type that is not wanted after all."""
        with contextlib.suppress(OSError):
            self._path(kind).unlink(missing_ok=True)

    @cached_property
    def _name(self) -> str:
        parts = [path for path in (self._model.gguf, self._model.adapter) if path is not None]
        return sha256(" ".join(hash_of(path) for path in parts).encode()).hexdigest()[:24]

    def _path(self, kind: str) -> Path:
        return self._folder / f"{self._name}-{kind}.gguf"

    def _has_room(self, size: float) -> bool:
        folder = self._folder
        while not folder.is_dir():
            folder = folder.parent
        return size < _MOST_OF_DISK * shutil.disk_usage(folder).free

    def _forget(self) -> None:
        """Remove all but those used last. Another process that has one open keeps it until it ends."""
        files = sorted(self._folder.glob("*.gguf"), key=lambda path: -path.stat().st_mtime)
        for path in files[_KEPT:]:
            # Where it is open in another process, some systems forbid it.
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


class _NotUnfoldable(Exception):
    """This model's weights are of a kind that is not unfolded; the message says which."""


def _weights(model: ModelFile) -> tuple[list[Tensor], dict[str, tuple[Tensor, Tensor]]]:
    """Return the linear weights of the layers, and {name: (A, B)} of those that the adapter changes."""
    weights = [t for t in read_head(model.gguf).tensors if t.name.startswith("blk.") and len(t.shape) == 2]
    if unknown := {tensor.kind for tensor in weights if not _can_be_read(tensor)}:
        raise _NotUnfoldable(f"its weights are of ggml's types {sorted(unknown)}")
    adapted: dict[str, tuple[Tensor, Tensor]] = {}
    if model.adapter is not None:
        parts = {t.name: t for t in read_head(model.adapter).tensors}
        names = {name.removesuffix(".lora_a") for name in parts if name.endswith(".lora_a")}
        if len(parts) != 2 * len(names) or not names <= {t.name for t in weights}:
            raise _NotUnfoldable("the adapter changes more than the linear weights")
        adapted = {name: (parts[f"{name}.lora_a"], parts[f"{name}.lora_b"]) for name in names}
    return weights, adapted


def _can_be_read(tensor: Tensor) -> bool:
    """Tell whether numbers of this type can be had: a block of zeros is tried."""
    import numpy as np
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
    from gguf.quants import dequantize

    try:
        kind = GGMLQuantizationType(tensor.kind)
        dequantize(np.zeros((1, GGML_QUANT_SIZES[kind][1]), dtype=np.uint8), kind)
    except (ValueError, NotImplementedError):
        return False
    return True


def _count(tensor: Tensor) -> int:
    return tensor.shape[0] * tensor.shape[1]


def _write(model: ModelFile, target: Path, kind: int, check: Callable[[], None]) -> None:
    """Write a copy of the base in which the linear weights are those of the whole model, of another type."""
    import numpy as np
    from gguf import GGMLQuantizationType
    from gguf.quants import quantize

    weights, adapted = _weights(model)
    base = read_head(model.gguf)
    head = None if model.adapter is None else read_head(model.adapter)

    def make(tensor: Tensor) -> "Floats":
        numbers = _numbers(base, tensor)
        if head is not None and tensor.name in adapted:
            a, b = (_numbers(head, part) for part in adapted[tensor.name])
            alpha = head.value("adapter.lora.alpha")
            numbers += (alpha / len(a) if alpha else 1.0) * (b @ a)
        # What F16 cannot hold becomes infinite: then the forms do not agree, and this one is not taken.
        with np.errstate(over="ignore"):
            made: Floats = quantize(numbers, GGMLQuantizationType(kind))
        return made

    replaced = {tensor.name: (kind, partial(make, tensor)) for tensor in weights}
    copy_gguf(base, target, replaced, check=check)


def _numbers(head: GGUFHead, tensor: Tensor) -> "Floats":
    """Return a matrix as float32 (rows, width), dequantised a slice at a time: that makes several copies."""
    import numpy as np
    from gguf import GGMLQuantizationType
    from gguf.quants import dequantize

    width, rows = tensor.shape
    raw = np.fromfile(
        head.path, dtype=np.uint8, count=tensor_bytes(tensor), offset=head.data + tensor.offset
    ).reshape(rows, -1)
    numbers = np.empty((rows, width), dtype=np.float32)
    step = max(1, _SLICE // width)
    for start in range(0, rows, step):
        numbers[start : start + step] = dequantize(
            raw[start : start + step], GGMLQuantizationType(tensor.kind)
        )
    return numbers
