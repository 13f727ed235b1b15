"""The light model and its learning curve, on made-up texts and on curves whose shape is known."""

import random

import numpy as np
import pytest

from app.study import light_model
from app.study.learning_curve import (
    LEAST_LABELS,
    LearningCurve,
    confusion,
    f1_of_classes,
    forecast,
    learning_curve,
    macro_f1,
)
from app.study.light_model import LightModel, features, near_duplicate_groups

WORDS = {
    "pro": ("welcome", "स्वागत", "willkommen", "환영", "مرحبا", "share", "hope"),
    "anti": ("border", "सीमा", "grenze", "국경", "حدود", "fear", "stop"),
    "unrelated": ("football", "खेल", "fussball", "축구", "كرة", "lunch", "rain"),
}


def made_up(number: int, noise: float = 0.3, seed: int = 0) -> tuple[list[str], list[str]]:
    """Return texts whose words tell their class, but for the noise."""
    drawn = random.Random(seed)
    texts, leaves = [], []
    for place in range(number):
        leaf = drawn.choice(list(WORDS))
        told = drawn.choice(list(WORDS)) if drawn.random() < noise else leaf
        rest = " ".join(f"w{drawn.randrange(400)}" for _ in range(8))
        texts.append(f"{drawn.choice(WORDS[told])} {rest} {place}")
        leaves.append(leaf)
    return texts, leaves


def test_the_light_model_learns_in_every_script_and_says_how_sure_it_is() -> None:
    texts, leaves = made_up(300, noise=0.0)
    model = LightModel.fit(features(texts), leaves)
    assert model.leaves == ("anti", "pro", "unrelated")
    found = model.probabilities(features(["مرحبا بكم", "국경 을 닫자", "खेल आज", "Willkommen alle"]))
    assert [model.leaves[place] for place in found.argmax(axis=1)] == ["pro", "anti", "unrelated", "pro"]
    assert found.dtype == np.float32 and np.allclose(found.sum(axis=1), 1, atol=1e-5)


def test_the_same_labels_give_the_same_model() -> None:
    texts, leaves = made_up(120)
    counts = features(texts)
    one, other = (LightModel.fit(counts, leaves).probabilities(counts) for _ in range(2))
    assert np.array_equal(one, other)


def test_texts_without_a_word_in_common_are_no_error() -> None:
    counts = features(["aaa", "bbb", "", "ccc"])
    found = LightModel.fit(counts, ["pro", "anti", "pro", "anti"]).probabilities(counts)
    assert found.shape == (4, 2) and np.isfinite(found).all()


def test_equal_texts_and_known_near_duplicates_are_one_group() -> None:
    groups = near_duplicate_groups(["a http://x.y", "a https://z", "b", "c"], [None, None, 7, 7])
    assert groups[0] == groups[1] != groups[2] == groups[3] == 7


