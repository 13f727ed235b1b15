"""How good a model is: scores per question and language, on rows that it was not trained on."""

from collections.abc import Sequence
from typing import Any

from app.study.codebook import Codebook

# Below this many rows a language's score is an anecdote; the window and the tables say so.
FEW_ROWS = 50


def score(gold: Sequence[str], predicted: Sequence[str], codebook: Codebook) -> dict[str, Any]:
    """Return accuracy and macro-F1 over the leaves, and the macro-F1 of each question of the codebook.

    A question is scored on the rows whose gold label answers it: topic on all rows, stance on those that
    are about immigration; a prediction that never reaches the question counts as wrong. Macro-F1 is the
    plain mean of the F1 of the classes that occur in the gold labels. Values lie in [0, 1]; a score over
    no rows is None.
    """
    from sklearn.metrics import f1_score

    if not gold:
        return {"n": 0, "accuracy": None, "macro_f1": None} | {
            f"{question.code}_macro_f1": None for question in codebook.questions
        }
    result: dict[str, Any] = {
        "n": len(gold),
        "accuracy": sum(g == p for g, p in zip(gold, predicted, strict=True)) / len(gold),
        "macro_f1": _macro_f1(f1_score, list(gold), list(predicted)),
    }
    paths = {leaf.code: leaf.path for leaf in codebook.leaves}
    for question in codebook.questions:
        pairs = [
            (paths[g][question.code], paths.get(p, {}).get(question.code, ""))
            for g, p in zip(gold, predicted, strict=True)
            if question.code in paths[g]
        ]
        result[f"{question.code}_macro_f1"] = (
            _macro_f1(f1_score, [g for g, _ in pairs], [p for _, p in pairs]) if pairs else None
        )
    result["per_class"] = {
        leaf.code: {
            "n": sum(g == leaf.code for g in gold),
            "f1": float(
                f1_score(list(gold), list(predicted), labels=[leaf.code], average="macro", zero_division=0)
            ),
        }
        for leaf in codebook.leaves
    }
    return result


def _macro_f1(f1_score: Any, gold: list[str], predicted: list[str]) -> float:
    return float(f1_score(gold, predicted, labels=sorted(set(gold)), average="macro", zero_division=0))
