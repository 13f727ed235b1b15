"""What can go wrong is told in one sentence, with exit status 1, and nothing that was there is lost."""

import contextlib
import json
import os
import resource
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.end2end.conftest import Program, TrainedStudy

# Of a training that is cut off at its first step: far from its end, and too few for the machine to be tried first.
EPOCHS = 40


def one_sentence(complaint: str) -> str:
    lines = complaint.strip().splitlines()
    assert len(lines) == 1, complaint
    assert lines[0].startswith("stancedesk: ")
    return lines[0]


def test_no_study_file(program: Program, tmp_path: Path) -> None:
    not_a_study = tmp_path / "notes.stancedesk"
    not_a_study.write_text("just some notes\n" * 100, encoding="utf-8")
    assert "not a StanceDesk study" in one_sentence(
        program("export", not_a_study, tmp_path / "o.csv", status=1)
    )
    assert not_a_study.read_text(encoding="utf-8").startswith("just some notes")
    other = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE t (x)")
        database.commit()
    assert "not a StanceDesk study" in one_sentence(program("export", other, tmp_path / "o.csv", status=1))
    one_sentence(program("export", tmp_path / "nowhere.stancedesk", tmp_path / "o.csv", status=1))


@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01\x02\xff" * 500, b"id,text,lang\n", b"\xff\xd8\xff\xe0 JFIF\x00\x00" * 50]
)
def test_no_table(program: Program, tmp_path: Path, content: bytes) -> None:
    study, file = tmp_path / "s.stancedesk", tmp_path / "broken.csv"
    program("new", study)
    file.write_bytes(content)
    one_sentence(program("import", study, file, status=1))
    one_sentence(program("import", study, tmp_path / "nowhere.csv", status=1))


def test_a_table_of_which_nothing_can_be_taken_in(program: Program, tmp_path: Path) -> None:
    study, bad, good = tmp_path / "s.stancedesk", tmp_path / "bad.csv", tmp_path / "good.csv"
    program("new", study)
    bad.write_text("id,text\n1.79E+18,one\n", encoding="utf-8")
    good.write_text("id,text\n1,one\n", encoding="utf-8")
    assert "bad.csv" in one_sentence(program("import", study, bad, good, status=1))
    # It is all there already: nothing is wrong.
    program("import", study, good)


@pytest.mark.parametrize("content", [b"", b"not a model at all", b"GGUF" + b"\xff" * 400])
def test_a_gguf_that_is_none(program: Program, tmp_path: Path, content: bytes) -> None:
    model, source = tmp_path / "model.gguf", tmp_path / "in.csv"
    model.write_bytes(content)
    source.write_text("text\nhello\n", encoding="utf-8")
    one_sentence(program("classify-file", source, tmp_path / "out.csv", "--model", model, status=1))
    one_sentence(program("models", "add", model, status=1))
    study = tmp_path / "s.stancedesk"
    program("new", study)
    one_sentence(program("train", study, "--base", model, status=1))


def test_too_few_labels_are_told_before_anything_starts(
    program: Program, tmp_path: Path, sample_rows: Callable[[Path, int], Path]
) -> None:
    study = tmp_path / "s.stancedesk"
    program("new", study)
    assert "at least two classes" in one_sentence(program("train", study, status=1))
    program("import", study, sample_rows(tmp_path / "few.csv", 1))
    assert "at least two classes" in one_sentence(program("train", study, status=1))


def test_wrong_usage_is_status_2(program: Program, tmp_path: Path) -> None:
    assert "usage:" in program("classify", tmp_path / "s.stancedesk", status=2)
    assert "usage:" in program("no-such-command", status=2)


def test_killed_training_is_told_as_interrupted(
    program: Program, tmp_path: Path, sample_rows: Callable[[Path, int], Path], small_base: Path
) -> None:
    study = tmp_path / "s.stancedesk"
    program("new", study)
    program("import", study, sample_rows(tmp_path / "tweets.csv", 12))
    child = program.start(
        "train", study, "--base", small_base, "--name", "doomed", "--epochs", EPOCHS, "--json"
    )
    assert child.stdout is not None
    for line in child.stdout:
        event = json.loads(line)
        if event["event"] == "progress" and event["stage"] == "train":
            break
    (training,) = psutil.Process(child.pid).children()
    os.kill(training.pid, signal.SIGKILL)
    out, complaint = child.communicate(timeout=60)
    assert child.returncode == 1
    assert "interrupted" in one_sentence(complaint) and "can go on from where it was" in complaint
    assert json.loads(out.splitlines()[-1])["event"] == "failed"
    # The study is whole, and nothing half-made stands on the shelf.
    program("export", study, tmp_path / "after.csv")
    assert json.loads(program("models", "--json"))["models"] == []
    # The next training says so, too.
    stop = tmp_path / "stop"
    stop.touch()
    out = program("train", study, "--base", small_base, "--json", "--stop-file", stop, status=1)
    assert "Stopped before the model was ready" in out.strip().splitlines()[-1]


