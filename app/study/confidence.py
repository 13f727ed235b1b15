"""What a model's confidence is worth: does it say how often the model is right, and what does a threshold cost?

Confidence is the probability of the class that the model answers with. It is compared with the share of answers
that are right, in bins of equal width, as in Guo et al. 2017 (https://arxiv.org/abs/1706.04599). A threshold
leaves the tweets below it undecided: fewer answers, more of them right (the risk-coverage curve; El-Yaniv and
Wiener 2010, https://www.jmlr.org/papers/v11/el-yaniv10a.html).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from app.inference.parity import macro_f1, wilson
from app.study.evaluation import FEW_ROWS

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[Any]]
    Integers = np.ndarray[Any, np.dtype[np.intp]]

UNDECIDED = "undecided"
BINS = 10
_MOST_POINTS = 200
_RESAMPLES = 1000
_SEED = 1


def is_undecided(confidence: float, below: float) -> bool:
    """Tell whether an answer of this confidence is left undecided: strictly below the threshold."""
    return confidence < below


@dataclass(frozen=True)
class _Columns:
    """Answers as arrays of one value a row; languages and classes by their place in `languages` and `classes`."""

    languages: list[str]
    classes: list[str]
    language: "Integers"
    gold: "Integers"
    predicted: "Integers"
    confidence: "Floats"
    right: "Floats"


@dataclass(frozen=True)
class Answers:
    """What a model answered on labelled rows, a value a row, all of the same length.

    A row that could not be classified is answered "" with confidence 0: wrong, as in the scores, and undecided
    at any threshold above 0.
    """

    languages: tuple[str, ...]
    gold: tuple[str, ...]
    predicted: tuple[str, ...]
    confidence: tuple[float, ...]

    @classmethod
    def of_rows(cls, rows: Iterable[Sequence[Any]]) -> "Answers":
        """Take rows of (language, gold label, predicted label, confidence): what `rows` gives."""
        taken = [(str(lang), str(gold), str(said), float(sure)) for lang, gold, said, sure in rows]
        columns: list[Any] = [tuple(column) for column in zip(*taken, strict=True)] or [(), (), (), ()]
        return cls(*columns)

    @classmethod
    def of_probabilities(
        cls, languages: Sequence[str], gold: Sequence[str], probabilities: "Floats", leaves: Sequence[str]
    ) -> "Answers":
        """Take probabilities (rows, leaves); a row with NaN could not be classified."""
        import numpy as np

        p = np.asarray(probabilities, dtype=np.float64)
        failed: list[bool] = np.isnan(p).any(axis=1).tolist()  # type: ignore[assignment]
        best = np.nan_to_num(p).argmax(axis=1).tolist()
        sure = np.nan_to_num(p).max(axis=1).tolist()
        return cls(
            tuple(languages),
            tuple(gold),
            tuple("" if failed[row] else leaves[best[row]] for row in range(len(p))),
            tuple(0.0 if failed[row] else sure[row] for row in range(len(p))),
        )

    def __len__(self) -> int:
        return len(self.gold)

    def rows(self) -> list[list[Any]]:
        """Return the rows as plain values."""
        columns = (self.languages, self.gold, self.predicted, self.confidence)
        return [list(row) for row in zip(*columns, strict=True)]

    def in_language(self, language: str) -> "Answers":
        """Return the rows in one language."""
        return Answers.of_rows(row for row in self.rows() if row[0] == language)

    def per_language(self) -> dict[str, "Answers"]:
        """Return {language: its rows}, the language with the most rows first."""
        split = {language: self.in_language(language) for language in sorted(set(self.languages))}
        return dict(sorted(split.items(), key=lambda item: -len(item[1])))

    def is_few(self) -> bool:
        """Tell whether these rows are too few for a share that means something."""
        return len(self) < FEW_ROWS

    @cached_property
    def columns(self) -> _Columns:
        """The rows as arrays, made once."""
        import numpy as np

        languages, classes = sorted(set(self.languages)), sorted({*self.gold, *self.predicted})
        language_of = {name: place for place, name in enumerate(languages)}
        class_of = {name: place for place, name in enumerate(classes)}
        gold = np.array([class_of[one] for one in self.gold], dtype=np.intp)
        predicted = np.array([class_of[one] for one in self.predicted], dtype=np.intp)
        return _Columns(
            languages,
            classes,
            np.array([language_of[one] for one in self.languages], dtype=np.intp),
            gold,
            predicted,
            np.array(self.confidence, dtype=np.float64),
            gold == predicted,
        )


@dataclass(frozen=True)
class Bin:
    """The rows whose confidence lies in (low, high]: their mean confidence, and the share that is right.

    The share has its 95% interval after Wilson. A bin without rows has None for all of these.
    """

    low: float
    high: float
    n: int
    confidence: float | None = None
    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None


@dataclass(frozen=True)
class Reliability:
    """The reliability diagram of `n` rows, and the expected calibration error, which sums it up.

    `ece` is the mean over the rows of |accuracy - confidence| of their bin, 0 to 1. It is never negative, so that
    chance alone makes it larger than it is: `chance` is what a model whose confidence were exactly right would
    show on these rows on average, `chance_high` what it would not exceed in 95 of 100 cases (the answers drawn
    anew by their own confidence; Bröcker and Smith 2007, https://doi.org/10.1175/WAF993.1). A bootstrap interval
    is not given: in a simulation of 100 to 1,000 rows it held the true error of a calibrated model in 0 of 100
    cases by percentiles, and in 62 to 68 of 100 about the estimate. `failed` rows are left out.
    """

    n: int
    failed: int
    bins: tuple[Bin, ...]
    confidence: float | None = None
    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    ece: float | None = None
    chance: float | None = None
    chance_high: float | None = None

    @property
    def is_beyond_chance(self) -> bool:
        """Tell whether the error is larger than an exactly right confidence would show by chance."""
        return self.ece is not None and self.chance_high is not None and self.ece > self.chance_high

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self) | {"bins": [asdict(one) for one in self.bins]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Reliability":
        """Read what `as_dict` gave; raise TypeError or KeyError where it is something else."""
        return cls(**{**values, "bins": tuple(Bin(**one) for one in values["bins"])})


def reliability(answers: Answers, bins: int = BINS) -> Reliability:
    """Compare confidence with accuracy in bins of equal width; the same rows give the same figures."""
    import numpy as np

    edges = np.arange(1, bins + 1) / bins
    limits = [(place / bins, (place + 1) / bins) for place in range(bins)]
    sure, right = answers.columns.confidence, answers.columns.right.astype(np.float64)
    answered = np.array([said != "" for said in answers.predicted], dtype=bool)
    failed = int((~answered).sum())
    sure, right = sure[answered], right[answered]
    n = len(sure)
    if n == 0:
        return Reliability(0, failed, tuple(Bin(low, high, 0) for low, high in limits))
    places = np.minimum(np.searchsorted(edges, sure, side="left"), bins - 1)
    made = []
    for place, (low, high) in enumerate(limits):
        inside = places == place
        count = int(inside.sum())
        if not count:
            made.append(Bin(low, high, 0))
            continue
        interval = wilson(int(right[inside].sum()), count)
        made.append(Bin(low, high, count, float(sure[inside].mean()), float(right[inside].mean()), *interval))
    random = np.random.default_rng(_SEED)
    by_chance = [_error(sure, random.random(n) < sure, places, bins) for _ in range(_RESAMPLES)]
    overall = wilson(int(right.sum()), n)
    return Reliability(
        n,
        failed,
        tuple(made),
        float(sure.mean()),
        float(right.mean()),
        *overall,
        ece=_error(sure, right, places, bins),
        chance=float(np.mean(by_chance)),
        chance_high=float(np.quantile(by_chance, 0.95)),
    )


def _error(sure: "Floats", right: "Floats", places: "Floats", bins: int) -> float:
    """Return the sum over the bins of n_bin / n times |accuracy - confidence|."""
    import numpy as np

    return float(np.abs(np.bincount(places, sure - right, bins)).sum() / len(sure))


@dataclass(frozen=True)
class Point:
    """What a threshold does to `n` rows: how many are `decided`, and how many of these are `right`.

    `coverage` is decided / n, `accuracy` right / decided with its 95% interval after Wilson; None for none.
    """

    threshold: float
    n: int
    decided: int
    right: int
    coverage: float | None
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None

    @classmethod
    def of(cls, threshold: float, n: int, decided: int, right: int) -> "Point":
        """Work out the shares from the counts."""
        coverage = decided / n if n else None
        if not decided:
            return cls(threshold, n, 0, 0, coverage, None, None, None)
        return cls(threshold, n, decided, right, coverage, right / decided, *wilson(right, decided))


@dataclass(frozen=True)
class Decision:
    """A threshold's consequence: over all rows, with macro-F1 of the decided ones, for each language and gold label.

    Macro-F1 runs over the classes that the decided rows' gold labels have, as in the scores; None for no row. A
    class of which fewer are decided than of the others is one that the decided rows under-represent.
    """

    overall: Point
    macro_f1: float | None
    languages: dict[str, Point]
    classes: dict[str, Point]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def decide(answers: Answers, threshold: float) -> Decision:
    """Return what leaving undecided whatever is below a threshold does to these rows."""
    import numpy as np

    columns = answers.columns
    # What `is_undecided` is not.
    kept = columns.confidence >= threshold
    right = kept & columns.right

    def by(places: "Integers", names: Sequence[str]) -> dict[str, Point]:
        counts = [np.bincount(places[which], minlength=len(names)).tolist() for which in (..., kept, right)]
        points = {
            name: Point.of(threshold, *(column[place] for column in counts))
            for place, name in enumerate(names)
        }
        return {name: one for name, one in sorted(points.items(), key=lambda item: -item[1].n) if one.n}

    overall = Point.of(threshold, len(answers), int(kept.sum()), int(right.sum()))
    gold, predicted = columns.gold[kept], columns.predicted[kept]
    return Decision(
        overall,
        macro_f1(gold, predicted, len(columns.classes)) if overall.decided else None,
        by(columns.language, columns.languages),
        by(columns.gold, columns.classes),
    )


def curve(answers: Answers, most: int = _MOST_POINTS) -> list[Point]:
    """Return the coverage-accuracy curve: all rows first, then fewer, one point a distinct confidence.

    Where there are more than `most`, that many are taken, evenly by coverage; the first and the last stay.
    """
    import numpy as np

    n = len(answers)
    if n == 0:
        return []
    order = np.argsort(answers.columns.confidence, kind="stable")
    sure, right = answers.columns.confidence[order], answers.columns.right[order]
    # Where each distinct confidence begins: from there on, all are decided at that threshold.
    thresholds, begins = np.unique(sure, return_index=True)
    if len(begins) > most:
        chosen = np.unique(np.linspace(0, len(begins) - 1, most).round().astype(np.intp))
        thresholds, begins = thresholds[chosen], begins[chosen]
    right_from = np.cumsum(right[::-1])[::-1]
    points = [
        Point.of(float(threshold), n, n - int(begin), int(right_from[begin]))
        for threshold, begin in zip(thresholds, begins, strict=True)
    ]
    # The lowest confidence decides all, as a threshold of 0 does.
    return [Point.of(0.0, n, n, points[0].right), *points[1:]]
