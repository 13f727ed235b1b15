"""An untrained model by command: a trial, a classification, its score, and a file without a study."""

import csv
from collections.abc import Callable
from pathlib import Path

from tests.small_base import embedded_base

from ..unit.app.inference.conftest import write_tiny
from .conftest import Program

NAME = "chat, 4 examples"


def test_an_untrained_model_is_tried_classifies_and_is_scored(
    program: Program, tmp_path: Path, sample_rows: Callable[[Path, int], Path]
) -> None:
    study, table = tmp_path / "s.stancedesk", sample_rows(tmp_path / "tweets.csv", 6)
    base = write_tiny(tmp_path / "chat.gguf", embedded_base(), "llama", layers=1, window=0)
    program("new", study)
    program("import", study, table)
    words = ("classify", study, "--untrained", base, "--examples", 4, "--seed", 7)
    told = program(*words, "--trial", 5)
    assert NAME in told
    assert "often poor" in told
    report = program.events(*words)[-1]
    assert (report["model"], report["selected"], report["predicted"]) == (NAME, 18, 18)
    # The examples stand in the prompt: they are not scored.
    scores = program.events("evaluate", study, "--model", NAME)[-1]
    assert (scores["rows"], scores["overall"]["n"]) == ("unseen", 14)
    out = tmp_path / "out.csv"
    program("classify-file", table, out, "--model", NAME, "--prefix", "new_")
    with open(out, encoding="utf-8", newline="") as file:
        assert all(
            abs(sum(float(v) for k, v in row.items() if k.startswith("new_p_")) - 1) < 1e-4
            for row in csv.DictReader(file)
        )
    assert "go with --untrained" in program("classify", study, "--model", NAME, "--examples", 4, status=2)
