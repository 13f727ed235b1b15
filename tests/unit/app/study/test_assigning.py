"""Assignments in a study: what is left out, what is kept, worked off, taken back, merged; the commands."""

import json
from pathlib import Path

import pytest
from sqlalchemy import select, update

from app import cli
from app.errors import UserError
from app.study import assigning, coders, locks, merging
from app.study.assigned_queue import AssignedQueue
from app.study.assigning import Spec
from app.study.drawing import EVERYONE
from app.study.labelling import Labelling
from app.study.study import Coder, Study, now
from app.study.tweets import TweetFilter, history
from db import sealing
from db.tables import Assignment, Tweet
from tests.unit.app.study.conftest import add_tweets

ANA, BEN, CLARA = (Coder("", name) for name in ("Ana", "Ben", "Clara"))


@pytest.fixture
def filled(study: Study, tmp_path: Path) -> Study:
    """Return a study with 40 tweets, half of them English."""
    add_tweets(study, tmp_path / "x", 40)
    return study


def _work(study: Study, name: str, language: str = "") -> Labelling:
    coder = study.coder(name)
    return Labelling(study, coder, language, queue=AssignedQueue(coder, language))


def _all_of(study: Study, name: str) -> list[int]:
    found, work = [], _work(study, name)
    while (row := work.current()) is not None:
        found.append(row.id)
        work.label("pro")
    return found


def test_what_is_drawn_is_kept_with_its_seed_and_worked_off_in_order(filled: Study) -> None:
    spec = Spec((BEN, ANA), seed=7, tweets=30, double=0.2)
    drawn = assigning.preview(filled, spec)
    assert not filled.coders(), "a preview writes nothing"
    made = assigning.assign(filled, spec, drawn)
    assert made == assigning.assignments(filled)[0]
    assert (made.seed, made.tweets, made.name) == (7, 30, "Assignment 1")
    assert [(s.coder, s.assigned, s.done) for s in made.shares] == [("Ana", 18, 0), ("Ben", 18, 0)]
    with filled.reading() as session:
        kept = session.scalars(select(Assignment)).one()
        assert kept.spec["double"] == 0.2 and kept.spec["coders"] == [
            {"name": "Ana", "languages": []},
            {"name": "Ben", "languages": []},
        ]
    assert _all_of(filled, "Ana") == list(drawn.work["Ana"])
    assert [(s.coder, s.assigned, s.done) for s in assigning.assignments(filled)[0].shares] == [
        ("Ana", 18, 18),
        ("Ben", 18, 0),
    ]
    assert _all_of(filled, "Ben") == list(drawn.work["Ben"]), (
        "double-coded tweets come although Ana labelled them"
    )
    assert history(filled, drawn.work["Ben"][0])[-1].coder == "Ben"


def test_the_same_seed_draws_the_same_in_a_copy(filled: Study, tmp_path: Path) -> None:
    filled.save_copy(tmp_path / "copy.stancedesk")
    spec = Spec((ANA, BEN), seed=3, tweets=20, double=0.25)
    with Study.open(tmp_path / "copy.stancedesk") as copy:
        assert assigning.preview(copy, spec) == assigning.preview(
            filled, Spec((BEN, ANA), seed=3, tweets=20, double=0.25)
        )


def test_progress_is_kept_up_with_labels_and_undo(filled: Study) -> None:
    assigning.assign(filled, Spec((ANA,), seed=1, tweets=5))
    work = _work(filled, "Ana")
    assert (work.progress().assigned_done, work.progress().assigned) == (0, 5)
    work.label("pro")
    work.skip()
    work.label("anti")
    work.undo()
    assert work.progress().assigned_done == 1 == _work(filled, "Ana").progress().assigned_done
    work.redo()
    assert work.progress().assigned_done == 2
    free = assigning.preview(filled, Spec((BEN,), seed=1)).work["Ben"][0]
    work.show(free)
    work.label("pro")
    assert work.progress().assigned_done == 2 and work.progress().mine == 3
    assert coders.people(filled)[0].left == 3


