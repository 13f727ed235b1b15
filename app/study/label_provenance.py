"""How the labels of an export came about, chunk by chunk: queue, suggestion in sight, hidden repeats."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.study.study import Study
from app.study.tweets import TweetRow
from db import provenance


@dataclass
class Provenance:
    """What is known of the tweets of the chunk that was read last."""

    _given: dict[int, list[Any]] = field(default_factory=dict)
    _again: dict[int, list[tuple[str, str]]] = field(default_factory=dict)

    def read(self, study: Study, rows: Sequence[TweetRow]) -> None:
        """Read how the labels of a chunk came about."""
        ids = [row.id for row in rows]
        with study.reading() as session:
            self._given = provenance.of(session, ids)
            self._again = provenance.repeats_of(session, ids)

    def sources(self, row: TweetRow) -> str | None:
        """Return "coder: queue" of each label of a tweet."""
        return _told((one.coder, one.source) for one in self._given.get(row.id, ()))

    def suggestions(self, row: TweetRow) -> str | None:
        """Return "coder: suggestion" of each label that was given with one in sight."""
        return _told((one.coder, one.suggestion_shown) for one in self._given.get(row.id, ()))

    def repeats(self, row: TweetRow) -> str | None:
        """Return "coder: class" of each hidden repeat."""
        return _told(self._again.get(row.id, ()))


def _told(pairs: Any) -> str | None:
    return "; ".join(f"{coder}: {what}" for coder, what in pairs if what) or None


def is_known(study: Study) -> bool:
    """Say whether a study knows of some label how it came about."""
    with study.reading() as session:
        return provenance.is_known(session)
