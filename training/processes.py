"""One run by several processes, one for each GPU: `accelerate launch -m training RUN_DIR`, or torchrun.

Each process holds the whole model and computes its share of every batch; the gradients are added up, so that
every process takes the step that one process alone would have taken. The first process alone writes: events,
checkpoints, the model. What differs from a single process: sums are rounded in another order, and dropout inside
the adapter is drawn a micro-batch, so that a batch cut into other micro-batches draws other numbers.

A launcher ends the other processes when one dies, but not when one waits for another that left in good order.
So whatever may fail or be stopped runs inside `together` or `gather`, after which all processes know of it.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from training.errors import Cancelled, TrainingError

if TYPE_CHECKING:
    import numpy as np
    import torch

    from training.batches import Example
    from training.network import LeafNetwork

T = TypeVar("T")
E = TypeVar("E")


@dataclass(frozen=True)
class Processes:
    """The processes of a run, and which of them this is. `here`: how many of them share this machine."""

    rank: int = 0
    size: int = 1
    here: int = 1

    @classmethod
    def of_environment(cls) -> "Processes":
        """Return what the launcher says in the environment; a single process where nothing launched this one."""
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size < 2 or "RANK" not in os.environ:
            return cls()
        return cls(int(os.environ["RANK"]), size, int(os.environ.get("LOCAL_WORLD_SIZE", size)))

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def join(self) -> None:
        """Meet the other processes and take this one's GPU. Called once, before anything of below."""
        if self.size == 1:
            return
        import torch
        from torch import distributed

        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
            # Short messages go through the processors, gradients through the GPUs.
            distributed.init_process_group("cpu:gloo,cuda:nccl")
        else:
            distributed.init_process_group("gloo")

    def leave(self) -> None:
        """Part from the others, when there is nothing left to do together."""
        if self.size > 1:
            from torch import distributed

            distributed.destroy_process_group()

    def share(self, items: Sequence[E]) -> Sequence[E]:
        """Return this process's part: neighbours, so that they fall into micro-batches as they would anyhow."""
        count = len(items)
        return items[count * self.rank // self.size : count * (self.rank + 1) // self.size]

    def gather(self, work: Callable[[], T]) -> list[T]:
        """Do `work` on every process and return all results, in the processes' order.

        Where it raises on one process, all raise: it its own error, the others what they were told of it.
        """
        if self.size == 1:
            return [work()]
        from torch import distributed

        result, error = None, None
        try:
            result = work()
        except Exception as caught:
            error = caught
        told: list[Any] = [None] * self.size
        distributed.all_gather_object(told, (result, None if error is None else _in_words(error)))
        if error is not None:
            raise error
        failed = [(rank, words) for rank, (_, words) in enumerate(told) if words is not None]
        if failed:
            rank, (kind, message) = failed[0]
            if kind == Cancelled.__name__:
                raise Cancelled(message)
            if kind == TrainingError.__name__:
                raise TrainingError(message)
            raise RuntimeError(f"process {rank} of {self.size} failed: {kind}: {message}")
        return [result for result, _ in told]

    def together(self, work: Callable[[], T]) -> T:
        """Do `work` on every process and return this one's result; errors as with `gather`."""
        mine: list[T] = []
        self.gather(lambda: mine.append(work()))
        return mine[0]

    def add_gradients(self, parameters: Sequence["torch.nn.Parameter"]) -> None:
        """Put the sum over all processes in the place of each gradient; one that has none counts as zero."""
        if self.size == 1:
            return
        import torch
        from torch import distributed

        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([part.flatten() for part in parts])
        distributed.all_reduce(flat)
        for parameter, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
            parameter.grad = part.view_as(parameter)

    def probabilities(
        self, network: "LeafNetwork", examples: Sequence["Example"], check: Callable[[], None]
    ) -> "np.ndarray[Any, Any]":
        """Return `network.probabilities` of all examples, of which each process computes its share."""
        import numpy as np

        share = self.share(examples)
        return np.concatenate(self.gather(lambda: network.probabilities(share, check)))


ALONE = Processes()


def _in_words(error: Exception) -> tuple[str, str]:
    return type(error).__name__, str(error)
