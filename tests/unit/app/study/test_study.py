"""An open study: created, opened, copied; what goes wrong is one sentence with the next step."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from app.errors import UserError
from app.study import labelling, tweets
from app.study.codebook import Codebook
from app.study.study import Study
from tests.unit.app.study.conftest import add_tweets

MOOD = """
[[questions]]
code = "mood"
[[questions.options]]
code = "pro"
key = "1"
[[questions.options]]
code = "contra"
key = "2"
"""


def test_a_study_remembers_what_it_is(tmp_path: Path) -> None:
    codebook = Codebook.from_toml(MOOD)
    with Study.create(tmp_path / "a.stancedesk", codebook, name="Étude") as made:
        eva = made.coder("  Eva  Maria ")
        assert made.coder("Eva Maria") == eva
        made.coder("ana")
    with Study.open(tmp_path / "a.stancedesk") as again:
        assert (again.name, again.codebook) == ("Étude", codebook)
        assert [coder.name for coder in again.coders()] == ["ana", "Eva Maria"]
        assert again.coder("Eva Maria").id == eva.id
        with pytest.raises(UserError):
            again.coder("  ")
    assert [p.name for p in tmp_path.iterdir()] == ["a.stancedesk"]


def test_what_is_no_study_is_told_in_a_sentence(tmp_path: Path) -> None:
    csv = tmp_path / "tweets.csv"
    csv.write_text("id,text\n1,hello")
    other = tmp_path / "other.db"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE a (b)")
    connection.close()
    for path in (csv, other, tmp_path / "none", tmp_path):
        with pytest.raises(UserError) as error:
            Study.open(path)
        assert error.value.message.endswith(".")
        assert error.value.next_step.endswith(".")
    with pytest.raises(UserError, match="exists"):
        Study.create(csv)
    with pytest.raises(UserError, match="no folder"):
        Study.create(tmp_path / "nowhere" / "a.stancedesk")


def test_a_full_disk_is_told_and_every_earlier_label_is_there(study: Study, tmp_path: Path) -> None:
    add_tweets(study, tmp_path / "x", 2000)
    work = labelling.Labelling(study, "Ana")
    first = work.current()
    assert first is not None
    work.label("pro")
    study.close()
    full = Study.open(study.path)
    with full.reading() as session:
        pages = session.scalar(text("PRAGMA page_count"))
        session.scalar(text(f"PRAGMA max_page_count = {pages}"))
    work = labelling.Labelling(full, "Ana")
    given = 1
    with pytest.raises(UserError, match="disk is full") as error:
        for _ in range(1000):
            work.label("anti", note="n" * 2000)
            given += 1
    assert error.value.next_step
    assert work.progress().labelled == given
    full.close()
    with Study.open(study.path) as again:
        assert len(labelling.current_labels(again)) == given
        assert labelling.current_labels(again)[first.id] == "pro"


def test_a_copy_stands_alone(study: Study, tmp_path: Path) -> None:
    add_tweets(study, tmp_path / "x", 5)
    study.save_copy(tmp_path / "copy.stancedesk")
    with pytest.raises(UserError, match="itself"):
        study.save_copy(study.path)
    with Study.open(tmp_path / "copy.stancedesk") as copy:
        assert tweets.count(copy) == 5
        assert copy.uuid == study.uuid


def test_labels_keep_the_codebook_that_they_were_given_under(study: Study, tmp_path: Path) -> None:
    add_tweets(study, tmp_path / "x", 5)
    work = labelling.Labelling(study, "Ana")
    first = work.current()
    assert first is not None
    work.label("pro")
    study.set_codebook(Codebook.from_toml(MOOD))
    work.label("contra")
    work.undo()
    with pytest.raises(UserError, match="no class “anti”"):
        work.label("anti")
    assert [e.codebook_version for e in tweets.history(study, first.id)] == [1]
    with pytest.raises(UserError, match="“pro”"):
        study.set_codebook(Codebook.from_toml(MOOD.replace('"pro"', '"for"')))
    study.set_codebook(Codebook.default())
    with Study.open(study.path) as again:
        assert again.codebook == Codebook.default()
        assert again.codebook_version == 3


def test_counts(study: Study, tmp_path: Path) -> None:
    assert study.counts().tweets == 0
    add_tweets(study, tmp_path / "x", 10)
    work = labelling.Labelling(study, "Ana", language="de")
    work.label("pro")
    work.label("unrelated")
    counts = study.counts()
    assert (counts.tweets, counts.labelled, counts.predicted, counts.models, counts.runs) == (10, 2, 0, 0, 0)
    assert counts.per_language == {"de": (2, 5), "en": (0, 5)}
    assert counts.per_leaf == {"pro": 1, "anti": 0, "neutral": 0, "unrelated": 1}


def test_a_copy_is_told_from_its_original(study: Study, tmp_path: Path) -> None:
    assert study.title == "trial"
    copy = tmp_path / "trial copy.stancedesk"
    study.save_copy(copy)
    with Study.open(copy) as opened:
        assert opened.title == "trial (trial copy)"


def test_the_log_is_folded_in_only_once_it_is_worth_it(study: Study, tmp_path: Path) -> None:
    add_tweets(study, tmp_path, 3)
    study.fold_log()
    before = study.path.read_bytes()
    coder = labelling.Labelling(study, "Mia")
    leaf = study.codebook.leaf_codes[0]
    coder.label(leaf)
    study.fold_log()
    assert study.path.read_bytes() == before, "a rest after one label was spent on the disk"
    for _ in range(100):
        coder.undo()
        coder.redo()
    study.fold_log()
    assert study.path.read_bytes() != before
