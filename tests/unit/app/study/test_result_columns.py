"""The columns that a classification adds to a file: who said it, and names that a codebook may have taken."""

import numpy as np
import pytest

from app.errors import UserError
from app.study.codebook import Codebook
from app.study.part_file import SETTLED
from app.study.result_columns import ResultColumns

LEAVES = ("pro", "anti", "neutral", "unrelated")


def test_what_the_light_model_settled_is_never_the_models_own() -> None:
    columns = ResultColumns(Codebook.default(), LEAVES, cascade=True)
    sure, other = [0.01, 0.01, 0.01, 0.97], [0.02, 0.02, 0.02, 0.94]
    rows = columns.of([SETTLED, 5, SETTLED, 7], np.array([sure, sure, other, [np.nan] * 4], dtype=np.float32))
    assert [row["predicted_by"] for row in rows] == ["light model", "model", "light model", None]
    assert [row["predicted_label"] for row in rows] == ["unrelated"] * 3 + [None]
    # Two settled rows have each their own probabilities.
    assert [row["confidence"] for row in rows[:3]] == pytest.approx([0.97, 0.97, 0.94])
    assert columns.counts == {"unrelated": 3, "": 1}
    with pytest.raises(UserError, match="predicted_by"):
        columns.check_clash(["id", "predicted_by"])


def test_without_a_cascade_there_is_no_such_column() -> None:
    assert "predicted_by" not in ResultColumns(Codebook.default(), LEAVES).names


def test_a_question_of_the_same_name_keeps_its_own() -> None:
    options = "".join(
        f'[[questions.options]]\ncode = "{code}"\nkey = "{key}"\n' for key, code in enumerate(LEAVES, 1)
    )
    columns = ResultColumns(
        Codebook.from_toml(f'[[questions]]\ncode = "by"\n{options}'), LEAVES, "m_", cascade=True
    )
    (row,) = columns.of([1], np.array([[0.7, 0.1, 0.1, 0.1]], dtype=np.float32))
    assert (row["m_predicted_by"], row["m_predicted_by_of_row"]) == ("pro", "model")
