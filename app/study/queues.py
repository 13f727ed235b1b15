"""Queues: which tweet comes to a coder next, and what brought it there."""

import hashlib
from dataclasses import dataclass
from typing import ClassVar, Protocol

from sqlalchemy.orm import Session

from app.study.study import Coder
from db import labels

# What brought a tweet, as it stands with its label.
RANDOM = "random"
QUOTAS = "quotas"
UNCERTAIN = "uncertain"
CODERS_DISAGREE = "coders_disagree"
MODEL_DISAGREES = "model_disagrees"
RARE_CLASS = "rare_class"
NEAR_DUPLICATES = "near_duplicates"
SEARCH = "search"


@dataclass(frozen=True)
class Turn:
    """A tweet that comes to a coder. `source` stands with the label: what brought it.

    With `repeat` it is a hidden second time, for the coder's own consistency: the label is never the current one.
    """

    tweet: int
    source: str
    repeat: bool = False


class Queue(Protocol):
    """One coder's order of work. It goes round: what was skipped comes again after all others.

    `reads_ahead`: the next tweet does not depend on the label that is given now, and may be asked for before it.
    """

    reads_ahead: ClassVar[bool]

    def next(self, session: Session) -> Turn | None:
        """Return the tweet after the one that came last, None where none is left."""


def first_place(coder: Coder) -> tuple[int, int]:
    """Return where in the shuffled order of all tweets, (shuffle, id), a coder begins."""
    digest = hashlib.blake2b(coder.id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True), 0


def languages_of(coder: Coder, chosen: str = "") -> tuple[str, ...] | None:
    """Return the languages to label in: the one chosen, else those that the coder reads; None for all."""
    return (chosen,) if chosen else coder.reads


class RandomQueue:
    """Tweets in a random order that is the same after a restart and does not follow the file.

    Each coder starts at another place in it, and gets tweets in the languages that they read alone, or in the
    one chosen. With `double`, tweets that other coders have labelled come too.
    """

    reads_ahead: ClassVar[bool] = True

    def __init__(self, coder: Coder, language: str = "", double: bool = False) -> None:
        self._languages = languages_of(coder, language)
        self._without_coder = coder.id if double else None
        self._place = first_place(coder)

    def next(self, session: Session) -> Turn | None:
        """Return the next tweet, None where all are labelled."""
        found = labels.next_unlabelled(session, self._place, self._languages, self._without_coder)
        if found is None:
            return None
        self._place = found
        return Turn(found[1], RANDOM)
