"""What this machine has free now, memory and disk, and what a run takes of it before anything was measured."""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

from training.contract import run_room
from training.contract.gguf_head import GGUFError, block_of, read_head
from training.contract.spec import ONE_FILE

_CGROUP, _OWN_GROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
# The linear weights that are adapted; all other tensors stay in float32.
_LINEARS = ("attn_q.", "attn_k.", "attn_v.", "attn_output.", "ffn_gate.", "ffn_up.", "ffn_down.")
# ggml's number of the type in which a norm is trained beside the scales.
_F32 = 0
# As in `resources/models.toml`: libraries, then activations, gradients and optimiser of a batch.
_LIBRARIES, _BATCH = 1.0e9, 1.5e9
# Weights held in nf4 with their scales, in bytes a weight.
_NF4 = 0.55
# Events, log, rows and what else is small.
_SMALL = 50_000_000


@dataclass(frozen=True)
class Weights:
    """What of a base's file matters for memory and disk: its size in bytes, its numbers of weights, and the sums of
    rows and columns of its linears, each number of an adapter's rank. `kinds`: ggml's numbers of the linears' types;
    `scales`: how many scales their blocks have, with the weights of the norms.
    """

    size: int
    linear: int
    other: int
    sides: int
    kinds: frozenset[int]
    scales: int

    def trained_bytes(self, method: str, rank: int) -> int:
        """Return the size in float32 of what is trained: an adapter of this rank, or the scales."""
        return 4 * (self.scales if method == ONE_FILE else rank * self.sides)

    def run_bytes(self, method: str, rank: int) -> int:
        """Return the most that a run folder takes: checkpoints, what is trained, the 4-bit forms, and what is small."""
        trained = self.trained_bytes(method, rank)
        return run_room.run_bytes(self.size, trained, one_file=method == ONE_FILE) + _SMALL

    def shelf_bytes(self, method: str, rank: int) -> int:
        """Return the most that the served form takes on the shelf, where it cannot be another name of the run's."""
        return self.size + self.trained_bytes(method, rank)

    def memory(self) -> int:
        """Return the main memory to train it on a processor, in float32."""
        return round(4 * (self.linear + self.other) + _LIBRARIES + _BATCH)

    def memory_beside_gpu(self) -> int:
        """Return the main memory that a graphics card needs beside its own: what passes through while it loads."""
        return round(4 * self.other + _LIBRARIES + _BATCH)

    def gpu_memory(self) -> int:
        """Return the memory to train it on a graphics card, its linears in four bits."""
        return round(_NF4 * self.linear + 4 * self.other + _BATCH)


def weights_of(path: Path) -> Weights | None:
    """Read what matters of a GGUF file's head; None where it is none."""
    try:
        head = read_head(path)
    except (GGUFError, OSError):
        return None
    linear = other = sides = scales = 0
    kinds = set()
    for tensor in head.tensors:
        if tensor.name.startswith("blk.") and any(part in tensor.name for part in _LINEARS):
            linear += math.prod(tensor.shape)
            sides += sum(tensor.shape)
            scales += math.prod(tensor.shape) // block_of(tensor.kind)
            kinds.add(tensor.kind)
        else:
            other += math.prod(tensor.shape)
            if len(tensor.shape) == 1 and tensor.kind == _F32 and tensor.name.endswith("norm.weight"):
                scales += tensor.shape[0]
    return Weights(path.stat().st_size, linear, other, sides, frozenset(kinds), scales)


def free_memory() -> int:
    """Return the main memory that this process may still take, in bytes: of the machine, or of its control group.

    A cluster's job and a container have less than the machine.
    """
    free = int(psutil.virtual_memory().available)
    return min([free, *(max(0, limit - used) for limit, used in _groups())])


def total_memory() -> int:
    """Return the main memory that this process may have at most, in bytes."""
    return min([int(psutil.virtual_memory().total), *(limit for limit, _ in _groups())])


def _groups() -> list[tuple[int, int]]:
    """Return (limit, used) in bytes of this process's control group and those around it, of those with a limit."""
    try:
        own = next(line[3:].strip() for line in _OWN_GROUP.read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return []
    found = []
    place = _CGROUP / own.lstrip("/")
    while place.is_relative_to(_CGROUP):
        limit, used = _number(place / "memory.max"), _number(place / "memory.current")
        if limit is not None and used is not None:
            # What files were read lies in memory only as long as nobody needs it.
            found.append((limit, used - _kept_of_files(place / "memory.stat")))
        place = place.parent
    return found


def _number(file: Path) -> int | None:
    try:
        told = file.read_text(encoding="ascii").strip()
        return int(told) if told.isdecimal() else None
    except OSError:
        return None


def _kept_of_files(file: Path) -> int:
    try:
        lines = dict(line.split() for line in file.read_text(encoding="ascii").splitlines())
        return int(lines.get("inactive_file", 0))
    except (OSError, ValueError):
        return 0


def disk_of(folder: Path) -> tuple[int, int]:
    """Return (number of the disk, bytes free) where a folder is or will be."""
    place = folder
    while not place.exists():
        place = place.parent
    return place.stat().st_dev, shutil.disk_usage(place).free
