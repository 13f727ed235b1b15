"""Adjudication: undo and redo against a plain model, provenance, lists, kills."""

import csv
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import update

from app.errors import UserError
from app.study import exporting, importing, locks, review, tweets
from app.study.labelling import Labelling
from app.study.review import Review
from app.study.study import Study
from app.study.tweets import TweetFilter
from db.tables import Tweet
from tests.conftest import ROOT
from tests.unit.app.study.conftest import LEAVES, add_tweets

DECIDERS = ("Mia", "Noor")


class ReviewMachine(RuleBasedStateMachine):
    """Two people decide, take back, decide again and restart, against lists."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "a.stancedesk"
        self.study = Study.create(path)
        add_tweets(self.study, path, 3)
        self.reviews = {name: Review(self.study, name) for name in DECIDERS}
        # Decisions that stand on each tweet, the last on top, and what each person can undo and redo.
        self.stands: dict[int, list[tuple[int, str | None]]] = {tweet: [] for tweet in (1, 2, 3)}
        self.done: dict[str, list[tuple[int, int, str | None]]] = {name: [] for name in DECIDERS}
        self.undone: dict[str, list[tuple[int, int, str | None]]] = {name: [] for name in DECIDERS}
        self.number = 0

    def teardown(self) -> None:
        if hasattr(self, "study"):
            self.study.close()
            self.folder.cleanup()

    def _gold(self, tweet: int) -> str | None:
        return self.stands[tweet][-1][1] if self.stands[tweet] else None

    @rule(who=st.sampled_from(DECIDERS), tweet=st.integers(1, 3), leaf=st.sampled_from([*LEAVES, None]))
    def adjudicate(self, who: str, tweet: int, leaf: str | None) -> None:
        if leaf is not None or self._gold(tweet) is not None:
            self.number += 1
            self.stands[tweet].append((self.number, leaf))
            self.done[who].append((tweet, self.number, leaf))
            self.undone[who].clear()
        self.reviews[who].adjudicate(tweet, leaf, f"reason {self.number}")

    @rule(who=st.sampled_from(DECIDERS))
    def undo(self, who: str) -> None:
        shown = self.reviews[who].undo()
        if not self.done[who]:
            assert shown is None
            return
        tweet, number, leaf = self.done[who].pop()
        self.undone[who].append((tweet, number, leaf))
        self.stands[tweet].remove((number, leaf))
        assert shown == tweet

    @rule(who=st.sampled_from(DECIDERS))
    def redo(self, who: str) -> None:
        shown = self.reviews[who].redo()
        if not self.undone[who]:
            assert shown is None
            return
        tweet, number, leaf = self.undone[who].pop()
        self.done[who].append((tweet, number, leaf))
        self.stands[tweet].append((number, leaf))
        assert shown == tweet

    @rule()
    def restart(self) -> None:
        self.study.close()
        self.study = Study.open(self.study.path)
        self.reviews = {name: Review(self.study, name) for name in DECIDERS}

    @invariant()
    def gold_labels_are_as_expected(self) -> None:
        if not hasattr(self, "reviews"):
            return
        for row in tweets.get(self.study, [1, 2, 3]):
            assert row.gold == row.label == self._gold(row.id)
            found = review.decision(self.study, row.id)
            if row.gold is None:
                assert found is None and (row.gold_by, row.gold_reason) == ("", "")
            else:
                number = self.stands[row.id][-1][0]
                assert found is not None and found.reason == row.gold_reason == f"reason {number}"
        for name, work in self.reviews.items():
            assert work.can_undo == bool(self.done[name])
            assert work.can_redo == bool(self.undone[name])


ReviewMachine.TestCase.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
TestReview = ReviewMachine.TestCase


@pytest.fixture
def disputed(study: Study, tmp_path: Path) -> Study:
    """Return a study of twelve tweets: Ana and Ben differ on 1, 2, 3 and 4, agree on 5; Cem labelled 1, too."""
    add_tweets(study, tmp_path / "x", 12)
    for coder, given in (
        ("Ana", {1: "pro", 2: "pro", 3: "anti", 4: "neutral", 5: "pro"}),
        ("Ben", {1: "anti", 2: "anti", 3: "neutral", 4: "unrelated", 5: "pro"}),
        ("Cem", {1: "anti"}),
    ):
        work = Labelling(study, coder)
        for tweet, leaf in given.items():
            work.show(tweet)
            work.label(
                leaf,
                seconds=2.5,
                note="irony" if tweet == 1 and coder == "Ana" else "",
                marks=["uncertain"] if tweet == 2 else [],
            )
    return study


def _ids(study: Study, filter: TweetFilter | None = None) -> list[int]:
    return [row.id for row in review.disagreements(study, filter)]


def test_the_list_and_its_filters(disputed: Study) -> None:
    assert _ids(disputed) == [1, 2, 3, 4] and review.count(disputed) == 4
    assert review.counts(disputed) == review.ReviewCounts(4, 0, ("Ana", "Ben", "Cem"))
    assert _ids(disputed, review.asked("de")) == [1, 3]
    assert _ids(disputed, review.asked(coders=("Cem",))) == [1]
    assert _ids(disputed, review.asked(between=("pro", "anti"))) == [1, 2]
    assert [row.id for row in review.disagreements(disputed, offset=1, limit=2)] == [2, 3]
    assert review.place_of(disputed, review.asked(), 3) == 2
    assert [review.neighbour(disputed, review.asked(), tweet) for tweet in (1, 4, 9)] == [2, 1, 1]
    assert [review.neighbour(disputed, review.asked(), tweet, back=True) for tweet in (1, 4)] == [4, 3]
    Review(disputed, "Mia").adjudicate(2, "pro")
    assert _ids(disputed) == [1, 3, 4]
    assert _ids(disputed, review.asked(decided=True)) == [2]
    assert review.neighbour(disputed, review.asked(), 1) == 3
    assert review.counts(disputed) == review.ReviewCounts(3, 1, ("Ana", "Ben", "Cem"))
    assert disputed.counts().disputed == 3


def test_a_case_has_all_that_belongs_to_it(disputed: Study) -> None:
    case = review.case(disputed, 1)
    ana, ben, cem = case.labels
    assert (ana.coder, ana.leaf, ana.note, ana.marks, ana.seconds) == ("Ana", "pro", "irony", (), 2.5)
    assert (ben.coder, ben.leaf, cem.coder, ana.codebook_version) == ("Ben", "anti", "Cem", 1)
    assert review.case(disputed, 2).labels[0].marks == ("uncertain",)
    assert case.decision is None and case.locked_in == "" and len(case.history) == 3


def test_provenance_in_words(disputed: Study) -> None:
    work = Review(disputed, "Mia")
    assert review.provenance(disputed, 1) == ""
    work.adjudicate(1, "anti", "  irony, see the link ")
    told = review.provenance(disputed, 1)
    assert told.startswith("Mia decided “Anti” on 20") and told.endswith("irony, see the link")
    assert "between “Pro” (Ana) and “Anti” (Ben, Cem)" in told
    # The labels that a coder changes afterwards are not what was decided between.
    again = Labelling(disputed, "Ana")
    again.show(1)
    again.label("unrelated")
    assert review.provenance(disputed, 1) == told
    assert tweets.get(disputed, [1])[0].label == "anti"
    work.adjudicate(5, "neutral")
    assert "the label was “Pro” (Ana, Ben)" in review.provenance(disputed, 5)
    entries = tweets.history(disputed, 1)
    assert [(e.decided, e.coder, e.leaf) for e in entries[-2:]] == [
        (True, "Mia", "anti"),
        (False, "Ana", "unrelated"),
    ]
    assert entries[-2].note == "irony, see the link"


def test_a_wrong_agreement_can_be_put_right(disputed: Study) -> None:
    work = Review(disputed, "Mia")
    assert tweets.get(disputed, [5])[0].label == "pro"
    work.adjudicate(5, "anti")
    assert tweets.get(disputed, [5])[0].label == "anti" and _ids(disputed) == [1, 2, 3, 4]
    assert work.undo() == 5
    assert tweets.get(disputed, [5])[0].label == "pro"
    with pytest.raises(UserError, match="no class “maybe”"):
        work.adjudicate(5, "maybe")


def test_a_class_of_a_gold_label_stays_in_the_codebook(disputed: Study) -> None:
    for tweet in range(6, 13):
        Review(disputed, "Mia").adjudicate(tweet, "unrelated")
    ana, ben = Labelling(disputed, "Ana"), Labelling(disputed, "Ben")
    for work in (ana, ben):
        work.show(4)
        work.label("pro")
    text = disputed.codebook.to_toml().replace('code = "unrelated"', 'code = "other"')
    with pytest.raises(UserError, match="“unrelated”"):
        disputed.set_codebook(type(disputed.codebook).from_toml(text))


def test_locked_tweets_are_refused_in_a_sentence(disputed: Study) -> None:
    work, ana = Review(disputed, "Mia"), Labelling(disputed, "Ana")
    work.adjudicate(1, "pro")
    batch = locks.lock(disputed, " first   batch ", "Mia", review.asked(decided=True))
    assert (batch.name, batch.tweets, batch.is_locked) == ("first batch", 1, True)
    ana.show(1)
    for act in (
        lambda: work.adjudicate(1, "anti"),
        lambda: work.adjudicate(1, None),
        lambda: work.undo(),
        lambda: ana.label("anti"),
        lambda: ana.clear(),
    ):
        with pytest.raises(UserError, match=r"locked batch “first batch”.*Release the batch"):
            act()
    assert review.case(disputed, 1).locked_in == "first batch" and tweets.get(disputed, [1])[0].locked
    assert tweets.get(disputed, [1])[0].label == "pro"
    with pytest.raises(UserError, match="already"):
        locks.lock(disputed, "first batch", "Mia", [2])
    with pytest.raises(UserError, match="no tweet to lock"):
        locks.lock(disputed, "nothing", "Mia", TweetFilter(search="zzzz"))
    with pytest.raises(UserError, match="needs a name"):
        locks.lock(disputed, " ", "Mia", [2])
    other = locks.lock(disputed, "all", "Mia", TweetFilter())
    assert [(b.name, b.tweets) for b in locks.batches(disputed)] == [("all", 11), ("first batch", 1)]
    locks.release(disputed, other.id)
    assert locks.lock_of(disputed, 2) == "" and locks.lock_of(disputed, 1) == "first batch"
    locks.release(disputed, batch.id)
    assert work.undo() == 1 and not any(b.is_locked for b in locks.batches(disputed))


def test_a_file_brings_no_labels_to_locked_tweets(disputed: Study, write: Callable[..., Path]) -> None:
    locks.lock(disputed, "done", "Mia", [6])
    table = "id,text,label\n" + "".join(f"{1500000000000000000 + n},tweet {n},pro\n" for n in (6, 7))
    report = importing.import_file(disputed, write(table, "labels.csv"), coder="Dee")
    assert (report.labels, report.locked_labels) == (1, 1) and "locked batch" in report.summary()
    assert [row.labels for row in tweets.get(disputed, [6, 7])] == [(), (("Dee", "pro"),)]


def test_gold_labels_are_exported_where_there_are_some(disputed: Study, tmp_path: Path) -> None:
    assert "gold_label" not in exporting.export(disputed, tmp_path / "before.csv").columns
    Review(disputed, "Mia").adjudicate(1, "anti", "irony")
    path = tmp_path / "after.csv"
    assert exporting.export(disputed, path).columns[-3:] == ["gold_label", "gold_by", "gold_reason"]
    with open(path, encoding="utf-8-sig", newline="") as file:
        first, second, *_ = csv.DictReader(file)
    assert (first["label"], first["gold_label"], first["gold_by"], first["gold_reason"]) == (
        "anti", "anti", "Mia", "irony",
    )  # fmt: skip
    assert (second["gold_label"], second["gold_by"], second["disagreement"]) == (
        "",
        "",
        "Ana: pro; Ben: anti",
    )


def test_what_was_decided_in_another_window_is_taken_back_here(disputed: Study) -> None:
    here, there = Review(disputed, "Mia"), Review(disputed, "Mia")
    here.adjudicate(1, "pro")
    there.adjudicate(2, "anti")
    assert here.undo() == 2 and there.undo() == 1
    assert there.redo() == 1 and here.redo() == 2


def test_a_killed_process_has_lost_no_decision(disputed: Study, tmp_path: Path) -> None:
    """Each decision is told after it was made; all that were told are there after a kill."""
    told = tmp_path / "told.txt"
    driver = f"""
