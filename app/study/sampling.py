"""The labelled rows, and drawing some of them by language and class: validation against training."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.study.study import Study
from db import groups, label_overview, sealing
from db import tweets as queries
from training.contract.prompt import normalise
from training.contract.spec import Row

VALIDATION_SHARE = 0.1


@dataclass(frozen=True)
class Division:
    """Rows to train on and rows to validate on.

    `groups`: how many groups of near-duplicates have several of these rows, each whole on one side; `grouped`: how
    many rows those are.
    """

    train: list[Row]
    validation: list[Row]
    groups: int
    grouped: int


def divide(study: Study, keyed: Sequence[tuple[int, Row]], seed: int) -> Division:
    """Divide a study's (key, row) into training and validation rows, near-duplicates together."""
    rows, group_of = [row for _, row in keyed], groups_of(study, keyed)
    train, validation = split(rows, VALIDATION_SHARE, seed, group_of)
    several = [group for group in _together(rows, group_of) if len(group) > 1]
    return Division(train, validation, len(several), sum(map(len, several)))


def split(
    rows: Sequence[Row], share: float, seed: int, group_of: Mapping[str, int] | None = None
) -> tuple[list[Row], list[Row]]:
    """Divide rows into (the rest, the drawn share), stratified by language and class.

    Rows whose normalised texts are equal stay together, and those of a group of near-duplicates (`group_of`:
    {id of a row: group}), so that no score of a drawn row leaks from the rest. Each stratum gives the whole
    part of its share; what is then missing for the total goes to the strata with the largest remainders
    (Hamilton's method), so that small languages are drawn from, too. The result depends on the rows' ids and
    the seed, not on their order.
    """
    if not 0 <= share < 1:
        raise ValueError("share must lie in [0, 1)")
    strata: dict[tuple[str, str], list[list[Row]]] = defaultdict(list)
    for group in _together(sorted(rows, key=lambda r: r.id), group_of or {}):
        strata[group[0].lang, group[0].label].append(group)

    # Seeded by a text, not by a tuple: random.Random hashes tuples with a salt of the process.
    order = sorted(strata)
    exact = {key: share * len(strata[key]) for key in order}
    quota = {key: int(exact[key]) for key in order}
    missing = round(sum(exact.values())) - sum(quota.values())
    by_remainder = sorted(
        order, key=lambda key: (quota[key] - exact[key], random.Random(f"{seed}/{key}").random())
    )
    for key in by_remainder[:missing]:
        # A stratum with one group keeps it for training: a class must be seen to be learned.
        if len(strata[key]) > 1:
            quota[key] += 1

    rest: list[Row] = []
    drawn: list[Row] = []
    for key in order:
        shuffled = list(strata[key])
        random.Random(f"{seed}/{key}/order").shuffle(shuffled)
        for position, group in enumerate(shuffled):
            (drawn if position < quota[key] else rest).extend(group)
    return rest, drawn


def _together(rows: Sequence[Row], group_of: Mapping[str, int]) -> list[list[Row]]:
    """Return the rows in lists that must not be divided, in the order of the first row of each."""
    joined = list(range(len(rows)))

    def first_of(place: int) -> int:
        while joined[place] != place:
            joined[place] = joined[joined[place]]
            place = joined[place]
        return place

    met: dict[str | int, int] = {}
    for place, row in enumerate(rows):
        keys: list[str | int] = [normalise(row.text)]
        if row.id in group_of:
            keys.append(group_of[row.id])
        for key in keys:
            one, other = sorted((first_of(place), first_of(met.setdefault(key, place))))
            joined[other] = one
    found: dict[int, list[Row]] = defaultdict(list)
    for place, row in enumerate(rows):
        found[first_of(place)].append(row)
    return list(found.values())


def groups_of(study: Study, keyed: Sequence[tuple[int, Row]]) -> dict[str, int]:
    """Return {id of a row: its group of near-duplicates}, of those rows that are in one."""
    with study.reading() as session:
        found = groups.of(session, [key for key, _ in keyed])
    return {row.id: found[key] for key, row in keyed if key in found}


def labelled_rows(study: Study) -> list[tuple[int, Row]]:
    """Return (key, row) of each tweet whose coders agree on a class of the codebook, in file order."""
    with study.reading() as session:
        # A copy that was taken in can bring labels of an older codebook.
        known = set(study.codebook.leaf_codes)
        agreed = {tweet: leaf for tweet, leaf in label_overview.agreed(session).items() if leaf in known}
        return [
            (row.id, Row(row.tweet_id, row.text, row.lang, agreed[row.id]))
            for row in queries.rows(session, list(agreed))
        ]


def trainable_rows(study: Study, languages: Sequence[str] = ()) -> list[tuple[int, Row]]:
    """Return (key, row) of the labelled tweets that a model may learn from, in these languages (none: all)."""
    return sort_out(study, languages)[0]


def sort_out(study: Study, languages: Sequence[str] = ()) -> tuple[list[tuple[int, Row]], int]:
    """Return what `trainable_rows` gives, and how many labelled tweets are left out for the sealed test set.

    Left out are the sealed tweets, their near-duplicates, and tweets whose normalised text equals that of a sealed
    one; tweets without text as well, which are not counted.
    """
    with study.reading() as session:
        kept_apart = sealing.kept_apart(session)
        sealed_texts = {normalise(row.text) for row in queries.rows(session, sorted(kept_apart))}
    wanted = set(languages)
    found, left_out = [], 0
    for key, row in labelled_rows(study):
        if wanted and row.lang not in wanted:
            continue
        text = normalise(row.text)
        if key in kept_apart or (text and text in sealed_texts):
            left_out += 1
        elif text:
            found.append((key, row))
    return found, left_out
