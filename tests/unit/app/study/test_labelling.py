"""Giving labels: undo and redo against a plain model, restarts, kills, two coders."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.study import bulk, importing, labelling, tweets
from app.study.labelling import Labelling
from app.study.marks import MARKS, Remark, in_order
from app.study.queues import Turn
from app.study.repeats import AGAIN
from app.study.study import Study
from app.study.tweets import TweetFilter, TweetRow
from tests.conftest import ROOT
from tests.unit.app.study.conftest import LEAVES, add_tweets

Said = tuple[str, tuple[str, ...]]
marks_given = st.lists(st.sampled_from(MARKS), unique=True).map(in_order)


class UndoMachine(RuleBasedStateMachine):
    """Labels with marks, remarks, undo, redo, going back, skipping and restarting, against lists."""

    @initialize()
    def begin(self) -> None:
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "a.stancedesk"
        self.study = Study.create(path)
        add_tweets(self.study, path, 6)
        self.work = Labelling(self.study, "Ana")
        self.labels: dict[int, Said] = {}
        # Steps; each a list of (tweet, said before, said after), of which a stroke of bulk has several.
        self.done: list[list[tuple[int, Said | None, Said | None]]] = []
        self.undone: list[list[tuple[int, Said | None, Said | None]]] = []

    def teardown(self) -> None:
        if hasattr(self, "study"):
            self.study.close()
            self.folder.cleanup()

    def _set(self, tweet: int, said: Said | None) -> None:
        if said is None:
            self.labels.pop(tweet, None)
        else:
            self.labels[tweet] = said

    def _do(self, tweet: int, said: Said | None) -> None:
        self.done.append([(tweet, self.labels.get(tweet), said)])
        self.undone.clear()
        self._set(tweet, said)

    @precondition(lambda self: self.work.current() is not None)
    @rule(leaf=st.sampled_from(LEAVES), marks=marks_given)
    def label(self, leaf: str, marks: tuple[str, ...]) -> None:
        current = self.work.current()
        assert current is not None
        self._do(current.id, (leaf, marks))
        self.work.label(leaf, marks=marks)

    @rule(marks=marks_given)
    def remark(self, marks: tuple[str, ...]) -> None:
        current = self.work.current()
        shown = self.work.remark("", marks)
        assert (shown and shown.id) == (current and current.id), "a mark must not move on"
        if current is not None and current.id in self.labels:
            self._do(current.id, (self.labels[current.id][0], marks))

    @rule()
    def clear(self) -> None:
        current = self.work.current()
        if current is not None and current.id in self.labels:
            self._do(current.id, None)
        self.work.clear()

    @rule(leaf=st.sampled_from(LEAVES), tweets=st.sets(st.integers(1, 6), min_size=1))
    def label_together(self, leaf: str, tweets: set[int]) -> None:
        has = {tweet: said[0] for tweet, said in self.labels.items()}
        said = (leaf, ())
        step = [(t, self.labels.get(t), said) for t in sorted(tweets) if has.get(t) != leaf]
        report = bulk.label(self.study, "Ana", list(tweets), leaf)
        assert report.given(leaf) == len(step) and report.same(leaf) == len(tweets) - len(step)
        if step:
            self.done.append(step)
            self.undone.clear()
            for tweet, _, _ in step:
                self._set(tweet, said)
        # What is undone next is known once this coder's work has been looked at again.
        self.work.progress()

    @rule()
    def undo(self) -> None:
        shown = self.work.undo()
        if not self.done:
            assert shown is None
            return
        step = self.done.pop()
        self.undone.append(step)
        for tweet, before, _ in step:
            self._set(tweet, before)
        assert shown is not None
        assert (shown.id, _said(shown)) == step[0][:2]
        assert self.work.current() == shown

    @rule()
    def redo(self) -> None:
        shown = self.work.redo()
        if not self.undone:
            assert shown is None
            return
        step = self.undone.pop()
        self.done.append(step)
        for tweet, _, after in step:
            self._set(tweet, after)
        assert shown is not None
        assert (shown.id, _said(shown)) == (step[0][0], step[0][2])

    @rule()
    def back(self) -> None:
        self.work.back()

    @rule()
    def skip(self) -> None:
        self.work.skip()

    @rule()
    def prepare(self) -> None:
        before = self.work.current()
        ahead = self.work.prepare()
        assert self.work.current() == before
        assert ahead is None or ahead == tweets.get(self.study, [ahead.id])[0]

    @rule()
    def restart(self) -> None:
        self.study.close()
        self.study = Study.open(self.study.path)
        self.work = Labelling(self.study, "Ana")

    @invariant()
    def labels_are_as_expected(self) -> None:
        if not hasattr(self, "work"):
            return
        found = {row.id: _said(row) for row in tweets.page(self.study) if row.labels}
        assert found == self.labels
        leaves = {tweet: leaf for tweet, (leaf, _) in self.labels.items()}
        assert labelling.current_labels(self.study) == leaves
        assert self.work.can_undo == bool(self.done)
        assert self.work.can_redo == bool(self.undone)
        assert self.work.next_undo == (len(self.done[-1]) if self.done else 0)
        assert self.work.next_redo == (len(self.undone[-1]) if self.undone else 0)
        progress = self.work.progress()
        assert progress == self.work.progress_so_far and not self.work.is_stale
        assert (progress.labelled, progress.mine, progress.total) == (len(leaves), len(leaves), 6)
        assert progress.per_leaf == {leaf: list(leaves.values()).count(leaf) for leaf in LEAVES}
        assert progress == Labelling(self.study, "Ana").progress()


def _said(row: TweetRow) -> Said | None:
    return (row.label, dict(row.remarks).get("Ana", Remark()).marks) if row.label else None


UndoMachine.TestCase.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
TestUndo = UndoMachine.TestCase


def test_every_tweet_is_offered_once_and_the_order_survives_a_restart(study: Study, tmp_path: Path) -> None:
    add_tweets(study, tmp_path / "x", 12)
    work, order = Labelling(study, "Ana"), []
    for step in range(12):
        if step % 5 == 4:
            expected = work.current()
            work = Labelling(study, "Ana")
            assert work.current() == expected
        current = work.current()
        assert current is not None
        order.append(current.id)
        work.label("pro", seconds=1.5)
    assert work.current() is None
    assert sorted(order) == list(range(1, 13))
    assert order != sorted(order)


def test_what_was_skipped_comes_again_at_the_end(study: Study, tmp_path: Path) -> None:
    add_tweets(study, tmp_path / "x", 4)
    work = Labelling(study, "Ana")
    skipped = work.current()
    following = work.skip()
    assert skipped != following
    assert work.back() == skipped
    assert work.skip() == following
    for _ in range(3):
        last = work.label("anti")
    assert last == skipped


def test_going_back_leads_into_earlier_sessions(study: Study, tmp_path: Path) -> None:
    add_tweets(study, tmp_path / "x", 5)
    work = Labelling(study, "Ana")
    first = work.current()
    second = work.label("pro")
    work.label("anti")
    work = Labelling(study, "Ana")
    assert [work.back(), work.back(), work.back()] == [
        tweets.get(study, [second.id])[0] if second else None,
        *tweets.get(study, [first.id if first else 0] * 2),
    ]
    shown = work.label("neutral")
    assert shown is not None and second is not None and shown.id == second.id


def test_labels_carry_what_the_coder_saw_and_wrote(study: Study, tmp_path: Path) -> None:
    add_tweets(study, tmp_path / "x", 2)
    work = Labelling(study, "Ana")
    first = work.current()
    assert first is not None
    work.label("pro", seconds=2.25, note="ironic?", marks=["sarcasm", "uncertain"], suggestion_shown="anti")
    work.undo()
    entry, undo = tweets.history(study, first.id)
    assert (entry.coder, entry.leaf, entry.seconds, entry.note) == ("Ana", "pro", 2.25, "ironic?")
    assert (entry.marks, entry.suggestion_shown, entry.imported) == (("uncertain", "sarcasm"), "anti", False)
    assert (undo.leaf, undo.undoes) == (None, entry.id)
    assert entry.given < undo.given and entry.given.endswith("+00:00")


def test_two_coders(study: Study, tmp_path: Path) -> None:
    add_tweets(study, tmp_path / "x", 3)
    ana, ben = Labelling(study, "Ana"), Labelling(study, "Ben", double=True)
    for leaf in ("pro", "anti", "neutral"):
        ana.label(leaf)
    assert ana.current() is None
    seen = {}
    for _ in range(3):
        current = ben.current()
        assert current is not None and current.label is None and current.blind, "Ben is blind to Ana"
        seen[current.id] = labelling.current_labels(study)[current.id]
        ben.label("pro")
    assert ben.current() is None
    assert sorted(seen.values()) == ["anti", "neutral", "pro"]
    assert labelling.current_labels(study) == {t: leaf for t, leaf in seen.items() if leaf == "pro"}
    disputed = labelling.disagreements(study)
    assert {t.id for t in disputed} == {t for t, leaf in seen.items() if leaf != "pro"}
    assert all(t.disputed and t.label is None and len(t.labels) == 2 for t in disputed)
    # The undo of one coder leaves the other's label alone.
    ana.undo()
    assert ben.progress().mine == 3
    assert ana.progress().mine == 2


def test_the_same_coder_in_two_windows(study: Study, tmp_path: Path) -> None:
    add_tweets(study, tmp_path / "x", 4)
    left, right = Labelling(study, "Ana"), Labelling(study, "Ana")
    left.label("pro")
    first = left.undo()
    left.redo()
    assert right.progress().labelled == 1
    assert right.undo() == first
    assert not left.progress().labelled
    assert left.can_redo


def test_imported_labels_are_not_undone(study: Study, write: object, tmp_path: Path) -> None:
    file = tmp_path / "l.csv"
    file.write_text("id,text,label\n1,one,pro\n2,two,\n")
    importing.import_file(study, file, coder="Ana")
    work = Labelling(study, "Ana")
    assert work.undo() is None
    current = work.show(1)
    assert current is not None
    work.label("anti")
    shown = work.undo()
    assert shown is not None and shown.label == "pro"


CHILD = """
import sys
from app.study.study import Study
from app.study.labelling import Labelling
work = Labelling(Study.open(sys.argv[1]), "Ana")
while True:
    shown = work.current()
    work.label("pro")
    print(shown.id, flush=True)
