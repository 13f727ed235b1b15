"""What a million tweets cost: the sums, their limits, and the words."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import cli
from app.errors import UserError
from app.study.costs import (
    API_LOOKED_UP,
    API_SOURCE,
    Assumptions,
    amount,
    cost_of_a_million,
    number_fields,
    time_told,
)

assumptions = st.builds(
    Assumptions,
    **{one.name: st.floats(one.metadata["least"], one.metadata["most"]) for one in number_fields()},
    currency=st.sampled_from(["$", "€", "EUR", "Ft"]),
)
speeds = st.floats(1e-6, 1e9)


def test_an_example_by_hand() -> None:
    found = cost_of_a_million(20.0, Assumptions(watts=90, price_per_kwh=0.4))
    assert found.hours == pytest.approx(13.889, abs=0.001)
    assert found.kwh == pytest.approx(1.25)
    assert found.cost == pytest.approx(0.5)
    # 150 million tokens at 2.50 a million, 3 million at 10.
    assert found.api_cost == pytest.approx(405)
    assert found.ratio == pytest.approx(810)
    assert found.summary() == (
        "A million tweets take this machine 13.9 hours, 1.25 kWh and $0.50 of electricity; the API would charge "
        "$405.00. The API costs 810 times as much as the electricity."
    )
    assert API_SOURCE in found.methods_text() and API_LOOKED_UP in found.methods_text()
    assert "20 tweets a second" in found.methods_text() and "90 W" in found.methods_text()


@given(speeds, assumptions)
def test_every_possible_input_gives_finite_figures_and_words(speed: float, entered: Assumptions) -> None:
    found = cost_of_a_million(speed, entered)
    for value in (found.hours, found.kwh, found.cost, found.api_cost, found.ratio or 0.0):
        assert math.isfinite(value) and value >= 0
    assert found.summary().endswith(".") and "nan" not in found.methods_text()
    assert json.loads(json.dumps(found.as_dict()))["api_cost"] == entered.api_cost


@given(speeds, assumptions)
def test_twice_as_fast_takes_half(speed: float, entered: Assumptions) -> None:
    faster = cost_of_a_million(max(speed, 2e-6), entered)
    found = cost_of_a_million(faster.tweets_per_second / 2, entered)
    for name in ("hours", "kwh", "cost"):
        assert getattr(found, name) == pytest.approx(2 * getattr(faster, name))
    assert found.api_cost == faster.api_cost


@given(assumptions)
def test_what_is_remembered_comes_back(entered: Assumptions) -> None:
    assert Assumptions.from_dict(json.loads(json.dumps(entered.changed()))) == entered


@pytest.mark.parametrize("speed", [0.0, -1.0, math.nan, math.inf, 1e-300])
def test_a_speed_that_cannot_be_is_refused_with_a_next_step(speed: float) -> None:
    with pytest.raises(UserError) as refused:
        cost_of_a_million(speed, Assumptions())
    assert refused.value.next_step


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, 1e9])
def test_a_figure_that_cannot_be_is_refused_by_its_name(value: float) -> None:
    for one in number_fields():
        with pytest.raises(UserError, match=one.metadata["words"][1:]):
            Assumptions(**{one.name: value})


@pytest.mark.parametrize("sign", ["", "dollars", "1$", "U S", "a\n"])
def test_a_sign_that_is_none_is_refused(sign: str) -> None:
    with pytest.raises(UserError, match="no sign of a currency"):
        Assumptions(currency=sign)


def test_of_a_damaged_memory_the_good_is_kept() -> None:
    kept = Assumptions.from_dict(
        {"watts": 120, "price_per_kwh": -3, "api_input": "2", "tokens_in": True, "currency": 5, "old": 1}
    )
    assert kept == Assumptions(watts=120)


def test_the_source_is_told_only_of_the_price_that_was_looked_up() -> None:
    own = cost_of_a_million(20, Assumptions(api_input=0.15, api_output=0.6))
    assert API_SOURCE not in own.methods_text() and "entered by the user" in own.methods_text()


@pytest.mark.parametrize(
    ("entered", "told"),
    [
        (Assumptions(price_per_kwh=0), "would charge $405.00."),
        (Assumptions(api_input=0, api_output=0), "would charge $0."),
        (Assumptions(api_input=0.001, api_output=0), "The electricity costs 1.8 times as much as the API."),
        (Assumptions(api_input=0.0018, api_output=0), "Both cost about the same."),
    ],
)
def test_the_comparison_goes_both_ways_and_is_left_out_where_there_is_none(
    entered: Assumptions, told: str
) -> None:
    assert cost_of_a_million(20, entered).summary().endswith(told)


def test_amounts_and_times_have_the_figures_that_matter() -> None:
    assert [amount(one, "$") for one in (0, 0.00123, 0.3, 405, 1234.5)] == [
        "$0", "$0.0012", "$0.30", "$405.00", "$1,235",
    ]  # fmt: skip
    assert amount(2.5, "EUR") == "EUR 2.50"
    assert [time_told(one) for one in (0.001, 0.5, 13.9, 240)] == [
        "3.6 seconds", "30.0 minutes", "13.9 hours", "10.0 days",
    ]  # fmt: skip


def test_the_command_tells_it_in_words_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["cost", "--tweets-per-second", "20", "--watts", "90", "--price-per-kwh", "0.4"]
    assert cli.run(words) == 0
    told = capsys.readouterr().out
    assert "The API costs 810 times as much" in told and "Assumed, not measured: 90 watts" in told
    assert API_SOURCE in told
    assert cli.run([*words, "--currency", "EUR", "--tokens-in", "200", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["kwh"] == pytest.approx(1.25) and report["api_cost"] == 530
    assert report["entered"]["currency"] == "EUR"
    assert cli.run(["cost", "--tweets-per-second", "0"]) == 1
    assert "no speed" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.run(["cost", "--tweets-per-second", "fast"])
