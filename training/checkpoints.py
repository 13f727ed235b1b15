"""Where a run stands, in one file that appears whole or not at all: safetensors, never pickle.

A step's order, learning rate and dropout follow from the seed and the step's number, so that a run that
resumes does what it would have done: there is no generator's state to keep.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch

from training import adapter
from training.atomic import write_bytes
from training.network import LeafNetwork

_NAME = "last.safetensors"


@dataclass
class Standing:
    """How far a run is: steps done, rounds that ended, scores of each epoch, the best epoch so far, seconds spent,
    and how many rows are computed at once (0: as the settings say).
    """

    step: int = 0
    rounds: int = 0
    epochs: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    seconds: float = 0.0
    tokens: int = 0
    micro_batch: int = 0


@dataclass
class Kept:
    """What a run holds beside what is trained now, each as `adapter.state` returns it, empty before it begins: the
    average of the last steps, the mean of the rounds that ended, and the best epoch's.
    """

    averaged: dict[str, torch.Tensor] = field(default_factory=dict)
    ended: dict[str, torch.Tensor] = field(default_factory=dict)
    best: dict[str, torch.Tensor] = field(default_factory=dict)


def write(
    folder: Path,
    fingerprint: str,
    standing: Standing,
    network: LeafNetwork,
    optimizer: torch.optim.Optimizer,
    kept: Kept,
) -> None:
    """Write the checkpoint in place of the one before."""
    from safetensors.torch import save

    tensors = {f"now.{name}": value for name, value in adapter.state(network.adapted).items()}
    for part in fields(kept):
        tensors |= {f"{part.name}.{name}": v.cpu() for name, v in getattr(kept, part.name).items()}
    for number, parameter in enumerate(network.parameters()):
        for name, value in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{number}.{name}"] = value.detach().cpu().clone()
    folder.mkdir(parents=True, exist_ok=True)
    about = {"fingerprint": fingerprint, "standing": json.dumps(asdict(standing))}
    write_bytes(folder / _NAME, save(tensors, about))


def exists(folder: Path) -> bool:
    """Tell whether there is a checkpoint, of whatever run and state."""
    return (folder / _NAME).is_file()


def read(
    folder: Path, fingerprint: str, network: LeafNetwork, optimizer: torch.optim.Optimizer
) -> tuple[Standing, Kept] | None:
    """Put a checkpoint of the same run back; return its standing and what it kept, or None: there is none."""
    from safetensors import SafetensorError, safe_open

    path = folder / _NAME
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata()
            if about["fingerprint"] != fingerprint:
                return None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no dictionary)
            standing = Standing(**json.loads(about["standing"]))
    except (SafetensorError, KeyError, TypeError, ValueError, OSError):
        return None
    parts: dict[str, dict[str, torch.Tensor]] = {
        part: {} for part in ("now", "averaged", "ended", "best", "optimizer")
    }
    for name, value in tensors.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = value
    adapter.load_state(network.adapted, parts["now"])
    for number, parameter in enumerate(network.parameters()):
        prefix = f"{number}."
        state = {
            name.removeprefix(prefix): value if name.endswith(".step") else value.to(parameter.device)
            for name, value in parts["optimizer"].items()
            if name.startswith(prefix)
        }
        if state:
            optimizer.state[parameter] = state
    return standing, Kept(parts["averaged"], parts["ended"], parts["best"])