def test_groups_are_never_divided() -> None:
    leaves = ["pro", "anti"] * 50
    groups = [place // 4 for place in range(100)]
    for training, held_out in light_model.folds(groups, leaves, 5, 0):
        assert not {groups[row] for row in training} & {groups[row] for row in held_out}


def test_macro_f1_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import f1_score

    drawn = np.random.default_rng(0)
    gold, said = drawn.integers(3, size=200), drawn.integers(4, size=200)
    assert macro_f1(gold, said, 4) == pytest.approx(f1_score(gold, said, average="macro", labels=[0, 1, 2]))
    each = f1_score(gold, said, average=None, labels=[0, 1, 2, 3], zero_division=0)
    assert f1_of_classes(confusion(gold, said, 4)) == pytest.approx(each)


SIZES = [80, 126, 200, 318, 504, 800]


def _curve(a: float, b: float, c: float) -> np.ndarray:
    return a - b * np.asarray(SIZES, dtype=float) ** -c


def _draws(truth: np.ndarray, noise: float, seed: int) -> np.ndarray:
    return truth + np.random.default_rng(seed).normal(0, noise, (300, len(truth)))


@pytest.mark.parametrize(("a", "b", "c"), [(0.9, 2.0, 0.5), (0.7, 1.0, 0.3), (0.8, 30.0, 1.0)])
def test_a_curve_without_noise_is_read_on_as_it_is(a: float, b: float, c: float) -> None:
    truth = _curve(a, b, c)
    gains = forecast(SIZES, truth, np.tile(truth, (20, 1)), 1000, (100, 500))
    for gain in gains:
        expected = b * (1000.0**-c - (1000.0 + gain.more) ** -c)
        assert gain.gain == pytest.approx(expected, abs=2e-4)
        assert gain.low == pytest.approx(gain.high, abs=1e-9)


def test_the_interval_holds_the_truth_in_most_cases() -> None:
    a, b, c = 0.8, 1.5, 0.35
    expected = b * (1000.0**-c - 1500.0**-c)
    held = 0
    for seed in range(40):
        measured = _draws(_curve(a, b, c), 0.01, seed)[0]
        gain = forecast(SIZES, measured, _draws(measured, 0.01, 1000 + seed), 1000, (500,))[0]
        held += gain.low <= expected <= gain.high
    assert held >= 34


def test_a_flat_curve_promises_nothing_and_a_falling_one_no_loss() -> None:
    flat = np.full(len(SIZES), 0.6)
    assert forecast(SIZES, flat, np.tile(flat, (5, 1)), 1000, (100,))[0].gain == 0
    falling = np.linspace(0.6, 0.5, len(SIZES))
    gain = forecast(SIZES, falling, np.tile(falling, (5, 1)), 1000, (100,))[0]
    assert gain.gain == gain.low == gain.high == 0


def test_the_curve_rises_on_what_can_be_learnt_and_says_so_for_classes_and_languages() -> None:
    texts, leaves = made_up(400, noise=0.1)
    languages = ["en"] * 300 + ["ko"] * 80 + ["hi"] * 20
    found = learning_curve(features(texts), leaves, languages, list(range(400)), 300)
    assert found == learning_curve(features(texts), leaves, languages, list(range(400)), 300)
    sizes = [point.labels for point in found.points]
    assert sizes == sorted(sizes) and sizes[-1] == 320 and len(sizes) == 6
    assert found.points[-1].macro_f1 > found.points[0].macro_f1 + 0.1
    assert all(point.low <= point.macro_f1 <= point.high for point in found.points)
    assert all(gain.low <= gain.gain <= gain.high for gain in found.gains)
    assert found.per_class["pro"][0] == leaves.count("pro") and (found.per_class["pro"][1] or 0) > 0.6
    assert found.per_language["ko"][0] == 80 and found.per_language["ko"][1] is not None
    assert found.per_language["hi"] == (20, None)
    assert LearningCurve.from_dict(found.as_dict()) == found


def test_labels_that_say_nothing_promise_no_gain() -> None:
    texts, leaves = made_up(300, noise=1.0)
    found = learning_curve(features(texts), leaves, ["en"] * 300, list(range(300)), 300)
    assert found.points[-1].macro_f1 < 0.45
    assert found.gains[0].low < 0.005


def test_with_few_labels_or_one_class_it_is_too_early_to_say() -> None:
    texts, leaves = made_up(LEAST_LABELS - 1)
    found = learning_curve(features(texts), leaves, ["en"] * len(texts), list(range(len(texts))), 300)
    assert found.points == () and found.gains == () and found.per_class["pro"][0] == leaves.count("pro")
    texts, _ = made_up(200)
    alone = learning_curve(features(texts), ["pro"] * 197 + ["anti"] * 3, ["en"] * 200, list(range(200)), 300)
    assert alone.points == () and alone.classes == ("pro",)


@pytest.mark.parametrize(
    ("left", "more"), [(0, []), (1, [1]), (84, [84]), (300, [100, 300]), (9000, [100, 500])]
)
def test_no_more_labels_are_promised_than_tweets_are_left(left: int, more: list[int]) -> None:
    texts, leaves = made_up(200, noise=0.1)
    found = learning_curve(features(texts), leaves, ["en"] * 200, list(range(200)), left)
    assert [gain.more for gain in found.gains] == more and found.left == left and found.points