def test_a_killed_conductor_leaves_an_interrupted_run(
    program: Program,
    tmp_path: Path,
    sample_rows: Callable[[Path, int], Path],
    small_base: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study = tmp_path / "s.stancedesk"
    program("new", study)
    program("import", study, sample_rows(tmp_path / "tweets.csv", 12))
    child = program.start(
        "train", study, "--base", small_base, "--name", "orphan", "--epochs", EPOCHS, "--json"
    )
    assert child.stdout is not None
    for line in child.stdout:
        if json.loads(line)["event"] == "progress":
            break
    family = [psutil.Process(child.pid), *psutil.Process(child.pid).children(recursive=True)]
    for process in family:
        process.kill()
    child.communicate(timeout=30)
    monkeypatch.setenv("STANCEDESK_HOME", str(program.home))
    from app.study import unfinished_runs
    from app.study.study import Study

    # A killed process lives until the system has taken its memory back.
    deadline = time.monotonic() + 60
    with Study.open(study) as opened:
        while (run := unfinished_runs.list_runs(opened)[0]).status == "running":
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert run.status == "interrupted"


def test_a_stop_file_ends_training_in_good_order(
    program: Program, tmp_path: Path, sample_rows: Callable[[Path, int], Path], small_base: Path
) -> None:
    study, stop = tmp_path / "s.stancedesk", tmp_path / "stop"
    program("new", study)
    program("import", study, sample_rows(tmp_path / "tweets.csv", 12))
    # So many epochs that the machine is tried before.
    child = program.start(
        "train", study, "--base", small_base, "--epochs", 50 * EPOCHS, "--json", "--stop-file", stop
    )
    assert child.stdout is not None
    for line in child.stdout:
        if json.loads(line)["event"] == "progress":
            stop.touch()
            break
    out, _ = child.communicate(timeout=120)
    assert json.loads(out.splitlines()[-1])["event"] == "cancelled"
    deadline = time.monotonic() + 20
    while any(
        str(program.home) in " ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])
    ):
        assert time.monotonic() < deadline, "the training process outlived its conductor"
        time.sleep(0.2)


def test_a_stop_while_the_forms_are_compared_is_heard(
    program: Program, tmp_path: Path, sample_rows: Callable[[Path, int], Path], small_base: Path
) -> None:
    study, stop = tmp_path / "s.stancedesk", tmp_path / "stop"
    program("new", study)
    program("import", study, sample_rows(tmp_path / "tweets.csv", 12))
    child = program.start("train", study, "--base", small_base, "--epochs", 1, "--json", "--stop-file", stop)
    assert child.stdout is not None
    for line in child.stdout:
        event = json.loads(line)
        if event["event"] == "stage" and event["stage"] == "parity":
            stop.touch()
            break
    out, _ = child.communicate(timeout=120)
    assert json.loads(out.splitlines()[-1])["event"] == "cancelled"
    assert json.loads(program("models", "--json"))["models"] == []


def test_a_full_disk_while_classifying_a_file(trained_study: TrainedStudy, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    text = "a tweet of some length, " * 8
    source.write_text("text\n" + f'"{text}"\n' * 3000, encoding="utf-8")

    def small_disk() -> None:
        # The nearest that a process can have to a full disk: no file of it may grow beyond 100 kB.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    child = trained_study.program.start(
        "classify-file", source, target, "--model", "tiny", preexec_fn=small_disk
    )
    _, complaint = child.communicate(timeout=300)
    assert child.returncode == 1
    assert "could not be written" in complaint.strip().splitlines()[-1]
    assert "Traceback" not in complaint
    assert not target.exists() and not list(tmp_path.glob(".*partial"))
