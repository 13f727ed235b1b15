"""Hidden repeats: how often, which, that they change no label, and undo and redo over them."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

from app.study import locks, tweets
from app.study.agreement import measure_agreement
from app.study.labelling import Labelling
from app.study.queues import RandomQueue
from app.study.repeats import AGAIN, RepeatingQueue, RepeatPlan
from app.study.study import Study, now
from db.tables import Coder, CurrentLabel, LabelEvent
from tests.unit.app.study.conftest import LEAVES, add_tweets

OFTEN = RepeatPlan(share=0.5, labels_between=5, seed=3)


def at_work(study: Study, plan: RepeatPlan = OFTEN, coder: str = "Mia") -> Labelling:
    """Return a coder at work in the random queue with hidden repeats."""
    who = study.coder(coder)
    return Labelling(study, who, queue=RepeatingQueue(RandomQueue(who), who, plan))


def current_labels(study: Study) -> dict[int, tuple[str, int]]:
    """Return {tweet: (leaf, number of the event)} of all current labels."""
    with study.reading() as session:
        rows = session.execute(select(CurrentLabel.tweet_id, CurrentLabel.leaf, CurrentLabel.seq))
        return {tweet: (leaf, seq) for tweet, leaf, seq in rows}


def repeats(study: Study) -> list[LabelEvent]:
    """Return all events of repeats, in order."""
    with study.reading() as session:
        statement = select(LabelEvent).where(LabelEvent.repeat.is_(True)).order_by(LabelEvent.seq)
        return list(session.scalars(statement))


@pytest.fixture
def filled(study: Study) -> Iterator[Study]:
    """Return a study of 60 tweets."""
    add_tweets(study, study.path, 60)
    yield study


def label_until_repeat(work: Labelling, leaf: str = "pro") -> int:
    """Label until a repeat is in sight, and return its tweet."""
    for _ in range(60):
        turn = work.turn()
        assert turn is not None
        if turn.repeat:
            return turn.tweet
        work.label(leaf)
    raise AssertionError("no repeat came")


def test_a_repeat_looks_like_a_new_tweet_and_changes_no_label(filled: Study) -> None:
    work = at_work(filled)
    tweet = label_until_repeat(work)
    row = work.current()
    assert row is not None and row.id == tweet
    assert (row.label, row.labels, row.label_coder, row.disputed) == (None, (), "", False)
    before, progress = current_labels(filled), work.progress()
    work.label("anti", seconds=2.0)
    assert current_labels(filled) == before and before[tweet][0] == "pro"
    assert work.progress() == progress
    given = repeats(filled)
    assert [(e.tweet_id, e.leaf, e.source, e.seconds) for e in given] == [(tweet, "anti", AGAIN, 2.0)]
    assert tweets.get(filled, [tweet])[0].label == "pro"


def test_back_shows_what_was_said_the_second_time_as_with_any_other_tweet(filled: Study) -> None:
    work = at_work(filled)
    tweet = label_until_repeat(work)
    work.label("anti")
    row = work.back()
    assert row is not None and row.id == tweet and row.labels == (("Mia", "anti"),)
    with Study.open(filled.path) as again:
        row = at_work(again).back()
        assert row is not None and row.id == tweet and row.labels == (("Mia", "anti"),)


def test_a_repeat_that_is_corrected_counts_once_with_its_last_word(filled: Study) -> None:
    work = at_work(filled)
    label_until_repeat(work)
    work.label("anti")
    work.back()
    work.label("pro")
    assert [event.leaf for event in repeats(filled)] == ["anti", "pro"]
    report = measure_agreement(filled)
    assert report.repeats == 1
    work.back()
    work.clear()
    assert measure_agreement(filled).repeats == 0


def test_undo_and_redo_go_over_a_repeat(filled: Study) -> None:
    work = at_work(filled)
    tweet = label_until_repeat(work)
    before = current_labels(filled)
    work.label("anti")
    row = work.undo()
    assert row is not None and row.id == tweet and row.labels == () and current_labels(filled) == before
    assert measure_agreement(filled).repeats == 0
    with Study.open(filled.path) as again:
        other = at_work(again)
        assert other.can_redo
        row = other.redo()
        assert row is not None and row.id == tweet and row.labels == (("Mia", "anti"),)
        assert current_labels(again) == before
        assert measure_agreement(again).repeats == 1
        other.undo()
        # The one before it is the label of another tweet, which does change.
        other.undo()
        assert len(current_labels(again)) == len(before) - 1


def test_no_repeat_comes_before_its_time(filled: Study) -> None:
    work = at_work(filled, RepeatPlan(share=1.0, labels_between=10, seed=1))
    seen = []
    while (turn := work.turn()) is not None and len(seen) < 40:
        seen.append(turn)
        work.label("pro")
    # Of the first eleven none is ten acts old; from then on each tweet comes a second time once.
    assert not any(turn.repeat for turn in seen[:10]) and seen[11].repeat
    again = [turn.tweet for turn in seen if turn.repeat]
    assert len(again) == len(set(again))
    for place, turn in enumerate(seen):
        if turn.repeat:
            assert place - [one.tweet for one in seen].index(turn.tweet) > 10


def test_a_label_of_yesterday_is_old_enough(filled: Study) -> None:
    never, soon = RepeatPlan(share=1.0, labels_between=1000), RepeatPlan(1.0, 1000, days=0.0)
    at_work(filled, never).label("pro")
    turn = at_work(filled, never).turn()
    assert turn is not None and not turn.repeat
    turn = at_work(filled, soon).turn()
    assert turn is not None and turn.repeat


def test_about_the_share_of_the_turns_are_repeats(study: Study) -> None:
    add_tweets(study, study.path, 300)
    work = at_work(study, RepeatPlan(share=0.2, labels_between=20, seed=5))
    number = 0
    for _ in range(250):
        turn = work.turn()
        assert turn is not None
        number += turn.repeat
        work.label("pro")
    assert 30 <= number <= 65


def test_a_repeat_is_the_same_after_a_restart_and_gives_way_when_skipped(filled: Study) -> None:
    work = at_work(filled)
    tweet = label_until_repeat(work)
    with Study.open(filled.path) as again:
        turn = at_work(again).turn()
        assert turn is not None and (turn.tweet, turn.repeat) == (tweet, True)
    work.skip()
    turn = work.turn()
    assert turn is not None and not turn.repeat


def test_others_labels_and_those_of_a_stroke_never_come_again(filled: Study) -> None:
    other = Labelling(filled, "Ana")
    for _ in range(20):
        other.label("pro")
    turn = at_work(filled, RepeatPlan(1.0, 0, days=0.0)).turn()
    assert turn is not None and not turn.repeat
    with filled.writing() as session:
        from db import labels

        labels.add_event(
            session,
            {
                "coder_id": filled.coder("Mia").id, "tweet_id": 60, "kind": "label", "leaf": "pro",
                "codebook_version_id": filled.codebook_version, "given": "2020-01-01T00:00:00+00:00",
                "act": "0" * 32, "source": "bulk",
            },
        )  # fmt: skip
    turn = at_work(filled, RepeatPlan(1.0, 0, days=0.0)).turn()
    assert turn is not None and not turn.repeat


def test_a_locked_tweet_may_come_again_for_its_label_stays(filled: Study) -> None:
    work = at_work(filled)
    tweet = label_until_repeat(work)
    locks.lock(filled, "done", "Ana", [tweet])
    work.label("anti")
    assert [event.tweet_id for event in repeats(filled)] == [tweet]
    assert current_labels(filled)[tweet][0] == "pro"


class RepeatMachine(RuleBasedStateMachine):
    """Labels, repeats, undo, redo, back, clear and restarts, against lists."""

    @initialize()
    def begin(self) -> None:
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "a.stancedesk"
        self.study = Study.create(path)
        add_tweets(self.study, path, 8)
        # Which tweet comes follows from the coder's id: with another one each time no example could be repeated.
        with self.study.writing() as session:
            session.add(Coder(id=str(UUID(int=7)), name="Mia", created=now()))
        self.plan = RepeatPlan(share=0.6, labels_between=1, seed=2)
        self.work = at_work(self.study, self.plan)
        # (tweet, whether it is a repeat): what was said.
        self.said: dict[tuple[int, bool], str] = {}
        self.done: list[tuple[tuple[int, bool], str | None, str | None]] = []
        self.undone: list[tuple[tuple[int, bool], str | None, str | None]] = []

    def teardown(self) -> None:
        if hasattr(self, "study"):
            self.study.close()
            self.folder.cleanup()

    def _set(self, key: tuple[int, bool], leaf: str | None) -> None:
        if leaf is None:
            self.said.pop(key, None)
        else:
            self.said[key] = leaf

    @precondition(lambda self: self.work.turn() is not None)
    @rule(leaf=st.sampled_from(LEAVES))
    def label(self, leaf: str) -> None:
        turn = self.work.turn()
        assert turn is not None
        key = (turn.tweet, turn.repeat)
        self.done.append((key, self.said.get(key), leaf))
        self.undone.clear()
        self._set(key, leaf)
        self.work.label(leaf)

    @rule()
    def clear(self) -> None:
        turn = self.work.turn()
        if turn is not None and (turn.tweet, turn.repeat) in self.said:
            key = (turn.tweet, turn.repeat)
            self.done.append((key, self.said[key], None))
            self.undone.clear()
            self._set(key, None)
        self.work.clear()

    @rule()
    def undo(self) -> None:
        shown = self.work.undo()
        assert (shown is None) == (not self.done)
        if self.done:
            key, before, after = self.done.pop()
            self.undone.append((key, before, after))
            self._set(key, before)
            turn = self.work.turn()
            assert turn is not None and (turn.tweet, turn.repeat) == key

    @rule()
    def redo(self) -> None:
        shown = self.work.redo()
        assert (shown is None) == (not self.undone)
        if self.undone:
            key, before, after = self.undone.pop()
            self.done.append((key, before, after))
            self._set(key, after)

    @rule()
    def back(self) -> None:
        self.work.back()

    @rule()
    def skip(self) -> None:
        self.work.skip()

    @rule()
    def restart(self) -> None:
        path = self.study.path
        self.study.close()
        self.study = Study.open(path)
        self.work = at_work(self.study, self.plan)

    @invariant()
    def only_own_words_are_current(self) -> None:
        if not hasattr(self, "study"):
            return
        labels = {tweet: leaf for (tweet, repeat), leaf in self.said.items() if not repeat}
        assert {tweet: leaf for tweet, (leaf, _) in current_labels(self.study).items()} == labels
        row, turn = self.work.current(), self.work.turn()
        if row is not None and turn is not None:
            said = self.said.get((turn.tweet, turn.repeat))
            assert dict(row.labels) == ({} if said is None else {"Mia": said})


TestRepeats = RepeatMachine.TestCase
TestRepeats.settings = settings(max_examples=25, stateful_step_count=30)
