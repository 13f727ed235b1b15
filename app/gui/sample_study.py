"""The sample study as a file of the user's own, to try everything with."""

import csv
import io
import tempfile
from pathlib import Path

import resources
from app.errors import UserError
from app.study import groups, importing
from app.study.study import Study

NAME = "Sample study"
CODER, SECOND_CODER = "sample coder", "second sample coder"
# One tweet in so many comes without its label, so that labelling can be tried, too.
LEFT_TO_LABEL = 5


def make_sample_study(path: Path) -> Path:
    """Make a study of the sample tweets and return its path; one that is there already is left as it is.

    Four fifths of the tweets have their labels, some of them those of two coders. Raises `UserError` where the
    file cannot be written.
    """
    if path.exists():
        return path

    rows = _rows(resources.sample_study_bytes())
    id, label = rows[0].index("id"), rows[0].index("label")
    for row in rows[LEFT_TO_LABEL::LEFT_TO_LABEL]:
        row[label] = ""
    said = dict(_rows(resources.second_coder_bytes())[1:])
    second = [
        rows[0],
        *([*row[:label], said[row[id]], *row[label + 1 :]] for row in rows[1:] if row[id] in said),
    ]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder, Study.create(path, name=NAME) as study:
            for coder, lines in ((CODER, rows), (SECOND_CODER, second)):
                table = Path(folder) / f"{coder}.csv"
                with table.open("w", encoding="utf-8", newline="") as file:
                    csv.writer(file).writerows(lines)
                importing.import_file(study, table, coder=coder)
            groups.find(study)
    except OSError as error:
        raise UserError(
            f"The sample study cannot be written to {path.parent}: {error.strerror or error}.",
            "Make room there, or allow writing.",
        ) from error
    return path


def _rows(table: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(table.decode("utf-8"))))