def test_what_was_skipped_comes_again_and_a_source_stands_with_the_label(filled: Study) -> None:
    assigning.assign(filled, Spec((ANA,), seed=1, tweets=3))
    work = _work(filled, "Ana")
    first = work.current()
    assert first is not None
    for _ in range(3):
        work.skip()
    assert work.current() == first
    turn = work.turn()
    assert turn is not None and turn.source == "assigned"


def test_labelled_locked_assigned_sealed_and_near_duplicates_are_left_out(filled: Study) -> None:
    work = Labelling(filled, "Zoe")
    work.show(1)
    work.label("pro")
    locks.lock(filled, "batch", "Zoe", [2, 3])
    with filled.writing() as session:
        session.execute(update(Tweet).where(Tweet.id.in_([4, 5])).values(sealed=True))
        session.execute(update(Tweet).where(Tweet.id.in_([6, 7, 8])).values(group_id=6))
    first = assigning.assign(filled, Spec((ANA,), seed=1, tweets=10, languages=("en",)))
    assert first.tweets == 10
    taken = {*assigning.preview(filled, Spec((BEN,), seed=1)).work["Ben"]}
    ours = {*_all_of(filled, "Ana")}
    assert not taken & ours and not taken & {1, 2, 3, 4, 5} and not ours & {1, 2, 3, 4, 5}
    assert len({6, 7, 8} & (taken | ours)) == 1
    assert len(taken) == 40 - 5 - 2 - 10
    with pytest.raises(UserError, match="no tweet to assign"):
        assigning.assign(filled, Spec((ANA,), seed=1, languages=("ko",)))


def test_the_sealed_set_is_coded_as_a_whole(filled: Study) -> None:
    with filled.writing() as session:
        session.execute(update(Tweet).where(Tweet.id <= 9).values(group_id=1))
        sealing.add_test_rows(session, range(1, 9), now())
    work = Labelling(filled, "Zoe")
    work.show(1)
    work.label("pro")
    drawn = assigning.preview(filled, Spec((ANA, BEN, CLARA), seed=2, tweets=0, sealed=EVERYONE))
    assert drawn.tweets == drawn.sealed == drawn.several == 8
    assert all(sorted(done) == list(range(1, 9)) for done in drawn.work.values())
    drawn = assigning.preview(filled, Spec((ANA, BEN, CLARA), seed=2, tweets=10, sealed=2))
    assert drawn.tweets == 18 and sorted(len(done) for done in drawn.work.values()) == [8, 9, 9]


def test_a_filter_brings_labelled_tweets_that_these_coders_have_not_labelled(filled: Study) -> None:
    for name, tweet in (("Ana", 1), ("Zoe", 2)):
        work = Labelling(filled, name)
        work.show(tweet)
        work.label("pro")
    ana = filled.coder("Ana")
    drawn = assigning.preview(filled, Spec((ana, BEN), seed=2, which=TweetFilter(status="labelled")))
    assert drawn.tweets == 1 and 2 in {*drawn.work["Ana"], *drawn.work["Ben"]}


def test_a_coder_gets_the_languages_that_they_read(filled: Study) -> None:
    ana = coders.set_languages(filled, "Ana", ["en"])
    assert filled.coder("Ana").languages == ("en",)
    drawn = assigning.preview(filled, Spec((ana,), seed=2))
    assert drawn.unread == {"de": 20} and drawn.counts == {"Ana": {"en": 20}}
    assert "Nobody named reads de: 20 tweets" in drawn.summary()
    work = Labelling(filled, "Ana")
    seen = set()
    for _ in range(20):
        row = work.current()
        assert row is not None
        seen.add(row.lang)
        work.label("pro")
    assert seen == {"en"} and work.current() is None
    assert (work.progress().labelled, work.progress().total) == (20, 20)
    # Read later: what was assigned in other languages waits, and does not count, until it is read.
    assigning.assign(filled, Spec((Coder("", "Ana"),), seed=1))
    assert _work(filled, "Ana").current() is None and _work(filled, "Ana").progress().assigned == 0
    coders.set_languages(filled, "Ana", [])
    assert _work(filled, "Ana").progress().assigned == 20


