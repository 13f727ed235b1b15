"""How much the labels so far have taught the light model, and how much more labels would."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.study.light_model import LightModel, folds

# Fewer labels, or classes with fewer, and the curve is noise.
LEAST_LABELS = 120
LEAST_OF_CLASS = 8
# A language with fewer labels is not scored by itself.
LEAST_OF_LANGUAGE = 50
MORE_LABELS = (100, 500)

_SIZES = 6
_FOLDS = 5
# The smallest size, as a share of the largest.
_SMALLEST = 0.1
_SEEDS = 2
_DRAWS = 400
_LEVEL = 0.95
_POWERS = [0.05 * n for n in range(1, 31)]


@dataclass(frozen=True)
class CurvePoint:
    """Macro-F1 of the light model, in [0, 1], where it learnt from so many labels; with its 95% interval."""

    labels: int
    macro_f1: float
    low: float
    high: float


@dataclass(frozen=True)
class Gain:
    """What so many more labels are expected to add to macro-F1 (0.01 is a point); with its 95% interval."""

    more: int
    gain: float
    low: float
    high: float


@dataclass(frozen=True)
class LearningCurve:
    """`per_class`: {leaf: (labels, F1)}; `per_language`: {language: (labels, macro-F1)}, None where too few.

    Without `points`, it is too early to say; `classes` are those that were scored. `left` is how many tweets could
    still be labelled: no gain is of more.
    """

    labels: int
    left: int
    classes: tuple[str, ...]
    points: tuple[CurvePoint, ...]
    gains: tuple[Gain, ...]
    per_class: dict[str, tuple[int, float | None]]
    per_language: dict[str, tuple[int, float | None]]

    def as_dict(self) -> dict[str, Any]:
        """Return the curve as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "LearningCurve":
        """Return the curve that `as_dict` gave."""
        return cls(
            labels=int(values["labels"]),
            left=int(values["left"]),
            classes=tuple(values["classes"]),
            points=tuple(CurvePoint(**point) for point in values["points"]),
            gains=tuple(Gain(**gain) for gain in values["gains"]),
            per_class={name: (one[0], one[1]) for name, one in values["per_class"].items()},
            per_language={name: (one[0], one[1]) for name, one in values["per_language"].items()},
        )


def learning_curve(
    counts: Any, leaves: Sequence[str], languages: Sequence[str], groups: Sequence[int], left: int
) -> LearningCurve:
    """Measure macro-F1 at several sizes by cross-validation, and say what more labels would add.

    `counts` are the features of the labelled texts, one row each as in `leaves`, `languages` and `groups` (of
    near-duplicates, never divided). Each tweet is predicted by models that have not seen it. Classes with fewer
    than `LEAST_OF_CLASS` labels are not scored. The same rows give the same curve. `left` is how many
    tweets could still be labelled: no more labels than these are promised.
    """
    import numpy as np

    gold = np.asarray(leaves)
    names, numbers = np.unique(gold, return_counts=True)
    classes = tuple(str(name) for name, n in zip(names, numbers, strict=True) if n >= LEAST_OF_CLASS)
    per_class: dict[str, tuple[int, float | None]] = {
        str(name): (int(n), None) for name, n in zip(names, numbers, strict=True)
    }
    spoken = {
        name: int(n) for name, n in zip(*np.unique(np.asarray(languages), return_counts=True), strict=True)
    }
    per_language: dict[str, tuple[int, float | None]] = {str(name): (n, None) for name, n in spoken.items()}
    rows = np.flatnonzero(np.isin(gold, classes))
    if len(rows) < LEAST_LABELS or len(classes) < 2:
        return LearningCurve(len(gold), left, classes, (), (), per_class, per_language)
    counts, gold = counts[rows], gold[rows]
    kept = np.asarray(groups)[rows]
    code = np.searchsorted(np.asarray(classes), gold)
    sizes, said = _predictions(counts, code, kept, len(classes))
    measured = _drawn_scores(code, said, len(classes))
    points = tuple(
        CurvePoint(size, *_interval(score, draws))
        for size, score, draws in zip(sizes, measured[0], measured[1:].T, strict=True)
    )
    last = said[-1, 0]
    scores = f1_of_classes(confusion(code, last, len(classes)))
    for place, name in enumerate(classes):
        per_class[name] = (per_class[name][0], float(scores[place]))
    tongue = np.asarray(languages)[rows]
    for name, n in spoken.items():
        here = np.flatnonzero(tongue == name)
        if len(here) >= LEAST_OF_LANGUAGE and len(np.unique(code[here])) > 1:
            per_language[str(name)] = (n, float(macro_f1(code[here], last[here], len(classes))))
    more = sorted({min(number, left) for number in MORE_LABELS}) if left else []
    gains = forecast(sizes, measured[0], measured[1:], len(gold), more)
    return LearningCurve(int(sum(spoken.values())), left, classes, points, gains, per_class, per_language)


