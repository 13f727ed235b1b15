"""Labelled tweets picked as examples for an untrained model.

Picked are tweets whose label stands; never one on which coders differ, a sealed one or a near-duplicate of one, and
never two that say the same. Classes take turns, and within a class the language that has the fewest examples comes
next, so that both are as balanced as the labels allow. Of the tweets of a class and language adjudicated ones come
first, then those on which several coders agree, then those of a single coder. The choice follows from the seed and
the tweets' ids, not from their order.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from app.study import groups, sampling
from app.study.study import Study
from db import label_overview
from training.contract.prompt import normalise
from training.contract.spec import Row

MOST_EXAMPLES = 64
# What a prompt holds is paid for in memory and time: longer texts come only where there is no other.
_LONG = 400


@dataclass(frozen=True)
class Candidate:
    """A labelled tweet that may be an example. `certainty`: 0 adjudicated, 1 several coders agree, 2 one coder."""

    row: Row
    certainty: int
    group: int | None = None


def pick(study: Study, number: int, seed: int) -> list[Row]:
    """Return at most so many labelled tweets of a study as examples, in the order in which a model sees them."""
    if number <= 0:
        return []
    # Near-duplicates of sealed tweets are known only once the last tweets were grouped.
    groups.keep_up(study)
    keyed = sampling.trainable_rows(study)
    group_of = sampling.groups_of(study, keyed)
    with study.reading() as session:
        certainty = label_overview.certainty(session)
    candidates = [Candidate(row, certainty.get(key, 2), group_of.get(row.id)) for key, row in keyed]
    return choose(candidates, study.codebook.leaf_codes, number, seed)


def choose(candidates: Sequence[Candidate], leaves: Sequence[str], number: int, seed: int) -> list[Row]:
    """Return at most `number` rows: classes in turn, languages balanced within each, no text and no group twice."""
    waiting: dict[str, list[Candidate]] = defaultdict(list)
    text = {one.row.id: normalise(one.row.text) for one in candidates}
    place = {one.row.id: random.Random(f"{seed}/{one.row.id}").random() for one in candidates}
    for one in sorted(candidates, key=lambda c: (len(text[c.row.id]) > _LONG, c.certainty, place[c.row.id])):
        waiting[one.row.label].append(one)
    turns = [leaf for leaf in leaves if waiting[leaf]]
    random.Random(f"{seed}/turns").shuffle(turns)
    chosen: list[Row] = []
    texts: set[str] = set()
    taken: set[int] = set()
    languages: Counter[str] = Counter()
    of_class: dict[str, Counter[str]] = defaultdict(Counter)
    while turns and len(chosen) < number:
        for leaf in list(turns):
            fresh = [c for c in waiting[leaf] if text[c.row.id] not in texts and c.group not in taken]
            if not fresh:
                turns.remove(leaf)
                continue
            # `min` takes the first of equals: the order above decides among them.
            best = min(fresh, key=lambda c: (of_class[leaf][c.row.lang], languages[c.row.lang]))
            waiting[leaf] = [c for c in fresh if c is not best]
            chosen.append(best.row)
            texts.add(text[best.row.id])
            taken |= set() if best.group is None else {best.group}
            languages[best.row.lang] += 1
            of_class[leaf][best.row.lang] += 1
            if len(chosen) == number:
                break
    # A model leans to the class that it saw last: no class shall stand last in every round.
    random.Random(f"{seed}/order").shuffle(chosen)
    return chosen