def test_taken_back_no_label_is_lost_and_the_rest_is_free_again(filled: Study) -> None:
    made = assigning.assign(filled, Spec((ANA, BEN), seed=1))
    work = _work(filled, "Ana")
    work.label("pro")
    labelled = filled.counts().labelled
    assigning.remove(filled, made.id)
    assert not assigning.assignments(filled) and filled.counts().labelled == labelled == 1
    assert _work(filled, "Ana").current() is None
    assert assigning.preview(filled, Spec((BEN,), seed=1)).tweets == 39
    with pytest.raises(UserError, match="no such assignment"):
        assigning.remove(filled, "0" * 32)


def test_what_was_taken_meanwhile_is_not_assigned_twice(filled: Study) -> None:
    spec = Spec((ANA,), seed=1, tweets=30)
    drawn = assigning.preview(filled, spec)
    assigning.assign(filled, Spec((BEN,), seed=2, tweets=20))
    with pytest.raises(UserError, match="meanwhile"):
        assigning.assign(filled, spec, drawn)
    assert len(assigning.assignments(filled)) == 1


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (Spec((), seed=1), "Nobody"),
        (Spec((ANA, BEN), seed=1, double=1.5), "between 0 and 1"),
        (
            Spec((ANA, BEN), seed=1, double=0.2, per_tweet=3),
            "Three coders per tweet need at least three coders; two were named",
        ),
        (Spec((ANA,), seed=1, tweets=-1), "below 0"),
    ],
)
def test_what_cannot_be_asked_for(filled: Study, spec: Spec, told: str) -> None:
    with pytest.raises(UserError, match=told):
        assigning.preview(filled, spec)


def test_assigned_work_is_done_in_a_copy_and_comes_back(filled: Study, tmp_path: Path) -> None:
    assigning.assign(filled, Spec((ANA, BEN), seed=4, tweets=20, double=0.5))
    coders.set_languages(filled, "Ben", ["de", "en"])
    filled.save_copy(tmp_path / "ben.stancedesk")
    with Study.open(tmp_path / "ben.stancedesk") as copy:
        ben = next(c for c in coders.people(copy) if c.name == "Ben")
        assert (ben.left, ben.languages) == (15, ("de", "en"))
        # The coder corrects how their name is written, and works all of it off.
        coders.rename(copy, copy.coder("Ben"), "Benno")
        done = _all_of(copy, "Benno")
        assert len(done) == 15
    _all_of(filled, "Ana")
    assert "“Ben” is now called “Benno”" in merging.merge(filled, tmp_path / "ben.stancedesk").summary()
    assert [(c.name, c.done, c.assigned) for c in coders.people(filled)] == [
        ("Ana", 15, 15),
        ("Benno", 15, 15),
    ]
    assert filled.counts().labelled == 20
    assert not merging.merge(filled, tmp_path / "ben.stancedesk").is_new


def test_an_assignment_comes_with_a_copy(filled: Study, tmp_path: Path) -> None:
    filled.save_copy(tmp_path / "copy.stancedesk")
    with Study.open(tmp_path / "copy.stancedesk") as copy:
        made = assigning.assign(copy, Spec((ANA,), seed=4, tweets=10))
    merging.merge(filled, tmp_path / "copy.stancedesk")
    assert [(a.id, a.tweets, a.shares[0].assigned) for a in assigning.assignments(filled)] == [
        (made.id, 10, 10)
    ]