"""


def test_a_killed_process_loses_no_label(study: Study, tmp_path: Path) -> None:
    add_tweets(study, tmp_path / "x", 3000)
    study.close()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(study.path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert child.stdout is not None
    told = [int(child.stdout.readline()) for _ in range(60)]
    os.kill(child.pid, signal.SIGKILL)
    told += [int(line) for line in child.stdout.read().split("\n")[:-1]]
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL
    with Study.open(study.path) as again:
        kept = labelling.current_labels(again)
        assert set(told) <= set(kept)
        assert len(kept) <= len(told) + 1
        assert len(labelling.Labelling(again, "Ana")._history.done) == len(kept)


@pytest.mark.parametrize("leaf", ["", "PRO", "immigration"])
def test_only_classes_of_the_codebook_are_labels(study: Study, tmp_path: Path, leaf: str) -> None:
    from app.errors import UserError

    add_tweets(study, tmp_path / "x", 1)
    with pytest.raises(UserError):
        Labelling(study, "Ana").label(leaf)


def test_a_tweet_that_was_read_ahead_is_shown_without_reading_again(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_tweets(study, tmp_path / "x", 5)
    work = Labelling(study, "Ana")
    ahead = work.prepare()

    def never(*_: object, **__: object) -> None:
        raise AssertionError("the tweet was read while the coder waited")

    monkeypatch.setattr(labelling, "get", never)
    assert work.label("pro") is ahead and ahead is not None


def test_what_others_labelled_meanwhile_is_not_offered(study: Study, tmp_path: Path) -> None:
    add_tweets(study, tmp_path / "x", 5)
    work = Labelling(study, "Ana")
    assert work.progress().labelled == 0
    ahead = work.prepare()
    assert ahead is not None
    other = Labelling(study, "Ben")
    other.show(ahead.id)
    other.label("anti")
    shown = work.skip()
    assert shown is not None and shown.id != ahead.id and not shown.labels
    seen = set()
    while (current := work.current()) is not None:
        seen.add(current.id)
        work.prepare()
        work.label("pro")
    assert ahead.id not in seen and len(seen) == 4
    assert work.is_stale and work.progress_so_far.labelled == 4
    work.take(work.recount())
    assert not work.is_stale and work.progress_so_far.labelled == 5


def test_a_remark_keeps_how_the_label_was_given(study: Study, tmp_path: Path) -> None:
    add_tweets(study, tmp_path / "x", 2)
    work = Labelling(study, "Ana")
    first = work.current()
    assert first is not None
    work.label("pro", seconds=4.5, suggestion_shown="anti", marks=["uncertain"])
    work.back()
    version = study.codebook_version
    study.set_codebook(study.codebook, ["pro"])
    assert study.codebook_version != version
    shown = work.remark("a thought", ["sarcasm"])
    assert shown is not None and shown.id == first.id
    given, remarked = tweets.history(study, first.id)
    assert (given.marks, given.note) == (("uncertain",), "")
    assert (remarked.leaf, remarked.marks, remarked.note) == ("pro", ("sarcasm",), "a thought")
    assert (remarked.seconds, remarked.suggestion_shown) == (4.5, "anti")
    assert remarked.codebook_version == version, "a remark is no second look"
    assert tweets.count(study, TweetFilter(status="second_look")) == 1


MARKING_CHILD = """
import sys
from app.study.study import Study
from app.study.labelling import Labelling
work = Labelling(Study.open(sys.argv[1]), "Ana")
while True:
    shown = work.current()
    work.label("pro")
    print("label", shown.id, flush=True)
    work.back()
    work.remark("", ["sarcasm"])
    print("mark", shown.id, flush=True)
    work.skip()
