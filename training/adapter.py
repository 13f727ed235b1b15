"""The low-rank adapter (LoRA) over a frozen base: put on, saved, loaded.

Each linear layer W gets two small trained matrices: y = W x + scale · B A x, scale = alpha / rank; A starts
random, B at zero, so that training starts from the base itself. Hu et al. 2021, arXiv 2106.09685. The files
written are those of the PEFT library, which can load them.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from training.atomic import write_bytes
from training.bases import LINEARS

_PEFT_PREFIX = "base_model.model.model."


class AdaptedLinear(torch.nn.Module):
    """A frozen linear layer with its low-rank change."""

    def __init__(self, linear: torch.nn.Module, rank: int, scale: float, dropout: float) -> None:
        super().__init__()
        self.linear = linear
        self.scale = scale
        self.dropout = dropout
        like: Any = linear
        device = like.weight.device
        self.a = torch.nn.Parameter(torch.empty(rank, like.in_features))
        torch.nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))
        self.a.data = self.a.data.to(device)
        self.b = torch.nn.Parameter(torch.zeros(like.out_features, rank, device=device))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the base's output plus the change."""
        a: torch.Tensor = self.a
        if self.training and self.dropout:
            # Hides input features from the adapter, the same ones for a whole micro-batch: masking A instead
            # of x costs nothing, where drawing a mask for each number of x took 40% of a step on a CPU.
            kept = torch.rand(a.shape[1], device=a.device) >= self.dropout
            a = a * (kept / (1 - self.dropout))
        change = functional.linear(functional.linear(x, a), self.b * self.scale)
        adapted: torch.Tensor = self.linear(x) + change
        return adapted


def put_on(
    model: torch.nn.Module, *, rank: int, alpha: float, dropout: float, seed: int
) -> dict[str, AdaptedLinear]:
    """Replace every linear layer of the seven families by an adapted one; return them by their names."""
    torch.manual_seed(seed % 2**63)
    adapted = {}
    for name, linear in list(model.named_modules()):
        if name.endswith(tuple(LINEARS.values())):
            parent, _, last = name.rpartition(".")
            adapted[name] = AdaptedLinear(linear, rank, alpha / rank, dropout)
            setattr(model.get_submodule(parent), last, adapted[name])
    return adapted


def trained(layer: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """Return what is trained of a layer by its names: `a` and `b` of an adapted one, `s` of a scaled one, `weight`
    of a norm.
    """
    return dict(layer.named_parameters(recurse=False))


def state(adapted: Mapping[str, torch.nn.Module]) -> dict[str, torch.Tensor]:
    """Return copies of what is trained: `<layer>.<part>`, float32 on the CPU."""
    return {
        f"{name}.{part}": parameter.detach().float().cpu().clone()
        for name, layer in adapted.items()
        for part, parameter in trained(layer).items()
    }


def load_state(adapted: Mapping[str, torch.nn.Module], values: dict[str, torch.Tensor]) -> None:
    """Put what `state` returned back."""
    with torch.no_grad():
        for name, layer in adapted.items():
            for part, parameter in trained(layer).items():
                parameter.copy_(values[f"{name}.{part}"])


def average(values: dict[str, torch.Tensor], adapted: Mapping[str, torch.nn.Module], window: float) -> None:
    """Move averages, as `state` returns them, a step of 1 / `window` towards what is trained now.

    An exponential moving average over the last `window` steps is less of an accident of the very last one
    (Polyak and Juditsky 1992, https://doi.org/10.1137/0330046).
    """
    with torch.no_grad():
        for name, layer in adapted.items():
            for part, parameter in trained(layer).items():
                present = parameter.float()
                held = values[f"{name}.{part}"].to(present.device)
                values[f"{name}.{part}"] = held.lerp_(present, 1 / window)


def save(
    folder: Path,
    values: dict[str, torch.Tensor],
    *,
    method: str,
    rank: int,
    alpha: int,
    dropout: float,
    base: str,
) -> None:
    """Write what was trained: an adapter as PEFT's two files, safetensors and a configuration, scales as one."""
    from safetensors.torch import save as to_bytes

    folder.mkdir(parents=True, exist_ok=True)
    if method == "scales":
        write_bytes(folder / "scales.safetensors", to_bytes(values, {"format": "pt", "base": base}))
        return
    tensors = {
        _PEFT_PREFIX + name[:-2] + (".lora_A.weight" if name.endswith(".a") else ".lora_B.weight"): value
        for name, value in values.items()
    }
    configuration = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": dropout,
        "target_modules": sorted(module.split(".")[1] for module in LINEARS.values()),
        "bias": "none",
        "inference_mode": True,
    }
    write_bytes(folder / "adapter_model.safetensors", to_bytes(tensors, {"format": "pt"}))
    write_bytes(folder / "adapter_config.json", json.dumps(configuration, indent=2).encode())