def test_the_commands(filled: Study, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(filled.path)
    words = ["assign", path, "--coders", "Ana,Ben", "--tweets", "20", "--double", "0.2", "--seed", "5"]
    assert cli.run([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["tweets"], told["several"], told["seed"]) == (20, 4, 5)
    assert sum(sum(each.values()) for each in told["coders"].values()) == 24
    assert cli.run(["assign", path, "--coders", "Ana,Ben", "--languages", "de"]) == 0
    shown = capsys.readouterr().out
    assert "“Assignment 2”, seed" in shown and "Ana" in shown and "de" in shown
    assert cli.run(["coders", path, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["coders"]
    assert [(c["name"], c["done"]) for c in found] == [("Ana", 0), ("Ben", 0)]
    assert cli.run(["coders", path]) == 0
    assert "0 of" in capsys.readouterr().out
    assert cli.run(["assign", path, "--coders", "ana"]) == 1
    assert "“Ana”" in capsys.readouterr().err
    assert cli.run(["assign", path, "--coders", "Ana", "--double", "0.2"]) == 1
    capsys.readouterr()
    with pytest.raises(SystemExit):
        cli.run(["assign", path, "--coders", "Ana", "--sealed", "some"])


def test_one_person_named_twice_is_one_coder(filled: Study, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(filled.path)
    assert cli.run(["assign", path, "--coders", "Ana,ana"]) == 1
    assert "no coder “ana”, but “Ana”" in capsys.readouterr().err and not filled.coders()
    assert cli.run(["assign", path, "--coders", "Ana, Ana,Ben", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["coders"]) == {"Ana", "Ben"}
    assert [coder.name for coder in filled.coders()] == ["Ana", "Ben"]


def test_labels_of_a_file_are_told_with_the_coders(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, path = tmp_path / "t.csv", str(study.path)
    table.write_text("id,text,label\n1,one,pro\n2,two,anti\n", encoding="utf-8")
    assert cli.run(["coders", path]) == 0
    assert capsys.readouterr().out == "Nobody has coded in this study yet.\n"
    assert cli.run(["import", path, str(table), "--columns", "text=text,id=id"]) == 0
    assert "2 labels taken in from the column “label” as “imported”" in capsys.readouterr().out
    assert cli.run(["coders", path]) == 0
    assert "2 labels came with a file and stand as “imported”." in capsys.readouterr().out
    assert cli.run(["coders", path, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"coders": [], "imported_labels": 2}


def test_labels_of_a_file_are_left_out_where_no_column_is_named(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "t.csv"
    table.write_text("id,text,label\n1,one,pro\n", encoding="utf-8")
    assert cli.run(["import", str(study.path), str(table), "--columns", "text=text,label="]) == 0
    assert "label" not in capsys.readouterr().out and study.counts().labelled == 0


def test_the_command_takes_the_sealed_set(filled: Study, capsys: pytest.CaptureFixture[str]) -> None:
    with filled.writing() as session:
        sealing.add_test_rows(session, [1, 2, 3], now())
    assert (
        cli.run(
            ["assign", str(filled.path), "--coders", "A,B,C", "--tweets", "0", "--sealed", "all", "--json"]
        )
        == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert told["sealed"] == 3 and all(sum(each.values()) == 3 for each in told["coders"].values())


@pytest.mark.parametrize(
    ("name", "known", "similar"),
    [
        ("ana", ["Ana", "Ben"], "Ana"),
        ("Aná ", ["Ana"], "Ana"),
        ("J Doe", ["J. Doe"], "J. Doe"),
        ("Ana", ["Ana", "ana"], ""),
        ("Anna", ["Ana"], ""),
        ("रम", ["राम"], ""),
        ("ليلى", ["لَيلى"], "لَيلى"),
        ("민준", ["민수"], ""),
        ("!!", ["??"], ""),
    ],
)
def test_similar_names(name: str, known: list[str], similar: str) -> None:
    assert coders.similar_name(known, name) == similar


def test_a_name_is_corrected_and_not_another_coders(filled: Study) -> None:
    ana, _ = filled.coder("Aan"), filled.coder("Ben")
    assert coders.rename(filled, ana, "  Ana ").name == "Ana"
    assert filled.coder("Ana").id == ana.id
    with pytest.raises(UserError, match="Another coder"):
        coders.rename(filled, ana, "Ben")
    with pytest.raises(UserError, match="needs a name"):
        coders.rename(filled, ana, " ")