def forecast(
    sizes: Sequence[int], scores: Any, draws: Any, now: int, more: Sequence[int]
) -> tuple[Gain, ...]:
    """Return what more labels would add, from macro-F1 at several sizes; `draws` (draws, sizes) are its bootstrap.

    Each curve is fitted by y = a - b·n^-c with b not negative, an inverse power law (Cortes et al., NeurIPS 1993),
    which is read at `now` labels and at more. The interval is that of the fits to the draws.
    """
    import numpy as np

    x = np.asarray(sizes, dtype=float)
    _, b, c = _fit(x, np.vstack([np.asarray(scores), np.asarray(draws)]))
    found = []
    for number in more:
        gains = b * (float(now) ** -c - float(now + number) ** -c)
        found.append(Gain(number, *_interval(gains[0], gains[1:])))
    return tuple(found)


def _fit(x: Any, y: Any) -> tuple[Any, Any, Any]:
    """Return a, b and c of the curves nearest to the rows of `y`: least squares, c from a grid."""
    import numpy as np

    centred = y - y.mean(axis=1, keepdims=True)
    least = np.full(len(y), np.inf)
    a, b, c = y.mean(axis=1), np.zeros(len(y)), np.ones(len(y))
    for power in _POWERS:
        z = x**-power
        spread = z - z.mean()
        slope = np.maximum(0.0, -(centred @ spread) / (spread @ spread))
        level = y.mean(axis=1) + slope * z.mean()
        error = ((y - (level[:, None] - slope[:, None] * z)) ** 2).sum(axis=1)
        better = error < least - 1e-12
        least = np.where(better, error, least)
        a, b, c = (
            np.where(better, new, old) for new, old in ((level, a), (slope, b), (np.full(len(y), power), c))
        )
    return a, b, c


def _interval(value: float, draws: Any) -> tuple[float, float, float]:
    """Return a value with the percentile interval of its draws, which is made to hold the value."""
    import numpy as np

    low, high = np.quantile(draws, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(value), float(min(low, value)), float(max(high, value))


def _predictions(counts: Any, code: Any, groups: Any, classes: int) -> tuple[list[int], Any]:
    """Return the sizes and what was said of each tweet: (sizes, seeds, tweets), by models that did not see it."""
    import numpy as np

    largest = len(code) * (_FOLDS - 1) // _FOLDS
    sizes = [int(n) for n in np.geomspace(max(_SMALLEST * largest, 10 * classes), largest, _SIZES)]
    said = np.zeros((len(sizes), _SEEDS, len(code)), dtype=np.int64)
    for seed in range(_SEEDS):
        random = np.random.default_rng(seed)
        for training, held_out in folds(groups, [str(c) for c in code], _FOLDS, seed):
            ranked = training[_stratified(code[training], random)]
            for place, size in enumerate(sizes):
                learnt = ranked[:size]
                if len(np.unique(code[learnt])) < 2:
                    said[place, seed, held_out] = code[learnt[0]]
                    continue
                model = LightModel.fit(counts[learnt], [str(c) for c in code[learnt]])
                best = model.probabilities(counts[held_out]).argmax(axis=1)
                said[place, seed, held_out] = np.asarray([int(leaf) for leaf in model.leaves])[best]
    return sizes, said


def _stratified(code: Any, random: Any) -> Any:
    """Return an order of the rows in which each beginning has the classes in about their shares."""
    import numpy as np

    place = np.empty(len(code))
    for one in np.unique(code):
        here = random.permutation(np.flatnonzero(code == one))
        place[here] = (np.arange(len(here)) + random.random()) / len(here)
    return np.argsort(place, kind="stable")


def _drawn_scores(code: Any, said: Any, classes: int) -> Any:
    """Return macro-F1 (1 + draws, sizes): over all tweets and seeds, then of bootstrap draws of tweets.

    The same tweets are drawn for all sizes, so that what the tweets have in common leaves the curve's shape alone;
    each draw takes one division for each size, so that its chance is in the interval, too.
    """
    import numpy as np

    sizes, seeds, number = said.shape
    random = np.random.default_rng(0)
    scores = np.empty((1 + _DRAWS, sizes))
    for place in range(sizes):
        scores[0, place] = np.mean([macro_f1(code, said[place, seed], classes) for seed in range(seeds)])
    for draw in range(_DRAWS):
        drawn = random.integers(number, size=number)
        for place in range(sizes):
            seed = random.integers(seeds)
            scores[1 + draw, place] = macro_f1(code[drawn], said[place, seed][drawn], classes)
    return scores


def confusion(gold: Any, said: Any, classes: int) -> Any:
    """Return how often each class (row) was said to be each (column)."""
    import numpy as np

    return np.bincount(gold * classes + said, minlength=classes * classes).reshape(classes, classes)


def f1_of_classes(table: Any) -> Any:
    """Return the F1 of each class of a confusion table; 0 for one that is neither there nor said."""
    import numpy as np

    right = np.diag(table)
    return 2 * right / np.maximum(table.sum(axis=0) + table.sum(axis=1), 1)


def macro_f1(gold: Any, said: Any, classes: int) -> float:
    """Return the mean F1 of the classes that are in `gold`."""
    table = confusion(gold, said, classes)
    there = table.sum(axis=1) > 0
    return float(f1_of_classes(table)[there].mean())
