"""The queue that fills a number of labelled tweets for each language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy.orm import Session

from app.study.queues import QUOTAS, Turn, first_place
from app.study.study import Coder
from db import labels, queues

_ROUND = 2**64


@dataclass
class _Line:
    """Where the queue is in one language: `rounds` counts how often it came to the end and began again."""

    language: str
    quota: int
    place: tuple[int, int]
    rounds: int = 0


class QuotaQueue:
    """Tweets in random order, of each language until so many are labelled, whoever labelled them.

    `quotas` is {language: number}; languages that it lacks are left out. Each coder starts at another place.
    """

    reads_ahead: ClassVar[bool] = False

    def __init__(self, coder: Coder, quotas: Mapping[str, int]) -> None:
        self._start = first_place(coder)
        self._lines = [_Line(language, quota, self._start) for language, quota in quotas.items() if quota > 0]
        # The next tweet of each language that is not met.
        self._heads: dict[str, tuple[int, int]] = {}
        self._met: set[str] = set()

    def next(self, session: Session) -> Turn | None:
        """Return the next tweet of a language whose number is not met, None where all are met."""
        for again in (False, True):
            if again:
                # A label may have been taken back since.
                self._met.clear()
            turn = self._draw(session)
            if turn is not None:
                return turn
        return None

    def _draw(self, session: Session) -> Turn | None:
        while True:
            for line in self._lines:
                if line.language not in self._met and line.language not in self._heads:
                    self._look(session, line)
            waiting = [line for line in self._lines if line.language in self._heads]
            if not waiting:
                return None
            line = min(waiting, key=self._rank)
            head = self._heads.pop(line.language)
            if queues.count_labelled(session, line.language, line.quota) >= line.quota:
                self._met.add(line.language)
            elif labels.next_unlabelled(session, line.place, (line.language,), None) == head:
                if self._distance(head) <= self._distance(line.place) and line.place != self._start:
                    line.rounds += 1
                line.place = head
                return Turn(head[1], QUOTAS)

    def _look(self, session: Session, line: _Line) -> None:
        head = labels.next_unlabelled(session, line.place, (line.language,), None)
        if head is None:
            self._met.add(line.language)
        else:
            self._heads[line.language] = head

    def _rank(self, line: _Line) -> tuple[int, int]:
        head = self._distance(self._heads[line.language])
        wraps = head <= self._distance(line.place) and line.place != self._start
        return line.rounds + wraps, head

    def _distance(self, place: tuple[int, int]) -> int:
        return (place[0] - self._start[0]) % _ROUND
