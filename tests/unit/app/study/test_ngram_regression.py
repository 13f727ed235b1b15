"""A light model of numbers: it learns them, and is the same again from its arrays."""

import random

import numpy as np
import pytest

from app.study.light_model import features
from app.study.ngram_regression import NgramRegression


def _texts(number: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Texts with more and fewer words of two kinds, and how many they have."""
    draw = random.Random(seed)
    texts, numbers = [], []
    for _ in range(number):
        goals, borders = draw.randrange(4), draw.randrange(4)
        words = ["goal"] * goals + ["border"] * borders + [f"w{draw.randrange(50)}" for _ in range(4)]
        draw.shuffle(words)
        texts.append(" ".join(words))
        numbers.append((goals - borders, borders))
    return texts, np.asarray(numbers, dtype=float)


def test_it_learns_how_much_not_only_which() -> None:
    texts, numbers = _texts(400, 1)
    model = NgramRegression.fit(features(texts), numbers)
    fresh, expected = _texts(200, 2)
    found = model.predict(features(fresh))
    assert found.shape == (200, 2)
    for column in (0, 1):
        assert np.corrcoef(found[:, column], expected[:, column])[0, 1] > 0.8


@pytest.mark.parametrize("columns", [1, 2])
def test_it_is_the_same_again(columns: int) -> None:
    texts, numbers = _texts(60, 3)
    counts = features(texts)
    model = NgramRegression.fit(counts, numbers[:, :columns])
    again = NgramRegression.from_arrays(model.arrays())
    np.testing.assert_array_equal(model.predict(counts), again.predict(counts))
    np.testing.assert_array_equal(
        NgramRegression.fit(counts, numbers[:, :columns]).predict(counts), model.predict(counts)
    )


def test_one_text_is_enough() -> None:
    counts = features(["only this one"])
    found = NgramRegression.fit(counts, np.asarray([[2.0]])).predict(counts)
    assert found == pytest.approx(2.0, abs=0.01)
