"""The export of label events: every one is there, with what it was and whether it is taken back."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from app.errors import UserError
from app.study import bulk, exporting, importing, merging, tweets
from app.study.event_export import export_events
from app.study.export_formats import FORMATS
from app.study.labelling import Labelling
from app.study.queues import RandomQueue
from app.study.repeats import RepeatingQueue, RepeatPlan
from app.study.study import Study
from app.study.tweets import TweetFilter
from db.tables import Tweet
from tests.unit.app.study.conftest import LEAVES, add_tweets


@pytest.fixture
def four(study: Study, tmp_path: Path) -> Iterator[Study]:
    """Return a study of four tweets."""
    add_tweets(study, tmp_path / "four", 4, ("ar", "hi", "ko"))
    yield study


def _exported(study: Study, folder: Path) -> list[dict[str, Any]]:
    path = folder / "events.csv"
    report = export_events(study, path)
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert report.rows == len(rows) and report.what == "label events"
    assert [row["event"] for row in rows] == [str(n) for n in range(1, len(rows) + 1)]
    return rows


def test_who_did_what_and_what_was_taken_back(four: Study, tmp_path: Path) -> None:
    work = Labelling(four, "Ana")
    first = work.current()
    assert first is not None
    work.label("pro", seconds=2.5, note="한국어, “quoted”", marks=["sarcasm", "uncertain"])
    second = work.current()
    assert second is not None
    work.label("anti", suggestion_shown="pro (light model of 40 labels)")
    work.undo()
    work.undo()
    work.redo()
    work.clear()
    rows = _exported(four, tmp_path)
    assert [(r["coder"], r["kind"], r["label"], r["undone"], r["current"]) for r in rows] == [
        ("Ana", "label", "pro", "", "yes"),
        ("Ana", "label", "anti", "yes", ""),
        ("Ana", "undo", "", "", ""),
        ("Ana", "undo", "", "yes", ""),
        ("Ana", "redo", "pro", "", ""),
    ], "there was nothing to take off the tweet after the one that was done again"
    one, other = rows[0], rows[1]
    assert (one["id"], one["lang"], other["id"]) == (first.tweet_id, first.lang, second.tweet_id)
    assert (one["seconds"], one["queue"], one["note"]) == ("2.5", "random", "한국어, “quoted”")
    assert (one["marks"], one["suggestion_shown"], one["act"]) == ("uncertain; sarcasm", "", "")
    assert other["suggestion_shown"] == "pro (light model of 40 labels)"
    assert rows[2]["undoes"] == other["event_id"] and rows[4]["undoes"] == rows[3]["event_id"]
    assert one["given"] <= other["given"] and one["codebook_version"] == "1"


def test_one_stroke_a_hidden_repeat_a_file_and_a_copy(four: Study, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("id,text,label\n1500000000000000001,tweet 1,anti\n", encoding="utf-8")
    importing.import_file(four, tmp_path / "b.csv", coder="Ben")
    four.save_copy(tmp_path / "copy.stancedesk")
    with Study.open(tmp_path / "copy.stancedesk") as copy:
        Labelling(copy, "Cem", language="ko").label("neutral")
    bulk.label(four, "Ana", [row.id for row in tweets.page(four, TweetFilter(language="hi"))], "pro")
    who = four.coder("Ana")
    again = Labelling(four, who, queue=RepeatingQueue(RandomQueue(who), who, RepeatPlan(1.0, 1)))
    while (turn := again.turn()) is not None and not turn.repeat:
        again.label("neutral")
    assert turn is not None
    again.label("anti")
    merging.merge(four, tmp_path / "copy.stancedesk")
    rows = _exported(four, tmp_path)
    came = {row["coder"]: row["came_with"] for row in rows}
    assert came == {"Ben": "b.csv", "Ana": "", "Cem": "copy.stancedesk"}
    together = [row for row in rows if row["act"]]
    assert len(together) == 2 and len({row["act"] for row in together}) == 1
    assert {row["queue"] for row in together} == {"bulk"}
    (repeat,) = [row for row in rows if row["repeat"]]
    assert (repeat["label"], repeat["queue"], repeat["current"]) == ("anti", "again", "")


def test_what_a_model_said_of_a_sealed_tweet_waits_for_a_label(four: Study, tmp_path: Path) -> None:
    work = Labelling(four, "Ana")
    work.label("pro", suggestion_shown="anti (a model)")
    with four.writing() as session:
        session.execute(update(Tweet).values(sealed=True))
    assert _exported(four, tmp_path)[0]["suggestion_shown"] == "anti (a model)"
    work.undo()
    assert [row["suggestion_shown"] for row in _exported(four, tmp_path)] == ["", ""]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(st.sampled_from([*LEAVES, "clear", "undo", "redo", "back", "all"]), max_size=30))
def test_what_is_not_undone_is_what_stands(tmp_path_factory: pytest.TempPathFactory, acts: list[str]) -> None:
    folder = tmp_path_factory.mktemp("acts")
    with Study.create(folder / "a.stancedesk") as study:
        add_tweets(study, folder / "four", 4)
        work = Labelling(study, "Ana")
        for act in acts:
            if act == "all":
                bulk.label(study, "Ana", [1, 2, 3], "neutral")
            elif act not in LEAVES:
                getattr(work, act)()
            elif work.turn() is not None:
                work.label(act)
        rows = _exported(study, folder)
        told = {row.tweet_id: row.label for row in tweets.page(study) if row.label}
    stands = {
        row["id"]: row["label"] for row in rows if row["kind"] in ("label", "clear") and not row["undone"]
    }
    assert {tweet: label for tweet, label in stands.items() if label} == told
    assert {row["id"]: row["label"] for row in rows if row["current"]} == told


@pytest.mark.parametrize("suffix", list(FORMATS))
def test_every_format_has_them_whole_or_not_at_all(four: Study, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    assert export_events(four, path).rows == 0, "nobody has done anything yet"
    bulk.label(four, "Ana", [1, 2, 3, 4], "pro")
    told: list[tuple[int, int]] = []
    report = export_events(four, path, lambda done, total: told.append((done, total)))
    assert (report.rows, report.renamed, told) == (4, {}, [(4, 4)])
    written = path.read_bytes()
    assert export_events(four, path, stop=lambda: True).stopped and path.read_bytes() == written
    assert [found.name for found in tmp_path.glob("*out*")] == [path.name]


def test_what_cannot_be_written_is_told(four: Study, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot write"):
        export_events(four, tmp_path / "out.docx")
    with pytest.raises(UserError, match="cannot write"):
        exporting.export(four, tmp_path / "out.docx")