from app.study.review import Review
from app.study.study import Study
study = Study.open({str(disputed.path)!r})
work = Review(study, "Mia")
told = open({str(told)!r}, "a")
number = 0
while True:
    tweet, leaf = number % 12 + 1, ("pro", "anti", "neutral")[number % 3]
    work.adjudicate(tweet, leaf, str(number))
    told.write(f"{{number}}\\n"); told.flush()
    number += 1
"""
    with subprocess.Popen([sys.executable, "-c", driver], cwd=ROOT, env=os.environ.copy()) as child:
        while not told.exists() or len(told.read_text().splitlines()) < 30:
            assert child.poll() is None
        child.send_signal(signal.SIGKILL)
    acknowledged = {line for line in told.read_text().split("\n")[:-1] if line}
    given = {e.note for tweet in range(1, 13) for e in tweets.history(disputed, tweet) if e.decided}
    assert acknowledged <= given and len(given) <= len(acknowledged) + 1


def test_open_and_counted_are_those_that_can_be_decided(disputed: Study) -> None:
    locks.lock(disputed, "pilot", "Mia", [2])
    with disputed.writing() as session:
        session.execute(update(Tweet).where(Tweet.id.in_([1, 4])).values(sealed=True))
    # Mia has labelled nothing, Cem the sealed tweet 1.
    for viewer, shown, sealed in (("Mia", [3], 2), ("", [3], 2), ("Cem", [1, 3], 1), (None, [1, 3, 4], 0)):
        found = review.counts(disputed, viewer)
        assert _ids(disputed, review.asked(viewer=viewer)) == shown
        assert (found.disputed, found.sealed, found.locked) == (len(shown), sealed, 1)
        assert disputed.counts(viewer).disputed == len(shown)
    Review(disputed, "Cem").adjudicate(1, "pro")
    assert _ids(disputed, review.asked(decided=True, viewer="Mia")) == []
    assert _ids(disputed, review.asked(decided=True, viewer="Ana")) == [1]


def test_a_sealed_tweet_is_neither_seen_nor_decided_before_it_is_labelled(disputed: Study) -> None:
    with disputed.writing() as session:
        session.execute(update(Tweet).where(Tweet.id == 1).values(sealed=True))
    with pytest.raises(UserError, match="sealed test set"):
        review.case(disputed, 1, "Mia")
    with pytest.raises(UserError, match="sealed test set"):
        Review(disputed, "Mia").adjudicate(1, "pro")
    assert tweets.get(disputed, [1])[0].gold is None
    assert len(review.case(disputed, 1, "Cem").labels) == 3
    Review(disputed, "Cem").adjudicate(1, "pro")
    assert tweets.get(disputed, [1])[0].gold == "pro"


def test_what_blind_coding_hides_is_counted(disputed: Study) -> None:
    Review(disputed, "Mia").adjudicate(4, "pro")
    assert review.counts(disputed, "Mia", blind=True).unseen == 4
    assert review.counts(disputed, "Cem", blind=True).unseen == 3
    assert review.counts(disputed, "Ana", blind=True).unseen == review.counts(disputed, "Cem").unseen == 0
    assert _ids(disputed, review.asked(viewer="Cem", blind=True)) == [1]
    assert review.is_blind(disputed, 2, "Cem") and not review.is_blind(disputed, 1, "Cem")
