"""A model's weights unfolded from their four bits, its adapter added: what this machine multiplies fastest.

On a processor the arithmetic is the wall, and 16-bit weights have better kernels than most four-bit types: with
Gemma 3 270M on two cores (AVX2), in tokens a second, its Q4_K_M file 387, the same with an adapter 344, unfolded to
F16 517; on two cores with AMX its file 771, F16 642, BF16 665, Q8_0 1,254 (the best of three turns). To 16 bits nothing
is rounded again: a number of a four-bit block is a scale times a small integer, which 16 bits hold to 11 (F16) or 8
(BF16) binary digits, and activations are kept as exactly, where four-bit kernels round them to 8 bits. Q8_0 rounds
weights, like activations, to 8 bits: by at most a 254th of the largest in a block of 32. The model on the disk stays as
it is; what is unfolded lies in a cache and can be made again.
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
from app.inference.model_weights import PLAIN, ModelWeights, UnreadableWeightsError
from training.contract.gguf_copy import copy_gguf
from training.contract.gguf_head import Tensor

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float32]]

# ggml's numbers of the types that are computed with.
KINDS = {"F16": 1, "BF16": 30, "Q8_0": 8}
# So many numbers of a row share a scale in Q8_0.
_BLOCK = 32
# A model whose weights would be larger than this, in bytes, is run as it is: unfolding would take longer than it saves
# in most jobs, and large models have widths that the four-bit kernels are made for.
_MOST_BYTES = 2.5e9
# Of the disk's free room.
_MOST_OF_DISK = 0.25
# So many unfolded models are kept; the one that was used longest ago goes.
_KEPT = 3


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
            weights = ModelWeights(self._model)
        except UnreadableWeightsError:
            return ()
        stored = {tensor.kind for tensor in weights.linears}
        if not weights.has_adapter and stored <= PLAIN:
            return ()
        size = 2 * weights.count
        if size > _MOST_BYTES:
            return ()
        return tuple(
            kind
            for kind, number in KINDS.items()
            if (weights.has_adapter or stored != {number})
            and (number in PLAIN or all(tensor.shape[0] % _BLOCK == 0 for tensor in weights.linears))
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
                _write(ModelWeights(self._model), path, KINDS[kind], check)
            except _Stopped:
                return None
            except (OSError, UnreadableWeightsError) as error:
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


def _write(weights: ModelWeights, target: Path, kind: int, check: Callable[[], None]) -> None:
    """Write a copy of the base in which the linear weights are those of the whole model, of another type."""
    import numpy as np
    from gguf import GGMLQuantizationType
    from gguf.quants import quantize

    def make(tensor: Tensor) -> "Floats":
        # What F16 cannot hold becomes infinite: then the forms do not agree, and this one is not taken.
        with np.errstate(over="ignore"):
            made: Floats = quantize(weights.numbers(tensor), GGMLQuantizationType(kind))
        return made

    replaced = {tensor.name: (kind, partial(make, tensor)) for tensor in weights.linears}
    copy_gguf(weights.head, target, replaced, check=check)
