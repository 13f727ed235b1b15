"""How fast a coder labels, from the times of the labels alone: so it is known after a restart, too."""

import statistics
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise

# Before so many labels in a row a pace would be a guess.
ENOUGH = 10
# Of the last labels only: the pace of now, not of the first hour.
_LAST = 100
# A longer silence is another session, in seconds; nothing before it counts.
_SESSION = 30 * 60.0
# A silence is a pause where it is several times as long as the coder usually takes, and not short in itself.
_TIMES_USUAL, _SHORTEST_PAUSE = 5.0, 60.0
# Time left that is longer than this, in hours, is no news to plan by.
_MOST_HOURS = 100.0


class Pace:
    """The labels of a coder's present session, tweet by tweet; pauses are left out."""

    def __init__(self, given: Iterable[tuple[int, str]] = ()) -> None:
        """Begin with the last labels as (tweet, time), the oldest first; a tweet's first time counts."""
        self._times: dict[int, datetime] = {}
        for tweet, when in given:
            self._times.setdefault(tweet, datetime.fromisoformat(when))

    def add(self, tweet: int, when: datetime | None = None) -> None:
        """Take in a label, given now where no time is told; one that changes another is not counted."""
        self._times.setdefault(tweet, when or datetime.now(UTC))

    def per_hour(self, when: datetime | None = None) -> float | None:
        """Return labels per hour of work, None where too few were given in this session to tell."""
        times = sorted(self._times.values())[-_LAST - 1 :]
        if not times or ((when or datetime.now(UTC)) - times[-1]).total_seconds() > _SESSION:
            return None
        gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
        for place in range(len(gaps) - 1, -1, -1):
            if gaps[place] > _SESSION:
                gaps = gaps[place + 1 :]
                break
        if len(gaps) < ENOUGH - 1:
            return None
        pause = max(_SHORTEST_PAUSE, _TIMES_USUAL * statistics.median(gaps))
        worked = [gap for gap in gaps if gap <= pause]
        total = sum(worked)
        return 3600 * len(worked) / total if total > 0 else None

    def hours_left(self, tweets: int, when: datetime | None = None) -> float | None:
        """Return how long `tweets` take at this pace; None where it is not known or beyond planning."""
        pace = self.per_hour(when)
        if pace is None or tweets <= 0:
            return None
        hours = tweets / pace
        return hours if hours <= _MOST_HOURS else None
