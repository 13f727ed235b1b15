"""Scores as the columns of a table: accuracy, macro-F1, and one for each question of the codebook."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.gui import figures
from app.study.codebook import Codebook


def question_names(codebook: Codebook) -> dict[str, str]:
    """Return {code: name} of the questions of a codebook."""
    return {question.code: question.name for question in codebook.questions}


def score_columns(scores: Mapping[str, Any], names: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return the headers and the keys of the scores: overall, then one of each question under its name."""
    keys = ["accuracy", "macro_f1", *(key for key in scores if key.endswith("_macro_f1"))]
    questions = [key.removesuffix("_macro_f1") for key in keys[2:]]
    header = [
        figures.translated("tweets"),
        figures.translated("accuracy"),
        figures.translated("macro-F1"),
        *(f"{names.get(question, question)} F1" for question in questions),
    ]
    return header, keys


def score_cells(scores: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    """Return the number of tweets and the scores of these keys as text."""
    return [figures.count(int(scores.get("n") or 0)), *(figures.score(scores.get(key)) for key in keys)]


def score_rows(scores: Mapping[str, Any], names: Mapping[str, str]) -> tuple[list[str], list[list[str]]]:
    """Return header and one row of overall scores; questions of the codebook have a column each."""
    header, keys = score_columns(scores, names)
    return header, [score_cells(scores, keys)]
