"""Where the tokens of a batch of texts lie: one after the other for products, as a grid of texts for attention."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class TokenGrid:
    """The grid of texts of some lengths, after `before` tokens that all share.

    `positions` are those of the tokens in their texts, `cells` says which token each cell holds, (texts, longest); a
    cell without a token has another's, which nobody looks at. Set `only_last` for a layer in which each text's last
    token alone asks.
    """

    def __init__(self, lengths: Sequence[int], before: int) -> None:
        import torch

        self.lengths = lengths
        self._before = before
        counts = torch.tensor(lengths)
        longest = int(counts.max())
        self._ends = counts.cumsum(0) - 1
        places = torch.arange(longest)
        self.cells = ((self._ends + 1 - counts)[:, None] + places).clamp_(max=int(self._ends[-1]))
        self._is_filled = places < counts[:, None]
        self._places = before + places
        self.positions = self._places.expand(len(lengths), -1)[self._is_filled]
        self.only_last = False

    @property
    def query_positions(self) -> "torch.Tensor":
        """Return the positions of those that ask."""
        return self.positions[self._ends] if self.only_last else self.positions

    @property
    def query_cells(self) -> "torch.Tensor":
        """Return the places of those that ask, (texts, rows)."""
        import torch

        return torch.arange(len(self.lengths))[:, None] if self.only_last else self.cells

    @property
    def filled(self) -> "torch.Tensor":
        """Return which of (texts · rows) are tokens that ask."""
        import torch

        return torch.arange(len(self.lengths)) if self.only_last else self._is_filled.view(-1).nonzero()[:, 0]

    def last_of(self, states: "torch.Tensor") -> "torch.Tensor":
        """Return the states of those that go on."""
        return states[self._ends] if self.only_last else states

    def hidden_from(self, window: int) -> "torch.Tensor":
        """Return which keys a query does not see: (texts or 1, 1, 1, rows, keys)."""
        import torch

        keys = torch.arange(self._before + len(self._places))
        if self.only_last:
            asking = (self._before + torch.tensor(self.lengths) - 1)[:, None, None, None, None]
        else:
            asking = self._places[None, None, None, :, None]
        unseen = keys > asking
        return unseen | (keys <= asking - window) if window else unseen
