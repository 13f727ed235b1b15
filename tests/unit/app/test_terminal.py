"""What commands show while they run."""

import json

import pytest

from app import terminal
from app.terminal import JobEvents


def test_progress_is_told_some_times_a_second(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(n / 1000 for n in range(1, 1000))
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(clock))
    tell = JobEvents(True).progress("duplicates", "tweets")
    for done in range(1, 251):
        tell(done, 250)
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["done"] for event in events] == [1, 101, 201, 250]
    assert {(event["event"], event["stage"], event["total"]) for event in events} == {
        ("progress", "duplicates", 250)
    }
