"""Which texts are computed together."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence


def pack(lengths: Sequence[int], batch_tokens: int, batch_texts: int) -> Iterator[list[int]]:
    """Yield the indices of each batch: the longest sequence that is left, then the longest that still fits.

    So hardly a token is needed to fill a batch up, and texts of a batch are about as long as each other. Raises
    `ValueError` for a sequence that is empty or longer than a batch.
    """
    for length in lengths:
        if not 1 <= length <= batch_tokens:
            raise ValueError(f"a sequence of {length} tokens does not fit a batch of {batch_tokens}")
    left = sorted(range(len(lengths)), key=lambda i: (lengths[i], -i))
    while left:
        batch: list[int] = []
        room = batch_tokens
        while len(batch) < batch_texts and (place := bisect_right(left, room, key=lengths.__getitem__)):
            batch.append(left.pop(place - 1))
            room -= lengths[batch[-1]]
        yield batch
