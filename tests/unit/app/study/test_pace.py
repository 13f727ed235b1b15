"""The pace: pauses left out, honest before there is enough, the same after a restart."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.study.labelling import Labelling
from app.study.pace import ENOUGH, Pace
from app.study.study import Study
from tests.unit.app.study.conftest import add_tweets

BEGIN = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def _pace(gaps: list[float]) -> tuple[Pace, datetime]:
    when, times = BEGIN, [BEGIN]
    for gap in gaps:
        when += timedelta(seconds=gap)
        times.append(when)
    return Pace((tweet, time.isoformat()) for tweet, time in enumerate(times)), when


def test_nothing_is_told_before_there_is_enough() -> None:
    pace, end = _pace([6.0] * (ENOUGH - 2))
    assert pace.per_hour(end) is None and pace.hours_left(100, end) is None
    pace, end = _pace([6.0] * (ENOUGH - 1))
    assert pace.per_hour(end) == pytest.approx(600)
    assert pace.hours_left(300, end) == pytest.approx(0.5)
    assert pace.hours_left(0, end) is None and pace.hours_left(10_000_000, end) is None
    assert Pace().per_hour() is None


@given(usual=st.floats(2, 200), pauses=st.lists(st.floats(1001, 1799), max_size=4), place=st.integers(0, 30))
def test_pauses_are_left_out(usual: float, pauses: list[float], place: int) -> None:
    pace, end = _pace([usual] * place + pauses + [usual] * (30 - place))
    assert pace.per_hour(end) == pytest.approx(3600 / usual, rel=1e-3)


def test_another_session_counts_nothing() -> None:
    pace, end = _pace([60.0] * 40 + [3600.0] + [6.0] * 12)
    assert pace.per_hour(end) == pytest.approx(600)
    assert pace.per_hour(end + timedelta(hours=1)) is None, "the session is over"
    pace, end = _pace([6.0] * 40 + [3600.0] + [6.0] * 3)
    assert pace.per_hour(end) is None


def test_a_changed_label_is_no_further_tweet_and_a_clock_set_back_does_no_harm() -> None:
    pace, end = _pace([6.0] * 20)
    before = pace.per_hour(end)
    pace.add(3, end + timedelta(seconds=1))
    assert pace.per_hour(end) == before
    pace.add(99, BEGIN - timedelta(seconds=6))
    assert pace.per_hour(end) == pytest.approx(600)


def test_the_pace_survives_a_restart_and_knows_no_imports(study: Study, tmp_path: Path) -> None:
    add_tweets(study, tmp_path / "x", 30)
    work = Labelling(study, "Ana")
    for _ in range(15):
        work.label("pro")
    work.back()
    work.remark("", ["sarcasm"])
    work.undo()
    found = work.pace.per_hour()
    assert found is not None and found > 1000
    assert Labelling(study, "Ana").pace.per_hour() == pytest.approx(found, rel=0.2)
    assert Labelling(study, "Ben").pace.per_hour() is None
