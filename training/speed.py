"""How fast this machine trains a base, and in which precision: measured, for flags and names tell only half.

A processor may compute in bfloat16 and be no faster for it, or emulate it; so may a GPU. A few steps of the run's
own rows in each tell.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from training.power import ASSUMED, Meter, assumed_watts
from training.scales import ScaledLinear

if TYPE_CHECKING:
    from training.batches import Batch, Example
    from training.network import LeafNetwork

PRECISIONS = ("bf16", "fp32")
_DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
# Rows of a step that compares precisions: enough for matrices to be matrices, few for what is emulated.
_ROWS = 4
_STEPS = 2
# On a slow machine, or a busy one, one step must do: a comparison ends after so many seconds.
_SECONDS = 4.0
# A first step that takes so many times as long has lost, whatever it would gain when warm.
_HOPELESS = 4.0
# float32 is the more exact; bfloat16 has to be worth it.
_WORTH = 0.9


@dataclass(frozen=True)
class Speed:
    """What was measured, in tokens a second without padding.

    `compared`: {precision: tokens a second}, of those that were tried; on a CPU a second of one core's time.
    `training` and `scoring` are those of the precision chosen, on batches as they will come. `watts` were read or are
    assumed: `watts_from` (`power`).
    """

    precision: str
    compared: dict[str, float]
    training: float
    scoring: float
    watts: float
    watts_from: str


def measure(
    network: "LeafNetwork",
    examples: Sequence["Example"],
    batch: int,
    precisions: Sequence[str],
    check: Callable[[], None] = lambda: None,
) -> Speed:
    """Compare precisions, the network's own first, and measure the better one; it stays the network's.

    `batch` rows of middling length stand for all. The network has no gradients afterwards.
    """
    by_length = sorted(examples, key=lambda example: len(example.ids))
    middle = len(by_length) // 2

    def typical(rows: int) -> list["Example"]:
        start = max(0, min(middle - rows // 2, len(by_length) - rows))
        return by_length[start : start + rows]

    few = typical(_ROWS)
    seconds: dict[str, float] = {}
    # The processor's own time tells two precisions apart also while other programs take most of it.
    clock = time.process_time if network.plan.device == "cpu" else time.perf_counter
    network.body.train()
    for precision in precisions:
        check()
        if precision != network.plan.precision:
            if not _has_room_for(network, precision):
                continue
            compute_in(network, precision)
        seconds[precision] = _seconds(network, few, min(seconds.values(), default=None), check, clock)
    chosen = min(seconds, key=lambda name: seconds[name] * (1.0 if name == "bf16" else _WORTH))
    compute_in(network, chosen)
    whole = typical(batch)
    with Meter(network.plan.device) as meter:
        training = _tokens(whole) / _seconds(network, whole, None, check)
    watts, source = meter.watts, meter.source
    if watts is None:
        import psutil

        held = psutil.Process().memory_info().rss
        watts, source = assumed_watts(network.plan.device, network.plan.threads, held), ASSUMED
    check()
    started = time.perf_counter()
    network.probabilities(whole, check)
    scoring = _tokens(whole) / (time.perf_counter() - started)
    for parameter in network.parameters():
        parameter.grad = None
    return Speed(
        precision=chosen,
        compared={name: _tokens(few) / took for name, took in seconds.items()},
        training=training,
        scoring=scoring,
        watts=watts,
        watts_from=source,
    )


def compute_in(network: "LeafNetwork", precision: str) -> None:
    """Let a network compute in another precision. Weights that lose digits do not get them back."""
    if precision == network.plan.precision:
        return
    dtype = _DTYPES[precision]
    network.plan = replace(network.plan, precision=precision)
    for layer in network.adapted.values():
        if isinstance(layer, ScaledLinear):  # rounds as it computes
            layer.dtype = dtype
        if not hasattr(layer, "linear"):
            continue
        linear: Any = layer.linear
        if hasattr(linear, "compute_dtype"):  # held in four bits, computed in `dtype`
            linear.compute_dtype = dtype
        else:
            linear.weight.data = linear.weight.data.to(dtype)


def _has_room_for(network: "LeafNetwork", precision: str) -> bool:
    """Tell whether the weights in this precision have room beside what is held now."""
    layers = network.adapted.values()
    weights: list[Any] = [layer.linear for layer in layers if hasattr(layer, "linear")]
    if precision == "bf16" or not weights or any(hasattr(linear, "compute_dtype") for linear in weights):
        return True
    more = sum(2 * linear.weight.numel() for linear in weights)
    if network.plan.device == "cuda":
        return bool(torch.cuda.mem_get_info()[0] > more)
    import psutil

    return bool(psutil.virtual_memory().available > more)


def _seconds(
    network: "LeafNetwork",
    rows: Sequence["Example"],
    best: float | None,
    check: Callable[[], None],
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Return the seconds of a training step over some rows: the best of a few, after a first one that warms up.

    `clock` counts them: seconds of the wall's clock, or of the processor, all threads together.
    """
    began = time.perf_counter()
    first = _step(network, rows, clock)
    if best is not None and first > _HOPELESS * best:
        return first
    took = [first]
    while len(took) <= _STEPS and time.perf_counter() - began < _SECONDS:
        check()
        took.append(_step(network, rows, clock))
    return min(took)


def _step(network: "LeafNetwork", rows: Sequence["Example"], clock: Callable[[], float]) -> float:
    def learn(piece: "Batch") -> None:
        _, loss = network.losses(piece, rows)
        loss.backward()

    _wait_for(network.plan.device)
    started = clock()
    network.in_pieces(rows, learn)
    _wait_for(network.plan.device)
    return max(clock() - started, 1e-6)


def _wait_for(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _tokens(rows: Sequence["Example"]) -> int:
    return sum(len(example.ids) for example in rows)
