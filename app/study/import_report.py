"""What an import did, row by row where something went wrong."""

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

# What is told of a broken file is bounded; the counts are exact.
MAX_TOLD = 10_000
# Whose labels those of a file are where nobody says it.
IMPORTED = "imported"


class Rejected(NamedTuple):
    """A row that was not taken in; `row` is its number in a spreadsheet, the first row being 1."""

    row: int
    reason: str


@dataclass
class ImportReport:
    """What an import did. `rows` = `accepted` + `duplicates` + `rejected_count`.

    `rejected` holds the first of the rejected rows; `unknown_labels` counts labels that the codebook does not
    know (their tweets were taken in unlabelled), `classes` says which class each value of the file was taken
    for that the user told; `label_conflicts` are labels that were not taken because the
    coder had already given another one, `locked_labels` because the tweet is in a locked batch.
    """

    file_name: str
    encoding: str = ""
    delimiter: str = ""
    has_header: bool = True
    columns: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected_count: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    labels: int = 0
    coder: str = ""
    unknown_labels: dict[str, int] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    label_conflicts: int = 0
    locked_labels: int = 0
    warnings: list[str] = field(default_factory=list)
    stopped: bool = False

    def reject(self, row: int, reason: str) -> None:
        """Count a row that is not taken in, and keep the reason."""
        self.rejected_count += 1
        if len(self.rejected) < MAX_TOLD:
            self.rejected.append(Rejected(row, reason))

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        values = asdict(self)
        values["rejected"] = [{"row": row, "reason": reason} for row, reason in self.rejected]
        return values

    def summary(self) -> str:
        """Return the counts in words."""
        parts = [f"{_number(self.accepted, 'tweet')} accepted"]
        if self.duplicates:
            parts.append(f"{self.duplicates:,} already there")
        if self.rejected_count:
            parts.append(f"{_number(self.rejected_count, 'row')} rejected")
        if self.labels:
            parts.append(f"{_number(self.labels, 'label')} taken in{self._whence()}")
        told = ("Stopped: " if self.stopped else "") + ", ".join(parts) + "."
        if self.classes:
            pairs = ", ".join(f"“{value}” as “{leaf}”" for value, leaf in self.classes.items())
            told += f" Taken in were {pairs}."
        if self.unknown_labels:
            first = ", ".join(f"“{value}”" for value in list(self.unknown_labels)[:3])
            unknown = sum(self.unknown_labels.values())
            told += f" {_number(unknown, 'label is', 'labels are')} not in the codebook ({first})."
        if self.label_conflicts:
            differ = _number(self.label_conflicts, "label differs", "labels differ")
            told += f" {differ} from the coder's earlier ones, which were kept."
        if self.locked_labels:
            left_out = _number(self.locked_labels, "label was", "labels were")
            told += f" {left_out} left out: a locked batch holds the tweets."
        return " ".join([told, *self.warnings])

    def _whence(self) -> str:
        column = self.columns.get("label", "")
        of = f" from the column “{column}”" if column else ""
        return f"{of} as “{self.coder}”" if self.coder else of


def _number(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
