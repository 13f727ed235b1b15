"""The queue of what was assigned to a coder."""

from typing import ClassVar

from sqlalchemy.orm import Session

from app.study.queues import Turn, languages_of
from app.study.study import Coder
from db import assignments

SOURCE = "assigned"


class AssignedQueue:
    """A coder's assigned tweets, in the order in which they were drawn for that coder.

    Tweets in languages that the coder does not read, or not the one chosen, are left out, and locked ones.
    """

    reads_ahead: ClassVar[bool] = True

    def __init__(self, coder: Coder, language: str = "") -> None:
        self._coder = coder.id
        self._languages = languages_of(coder, language)
        self._place = (0, 0)

    def next(self, session: Session) -> Turn | None:
        """Return the next tweet, None where all that is assigned is labelled."""
        found = assignments.next_assigned(session, self._coder, self._place, self._languages)
        if found is None:
            return None
        self._place = found
        return Turn(found[1], SOURCE)
