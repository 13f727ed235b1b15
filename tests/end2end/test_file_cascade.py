"""The real command on a file with a cascade: what it writes and says, and that kills change no byte of it."""

import csv
import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.end2end.conftest import Program
from tests.end2end.test_cascade import WORDS

EACH = 146
ROWS = EACH * len(WORDS) + 1
# Where it is killed: at a stage, at a message of it, or once so many rows are done.
KILLS = [
    ("draw", "", 1),
    ("sample", "", 1),
    ("learn", "learns", 0),
    ("sample", "to calibrate on", 0),
    ("classify", "", 2048),
    ("write", "", 1),
]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The program with one home for all tests: how the model is run fastest is found out once."""
    return Program(tmp_path_factory.mktemp("home"))


def write_source(path: Path) -> Path:
    """Write tweets of which the model says by their word what they are, and one without text, as JSON lines."""
    rows = [
        {"id": f"{word}{n}", "text": " ".join([word] * 5 + [str(n)]), "lang": "en" if place % 3 else "es"}
        for n in range(EACH)
        for place, word in enumerate(WORDS)
    ]
    rows.insert(7, {"id": "empty", "text": "\x01\x02", "lang": "en"})
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def read_rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def told(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the last event says, but for times."""
    report = {name: value for name, value in events[-1].items() if name not in ("time", "output", "device")}
    report["cascade"] = {n: v for n, v in report["cascade"].items() if not n.startswith("seconds")}
    return {name: value for name, value in report.items() if name not in ("seconds", "per_second")}


def test_killed_at_each_stage_it_ends_the_same_and_says_what_was_settled(
    program: Program, tiny: str, tmp_path: Path
) -> None:
    source = write_source(tmp_path / "in.jsonl")
    whole, cut, full = tmp_path / "whole.csv", tmp_path / "cut.csv", tmp_path / "full.csv"
    words = ("--model", tiny, "--cascade", 10)
    undisturbed = told(program.events("classify-file", source, whole, *words))
    for stage, words_told, beyond in KILLS:
        child = program.start("classify-file", source, cut, *words, "--json")
        assert child.stdout is not None
        for line in child.stdout:
            event = json.loads(line)
            reached = event.get("stage") == stage and words_told in event.get("message", "")
            reached = reached and event.get("done", beyond) >= beyond and (words_told or "done" in event)
            if reached or event["event"] == "finished":
                break
        child.send_signal(signal.SIGKILL)
        child.communicate()
        assert reached, f"it ended before “{stage}”"
        assert child.returncode == -signal.SIGKILL and not cut.exists()
    # Other choices do not get mixed with those that it was begun with.
    other = program("classify-file", source, cut, "--model", tiny, "--cascade", status=1)
    assert "begun with another choice of --cascade" in other and "--restart" in other
    assert told(program.events("classify-file", source, cut, *words)) == undisturbed
    assert cut.read_bytes() == whole.read_bytes()
    assert not [path.name for path in tmp_path.iterdir() if "part" in path.name]
    rows = read_rows(whole)
    by = Counter(row["predicted_by"] for row in rows)
    assert len(rows) == undisturbed["selected"] == ROWS
    assert by == {"model": undisturbed["predicted"], "light model": undisturbed["settled"], "": 1}
    assert undisturbed["settled"] > 300 and rows[7]["predicted_status"].startswith("no text")
    facts = undisturbed["cascade"]
    assert facts["stage"] == "done" and facts["language_column"] == "lang"
    assert {code: of["tweets"] for code, of in facts["languages"].items()} == Counter(r["lang"] for r in rows)
    # Against the full pass, which is the same but for what was settled.
    program("classify-file", source, full, "--model", tiny)
    said = [row["predicted_label"] for row in read_rows(full)]
    related = [leaf not in ("anti", "") for leaf in said]
    lost = sum(one and row["predicted_by"] == "light model" for one, row in zip(related, rows, strict=True))
    assert lost <= 0.1 * sum(related)
    kept = [
        (a, row["predicted_label"])
        for a, row in zip(said, rows, strict=True)
        if row["predicted_by"] == "model"
    ]
    # What is computed in another batch may differ in the last digit, and so, rarely, in the leaf.
    assert sum(a != b for a, b in kept) <= 3


def test_the_terminal_tells_what_classify_tells(program: Program, tiny: str, tmp_path: Path) -> None:
    source = write_source(tmp_path / "in.jsonl")
    told = program("classify-file", source, tmp_path / "out.csv", "--model", tiny, "--cascade", 10)
    assert "settled now by the light model" in told and f"of {ROWS:,}" in told
    for words in (
        "A light model settled", "at most 10.00 % of the tweets that the model would call related are lost",
        "tweets drawn at random from those to be settled, the model called", "of all related tweets are lost",
        "Languages are those of the column “lang”.", "of the model's time were saved", "For a methods section:",
    ):  # fmt: skip
        assert words in told, words
    complaint = program(
        "classify-file", source, tmp_path / "x.csv", "--model", tiny, "--cascade", 50, status=1
    )
    assert "no bound that a cascade can keep" in complaint
