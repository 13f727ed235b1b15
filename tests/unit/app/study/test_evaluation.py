"""Scores: against a table worked out by hand and against the published figures of the paper's models."""

import csv
from pathlib import Path

import pytest

from app.study.codebook import Codebook
from app.study.evaluation import beats_most_frequent, most_frequent, score

# PAPER.md's table: accuracy, macro-F1, topic macro-F1, stance macro-F1.
PUBLISHED = {
    "paper_en": (0.6606, 0.5977, 0.8335, 0.5802),
    "paper_es": (0.6720, 0.5742, 0.8158, 0.5102),
    "paper_en_es": (0.7211, 0.6392, 0.8249, 0.5959),
    "paper_multi": (0.7040, 0.6400, 0.8607, 0.6321),
}


def test_scores_worked_out_by_hand() -> None:
    gold = ["pro", "pro", "anti", "neutral", "unrelated", "unrelated"]
    predicted = ["pro", "anti", "anti", "unrelated", "unrelated", "unrelated"]
    scores = score(gold, predicted, Codebook.default())
    assert scores["n"] == 6
    assert scores["accuracy"] == pytest.approx(4 / 6)
    # F1: pro 2/3, anti 2/3, neutral 0, unrelated 4/5.
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 0 + 4 / 5) / 4)
    # Topic: immigration tp 3, fn 1, fp 0 → 6/7; unrelated tp 2, fp 1 → 4/5.
    assert scores["topic_macro_f1"] == pytest.approx((6 / 7 + 4 / 5) / 2)
    # Stance over the four related rows; "unrelated" is wrong.
    assert scores["stance_macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)


def test_a_class_without_tweets_has_no_score() -> None:
    per_class = score(["pro", "pro"], ["pro", "anti"], Codebook.default())["per_class"]
    assert per_class["pro"]["f1"] == pytest.approx(2 / 3)
    assert per_class["anti"] == {"n": 0, "f1": None}


def test_the_most_frequent_class_is_what_a_model_must_beat() -> None:
    gold = ["pro", "pro", "anti", "neutral"]
    scores = score(gold, ["pro", "anti", "anti", "pro"], Codebook.default())
    assert most_frequent(scores) == ("pro", 0.5)
    assert not beats_most_frequent(scores)
    assert beats_most_frequent(score(gold, ["pro", "pro", "anti", "pro"], Codebook.default()))
    assert most_frequent(score([], [], Codebook.default())) == ("", 0.0)


def test_no_rows_give_no_score() -> None:
    assert score([], [], Codebook.default())["macro_f1"] is None


def test_a_missing_prediction_counts_as_wrong() -> None:
    scores = score(["pro", "anti"], ["", "anti"], Codebook.default())
    assert scores["accuracy"] == 0.5


@pytest.mark.parametrize("model", PUBLISHED)
def test_the_papers_own_table_comes_out(model: str, shared_data: Path) -> None:
    with open(shared_data / "immigration" / "test.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    scores = score([r["label"] for r in rows], [r[model] for r in rows], Codebook.default())
    names = ("accuracy", "macro_f1", "topic_macro_f1", "stance_macro_f1")
    assert tuple(round(scores[name], 4) for name in names) == PUBLISHED[model]
