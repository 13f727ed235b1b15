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
CODER = "sample coder"
# One tweet in so many comes without its label, so that labelling can be tried, too.
LEFT_TO_LABEL = 5


def make_sample_study(path: Path) -> Path:
    """Make a study of the sample tweets and return its path; one that is there already is left as it is.

    Four fifths of the tweets have their labels. Raises `UserError` where the file cannot be written.
    """
    if path.exists():
        return path
    rows = list(csv.reader(io.StringIO(resources.sample_study_bytes().decode("utf-8"))))
    label = rows[0].index("label")
    for row in rows[LEFT_TO_LABEL::LEFT_TO_LABEL]:
        row[label] = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "sample tweets.csv"
            with table.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(rows)
            with Study.create(path, name=NAME) as study:
                importing.import_file(study, table, coder=CODER)
                groups.find(study)
    except OSError as error:
        raise UserError(
            f"The sample study cannot be written to {path.parent}: {error.strerror or error}.",
            "Make room there, or allow writing.",
        ) from error
    return path
