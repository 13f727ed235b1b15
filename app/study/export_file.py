"""A file that an export writes: where it may be, its columns, and that it appears whole or not at all."""

import contextlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from app.errors import UserError
from app.study.export_formats import FORMATS, FormatLimit, Values

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]
Item = TypeVar("Item")


@dataclass
class ExportReport:
    """What was written: so many rows of `what`.

    `renamed`: {own name: name in the file} of columns that could not keep theirs. A stopped export leaves no file,
    and a file that was there before as it was.
    """

    rows: int
    path: Path
    columns: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    model: str = ""
    stopped: bool = False
    what: str = "tweets"

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self) | {"path": str(self.path)}


@dataclass(frozen=True)
class Column(Generic[Item]):
    """A column: how its value, a number or text, is read off what a row is about."""

    name: str
    value: Callable[[Item], str | float | None]
    number: bool = False


def checked_path(out_path: Path | str) -> Path:
    """Return where to write; raise `UserError` where no file of a known format can be there."""
    path = Path(out_path)
    if path.suffix.lower() not in FORMATS:
        raise UserError(
            f"StanceDesk cannot write “{path.suffix or path.name}” files.",
            f"End the file's name with one of {' '.join(FORMATS)}.",
        )
    if not path.absolute().parent.is_dir():
        raise UserError(f"There is no folder “{path.absolute().parent}”.", "Create the folder first.")
    if path.is_dir():
        raise UserError(f"“{path.name}” is a folder.", "Choose a name for the file.")
    return path


def write_file(
    report: ExportReport,
    columns: Sequence[Column[Item]],
    chunks: Iterable[Sequence[Item]],
    total: int,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> ExportReport:
    """Write the items of all chunks, `total` as far as is known, a row each, to `report.path`; complete the report.

    Raises `UserError` where the format cannot hold them or the disk refuses.
    """
    path = report.path
    write = FORMATS[path.suffix.lower()]
    values = Values([c.name for c in columns], [c.number for c in columns], total, report.what)
    report.columns = values.names
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        report.renamed |= write(temporary, values, _rows(report, columns, chunks, total, progress, stop))
        if not report.stopped:
            temporary.replace(path)
    except FormatLimit as error:
        raise UserError(str(error), "Export to .csv or .parquet, which have no such limit.") from error
    except PermissionError as error:
        raise UserError(
            f"“{path.name}” cannot be written.", "Close it where it is open, or choose another folder."
        ) from error
    except OSError as error:
        raise UserError(
            f"“{path.name}” could not be written: {error.strerror or error}.",
            "Make room on the disk, or choose another folder.",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    return report


def _rows(
    report: ExportReport,
    columns: Sequence[Column[Item]],
    chunks: Iterable[Sequence[Item]],
    total: int,
    progress: Progress | None,
    stop: Stop | None,
) -> Iterator[list[str | float | None]]:
    for chunk in chunks:
        if stop is not None and stop():
            report.stopped = True
            return
        for item in chunk:
            yield [column.value(item) for column in columns]
        report.rows += len(chunk)
        if progress is not None:
            progress(report.rows, max(total, report.rows))
