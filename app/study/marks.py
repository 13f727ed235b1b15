"""What a coder can say about a label by one key, beside the class: for the analysis, and for the coders' talk."""

from collections.abc import Iterable
from dataclasses import dataclass

UNCERTAIN = "uncertain"
# In the order in which they are shown and kept.
MARKS = (UNCERTAIN, "quoting", "sarcasm", "unclear_target")


def in_order(marks: Iterable[str]) -> tuple[str, ...]:
    """Return marks, each once, in the order of `MARKS`; those of a newer version of the program last."""
    found = set(marks)
    return (*(mark for mark in MARKS if mark in found), *sorted(found - set(MARKS)))


@dataclass(frozen=True)
class Remark:
    """What a coder says beside a label: a note, and marks in the order of `MARKS`."""

    note: str = ""
    marks: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Say whether nothing is said."""
        return not self.note and not self.marks
