"""Calibration learns what is wrong with the probabilities and no more than the rows prove."""

import numpy as np
import pytest

from app.inference import calibration
from app.study.confidence import Answers, reliability


def _sample(rows: int, *, slope: float, bias: list[float], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from softmax(logits · slope + bias): logits that need exactly that calibration."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, (rows, len(bias)))
    scores = np.exp(logits * slope + bias)
    p = scores / scores.sum(axis=1, keepdims=True)
    return logits, (p.cumsum(axis=1) > random.random((rows, 1))).argmax(axis=1)


def test_many_rows_reveal_temperature_and_bias() -> None:
    bias = [0.6, -0.2, -0.4, 0.0]
    logits, gold = _sample(20_000, slope=0.4, bias=bias)
    found = calibration.fit(logits, gold)
    assert found["temperature"] == pytest.approx(1 / 0.4, rel=0.05)
    np.testing.assert_allclose(found["bias"], bias, atol=0.08)


def test_few_rows_change_little() -> None:
    logits, gold = _sample(8, slope=0.4, bias=[2.0, 0.0, 0.0, -2.0])
    found = calibration.fit(logits, gold)
    assert 0.6 < found["temperature"] < 3
    assert max(map(abs, found["bias"])) < 0.4


def test_no_rows_change_nothing() -> None:
    found = calibration.fit(np.zeros((0, 3)), [])
    assert found == {"temperature": 1.0, "bias": [0.0, 0.0, 0.0]}
    logits = np.array([[1.0, 2.0, 3.0]])
    np.testing.assert_allclose(calibration.apply(logits, found), calibration.apply(logits, {}), atol=1e-7)


def test_calibration_lowers_the_error_on_other_rows() -> None:
    logits, gold = _sample(600, slope=0.35, bias=[0.3, -0.3, 0.0])
    other, truth = _sample(5000, slope=0.35, bias=[0.3, -0.3, 0.0], seed=1)
    before, after = calibration.apply(other, {}), calibration.apply(other, calibration.fit(logits, gold))

    def error(probabilities: np.ndarray) -> float:
        leaves = ["0", "1", "2"]
        gold = [leaves[one] for one in truth]
        found = reliability(Answers.of_probabilities([""] * len(gold), gold, probabilities, leaves)).ece
        assert found is not None
        return found

    assert error(before) > 0.15
    assert error(after) < 0.05


def test_cross_fitted_probabilities_do_not_know_their_own_label() -> None:
    logits, gold = _sample(40, slope=0.4, bias=[0.0, 0.0, 0.0])
    logits[7] = np.nan
    found = calibration.cross_fitted(logits, gold.tolist())
    assert np.isnan(found[7]).all()
    rest = np.delete(found, 7, axis=0)
    np.testing.assert_allclose(rest.sum(axis=1), 1, atol=1e-6)
    assert (rest.argmax(axis=1) == np.delete(logits, 7, axis=0).argmax(axis=1)).all()
    changed = gold.copy()
    changed[3] = (changed[3] + 1) % 3
    again = calibration.cross_fitted(logits, changed.tolist())
    # The row's own fold is as it was; the temperature of the others was fitted with it.
    assert (again[3] == found[3]).all()
    assert 20 < (again != found).any(axis=1).sum() < 40
    assert calibration.cross_fitted(logits[:2], gold[:2].tolist()).shape == (2, 3)
    assert calibration.cross_fitted(np.zeros((0, 3)), []).shape == (0, 3)


def test_logarithms_of_probabilities_do_as_logits_and_nan_rows_are_passed_over() -> None:
    logits, gold = _sample(300, slope=0.5, bias=[0.0, 0.2, -0.2])
    found = calibration.fit(logits, gold)
    shifted = calibration.fit(np.log(calibration.apply(logits, {}).astype(np.float64)), gold)
    np.testing.assert_allclose(
        [found["temperature"], *found["bias"]], [shifted["temperature"], *shifted["bias"]], atol=1e-4
    )
    logits_with = np.concatenate([logits, np.full((5, 3), np.nan)])
    assert calibration.fit(logits_with, [*gold, 0, 0, 0, 0, 0]) == found
    assert np.isnan(calibration.apply(logits_with, found)[-5:]).all()


def test_logits_against_the_labels_flatten_but_never_turn_round() -> None:
    logits, gold = _sample(2000, slope=-2.0, bias=[0.0, 0.0])
    assert 1 < calibration.fit(logits, gold)["temperature"] <= 20


def test_separable_rows_do_not_run_away() -> None:
    gold = np.arange(200) % 4
    found = calibration.fit(np.eye(4)[gold] * 10, gold)
    assert 0.2 < found["temperature"] <= 1


def test_rows_sum_to_one_for_extreme_logits() -> None:
    p = calibration.apply(np.array([[1e4, -1e4], [0.0, 0.0]]), {"temperature": 0.5, "bias": [0.0, 1.0]})
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)


def test_rows_and_labels_must_match() -> None:
    with pytest.raises(ValueError, match="one row of logits"):
        calibration.fit(np.zeros((3, 2)), [0])


def test_without_bias_no_label_changes() -> None:
    logits, gold = _sample(500, slope=0.4, bias=[0.6, -0.2, -0.4, 0.0])
    found = calibration.fit(logits, gold, with_bias=False)
    assert found["bias"] == [0, 0, 0, 0]
    assert found["temperature"] > 1.5
    np.testing.assert_array_equal(
        calibration.apply(logits, found).argmax(axis=1), calibration.apply(logits, {}).argmax(axis=1)
    )
