"""Labelled tweets as token batches: encoded once, grouped by length, padded on the right."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from training.contract.prompt import EncodedPrompt
from training.contract.spec import Row
from training.errors import TrainingError

if TYPE_CHECKING:
    import torch

# Batches are formed inside groups of this many: rows of like length together, yet a new mix each epoch.
_GROUP = 20


@dataclass(frozen=True)
class Example:
    """A labelled tweet in tokens. `row` is its place among the rows that it came from."""

    row: int
    ids: tuple[int, ...]
    leaf: int
    lang: str


@dataclass(frozen=True)
class Batch:
    """Examples padded to one length: ids and mask (examples, longest), last and leaf (examples,).

    `first`: the row of the first of them.
    """

    ids: "torch.Tensor"
    mask: "torch.Tensor"
    last: "torch.Tensor"
    leaf: "torch.Tensor"
    first: int


def encode_rows(rows: Sequence[Row], leaves: Sequence[str], encoded: EncodedPrompt) -> list[Example]:
    """Return the rows in tokens, without those whose text is empty; raise for a label that is no class."""
    place = {leaf: index for index, leaf in enumerate(leaves)}
    examples = []
    for number, row in enumerate(rows):
        if row.label not in place:
            raise TrainingError(
                f"The tweet {row.id} is labelled “{row.label}”, which is no class; they are {', '.join(leaves)}."
            )
        text = encoded.text_tokens(row.text)
        if text:
            ids = (*encoded.before, *text, *encoded.after)
            examples.append(Example(number, ids, place[row.label], row.lang))
    return examples


def order(examples: Sequence[Example], size: int, seed: int, epoch: int) -> list[list[Example]]:
    """Return an epoch's batches. The same seed and epoch give the same batches, so that a run can resume."""
    # A text seed is hashed: neighbouring seeds and epochs give unrelated orders.
    chance = random.Random(f"{seed}/{epoch}")
    shuffled = chance.sample(list(examples), len(examples))
    batches = []
    for start in range(0, len(shuffled), size * _GROUP):
        group = sorted(shuffled[start : start + size * _GROUP], key=lambda example: len(example.ids))
        batches += [group[i : i + size] for i in range(0, len(group), size)]
    chance.shuffle(batches)
    return batches


def thin(
    examples: Sequence[Example], encoded: EncodedPrompt, share: float, seed: int, epoch: int
) -> list[Example]:
    """Return the examples with a share of each tweet's tokens left out, the same for the same seed and epoch.

    Seen whole three times over, a few thousand tweets are learnt by heart; with other words missing each time
    the model has to rest on all of them (word dropout, Iyyer et al. 2015, https://aclanthology.org/P15-1162).
    The prompt around the tweet stays whole, and so does a tweet that would lose its last token.
    """
    begin, end = len(encoded.before), len(encoded.after)
    thinned = []
    for example in examples:
        chance = random.Random(f"{seed}/{epoch}/{example.row}")
        text = example.ids[begin : len(example.ids) - end]
        kept = tuple(token for token in text if chance.random() >= share) or text
        ids = (*example.ids[:begin], *kept, *example.ids[len(example.ids) - end :])
        thinned.append(replace(example, ids=ids))
    return thinned


def by_length(examples: Iterable[Example], size: int) -> Iterator[list[Example]]:
    """Yield batches for scoring, longest first: if memory does not suffice, it shows at once."""
    ordered = sorted(examples, key=lambda example: -len(example.ids))
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def collate(examples: Sequence[Example], device: str) -> Batch:
    """Pad examples on the right and put them on a device."""
    import torch

    longest = max(len(example.ids) for example in examples)
    ids = torch.zeros((len(examples), longest), dtype=torch.long)
    mask = torch.zeros((len(examples), longest), dtype=torch.long)
    for i, example in enumerate(examples):
        ids[i, : len(example.ids)] = torch.tensor(example.ids)
        mask[i, : len(example.ids)] = 1
    leaf = torch.tensor([example.leaf for example in examples])
    last = mask.sum(1) - 1
    return Batch(ids.to(device), mask.to(device), last.to(device), leaf.to(device), examples[0].row)
