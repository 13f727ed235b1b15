"""Rounding: half up in decimals, one minus sign, the same in the window and in a text."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot

from app.gui import figures
from app.study.rounding import per_cent, rounded, score


@pytest.mark.parametrize(
    ("part", "whole", "written"),
    [(195, 240, "81.3 %"), (1, 3, "33.3 %"), (57, 2000, "2.9 %"), (0, 9, "0.0 %"), (9, 9, "100.0 %")],
)
def test_shares(qtbot: QtBot, part: int, whole: int, written: str) -> None:
    assert per_cent(part / whole) == figures.share(part, whole) == written


@pytest.mark.parametrize(
    ("value", "written"), [(0.0625, "0.063"), (-0.0625, "−0.063"), (-0.0001, "0.000"), (1, "1.000")]
)
def test_scores(qtbot: QtBot, value: float, written: str) -> None:
    assert score(value) == figures.score(value) == written


@given(st.integers(-100_000, 100_000), st.integers(0, 3))
def test_what_lies_half_way_goes_away_from_zero(thousandths: int, places: int) -> None:
    exact = Decimal(thousandths).scaleb(-3)
    found = rounded(thousandths / 1000, places)
    assert abs(found - exact) <= Decimal("0.5").scaleb(-places)
    assert abs(found) >= abs(exact) or abs(found - exact) < Decimal("0.5").scaleb(-places)
