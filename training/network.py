"""The model that is trained: a tweet's tokens in, one logit a class out."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from training import adapter, bases, scales
from training.batches import Batch, Example, by_length, collate
from training.errors import TrainingError, is_out_of_memory
from training.next_token import NextToken

if TYPE_CHECKING:
    import numpy as np

    from training.machine import Plan

# More tokens at once are no faster on a CPU, and what is kept of each for the way back takes memory:
# a run of Gemma-3-270M in batches of 16 peaked at 8.4 GB without this bound, at 5.8 GB with it.
CPU_TOKENS = 1024
# The learning rate of the norms' weights, as a share of that of the scales. Measured: docs/recipe.md.
NORM_SHARE = 0.05


class LeafNetwork:
    """A frozen base with what is trained on it, answering with the leaf tokens' logits at the last position alone.

    Trained are an adapter's matrices or, by the method “scales”, the scales of the base's own 4-bit blocks and the
    weights of its norms.

    A vocabulary of 128,000 to 262,000 would make full logits the largest cost of a step; a few rows of the
    output matrix are enough. With `next_token` it learns to foretell the tweets' tokens, too.
    """

    def __init__(
        self,
        base: bases.Base,
        leaf_tokens: Sequence[int],
        plan: "Plan",
        *,
        rank: int,
        alpha: int,
        dropout: float,
        seed: int,
        micro_batch: int,
        next_token: NextToken | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.plan = plan
        self.micro_batch = micro_batch
        self.next_token = next_token
        torch.set_num_threads(plan.threads)
        dtype = torch.bfloat16 if plan.precision == "bf16" else torch.float32
        self.body: Any = bases.build(
            base,
            linear_dtype=torch.float32 if plan.method == "scales" else dtype,
            attention=plan.attention,
            device=plan.device,
            nf4=plan.method == "qlora",
            check=check,
        )
        self.adapted: dict[str, Any] = (
            scales.put_on(self.body, base, dtype, dropout)
            if plan.method == "scales"
            else dict(adapter.put_on(self.body, rank=rank, alpha=alpha, dropout=dropout, seed=seed))
        )
        self.rows = torch.from_numpy(base.output_rows(list(leaf_tokens))).to(plan.device)
        self.softcap = base.softcap

    def parameters(self) -> list[torch.nn.Parameter]:
        """Return what is trained, layer by layer."""
        return [part for layer in self.adapted.values() for part in adapter.trained(layer).values()]

    def groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Return what is trained as an optimiser's groups: `share` is that of the learning rate.

        A norm's weight stands before all that follows: it learns in smaller steps, and does not decay towards 0.
        """
        parts: dict[float, list[torch.nn.Parameter]] = {}
        for layer in self.adapted.values():
            for name, parameter in adapter.trained(layer).items():
                parts.setdefault(NORM_SHARE if name == "weight" else 1.0, []).append(parameter)
        return [
            {"params": part, "share": share, "weight_decay": weight_decay if share == 1.0 else 0.0}
            for share, part in parts.items()
        ]

    def logits(self, batch: Batch) -> torch.Tensor:
        """Return float32 logits (examples, leaves)."""
        return self._leaf_logits(self._hidden(batch), batch)

    def losses(self, piece: Batch, batch: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a piece's share of a batch's mean cross-entropy over the leaves, and of what is to be lessened.

        The latter has the second aim's loss added, where there is one.
        """
        hidden = self._hidden(piece)
        leaf = functional.cross_entropy(self._leaf_logits(hidden, piece), piece.leaf, reduction="sum")
        leaf = leaf / len(batch)
        if self.next_token is None:
            return leaf, leaf
        with self._autocast():
            return leaf, leaf + self.next_token.loss(hidden, piece, batch)

    def _hidden(self, batch: Batch) -> torch.Tensor:
        with self._autocast():
            hidden: torch.Tensor = self.body(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state
        return hidden

    def _leaf_logits(self, hidden: torch.Tensor, batch: Batch) -> torch.Tensor:
        at = torch.arange(len(batch.last), device=hidden.device)
        logits = hidden[at, batch.last].float() @ self.rows.T
        return self.softcap * torch.tanh(logits / self.softcap) if self.softcap else logits

    def probabilities(
        self, examples: Sequence[Example], check: Callable[[], None] = lambda: None
    ) -> "np.ndarray[Any, Any]":
        """Return float64 probabilities (examples, leaves), in the examples' order."""
        import numpy as np

        place = {example.row: index for index, example in enumerate(examples)}
        out = np.zeros((len(examples), len(self.rows)))
        self.body.eval()
        with torch.no_grad():
            for part in by_length(examples, self.micro_batch):
                check()
                logits = self.in_pieces(part, lambda piece: self.logits(piece).double().cpu())
                out[[place[example.row] for example in part]] = torch.cat(logits).softmax(dim=1).numpy()
        return out

    def in_pieces(self, examples: Sequence[Example], compute: Callable[[Batch], Any]) -> list[Any]:
        """Compute on pieces that fit into memory; where they do not, halve `micro_batch` and start anew.

        The results are those of whole batches: whoever accumulates gradients divides by the batch's size. What
        chance draws is drawn as if the attempt that failed had not been made.
        """
        chance = torch.get_rng_state()
        chance_there = torch.cuda.get_rng_state_all() if self.plan.device == "cuda" else []
        while True:
            try:
                return [compute(collate(piece, self.plan.device)) for piece in self.pieces(examples)]
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if self.micro_batch == 1:
                    raise TrainingError(
                        "There is too little memory to train with even one tweet at a time. Choose a smaller "
                        "base model, or a machine with more memory."
                    ) from error
                self.micro_batch //= 2
                for parameter in self.parameters():
                    parameter.grad = None
            # Outside the handler: there, the error's traceback still holds what was computed.
            torch.cuda.empty_cache()
            torch.set_rng_state(chance)
            if chance_there:
                torch.cuda.set_rng_state_all(chance_there)

    def pieces(self, examples: Sequence[Example]) -> Iterator[list[Example]]:
        """Yield runs of at most `micro_batch` examples and, on a CPU, `CPU_TOKENS` tokens with padding."""
        piece: list[Example] = []
        longest = 0
        for example in examples:
            longest = max(longest, len(example.ids))
            full = self.plan.device == "cpu" and longest * (len(piece) + 1) > CPU_TOKENS
            if piece and (full or len(piece) == self.micro_batch):
                yield piece
                piece, longest = [], len(example.ids)
            piece.append(example)
        if piece:
            yield piece

    def _autocast(self) -> Any:
        if self.plan.precision == "bf16":
            return torch.autocast(self.plan.device, torch.bfloat16)
        return contextlib.nullcontext()
