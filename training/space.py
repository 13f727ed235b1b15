"""Room on the disk: what a run will write, told before it is written."""

import errno
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from training.contract import run_room
from training.contract.spec import ONE_FILE

if TYPE_CHECKING:
    from training.bases import Base

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LOOK_SECONDS = 5.0


def is_full(error: BaseException) -> bool:
    """Tell whether an error says that the disk has no room (or lets no file grow so large)."""
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return True
    # safetensors is written in Rust and tells it in words.
    return "No space left" in str(error)


def trained_bytes(base: "Base", method: str, rank: int) -> int:
    """Return the size in float32 of what is trained: an adapter of this rank, or the scales of the base's blocks."""
    if method == ONE_FILE:
        from training.scales import count_of_trained

        return 4 * count_of_trained(base)
    shapes = (base.file.tensors[name].shape for name in base.linears)
    return sum(4 * rank * (shape[0] + shape[-1]) for shape in shapes)


def run_bytes(base: "Base", method: str, rank: int) -> int:
    """Return the most room that a run takes."""
    size = base.file.path.stat().st_size
    return run_room.run_bytes(size, trained_bytes(base, method, rank), one_file=method == ONE_FILE)


def in_words(number_of_bytes: int) -> str:
    """Return a size for a sentence: ``0.4 GB``, ``35 MB``."""
    if number_of_bytes >= 1e8:
        return f"{number_of_bytes / 1e9:.1f} GB"
    return f"{number_of_bytes / 1e6:.0f} MB"


@dataclass
class Room:
    """Looks now and then whether the disk still has the room that the run needs to its end.

    `need`: bytes. `warn` gets a sentence once each time that it becomes too little.
    """

    folder: Path
    need: int
    warn: Callable[[str], object]
    _looked: float = field(default=float("-inf"), repr=False)
    _is_short: bool = field(default=False, repr=False)

    def shortage(self) -> str:
        """Return what is missing in a sentence, "" where there is room enough."""
        free = shutil.disk_usage(self.folder).free
        if free >= self.need:
            return ""
        return f"The disk has {in_words(free)} left; this run needs {in_words(self.need)} to its end."

    def look(self) -> None:
        """Warn where the room has become too little; cheap enough to be called at each step."""
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        told = self.shortage()
        if told and not self._is_short:
            self.warn(f"{told} Free some space meanwhile: what is learned is kept as far as there is room.")
        self._is_short = bool(told)
