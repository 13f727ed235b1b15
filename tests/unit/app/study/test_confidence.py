"""What a confidence is worth: a table worked out by hand, and what holds for any answers."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.inference.parity import wilson
from app.study.codebook import Codebook
from app.study.confidence import Answers, Reliability, curve, decide, is_undecided, reliability
from app.study.confidence_report import (
    calibration_told,
    confidence_report,
    decision_told,
    training_confidence,
)
from app.study.evaluation import score
from app.terminal import confidence_text

LEAVES = ("pro", "anti", "neutral", "unrelated")

_rows = st.lists(
    st.tuples(
        st.sampled_from(["en", "es", ""]),
        st.sampled_from(LEAVES),
        st.one_of(
            st.tuples(st.sampled_from(LEAVES), st.floats(0.25, 1.0, width=32)),
            st.just(("", 0.0)),
        ),
    ).map(lambda row: (row[0], row[1], *row[2])),
    min_size=1,
    max_size=60,
)


def _answers(*rows: tuple[float, bool], language: str = "en") -> Answers:
    return Answers.of_rows((language, "pro", "pro" if right else "anti", sure) for sure, right in rows)


def test_the_error_worked_out_by_hand() -> None:
    # Guo et al. 2017, equation 3, with ten bins: (0.5, 0.6]: |1/3 - 0.57|; (0.7, 0.8]: |1 - 0.8|;
    # (0.9, 1]: |3/4 - 0.9625|, each by its share of the eight rows.
    found = reliability(
        _answers(
            (0.55, True), (0.56, False), (0.60, False),
            (0.80, True),
            (0.95, True), (0.95, True), (0.95, False), (1.00, True),
        )
    )  # fmt: skip
    assert found.ece == pytest.approx(3 / 8 * (0.57 - 1 / 3) + 1 / 8 * 0.2 + 4 / 8 * (0.9625 - 0.75))
    assert [one.n for one in found.bins] == [0, 0, 0, 0, 0, 3, 0, 1, 0, 4]
    sixth = found.bins[5]
    assert (sixth.low, sixth.high) == (0.5, 0.6)
    assert (sixth.confidence, sixth.accuracy) == (pytest.approx(0.57), pytest.approx(1 / 3))
    assert (sixth.accuracy_low, sixth.accuracy_high) == wilson(1, 3)
    assert found.bins[0].accuracy is None
    assert (found.n, found.failed, found.accuracy) == (8, 0, 5 / 8)
    assert Reliability.from_dict(found.as_dict()) == found


def _drawn(n: int, stated: Any, seed: int = 1) -> Answers:
    """Return n rows of a model that is right as often as `stated` maps its confidence to."""
    random = np.random.default_rng(seed)
    sure = random.uniform(0.3, 1.0, n)
    return _answers(*((float(c), bool(r < stated(c))) for c, r in zip(sure, random.random(n), strict=True)))


def test_a_confidence_that_is_right_is_not_told_apart_from_chance_and_one_that_is_off_is() -> None:
    found = [reliability(_drawn(400, lambda c: c, seed)) for seed in range(20)]
    assert sum(one.is_beyond_chance for one in found) <= 3
    assert np.mean([one.ece for one in found]) == pytest.approx(
        np.mean([one.chance for one in found]), rel=0.2
    )
    too_sure = reliability(_drawn(400, lambda c: c - 0.2))
    assert too_sure.is_beyond_chance and "surer than it should be" in calibration_told(too_sure)
    shy = reliability(_drawn(400, lambda c: c + 0.2))
    assert shy.is_beyond_chance and "less sure than it could be" in calibration_told(shy)
    bent = reliability(_drawn(2000, lambda c: 0.65 + 1.5 * (c - 0.65) if c < 0.65 else 0.65))
    assert bent.is_beyond_chance


def test_a_row_without_a_prediction_is_wrong_and_never_sure() -> None:
    probabilities = np.array([[0.7, 0.1, 0.1, 0.1], [np.nan] * 4, [0.1, 0.2, 0.3, 0.4]], np.float32)
    answers = Answers.of_probabilities(["en"] * 3, ["pro", "pro", "unrelated"], probabilities, LEAVES)
    assert answers.predicted == ("pro", "", "unrelated") and answers.confidence[1] == 0.0
    assert decide(answers, 0.0).overall.right == 2 and decide(answers, 0.0).overall.decided == 3
    assert decide(answers, 0.01).overall.decided == 2
    assert (reliability(answers).n, reliability(answers).failed) == (2, 1)


def test_a_threshold_keeps_what_is_exactly_on_it() -> None:
    assert is_undecided(0.59, 0.6) and not is_undecided(0.6, 0.6)
    answers = _answers((0.5, False), (0.75, True), (1.0, True))
    assert [decide(answers, t).overall.decided for t in (0, 0.5, 0.51, 0.75, 0.76, 1.0)] == [3, 3, 2, 2, 1, 1]
    assert decide(answers, 0.75).overall.accuracy == 1.0
    mixed = Answers.of_rows([("en", "pro", "pro", 0.9), ("en", "anti", "anti", 0.5)])
    assert decision_told(decide(mixed, 0.9)).endswith(
        "over 1 of 2 classes: no tweet of the others is decided."
    )
    assert "None of 1 tweets is decided" in decision_told(decide(_answers((0.5, True)), 0.9))


@settings(max_examples=25)
@given(_rows)
def test_a_threshold_of_nothing_gives_the_scores_of_the_report(rows: list[tuple[Any, ...]]) -> None:
    answers = Answers.of_rows(rows)
    assert Answers.of_rows(answers.rows()) == answers
    scores = score(answers.gold, answers.predicted, Codebook.default())
    everything = decide(answers, 0.0)
    assert everything.overall.coverage == 1.0
    assert everything.overall.accuracy == pytest.approx(scores["accuracy"])
    assert everything.macro_f1 == pytest.approx(scores["macro_f1"])
    assert sum(point.n for point in everything.languages.values()) == len(rows)


@given(_rows, st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_never_decides_more(rows: list[tuple[Any, ...]], one: float, other: float) -> None:
    answers = Answers.of_rows(rows)
    low, high = decide(answers, min(one, other)), decide(answers, max(one, other))
    assert low.overall.decided == sum(not is_undecided(sure, min(one, other)) for sure in answers.confidence)
    assert high.overall.decided <= low.overall.decided and high.overall.right <= low.overall.right
    for language, point in high.languages.items():
        assert point.decided <= low.languages[language].decided
        assert point == decide(answers.in_language(language), point.threshold).overall
    for shares in (low.languages, low.classes):
        assert sum(point.right for point in shares.values()) == low.overall.right
        assert sum(point.decided for point in shares.values()) == low.overall.decided


@given(_rows, st.integers(2, 10))
def test_the_curve_falls_from_all_rows_and_agrees_with_its_thresholds(
    rows: list[tuple[Any, ...]], most: int
) -> None:
    answers = Answers.of_rows(rows)
    points = curve(answers)
    assert points[0] == decide(answers, 0.0).overall
    assert all(decide(answers, point.threshold).overall == point for point in points)
    assert [p.decided for p in points] == sorted({p.decided for p in points}, reverse=True)
    thinned = curve(answers, most)
    assert len(thinned) <= most and set(thinned) <= set(points) and points[-1] in thinned


def test_what_is_told_of_confidence() -> None:
    rows = [*_drawn(120, lambda c: c).rows(), *_answers((0.9, True), (0.4, False), language="de").rows()]
    report = confidence_report(Answers.of_rows(rows), warning=True)
    assert report["languages"] == {"en": {"n": 120, "few": False}, "de": {"n": 2, "few": True}}
    assert "too few for a curve of their own: de." in report["told"]["languages"]
    assert "a part in the training" in report["told"]["calibration"]
    assert report["thresholds"][0]["overall"]["coverage"] == 1.0
    assert json.loads(json.dumps(report, allow_nan=False)) == json.loads(json.dumps(report))
    told = confidence_text(report)
    assert report["told"]["calibration"] in told and "undecided below" in told and "decided at 0.7" in told
    assert "no language" not in told and "under-represented" in told
    of_training = training_confidence(Answers.of_rows(rows))
    assert "fitted on the other four fifths" in of_training["told"]
    nothing = confidence_report(Answers.of_rows([("en", "pro", "", 0.0)]), warning=False)
    assert "No tweet was classified" in confidence_text(nothing)
    assert "No tweet is labelled" in decision_told(decide(Answers.of_rows([]), 0.5))
