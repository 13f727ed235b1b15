"""How good a model's answers are, in numbers."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


def f1_by_leaf(gold: "Array", predicted: "Array", leaf_count: int) -> list[float | None]:
    """Return each leaf's F1; None for a leaf that is neither in the gold labels nor predicted."""
    scores: list[float | None] = []
    for leaf in range(leaf_count):
        hits = int(((gold == leaf) & (predicted == leaf)).sum())
        named = int((gold == leaf).sum() + (predicted == leaf).sum())
        scores.append(2 * hits / named if named else None)
    return scores


def macro_f1(gold: "Array", predicted: "Array", leaf_count: int) -> float:
    """Return the mean F1 over the leaves that occur, 0 where there are no rows."""
    scores = [score for score in f1_by_leaf(gold, predicted, leaf_count) if score is not None]
    return sum(scores) / len(scores) if scores else 0.0


def score(
    probabilities: "Array", gold: Sequence[int], languages: Sequence[str], leaves: Sequence[str]
) -> dict[str, Any]:
    """Return accuracy, macro-F1, mean cross-entropy, F1 a leaf and accuracy a language, as plain values."""
    import numpy as np

    truth = np.asarray(gold, dtype=np.int64)
    if not len(truth):
        return {"rows": 0, "accuracy": None, "macro_f1": None, "loss": None, "f1": {}, "languages": {}}
    predicted = probabilities.argmax(axis=1)
    right = predicted == truth
    chances = np.maximum(probabilities[np.arange(len(truth)), truth], 1e-12)
    by_language = {}
    for language, count in sorted(Counter(languages).items()):
        at = [i for i, name in enumerate(languages) if name == language]
        by_language[language] = {"n": count, "accuracy": float(right[at].mean())}
    return {
        "rows": len(truth),
        "accuracy": float(right.mean()),
        "macro_f1": macro_f1(truth, predicted, len(leaves)),
        "loss": float(-np.log(chances).mean()),
        "f1": dict(zip(leaves, f1_by_leaf(truth, predicted, len(leaves)), strict=True)),
        "languages": by_language,
    }
