"""The second aim of a training: to foretell each token of a tweet from those before it.

A class is one bit or two of a tweet, and a few thousand of them are soon learnt by heart. What people write next is
far more to learn from the same tweets: it brings a base that was rounded to four bits, and seldom read tweets, close
to them. Radford et al. 2018, "Improving language understanding by generative pre-training", section 3.2, L3.
It is there in training alone: what is served answers as before.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from training.batches import Batch, Example

if TYPE_CHECKING:
    from training.bases import Base
    from training.contract.prompt import EncodedPrompt

# A token of one tweet alone says nothing about others.
_LEAST_TWEETS = 2
# Of a large study the most frequent ones: each costs a product with the hidden state of each token.
_MOST_TOKENS = 16_384


class NextToken:
    """The tokens of a run's tweets, of which each position foretells the next one.

    Only tokens that occur in two tweets or more are compared and foretold: some thousands instead of a vocabulary of
    128,000 to 262,000, whose product would take longer than the rest of a step.
    """

    def __init__(
        self, examples: Sequence[Example], encoded: "EncodedPrompt", base: "Base", device: str, weight: float
    ) -> None:
        self._weight = weight
        # Before a model's very first token there is nothing to foretell it from.
        self._before, self._after = max(1, len(encoded.before)), len(encoded.after)
        tweets = Counter(token for example in examples for token in set(self._text(example)))
        often = [token for token, count in tweets.most_common(_MOST_TOKENS) if count >= _LEAST_TWEETS]
        self._tokens = sorted(often)
        self._known = set(self._tokens)
        rows = torch.from_numpy(base.output_rows(self._tokens)) if self._tokens else torch.zeros(0, 0)
        self._rows = rows.to(device)
        self._softcap = base.softcap
        place = torch.full((base.vocabulary,), -1)
        place[torch.tensor(self._tokens, dtype=torch.long)] = torch.arange(len(self._tokens))
        self._place = place.to(device)

    def loss(self, hidden: torch.Tensor, piece: Batch, batch: Sequence[Example]) -> torch.Tensor:
        """Return a piece's share of the weighted mean cross-entropy of a batch's foretold tokens: float32, one number.

        `hidden`: (examples, longest, width), the body's last hidden state of the piece.
        """
        target = self._place[piece.ids[:, 1:]]
        at = torch.arange(1, piece.ids.shape[1], device=target.device)
        is_text = (at >= self._before) & (at <= (piece.last - self._after)[:, None])
        foretold = is_text & (target >= 0)
        if not bool(foretold.any()):
            return hidden.new_zeros((), dtype=torch.float32)
        logits = functional.linear(hidden[:, :-1][foretold], self._rows).float()
        if self._softcap:
            logits = self._softcap * torch.tanh(logits / self._softcap)
        of = sum(token in self._known for example in batch for token in self._text(example))
        return functional.cross_entropy(logits, target[foretold], reduction="sum") * (self._weight / of)

    def _text(self, example: Example) -> tuple[int, ...]:
        return example.ids[self._before : len(example.ids) - self._after]
