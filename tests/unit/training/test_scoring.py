"""Scores, compared with scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss

from training.scoring import macro_f1, score


def test_scores_are_scikit_learn_s() -> None:
    chance = np.random.default_rng(3)
    gold = chance.integers(0, 4, 200)
    probabilities = chance.dirichlet(np.ones(4), 200)
    predicted = probabilities.argmax(axis=1)
    languages = [("en", "ko", "hi")[i % 3] for i in range(200)]
    scores = score(probabilities, gold.tolist(), languages, ["a", "b", "c", "d"])
    assert scores["accuracy"] == pytest.approx(accuracy_score(gold, predicted))
    assert scores["macro_f1"] == pytest.approx(f1_score(gold, predicted, average="macro"))
    assert list(scores["f1"].values()) == pytest.approx(list(f1_score(gold, predicted, average=None)))
    assert scores["loss"] == pytest.approx(log_loss(gold, probabilities))
    korean = [i for i, name in enumerate(languages) if name == "ko"]
    assert scores["languages"]["ko"] == {
        "n": 67,
        "accuracy": pytest.approx(accuracy_score(gold[korean], predicted[korean])),
        "macro_f1": pytest.approx(f1_score(gold[korean], predicted[korean], average="macro")),
    }
    assert scores["together"] is None


def test_languages_with_few_rows_are_scored_as_one() -> None:
    languages = ["en"] * 20 + ["ko"] * 3 + ["hi"] * 5
    gold = np.array([0] * 20 + [0, 1, 1] + [0, 0, 1, 1, 1])
    predicted = np.array([0] * 20 + [0, 0, 1] + [0, 0, 1, 1, 1])
    scores = score(np.eye(2)[predicted], gold.tolist(), languages, ["a", "b"])
    assert {language: one["n"] for language, one in scores["languages"].items()} == {
        "en": 20,
        "hi": 5,
        "ko": 3,
    }
    assert scores["together"] == {
        "n": 8,
        "accuracy": 7 / 8,
        "macro_f1": pytest.approx(f1_score(gold[20:], predicted[20:], average="macro")),
        "of": ["hi", "ko"],
    }
    # One alone stays what it is.
    assert (
        score(np.eye(2)[predicted[:23]], gold[:23].tolist(), languages[:23], ["a", "b"])["together"] is None
    )


def test_a_class_that_does_not_occur_does_not_lower_the_mean() -> None:
    gold = np.array([0, 0, 1])
    assert macro_f1(gold, gold, 4) == 1.0
    assert macro_f1(gold, np.array([0, 0, 2]), 4) == pytest.approx(1 / 3)


def test_no_rows_have_no_score() -> None:
    assert score(np.zeros((0, 2)), [], [], ["a", "b"])["macro_f1"] is None
