"""Hidden repeats: a coder's own earlier labels asked for a second time, for the coder's own consistency."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from sqlalchemy.orm import Session

from app.study.queues import Queue, Turn
from app.study.study import Coder
from db import repeats as queries

AGAIN = "again"


@dataclass(frozen=True)
class RepeatPlan:
    """How often an own label comes again, and from when on it may.

    `share` of the turns, in [0, 1]; after `labels_between` further acts of the coder or after `days`, whichever
    is first. The `seed` decides which turns and which tweets.
    """

    share: float = 0.05
    labels_between: int = 100
    days: float = 1.0
    seed: int = 1


class RepeatingQueue:
    """A queue with hidden repeats mixed in, which look like its other tweets.

    Whether the next turn is a repeat, and of which tweet, follows from the seed and the coder's last act alone,
    so that it is the same after a restart. A repeat that is skipped gives way to the queue.
    """

    reads_ahead: ClassVar[bool] = False

    def __init__(
        self, queue: Queue, coder: Coder, plan: RepeatPlan, languages: Collection[str] | None = None
    ) -> None:
        self.queue = queue
        self._coder = coder.id
        self._plan = plan
        self._languages = languages
        self._decided = -1

    def next(self, session: Session) -> Turn | None:
        """Return a repeat where one is due, else the next tweet of the queue."""
        act = queries.last_act(session, self._coder)
        if act != self._decided:
            self._decided = act
            due, place = _draw(f"{self._plan.seed}/{self._coder}/{act}")
            tweet = self._old(session, place) if due < self._plan.share else None
            if tweet is not None:
                return Turn(tweet, AGAIN, repeat=True)
        return self.queue.next(session)

    def _old(self, session: Session, place: float) -> int | None:
        before = (datetime.now(UTC) - timedelta(days=self._plan.days)).isoformat(timespec="microseconds")
        last = queries.old_enough(session, self._coder, self._plan.labels_between, before)
        begin = 1 + int(place * last)
        for first, end in ((begin, last), (1, begin - 1)):
            if first <= end:
                tweet = queries.to_repeat(session, self._coder, self._languages, first, end)
                if tweet is not None:
                    return tweet
        return None


def _draw(key: str) -> tuple[float, float]:
    """Return two numbers in [0, 1) that follow from a text."""
    digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "big") / 2**64, int.from_bytes(digest[8:], "big") / 2**64
