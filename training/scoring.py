"""How good a model's answers are, in numbers."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


# With fewer rows a language's own score is chance; such languages are scored as one, too.
FEW = 20


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
    """Return accuracy, macro-F1, mean cross-entropy, F1 a leaf, and by language, as plain values.

    `languages` maps each to `n`, `accuracy` and `macro_f1`; `together` has the same of the languages with fewer
    than `FEW` rows as one, and their codes in `of`, or is None where there are not several of the kind.
    """
    import numpy as np

    truth = np.asarray(gold, dtype=np.int64)
    if not len(truth):
        nothing = dict.fromkeys(("accuracy", "macro_f1", "loss", "together"))
        return {"rows": 0, **nothing, "f1": {}, "languages": {}}
    predicted = probabilities.argmax(axis=1)
    right = predicted == truth
    chances = np.maximum(probabilities[np.arange(len(truth)), truth], 1e-12)

    def of(some: Collection[str]) -> dict[str, Any]:
        at = [i for i, name in enumerate(languages) if name in some]
        f1 = macro_f1(truth[at], predicted[at], len(leaves))
        return {"n": len(at), "accuracy": float(right[at].mean()), "macro_f1": f1}

    counts = Counter(languages)
    few = sorted(language for language, count in counts.items() if count < FEW)
    return {
        "rows": len(truth),
        "accuracy": float(right.mean()),
        "macro_f1": macro_f1(truth, predicted, len(leaves)),
        "loss": float(-np.log(chances).mean()),
        "f1": dict(zip(leaves, f1_by_leaf(truth, predicted, len(leaves)), strict=True)),
        "languages": {language: of([language]) for language in sorted(counts)},
        "together": of(few) | {"of": few} if len(few) > 1 else None,
    }
