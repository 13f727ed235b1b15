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
    }


def test_a_class_that_does_not_occur_does_not_lower_the_mean() -> None:
    gold = np.array([0, 0, 1])
    assert macro_f1(gold, gold, 4) == 1.0
    assert macro_f1(gold, np.array([0, 0, 2]), 4) == pytest.approx(1 / 3)


def test_no_rows_have_no_score() -> None:
    assert score(np.zeros((0, 2)), [], [], ["a", "b"])["macro_f1"] is None
