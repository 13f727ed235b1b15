"""A queue whose order was made beforehand, and is held in memory as ids."""

from array import array
from collections.abc import Iterable, Mapping
from typing import ClassVar

from sqlalchemy.orm import Session

from app.study.queues import RANDOM, Queue, Turn, first_place
from app.study.study import Coder
from db import queues
from db.queues import Fit

# Candidates are looked at a few at a time: as a rule the first fits, after a long absence many do not.
_FIRST_LOOK, _MOST = 4, 500


class OrderedQueue:
    """Tweets in a given order. Each is looked at again when it comes up: meanwhile it may have been labelled.

    Goes round: what was skipped comes again after all others. Where `rest` is given, it goes on after the order's
    end. `agreeing` has the label of a tweet with which there is nothing to ask any more.
    """

    reads_ahead: ClassVar[bool] = False

    def __init__(
        self,
        source: str,
        order: Iterable[int],
        fit: Fit,
        *,
        rest: Queue | None = None,
        agreeing: Mapping[int, str] | None = None,
    ) -> None:
        self.source = source
        self._fit = fit
        self._rest = rest
        self._agreeing = agreeing or {}
        self._order = array("q", order)
        self._place = 0
        self._offered: set[int] = set()
        # When nothing was left: until something is added, there still is nothing.
        self._emptied: tuple[int, int] | None = None

    def take(self, order: "array[int]", agreeing: Mapping[int, str] | None = None) -> None:
        """Go on in another order; what was offered already does not come again at once."""
        self._order, self._agreeing = order, agreeing or {}
        self._place, self._emptied = 0, None

    def next(self, session: Session) -> Turn | None:
        """Return the next tweet that fits, None where there is none."""
        if self._emptied is not None:
            if self._emptied == queues.last_change(session):
                return None
            self._emptied = None
        found = self._next_in_order(session)
        if found is None and self._rest is not None:
            return self._next_of_rest(session, self._rest)
        if found is None:
            # A label may have been taken back on a tweet that was passed over, too.
            self._offered.clear()
            self._place = 0
            found = self._next_in_order(session)
        if found is None:
            self._emptied = queues.last_change(session)
        return found

    def _next_in_order(self, session: Session) -> Turn | None:
        number = _FIRST_LOOK
        while self._place < len(self._order):
            ids = self._order[self._place : self._place + number]
            fitting = queues.fitting(session, [one for one in ids if one not in self._offered], self._fit)
            for place, tweet in enumerate(ids):
                if tweet in fitting and self._agreeing.get(tweet) != (fitting[tweet] or ""):
                    self._place += place + 1
                    self._offered.add(tweet)
                    return Turn(tweet, self.source)
            self._place += len(ids)
            number = min(8 * number, _MOST)
        return None

    def _next_of_rest(self, session: Session, rest: Queue) -> Turn | None:
        """Return the next of the rest; what was offered before comes again when the rest has no other."""
        for _ in range(len(self._offered) + 1):
            turn = rest.next(session)
            if turn is None:
                return None
            if turn.tweet not in self._offered:
                self._offered.add(turn.tweet)
                return turn
        self._offered.clear()
        return turn


class FittingQueue:
    """All unlabelled tweets that fit, in the random order of labelling: what a model has not looked at yet."""

    reads_ahead: ClassVar[bool] = False

    def __init__(self, coder: Coder, fit: Fit) -> None:
        self._fit = fit
        self._place = first_place(coder)

    def next(self, session: Session) -> Turn | None:
        """Return the next tweet, None where there is none."""
        found = queues.next_fitting(session, self._place, self._fit)
        if found is None:
            return None
        self._place = found
        return Turn(found[1], RANDOM)
