"""The near-duplicates of a study: finding them, and who is in a group with whom."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from app.study.near_duplicates import Stopped, find_groups
from app.study.study import Study
from db import groups as queries
from db import sealing, tweets

# Rows of one transaction: short, so that a coder at work waits for none.
CHUNK = 2000

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]


@dataclass(frozen=True)
class GroupReport:
    """What was found: how many tweets there are, how many groups, how many tweets in them, in the largest of them.

    Where it was `stopped`, the groups are as they were before.
    """

    tweets: int
    groups: int
    grouped: int
    largest: int
    changed: int = 0
    stopped: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)

    def summary(self) -> str:
        """Return the report in a sentence."""
        if self.stopped:
            return "Stopped. The groups of near-duplicates are as they were."
        if not self.groups:
            return f"No near-duplicates among {self.tweets:,} tweets."
        if self.groups == 1:
            return (
                f"{self.grouped:,} of {self.tweets:,} tweets are near-duplicates of each other, in one group."
            )
        return (
            f"{self.grouped:,} of {self.tweets:,} tweets are in {self.groups:,} groups of near-duplicates, "
            f"the largest of {self.largest:,}."
        )


def find(study: Study, progress: Progress | None = None, stop: Stop | None = None) -> GroupReport:
    """Group all tweets of a study anew, and write what changed in short transactions.

    The groups follow from the texts alone, so copies of a study that have the same tweets have the same groups.
    Stopped while it looks, it changes nothing; a process that is killed while it writes leaves groups that
    `are_current` knows to be unfinished. `progress` is told (done, in all), of about
    as many tweets.
    """
    before: list[int] = []

    def texts() -> Iterator[str]:
        while True:
            with study.reading() as session:
                rows = queries.texts_after(session, len(before), CHUNK)
            if not rows:
                return
            before.extend(row.group_id or 0 for row in rows)
            yield from (row.text for row in rows)

    with study.reading() as session:
        total = tweets.last_id(session)
    try:
        first = find_groups(
            texts(),
            total,
            lambda share: None if progress is None else progress(round(total * share), total),
            stop or (lambda: False),
        )
    except Stopped:
        with study.reading() as session:
            return GroupReport(total, *queries.count(session), largest=0, stopped=True)
    # No tweet is ever removed and ids are given without a gap: the first text is that of tweet 1.
    sizes = np.bincount(first, minlength=len(first))
    group = np.where(sizes[first] > 1, first + 1, 0)
    changed = np.flatnonzero(group != np.array(before, dtype=np.int64))
    _write(study, changed, group)
    real = sizes[sizes > 1]
    return GroupReport(
        tweets=len(first),
        groups=len(real),
        grouped=int(real.sum()),
        largest=int(real.max(initial=0)),
        changed=len(changed),
    )


def _write(study: Study, changed: "np.ndarray[Any, Any]", group: "np.ndarray[Any, Any]") -> None:
    for start in range(0, len(changed), CHUNK):
        part = changed[start : start + CHUNK].tolist()
        with study.writing() as session:
            queries.note_grouped(session, 0)
            queries.write(session, ((place + 1, int(group[place]) or None) for place in part))
    with study.writing() as session:
        # A copy of a sealed tweet is kept apart as well.
        sealing.seal(session)
        queries.note_grouped(session, len(group))


def are_current(study: Study) -> bool:
    """Say whether near-duplicates were looked for since the last tweet came."""
    with study.reading() as session:
        return queries.are_current(session)


def keep_up(study: Study, progress: Progress | None = None, stop: Stop | None = None) -> GroupReport | None:
    """Find near-duplicates where tweets came since they were last looked for; None where none came."""
    return None if are_current(study) else find(study, progress, stop)


def members(study: Study, tweet: int) -> list[int]:
    """Return the tweets of a tweet's group in file order, the tweet alone where it is in none."""
    with study.reading() as session:
        return sorted(queries.with_members(session, [tweet]))
