"""How good a model is: scores per question and language, on rows that it was not trained on."""

from collections.abc import Mapping, Sequence
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
            # A class that no row has cannot be scored: 0 would say that the model fails at it.
            "f1": _macro_f1(f1_score, list(gold), list(predicted), [leaf.code])
            if leaf.code in gold
            else None,
        }
        for leaf in codebook.leaves
    }
    return result


def most_frequent(scores: Mapping[str, Any]) -> tuple[str, float]:
    """Return the class with the most gold labels among the scored rows, and its share of them in [0, 1]."""
    counts = {code: int(one["n"]) for code, one in (scores.get("per_class") or {}).items()}
    if not counts or not scores.get("n"):
        return "", 0.0
    code = max(counts, key=counts.__getitem__)
    return code, counts[code] / int(scores["n"])


def beats_most_frequent(scores: Mapping[str, Any]) -> bool:
    """Tell whether more rows are right than if the most frequent class were always named."""
    return round(float(scores.get("accuracy") or 0.0) - most_frequent(scores)[1], 9) > 0


def _macro_f1(f1_score: Any, gold: list[str], predicted: list[str], labels: Sequence[str] = ()) -> float:
    labels = list(labels) or sorted(set(gold))
    return float(f1_score(gold, predicted, labels=labels, average="macro", zero_division=0))
