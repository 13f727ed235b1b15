"""Copies of a study come together without loss and in any order: random histories, kills, what is told."""

import contextlib
import multiprocessing
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import UserError
from app.study import bulk, importing, label_acts, labelling, merging, sealing
from app.study.codebook import Codebook
from app.study.labelling import Labelling
from app.study.study import Study
from tests.unit.app.study.conftest import LEAVES, add_tweets
from tests.unit.app.study.merging_state import State, decide, derived_again, state_of

COPIES = 3
TWEETS = 5
# Made in the first file; "Ben" is made in the copies apart, so that there are several of that name.
CODERS = ("Ana", "Ben")

_PLACE = st.integers(0, COPIES - 1)
_TWEET = st.integers(1, TWEETS)
_CODER = st.sampled_from(CODERS)
# The clocks of the copies go forth and back.
_TIME = st.integers(0, 59)
_ACTS = st.one_of(
    st.tuples(st.just("label"), _PLACE, _CODER, _TIME, _TWEET, st.sampled_from(LEAVES[:3])),
    st.tuples(st.just("label"), _PLACE, _CODER, _TIME, _TWEET, st.sampled_from(LEAVES[:3])),
    st.tuples(st.just("clear"), _PLACE, _CODER, _TIME, _TWEET),
    st.tuples(
        st.just("bulk"), _PLACE, _CODER, _TIME, st.sets(_TWEET, min_size=2), st.sampled_from(LEAVES[:3])
    ),
    st.tuples(st.just("undo"), _PLACE, _CODER, _TIME),
    st.tuples(st.just("redo"), _PLACE, _CODER, _TIME),
    st.tuples(st.just("decide"), _PLACE, _CODER, _TIME, _TWEET, st.sampled_from([*LEAVES[:2], None])),
    st.tuples(st.just("import"), _PLACE, _CODER, _TIME, st.integers(TWEETS, TWEETS + 3), st.booleans()),
    st.tuples(st.just("seal"), _PLACE, _CODER, _TIME, st.integers(1, 3)),
    st.tuples(st.just("codebook"), _PLACE, _CODER, _TIME, st.sampled_from("abc")),
)
# A generation: some acts, then one copy takes another in, or is thrown away for a new copy of it.
_GENERATION = st.tuples(
    st.lists(_ACTS, min_size=1, max_size=5), st.sampled_from(["merge", "merge", "copy"]), _PLACE, _PLACE
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a study that is copied: making one takes longer than everything that is tested."""
    path = tmp_path_factory.mktemp("base") / "base.stancedesk"
    with Study.create(path) as study:
        add_tweets(study, path, TWEETS)
        study.coder("Ana")
    return path


class Team:
    """Several copies of a study, in which people work apart."""

    def __init__(self, base: Path, folder: Path) -> None:
        self.folder = folder
        self.studies = [self.copy_of(base, f"copy{n}") for n in range(COPIES)]
        self.seen: dict[str, Any] = {}
        self.seen_decisions: dict[str, Any] = {}

    def copy_of(self, path: Path, name: str) -> Study:
        target = self.folder / f"{name}.stancedesk"
        shutil.copyfile(path, target)
        return Study.open(target)

    def close(self) -> None:
        for study in self.studies:
            study.close()

    def live(self, acts: list[Any], ending: str, left: int, right: int) -> None:
        """Let a generation pass."""
        for kind, place, *details in acts:
            getattr(self, f"_{kind}")(self.studies[place], *details)
        for study in self.studies:
            state = state_of(study)
            self.seen |= state.events
            self.seen_decisions |= state.decisions
        if left == right:
            return
        if ending == "merge":
            merging.merge(self.studies[left], self.studies[right].path)
        else:
            # What is only in the copy that goes is handed on before.
            merging.merge(self.studies[right], self.studies[left].path)
            path = self.studies[left].path
            self.studies[left].close()
            path.unlink()
            self.studies[right].save_copy(path)
            self.studies[left] = Study.open(path)

    def _label(self, study: Study, coder: str, second: int, tweet: int, leaf: str) -> None:
        work = self._work(study, coder, second)
        work.show(tweet)
        work.label(leaf)

    def _bulk(self, study: Study, coder: str, second: int, tweets: set[int], leaf: str) -> None:
        self._work(study, coder, second)
        bulk.label(study, coder, sorted(tweets), leaf)

    def _clear(self, study: Study, coder: str, second: int, tweet: int) -> None:
        work = self._work(study, coder, second)
        work.show(tweet)
        work.clear()

    def _undo(self, study: Study, coder: str, second: int) -> None:
        self._work(study, coder, second).undo()

    def _redo(self, study: Study, coder: str, second: int) -> None:
        self._work(study, coder, second).redo()

    def _decide(self, study: Study, coder: str, second: int, tweet: int, leaf: str | None) -> None:
        decide(study, tweet, leaf, coder, _time(second))

    def _seal(self, study: Study, coder: str, second: int, seed: int) -> None:
        with contextlib.suppress(UserError):
            sealing.draw(study, 2, seed=seed)

    def _import(self, study: Study, coder: str, second: int, upto: int, test: bool) -> None:
        file = self.folder / "more.csv"
        rows = [f"{1500000000000000000 + n},tweet {n},{LEAVES[n % 3]}" for n in range(upto - 2, upto + 1)]
        file.write_text("\n".join(["id,text,label", *rows]), encoding="utf-8")
        importing.import_file(study, file, coder=coder, test=test)

    def _codebook(self, study: Study, coder: str, second: int, version: str) -> None:
        text = Codebook.default().to_toml().replace('version = "', f'version = "{version}', 1)
        study.set_codebook(Codebook.from_toml(text))

    def _work(self, study: Study, coder: str, second: int) -> Labelling:
        labelling.now = label_acts.now = lambda: _time(second)  # type: ignore[attr-defined]
        return Labelling(study, coder)


def _time(second: int) -> str:
    return f"2026-11-24T00:00:{second:02}.000000+00:00"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give the clock back that `Team` turned."""
    for module in (labelling, label_acts):
        monkeypatch.setattr(module, "now", module.now)  # type: ignore[attr-defined]
    yield


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(generations=st.lists(_GENERATION, min_size=1, max_size=10))
def test_copies_come_together_in_any_order(
    base: Path, clock: None, tmp_path_factory: pytest.TempPathFactory, generations: list[Any]
) -> None:
    team = Team(base, tmp_path_factory.mktemp("team"))
    try:
        for generation in generations:
            team.live(*generation)
        team.seen |= {k: v for study in team.studies for k, v in state_of(study).events.items()}
        paths = [study.path for study in team.studies]
    finally:
        team.close()
    ends: list[State] = []
    for order in ([0, 1, 2], [2, 1, 0], [0, (1, 2)]):
        first, *others = order
        with team.copy_of(paths[first], "end") as end:
            for other in others:
                if isinstance(other, tuple):
                    with team.copy_of(paths[other[0]], "both") as both:
                        merging.merge(both, paths[other[1]])
                        merging.merge(end, both.path)
                else:
                    merging.merge(end, paths[other])
            ends.append(state_of(end))
            assert ends[-1].events == team.seen, "every event of every copy is there, as it was"
            assert set(team.seen_decisions) <= set(ends[-1].decisions)
            assert derived_again(end) == ends[-1]
            if len(ends) == 1:
                for path in paths:
                    assert not merging.merge(end, path).is_new, "again brings nothing"
                assert state_of(end) == ends[-1]
        end.path.unlink()
    assert ends[0] == ends[1] == ends[2]


def _merge_once(study: Path, copy: Path, begun: Any) -> None:
    with Study.open(study) as opened:
        begun.set()
        merging.merge(opened, copy)


def test_a_merge_that_is_killed_took_in_nothing_or_all(tmp_path: Path) -> None:
    path, copy = tmp_path / "mine.stancedesk", tmp_path / "anas.stancedesk"
    with Study.create(path) as study:
        add_tweets(study, path, 300)
        study.save_copy(copy)
    with Study.open(copy) as theirs:
        add = tmp_path / "more.csv"
        rows = [f"{n},a tweet {n},{LEAVES[n % 4]}" for n in range(700)]
        add.write_text("\n".join(["id,text,label", *rows]), encoding="utf-8")
        importing.import_file(theirs, add, coder="Ana")
        whole = state_of(theirs)
    backup = tmp_path / "backup"
    shutil.copyfile(path, backup)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.unit.app.study.test_merging"])
    seconds, killed = 0.0, 0
    pick = random.Random(4)
    for attempt in range(11):
        begun = context.Event()
        child = context.Process(target=_merge_once, args=(path, copy, begun))
        child.start()
        assert begun.wait(120)
        start = time.monotonic()
        if attempt:
            child.join(pick.uniform(0, seconds))
            child.kill()
        child.join(120)
        if child.exitcode == 0:
            # Of a machine that is busy with something else, the last that is known.
            seconds = time.monotonic() - start
        else:
            killed += 1
        with Study.open(path) as again:
            state = state_of(again)
            assert len(state.events) in (0, 700) and len(state.tweets) in (300, 1000)
            assert bool(state.events) == (len(state.tweets) == 1000)
            assert bool(state.events) or attempt
            assert merging.merge(again, copy).is_new == (not state.events)
            assert state_of(again) == whole
        shutil.copyfile(backup, path)
    assert killed, "some were killed under way"