"""


@pytest.mark.parametrize("lines", [1, 2, 31, 58])
def test_a_kill_between_label_and_mark_loses_neither(study: Study, tmp_path: Path, lines: int) -> None:
    add_tweets(study, tmp_path / "x", 2000)
    study.close()
    child = subprocess.Popen(
        [sys.executable, "-c", MARKING_CHILD, str(study.path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(lines)]
    os.kill(child.pid, signal.SIGKILL)
    told += [line + "\n" for line in child.stdout.read().split("\n")[:-1]]
    child.stdout.close()
    child.wait()
    said = [line.split() for line in told]
    with Study.open(study.path) as again:
        rows = {row.id: row for row in tweets.page(again, TweetFilter(status="labelled"), limit=5000)}
        assert {int(tweet) for what, tweet in said if what == "label"} <= set(rows)
        marked = {int(tweet) for what, tweet in said if what == "mark"}
        assert all(dict(rows[tweet].remarks)["Ana"].marks == ("sarcasm",) for tweet in marked)


def test_marks_of_a_hidden_repeat_are_its_own(study: Study, tmp_path: Path) -> None:
    add_tweets(study, tmp_path / "x", 3)
    work = Labelling(study, "Ana")
    work.show(2)
    work.label("pro", marks=["uncertain"], note="first time")
    again = Turn(2, AGAIN, repeat=True)
    shown = work.go_on_with(again)
    assert shown is not None and (shown.id, shown.labels, shown.remarks) == (2, (), ())
    work.label("anti", marks=["sarcasm"])
    shown = work.back()
    assert shown is not None and shown.label == "anti"
    assert dict(shown.remarks)["Ana"].marks == ("sarcasm",)
    shown = work.remark("", ["quoting"])
    assert shown is not None and dict(shown.remarks)["Ana"].marks == ("quoting",)
    shown = work.undo()
    assert shown is not None and (shown.label, dict(shown.remarks)["Ana"].marks) == ("anti", ("sarcasm",))
    first = tweets.get(study, [2])[0]
    assert first.label == "pro" and dict(first.remarks)["Ana"] == Remark("first time", ("uncertain",))
