"""Marks: their order, the flag of older files, and their way into an export."""

import csv
from pathlib import Path

from app.study import review
from app.study.exporting import export
from app.study.labelling import Labelling
from app.study.marks import MARKS, in_order
from app.study.study import Study
from tests.unit.app.study.conftest import add_tweets


def test_the_order() -> None:
    assert in_order(["sarcasm", "uncertain", "sarcasm"]) == ("uncertain", "sarcasm")
    assert in_order(reversed(MARKS)) == MARKS
    assert in_order(["zeal", "quoting"]) == ("quoting", "zeal"), "one of a newer version is kept"


def test_marks_and_notes_in_the_review_and_the_export(study: Study, tmp_path: Path) -> None:
    add_tweets(study, tmp_path / "x", 3)
    out = tmp_path / "out.csv"
    export(study, out)
    assert "mark_sarcasm" not in out.read_text(encoding="utf-8"), "no columns for what nobody said"
    for coder, leaf, marks in (("Ana", "pro", ["sarcasm", "uncertain"]), ("Ben", "pro", ["sarcasm"])):
        work = Labelling(study, coder)
        work.show(1)
        work.label(leaf, marks=marks, note="हाँ" if coder == "Ana" else "")
    work.show(2)
    work.label("anti")
    ana, ben = review.case(study, 1).labels
    assert (ana.marks, ben.marks) == (("uncertain", "sarcasm"), ("sarcasm",))
    export(study, out)
    with open(out, encoding="utf-8-sig", newline="") as file:
        first, second, third = csv.DictReader(file)
    assert [float(first[f"mark_{mark}"]) for mark in MARKS] == [1, 0, 2, 0]
    assert first["notes"] == "Ana: हाँ"
    assert [float(second[f"mark_{mark}"]) for mark in MARKS] == [0, 0, 0, 0] and second["notes"] == ""
    assert [third[f"mark_{mark}"] for mark in MARKS] == [""] * 4, "nothing is known of what nobody labelled"
