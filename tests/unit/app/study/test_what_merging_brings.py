"""What comes with a copy and what is told of it: contradictions, undo, coders, codebooks, test rows, work."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from app import cli
from app.errors import UserError
from app.study import coders, importing, labelling, merging, readiness, sealing, tweets
from app.study.codebook import Codebook
from app.study.labelling import Labelling
from app.study.study import Study
from db.tables import (
    AssignedTweet,
    Assignment,
    CodebookVersion,
    Coder,
    Lock,
    LockedTweet,
    Merge,
    ScoreLook,
    Split,
    Tweet,
)
from tests.unit.app.study.conftest import add_tweets
from tests.unit.app.study.merging_state import decide, derived_again, state_of

CopyOf = Callable[..., Study]
Write = Callable[..., Path]
WHEN = "2026-11-24T00:00:00.000000+00:00"
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


@pytest.fixture
def mine(study: Study, tmp_path: Path) -> Study:
    """Return a study with four tweets, the first labelled by Ana."""
    add_tweets(study, tmp_path / "x", 4)
    _label(study, 1, "pro")
    return study


@pytest.fixture
def copy_of(tmp_path: Path) -> Iterator[CopyOf]:
    """Return a function that makes a copy of a study and opens it."""
    opened: list[Study] = []

    def make(study: Study) -> Study:
        path = tmp_path / f"copy{len(opened)}.stancedesk"
        study.save_copy(path)
        opened.append(Study.open(path))
        return opened[-1]

    yield make
    for study in opened:
        study.close()


def _label(study: Study, tweet: int, leaf: str, coder: str = "Ana") -> None:
    work = Labelling(study, coder)
    work.show(tweet)
    work.label(leaf)


def _row(study: Study, tweet: int) -> tweets.TweetRow:
    return tweets.get(study, [tweet])[0]


def test_what_came_is_told(mine: Study, copy_of: CopyOf, write: Write) -> None:
    theirs = copy_of(mine)
    importing.import_file(theirs, write("id,text\n77,one more\n78,and one"))
    _label(theirs, 6, "anti")
    _label(theirs, 2, "pro", "Ben")
    report = merging.merge(mine, theirs.path)
    assert (report.tweets, report.same_tweets, report.same_labels) == (2, 4, 1)
    assert report.labels == {"Ana": 1, "Ben": 1} and not report.contradictions
    assert report.summary() == "2 new tweets, 2 new labels (Ana 1, Ben 1); 1 label here already."
    assert (_row(mine, 6).tweet_id, _row(mine, 6).label) == ("78", "anti")
    with mine.reading() as session:
        (kept,) = session.scalars(select(Merge))
        assert kept.file_name == theirs.path.name and kept.report["labels"] == {"Ana": 1, "Ben": 1}
        assert session.scalar(select(Tweet.import_id).where(Tweet.id == 5)) == 2
    assert merging.merge(mine, theirs.path).summary() == (
        "Nothing new: 3 labels and 6 tweets were all here already."
    )
    with mine.reading() as session:
        assert len(session.scalars(select(Merge)).all()) == 1


def test_labels_given_apart_are_disputed_and_settled_once(mine: Study, copy_of: CopyOf) -> None:
    theirs = copy_of(mine)
    _label(mine, 1, "anti")
    _label(theirs, 1, "neutral")
    _label(mine, 2, "pro")
    _label(theirs, 2, "anti", "Ben")
    report = merging.merge(mine, theirs.path)
    assert report.disputed == [_row(mine, 1).tweet_id, _row(mine, 2).tweet_id]
    assert "2 tweets are disputed now" in report.summary()
    assert [t.id for t in labelling.disagreements(mine)] == [1, 2]
    merging.merge(theirs, mine.path)
    assert state_of(mine) == state_of(theirs)
    _label(mine, 1, "neutral")
    assert not _row(mine, 1).disputed
    assert not merging.merge(mine, theirs.path).is_new
    merging.merge(theirs, mine.path)
    assert _row(theirs, 1).label == "neutral"


def test_a_newer_label_of_the_same_coder_is_no_contradiction(mine: Study, copy_of: CopyOf) -> None:
    theirs = copy_of(mine)
    _label(theirs, 1, "anti")
    assert not merging.merge(mine, theirs.path).contradictions
    assert _row(mine, 1).label == "anti"


def test_undo_takes_back_what_was_done_here_and_not_what_came(mine: Study, copy_of: CopyOf) -> None:
    theirs = copy_of(mine)
    _label(theirs, 2, "anti")
    _label(theirs, 1, "neutral")
    _label(mine, 2, "pro")
    merging.merge(mine, theirs.path)
    assert _row(mine, 2).disputed
    work = Labelling(mine, "Ana")
    progress = work.progress()
    shown = work.undo()
    assert shown is not None and shown.id == 2
    assert (shown.label, shown.disputed) == ("anti", False), "the label of the copy alone is left"
    assert work.progress() == Labelling(mine, "Ana").progress() and work.progress().mine == progress.mine
    shown = work.redo()
    assert shown is not None and shown.disputed
    work.undo()
    # The label on the first tweet was followed by one in the copy, which stays.
    shown = work.undo()
    assert shown is not None and (shown.id, shown.label, shown.disputed) == (1, "neutral", False)
    assert not work.can_undo
    merging.merge(theirs, mine.path)
    assert state_of(theirs) == state_of(mine) == derived_again(mine)


def test_undoing_a_settlement_brings_the_contradiction_back(mine: Study, copy_of: CopyOf) -> None:
    theirs = copy_of(mine)
    _label(mine, 2, "pro")
    _label(theirs, 2, "anti")
    merging.merge(mine, theirs.path)
    _label(mine, 2, "neutral")
    assert _row(mine, 2).label == "neutral"
    shown = Labelling(mine, "Ana").undo()
    assert shown is not None and shown.disputed
    assert state_of(mine) == derived_again(mine)


def test_a_label_undone_in_one_copy_is_not_held_against_another(mine: Study, copy_of: CopyOf) -> None:
    theirs = copy_of(mine)
    _label(mine, 2, "pro")
    Labelling(mine, "Ana").undo()
    _label(theirs, 2, "anti")
    assert not merging.merge(mine, theirs.path).contradictions
    assert _row(mine, 2).label == "anti"


@pytest.mark.parametrize(("theirs_leaf", "apart"), [("anti", 1), ("pro", 0)])
def test_decisions_made_apart(mine: Study, copy_of: CopyOf, theirs_leaf: str, apart: int) -> None:
    decide(mine, 1, "neutral", "Ana", WHEN)
    theirs = copy_of(mine)
    decide(mine, 1, "pro", "Ana", WHEN.replace("00:00:00", "00:00:09"))
    decide(theirs, 1, theirs_leaf, "Ben", WHEN.replace("00:00:00", "00:00:05"))
    decide(theirs, 2, "anti", "Ben", WHEN)
    report = merging.merge(mine, theirs.path)
    assert (report.decisions, report.same_decisions) == (2, 1)
    assert report.decided_apart == [_row(mine, 1).tweet_id] * apart == report.decided_apart
    assert ("decided differently" in report.summary()) == bool(apart)
    assert (_row(mine, 1).label, _row(mine, 2).label) == ("pro", "anti")
    merging.merge(theirs, mine.path)
    assert state_of(theirs) == state_of(mine)


def test_two_coders_of_one_name_are_kept_apart(mine: Study, copy_of: CopyOf) -> None:
    theirs = copy_of(mine)
    _label(mine, 2, "pro", "Ben")
    _label(theirs, 2, "anti", "Ben")
    ids = sorted([mine.coder("Ben").id, theirs.coder("Ben").id])
    report = merging.merge(mine, theirs.path)
    merging.merge(theirs, mine.path)
    names = {coder.id: coder.name for coder in mine.coders()}
    assert (names[ids[0]], names[ids[1]]) == ("Ben", f"Ben ({ids[1][:4]})")
    assert report.renamed == {names[ids[1]]: "Ben"} and names[ids[1]] in report.summary()
    assert state_of(mine) == state_of(theirs)


def test_another_text_under_the_same_id_is_told(mine: Study, copy_of: CopyOf, write: Write) -> None:
    theirs = copy_of(mine)
    importing.import_file(mine, write("id,text\n77,the text"))
    importing.import_file(theirs, write("id,text\n77,another text"))
    report = merging.merge(mine, theirs.path)
    assert report.other_text == ["77"] and "written differently" in report.summary()
    assert _row(mine, 5).text == "the text"


def test_the_newest_codebook_is_in_use_everywhere(mine: Study, copy_of: CopyOf) -> None:
    theirs, third = copy_of(mine), copy_of(mine)
    first = mine.codebook
    other = Codebook.from_toml(first.to_toml().replace('version = "1"', 'version = "2"'))
    theirs.set_codebook(other)
    theirs.set_codebook(first)
    mine.set_codebook(other)
    report = merging.merge(mine, theirs.path)
    assert not report.codebook_changed and mine.codebook == other
    assert merging.merge(theirs, mine.path).codebook_changed
    assert theirs.codebook == other, "taken into use later here than the first one there"
    newest = Codebook.from_toml(first.to_toml().replace('version = "1"', 'version = "3"'))
    third.set_codebook(newest)
    assert "codebook is newer" in merging.merge(mine, third.path).summary()
    assert mine.codebook == newest
    with mine.reading() as session:
        found = session.scalars(select(CodebookVersion.sha256)).all()
        # Coming back to earlier words is a version of its own, and comes over once.
        assert (len(set(found)), len(found)) == (3, 5)
    mine.set_codebook(first)
    assert Study.open(mine.path).codebook == first


def test_labels_of_a_class_that_the_codebook_no_longer_has(mine: Study, copy_of: CopyOf) -> None:
    theirs = copy_of(mine)
    _label(theirs, 2, "anti")
    mine.set_codebook(Codebook.from_toml(MOOD))
    report = merging.merge(mine, theirs.path)
    assert report.outside_codebook == {"anti": 1} and "“anti”" in report.summary()
    assert [e.codebook_version for e in tweets.history(mine, 2)] == [1]
    assert readiness.readiness(mine).rows == 1


def test_test_rows_and_sealed_tweets_are_those_of_both(mine: Study, copy_of: CopyOf) -> None:
    theirs = copy_of(mine)
    sealing.seal_given(mine, [1])
    sealing.seal_given(theirs, [2])
    with theirs.writing() as session:
        session.execute(update(Tweet).where(Tweet.id == 3).values(sealed=True))
    assert merging.merge(mine, theirs.path).test_rows == 1
    assert sealing.test_tweets(mine) == {1, 2}
    with mine.reading() as session:
        assert session.scalars(select(Tweet.id).where(Tweet.sealed)).all() == [1, 2, 3]
        assert len(session.scalars(select(Split)).all()) == 2
    assert not merging.merge(mine, theirs.path).is_new


@pytest.mark.parametrize("sealed_first", [True, False])
def test_a_label_given_without_knowing_of_the_seal_stays_and_is_told(
    mine: Study, copy_of: CopyOf, sealed_first: bool
) -> None:
    theirs = copy_of(mine)
    sealing.draw(mine, per_language=100, languages=["de"], seed=1)
    chosen = min(sealing.test_tweets(mine))
    _label(theirs, chosen, "pro")
    into, out = (mine, theirs) if sealed_first else (theirs, mine)
    report = merging.merge(into, out.path)
    assert report.labelled_unaware == 1 and "did not know of the seal" in report.summary()
    assert sealing.test_tweets(into) == sealing.test_tweets(mine)
    assert tweets.get(into, [chosen])[0].label == "pro"
    assert readiness.readiness(into).rows == 1
    assert [one.seed for one in sealing.sealed_set(into).drawings] == [1]
    again = merging.merge(into, out.path)
    assert not again.is_new and again.labelled_unaware == 0


def test_a_label_of_a_test_tweet_is_nothing_to_tell(mine: Study, copy_of: CopyOf) -> None:
    sealing.draw(mine, per_language=100, seed=1)
    theirs = copy_of(mine)
    _label(theirs, 2, "pro")
    assert merging.merge(mine, theirs.path).labelled_unaware == 0


def _rows(study: Study) -> dict[str, list[Any]]:
    with study.reading() as session:
        return {
            "assigned": [(a.tweet_id, a.place) for a in session.scalars(select(AssignedTweet))],
            "locked": [lock.tweet_id for lock in session.scalars(select(LockedTweet))],
            "released": [lock.released for lock in session.scalars(select(Lock))],
            "looks": [look.model for look in session.scalars(select(ScoreLook))],
            "tweets": list(session.scalars(select(Tweet.id).where(Tweet.locked))),
        }


def test_assignments_locks_and_looks_come_along(mine: Study, copy_of: CopyOf) -> None:
    theirs, unaware = copy_of(mine), copy_of(mine)
    ana = theirs.coder("Ana").id
    with theirs.writing() as session:
        assignment = Assignment(name="first", created=WHEN, seed=1)
        lock = Lock(name="batch", coder_id=ana, created=WHEN)
        look = ScoreLook(looked=WHEN, model="m", model_sha256="0", rows=1)
        session.add_all([assignment, lock, look])
        session.flush()
        session.add(AssignedTweet(assignment_id=assignment.id, coder_id=ana, tweet_id=2, place=1))
        session.add(LockedTweet(lock_id=lock.id, tweet_id=3))
        session.execute(update(Coder).values(languages=["en"], languages_said=WHEN))
    assert merging.merge(mine, theirs.path).others == 6
    assert _rows(mine) == {
        "assigned": [(2, 1)], "locked": [3], "released": [None], "looks": ["m"], "tweets": [3]
    }  # fmt: skip
    _label(unaware, 3, "pro")
    report = merging.merge(mine, unaware.path)
    assert report.in_locked == 1 and "finished batches" in report.summary()
    with theirs.writing() as session:
        session.execute(update(Lock).values(released=WHEN))
    merging.merge(mine, theirs.path)
    assert (_rows(mine)["released"], _rows(mine)["tweets"]) == ([WHEN], [])
    assert not merging.merge(mine, theirs.path).is_new


def test_a_removed_assignment_does_not_come_back(mine: Study, copy_of: CopyOf) -> None:
    with mine.writing() as session:
        session.add(Assignment(name="first", created=WHEN, seed=1))
    theirs = copy_of(mine)
    with mine.writing() as session:
        session.execute(update(Assignment).values(removed=WHEN))
    for one, other in ((mine, theirs), (theirs, mine)):
        merging.merge(one, other.path)
        with one.reading() as session:
            assert session.scalars(select(Assignment.removed)).all() == [WHEN]


def test_what_was_said_of_a_coder_last_counts_in_every_copy(mine: Study, copy_of: CopyOf) -> None:
    theirs, third = copy_of(mine), copy_of(mine)
    coders.set_languages(theirs, "Ana", ["en"])
    coders.rename(mine, mine.coder("Ana"), "Zoë")
    coders.set_languages(mine, "Zoë", ["de"])
    coders.rename(theirs, theirs.coder("Ana"), "Anna")
    for one, other in ((third, theirs), (third, mine), (mine, theirs), (theirs, mine)):
        merging.merge(one, other.path)
    for study in (mine, theirs, third):
        assert [(c.name, c.languages) for c in study.coders()] == [("Anna", ("de",))]


def test_a_stopped_merge_takes_in_nothing(mine: Study, copy_of: CopyOf) -> None:
    theirs = copy_of(mine)
    _label(theirs, 2, "anti")
    before, told = state_of(mine), []
    report = merging.merge(mine, theirs.path, lambda done, total: told.append((done, total)), lambda: True)
    assert report.stopped and report.summary() == "Stopped: nothing was taken in."
    assert state_of(mine) == before and not told
    merging.merge(mine, theirs.path, lambda done, total: told.append((done, total)), lambda: False)
    assert told[-1] == (4 + 2, 4 + 2)


def test_the_command(mine: Study, copy_of: CopyOf, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = copy_of(mine), copy_of(mine)
    _label(one, 2, "anti")
    _label(two, 2, "pro")
    paths = [str(path) for path in (mine.path, one.path, two.path)]
    assert cli.run(["merge", *paths]) == 0
    told = capsys.readouterr().out
    assert "copy0.stancedesk: 1 new label (Ana 1)" in told
    assert f"disputed now: {_row(mine, 2).tweet_id}" in told
    assert cli.run(["merge", *paths, "--json"]) == 0
    reports = json.loads(capsys.readouterr().out)["files"]
    assert [(r["same_labels"], r["labels"], r["stopped"]) for r in reports] == [(2, {}, False)] * 2
    assert cli.run(["merge", paths[0], paths[0]]) == 1
    assert "the study itself" in capsys.readouterr().err
    with pytest.raises(SystemExit) as error:
        cli.run(["merge", paths[0]])
    assert error.value.code == 2


def test_the_study_itself_is_no_copy(mine: Study, tmp_path: Path) -> None:
    link = tmp_path / "link.stancedesk"
    link.symlink_to(mine.path)
    for path in (mine.path, link):
        with pytest.raises(UserError, match="the study itself"):
            merging.merge(mine, path)


def test_a_class_that_a_newer_codebook_brings_is_named(mine: Study, copy_of: CopyOf) -> None:
    theirs = copy_of(mine)
    toml = mine.codebook.to_toml()
    last = toml[toml.rindex("[[") :]
    mixed = re.sub(r'(?m)^code = ".*"$', 'code = "mixed"', last, count=1)
    mixed = re.sub(r'(?m)^name = ".*"$', 'name = "Mixed"', mixed, count=1)
    mixed = re.sub(r'(?m)^key = ".*"$', 'key = "9"', mixed, count=1)
    mixed = re.sub(r'(?m)^answer = ".*"$', 'answer = "mixed"', mixed, count=1)
    theirs.set_codebook(Codebook.from_toml(f"{toml}\n{mixed}"))
    report = merging.merge(mine, theirs.path)
    assert report.new_classes == ("Mixed",)
    assert report.summary().endswith("now in use. It brings the class “Mixed”.")
    assert merging.merge(mine, theirs.path).new_classes == ()
