"""The bound holds: over many drawings, exactly, in small jobs and large ones."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.study.risk_control import (
    allowed_errors,
    least_related,
    most_related,
    p_value,
    proportion_interval,
    threshold,
)

DRAWINGS = 1000


@pytest.mark.parametrize(
    ("population", "related", "drawn", "bound"),
    [
        (5000, 1500, 2500, 0.02),
        (20_000, 3000, 4000, 0.01),
        (100_000, 6000, 9000, 0.005),
        (3000, 700, 1200, 0.05),
    ],
)
def test_more_than_the_bound_is_lost_in_at_most_a_tenth_of_the_drawings(
    population: int, related: int, drawn: int, bound: float
) -> None:
    """A light model that knows nothing is the hardest: which related tweets lie ahead is pure chance."""
    random = np.random.default_rng(1)
    allowed: dict[int, int | None] = {}
    too_many = some_settled = 0
    for found in random.hypergeometric(related, population - related, drawn, DRAWINGS).tolist():
        if found not in allowed:
            allowed[found] = allowed_errors(found, drawn, population, bound, 0.1)
        errors = allowed[found]
        if errors is None:
            continue
        sampled = np.sort(random.choice(related, found, replace=False))
        # Settled is up to the sampled related tweet that would be one error too many.
        lost = int(sampled[errors]) - errors
        too_many += lost > bound * related
        some_settled += lost > 0
    assert too_many <= 0.1 * DRAWINGS
    assert some_settled > 0.3 * DRAWINGS, "a rule that settles nothing keeps every bound"


def test_the_p_value_is_the_chance_of_so_few_errors_where_just_too_many_are_lost() -> None:
    random = np.random.default_rng(2)
    related, found, bound, errors = 999, 300, 0.01, 1
    # The tenth related tweet outside the sample is the first too many; how many sampled ones lie ahead of it?
    ahead = []
    for _ in range(5000):
        outside = np.ones(related, dtype=bool)
        outside[random.choice(related, found, replace=False)] = False
        ahead.append(int(np.flatnonzero(outside)[9]) - 9)
    chance = np.mean(np.asarray(ahead) <= errors)
    exact = p_value(errors, found, related, bound)
    # With 1,000, ten may be lost: of all numbers up to there, 999 has the largest p-value.
    assert exact == p_value(errors, found, related + 1, bound)
    assert exact == pytest.approx(chance, abs=0.02)


def test_in_a_large_job_it_is_the_binomial_test() -> None:
    assert least_related(0.005, 0.1) == 460
    assert p_value(0, 460, 10**6, 0.005) == pytest.approx((1 - 0.005) ** 460, rel=2e-3)
    assert (1 - 0.005) ** 460 <= 0.1 < (1 - 0.005) ** 459
    # A part of the error probability goes to the unknown number of related tweets.
    assert allowed_errors(450, 9000, 10**7, 0.005, 0.1) is None
    assert allowed_errors(490, 9800, 10**7, 0.005, 0.1) == 0


def test_a_sample_that_is_half_of_the_job_needs_fewer_related_tweets() -> None:
    assert allowed_errors(300, 3000, 10**6, 0.005, 0.1) is None
    assert allowed_errors(300, 3000, 5000, 0.005, 0.1) == 0


@given(st.data())
def test_more_related_tweets_allow_more_errors_and_no_bound_is_exceeded_by_what_they_are(
    data: st.DataObject,
) -> None:
    population = data.draw(st.integers(100, 20_000))
    drawn = data.draw(st.integers(50, population))
    found = data.draw(st.integers(0, drawn))
    bound = data.draw(st.sampled_from([0.005, 0.02, 0.1]))
    most = most_related(found, drawn, population, 0.01)
    assert found <= most <= population - (drawn - found)
    errors = allowed_errors(found, drawn, population, bound, 0.1)
    if errors is not None:
        assert 0 <= errors <= found
        assert p_value(errors, found, most, bound) <= 0.1
        if drawn < population and found:
            stricter = allowed_errors(found, drawn, population, bound / 2, 0.1)
            assert stricter is None or stricter <= errors


def test_a_threshold_has_just_so_many_scores_below_it_and_ties_above() -> None:
    assert threshold([0.3, 0.1, 0.2], 1) == 0.2
    assert threshold([0.2, 0.1, 0.2], 2) == 0.2
    assert math.isinf(threshold([], 0))


def test_intervals_are_clopper_and_pearsons() -> None:
    assert proportion_interval(0, 300) == (0.0, pytest.approx(1 - 0.025 ** (1 / 300)))
    assert proportion_interval(5, 5)[1] == 1.0
    low, high = proportion_interval(2, 100)
    assert (low, high) == (pytest.approx(0.00243, abs=1e-5), pytest.approx(0.07038, abs=1e-5))


def test_what_cannot_be_asked_is_refused() -> None:
    for wrong in ((5, 4, 10, 0.1, 0.1), (1, 4, 3, 0.1, 0.1), (1, 4, 10, 0.0, 0.1), (1, 4, 10, 0.1, 1.0)):
        with pytest.raises(ValueError, match="bound"):
            allowed_errors(*wrong)
