"""Two coders' files in, agreement out: as a table with its paragraph, as JSON, and what is refused."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

from tests.end2end.conftest import Program


def test_agreement_of_two_files(
    program: Program, tmp_path: Path, sample_rows: Callable[[Path, int], Path]
) -> None:
    study, first = tmp_path / "s.stancedesk", sample_rows(tmp_path / "first.csv", 6)
    program("new", study)
    program("import", study, first, "--coder", "Ana")
    complaint = program("agreement", study, status=1)
    assert complaint == (
        "stancedesk: No tweet was labelled by two coders, so there is no agreement to measure. "
        "Let a second coder label some of the same tweets.\n"
    )
    with open(first, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    kept = [row["label"] for row in rows]
    for row in rows[:3]:
        row["label"] = "unrelated" if row["label"] != "unrelated" else "pro"
    second = tmp_path / "second.csv"
    with open(second, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    program("import", study, second, "--coder", "Ben")

    told = program("agreement", study)
    assert "Percent agreement" in told and "Gwet's AC1" in told
    assert f"{len(rows)} tweets in 3 languages (de, en, es) were labelled by two coders (Ana, Ben)." in told
    report = json.loads(program("agreement", study, "--json"))
    leaf = next(question for question in report["questions"] if question["code"] == "")
    assert leaf["overall"]["percent_agreement"]["value"] == 1 - 3 / len(rows)
    assert sum(leaf["pairs"][0]["confusion"][label][label] for label in set(kept)) == len(rows) - 3
    assert report["methods"] in told
    one = json.loads(program("agreement", study, "--languages", rows[0]["lang"], "--json"))
    assert one["languages"] == [rows[0]["lang"]]
    assert one["tweets"] == 6
    complaint = program("agreement", study, "--languages", "en,xx", status=1)
    assert complaint.count("\n") == 1
    assert "no tweets in the language “xx”" in complaint
