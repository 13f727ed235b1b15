"""Events in a file that has no room left: whole lines or none."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from training.contract import events
from training.contract.event_file import EventFile
from training.contract.events import EventLog, append_whole, read_events


def test_a_line_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    log.write("stage", message="one")
    whole = path.read_bytes()

    # A disk on which ten more bytes fit.
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 10, before[1]))
    try:
        with pytest.raises(OSError) as told:
            append_whole(path, b"x" * 100 + b"\n")
        assert told.value.errno in (errno.ENOSPC, errno.EFBIG)
        # How far a run is may be missing; how it ended may not.
        log.write("progress", done=1)
        log.write("warning", message="The disk is full.")
        with pytest.raises(OSError):
            log.write("finished")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == whole
    log.write("finished")
    assert [event["event"] for event in read_events(path)] == ["stage", "finished"]


def test_who_listens_hears_what_the_file_could_not_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(events, "append_whole", full)
    import sys

    EventLog(tmp_path / "e.jsonl", sys.stdout).write("progress", done=3)
    assert json.loads(capsys.readouterr().out)["done"] == 3


def test_a_growing_file_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    reader = EventFile(path)
    assert reader.read() == []
    path.write_bytes(b'{"event": "stage"}\nno event\n{"event": "prog')
    assert [event["event"] for event in reader.read()] == ["stage"]
    with open(path, "ab") as file:
        file.write(b'ress"}\n')
    assert [event["event"] for event in reader.read()] == ["progress"]
