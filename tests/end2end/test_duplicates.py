"""Near-duplicates by command: found with an import, found again, stopped."""

import json
from pathlib import Path

from tests.end2end.conftest import Program

TEXT = "हमारे छोटे शहर में शरणार्थियों का स्वागत है और जो कुछ और कहता है वह हमारी ओर से नहीं बोलता"


def test_near_duplicates_of_a_study(program: Program, tmp_path: Path) -> None:
    study, table = tmp_path / "s.stancedesk", tmp_path / "t.csv"
    table.write_text(f"id,text\n1,{TEXT}\n2,RT @ana: {TEXT} http://x.y\n3,something else\n", encoding="utf-8")
    program("new", study)
    imported = json.loads(program("import", study, table, "--json"))
    assert imported["near_duplicates"]["groups"] == 1
    again = json.loads(program("import", study, table, "--json"))
    assert again["near_duplicates"] is None, "no tweet came"
    assert "2 of 3 tweets are near-duplicates of each other, in one group." in program("duplicates", study)
    last = program.events("duplicates", study)[-1]
    assert last["event"] == "finished"
    assert {name: last[name] for name in ("tweets", "groups", "grouped", "largest", "changed")} == {
        "tweets": 3, "groups": 1, "grouped": 2, "largest": 2, "changed": 0,
    }  # fmt: skip
    stop = tmp_path / "stop"
    stop.touch()
    complaint = program("duplicates", study, "--stop-file", stop, status=1)
    assert complaint.endswith("stancedesk: Stopped. The groups of near-duplicates are as they were.\n")
