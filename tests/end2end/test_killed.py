"""The program is killed in the middle of the work: nothing that it had answered is lost, nothing is half done."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.study import importing, labelling, tweets
from app.study.study import Study
from db import labels
from db.tables import CurrentLabel, LabelEvent
from tests.end2end.coder_at_work import LEAVES
from tests.end2end.conftest import TrainedStudy

ROOT = Path(__file__).parents[2]
# Moments at which a coder's work is cut off. More can be asked for: STANCEDESK_KILLS=200.
KILLS = int(os.environ.get("STANCEDESK_KILLS", "10"))
# The shortest time in which something happens: an act takes some milliseconds.
LONGEST_WORK = 1.0


def start(*words: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.end2end.coder_at_work", *map(str, words)],
        cwd=ROOT,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
        stderr=subprocess.PIPE,
    )


def wait_for_lines(child: "subprocess.Popen[bytes]", told: Path, lines: int) -> None:
    deadline = time.monotonic() + 120
    while not told.exists() or told.read_bytes().count(b"\n") < lines:
        assert child.poll() is None, child.stderr.read().decode() if child.stderr else ""
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill(child: "subprocess.Popen[bytes]") -> None:
    child.send_signal(signal.SIGKILL)
    child.communicate()


def read_told(told: Path) -> list[dict[str, Any]]:
    """Return what was told; a last line that was cut off was not told."""
    return [json.loads(line) for line in told.read_text().splitlines(keepends=True) if line.endswith("\n")]


@pytest.fixture
def disputed(tmp_path: Path, sample_rows: Callable[[Path, int], Path]) -> Path:
    """Return a study of 72 tweets that two coders labelled, differently each time."""
    path = tmp_path / "disputed.stancedesk"
    with Study.create(path) as made:
        importing.import_file(made, sample_rows(tmp_path / "t.csv", 24), coder="Coder One")
        work = labelling.Labelling(made, "Coder Two")
        for row in tweets.page(made, limit=72):
            work.show(row.id)
            work.label(LEAVES[(LEAVES.index(row.label or "pro") + 1) % 4])
    return path


@pytest.fixture
def unlabelled(tmp_path: Path, sample_rows: Callable[[Path, int], Path]) -> Path:
    """Return a study of tweets without labels."""
    path = tmp_path / "unlabelled.stancedesk"
    with Study.create(path) as made:
        columns = {"text": "text", "id": "id", "lang": "lang", "label": ""}
        importing.import_file(made, sample_rows(tmp_path / "u.csv", 24), columns)
    return path


def test_a_killed_window_has_lost_no_label(unlabelled: Path, tmp_path: Path) -> None:
    told = tmp_path / "told.jsonl"
    child = start("label", unlabelled, told)
    wait_for_lines(child, told, 12)
    kill(child)
    acknowledged = {line["tweet"] for line in read_told(told)}
    with Study.open(unlabelled) as opened:
        assert acknowledged <= set(labelling.current_labels(opened))


def test_a_killed_window_has_lost_no_decision(disputed: Path, tmp_path: Path) -> None:
    told = tmp_path / "told.jsonl"
    child = start("review", disputed, told)
    wait_for_lines(child, told, 12)
    kill(child)
    acknowledged = {line["tweet"]: line["leaf"] for line in read_told(told)}
    with Study.open(disputed) as opened:
        gold = {row.id: row.gold for row in tweets.get(opened, list(acknowledged))}
        assert gold == acknowledged


def test_work_cut_off_at_random_moments_is_whole(unlabelled: Path, tmp_path: Path) -> None:
    """Of labels, undo, redo and merges, what was answered is there, and the rest as a whole or not at all."""
    moments = random.Random(20261124)
    copies = _copies(unlabelled, tmp_path, KILLS)
    seen = 0
    for number in range(KILLS):
        told = tmp_path / f"told{number}.jsonl"
        child = start("acts", unlabelled, told, number, copies[number])
        wait_for_lines(child, told, 1)
        time.sleep(moments.uniform(0, LONGEST_WORK))
        kill(child)
        lines = read_told(told)
        seen += len(lines)
        with Study.open(unlabelled) as opened:
            _check(opened, last_told=lines[-1]["seq"], copy=copies[number])
    assert seen > 3 * KILLS, "the coder did next to nothing"


def test_a_killed_classification_of_a_file_goes_on_and_ends_the_same(
    trained_study: TrainedStudy, tmp_path: Path
) -> None:
    source = tmp_path / "in.jsonl"
    # Three chunks of 1,024 rows, 16 texts each that no earlier one has.
    rows = [
        f"{text} is what some say about refugees" for n in range(3) for text in range(16 * n, 16 * n + 16)
    ]
    lines = [json.dumps({"id": n, "text": rows[n % 16 + n // 1024 * 16]}) for n in range(3 * 1024)]
    source.write_text("\n".join(lines), encoding="utf-8")
    whole, cut = tmp_path / "whole.csv", tmp_path / "cut.csv"
    trained_study.program("classify-file", source, whole, "--model", "tiny")
    reached = []
    for stage, beyond in (("classify", 1024), ("classify", 2048), ("write", 0)):
        child = trained_study.program.start("classify-file", source, cut, "--model", "tiny", "--json")
        assert child.stdout is not None
        first = None
        for line in child.stdout:
            event = json.loads(line)
            if event["event"] == "progress" and event["stage"] != "check":
                first = event["done"] if first is None else first
                if event["stage"] == stage and event["done"] >= beyond:
                    break
        child.send_signal(signal.SIGKILL)
        child.communicate()
        assert child.returncode == -signal.SIGKILL
        assert (tmp_path / "cut.csv.part").is_file() and not cut.exists()
        reached.append(first)
    # What was kept is not computed again: each start began where the one before had come to.
    assert reached[1] > 1024 and reached[2] > 2048
    last = trained_study.program.events("classify-file", source, cut, "--model", "tiny")
    assert "load" not in {event.get("stage") for event in last}, "all was computed already"
    assert (last[-1]["selected"], last[-1]["predicted"]) == (3072, 3072)
    assert cut.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.csv", "in.jsonl", "whole.csv"]


def _copies(study: Path, folder: Path, number: int) -> list[Path]:
    """Return copies of the study in each of which somebody else has labelled 30 tweets."""
    found = []
    for n in range(number):
        copy = folder / f"copy{n}.stancedesk"
        shutil.copyfile(study, copy)
        with Study.open(copy) as opened:
            work = labelling.Labelling(opened, f"Coder {n}")
            for _ in range(30):
                work.label(LEAVES[n % 4])
        found.append(copy)
    return found


def _check(study: Study, last_told: int, copy: Path) -> None:
    with study.reading() as session:
        assert session.scalar(text("PRAGMA integrity_check")) == "ok"
        last = labels.last_added(session)[0]
        assert last >= last_told, "an event that was answered is lost"
        late = session.execute(
            select(LabelEvent.seq, LabelEvent.merge_id, LabelEvent.act).where(LabelEvent.seq > last_told)
        ).all()
        # At most the one act that was under way: a single event, many of one act, or a whole copy.
        merged = {row.merge_id for row in late}
        assert len(late) <= 1 or len(merged) == 1
        assert merged - {None} or len({row.act or row.seq for row in late}) <= 1
        _check_undone_as_wholes(session)
        for merge in {row.merge_id for row in late if row.merge_id is not None}:
            came = session.scalars(select(LabelEvent.seq).where(LabelEvent.merge_id == merge)).all()
            assert len(came) == 30, f"half of {copy.name} came"
    _check_derived(study)


def _check_undone_as_wholes(session: Session) -> None:
    """What was done in one act was undone in one, every label of it."""
    done = session.execute(select(LabelEvent.id, LabelEvent.act, LabelEvent.undoes)).all()
    act_of = {row.id: row.act for row in done}
    sizes = Counter(row.act for row in done if row.act is not None)
    undone = Counter((row.act, act_of[row.undoes]) for row in done if row.undoes is not None and row.act)
    for (undo, act), number in undone.items():
        assert number == sizes[undo] == sizes[act]


def _check_derived(study: Study) -> None:
    """What follows from the events is what a fresh derivation gives."""

    def state() -> tuple[list[Any], list[Any]]:
        with study.reading() as session:
            current = session.execute(
                select(CurrentLabel.tweet_id, CurrentLabel.coder_id, CurrentLabel.leaf, CurrentLabel.contested)
                .order_by(CurrentLabel.tweet_id, CurrentLabel.coder_id)
            )  # fmt: skip
            stands = session.execute(text("SELECT id, labelled, agreed_leaf FROM tweets ORDER BY id"))
            return [tuple(row) for row in current], [tuple(row) for row in stands]

    before = state()
    with study.writing() as session:
        pairs = session.execute(select(LabelEvent.tweet_id, LabelEvent.coder_id).distinct()).all()
        labels.derive(session, [(row.tweet_id, row.coder_id) for row in pairs])
    assert state() == before
