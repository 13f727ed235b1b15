"""How far coders agree, by four measures of nominal codes, each with a bootstrap interval over the units.

A table has a row for each unit (a tweet) and in it a place for each coder: the code that the coder gave, None
where the coder gave none. Every measure takes all units that at least two coders coded, whoever they were.

- Percent agreement: of the pairs of coders of a unit, the share that gave the same code; the mean over units.
- Cohen's kappa (Cohen 1960), for more than two coders the mean over their pairs (Light 1971): scikit-learn.
- Krippendorff's alpha for nominal data (Krippendorff 2019): here, by its coincidence matrix. The library of that
  name is under the GPL and cannot go into a program under Apache-2.0; tests hold this equal to it.
- Gwet's AC1 (Gwet 2008; with missing codes Gwet 2014, as in R's irrCAC): here, from its published formula.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

PERCENT, KAPPA, ALPHA, AC1 = "percent_agreement", "cohens_kappa", "krippendorffs_alpha", "gwets_ac1"
MEASURES = (PERCENT, KAPPA, ALPHA, AC1)

NAMES = {
    PERCENT: "Percent agreement",
    KAPPA: "Cohen's kappa",
    ALPHA: "Krippendorff's alpha",
    AC1: "Gwet's AC1",
}
EXPLANATIONS = {
    PERCENT: "Of the pairs of labels on the same tweet, the share that are equal; chance alone makes some of them so.",
    KAPPA: "How much of the way from chance (0) to full agreement (1) the coders go, where chance is two coders who "
    "label at random, each in their own proportions; with more than two coders the mean over their pairs.",
    ALPHA: "The same with one set of proportions for all coders, corrected for small samples; it takes any number of "
    "coders and missing labels. Krippendorff asks for 0.800, and for 0.667 where conclusions are tentative.",
    AC1: "The same with a chance that stays low where nearly all tweets are of one class; there kappa and alpha come "
    "out low although the coders hardly ever differ.",
}

RESAMPLES = 2000
SEED = 2008
# With fewer tweets every figure is a rough one.
FEW = 30
# Ends of an interval that are this close are one number but for rounding.
_EQUAL = 1e-9
# Weights of resamples that are held at once.
_BLOCK = 4_000_000

Codes = Sequence[str | None]
# A table, or how many units there are of each kind of row: a study of many tweets has few kinds.
Units = Sequence[Codes] | Counter[tuple[str | None, ...]]


@dataclass(frozen=True)
class Estimate:
    """A measure's value with its 95% interval; `n` units were coded by at least two coders.

    `value` is None where the measure is not defined; `undefined` is then a sentence that says why. `low` and
    `high` are None where there is no interval, also where all resamples have one value: that they do tells nothing
    about further tweets. `note` is "" or a sentence on how far to trust the figures.
    """

    measure: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    undefined: str = ""
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields."""
        return asdict(self)


def percent_agreement(units: Units, *, resamples: int = RESAMPLES, seed: int = SEED) -> Estimate:
    """Return the share of equal pairs of codes, each unit counting once. In [0, 1]."""
    return _estimates(_Table.of(units), (PERCENT,), resamples, seed)[PERCENT]


def cohens_kappa(units: Units, *, resamples: int = RESAMPLES, seed: int = SEED) -> Estimate:
    """Return Cohen's kappa; for more than two coders the mean over the pairs that share units. In [−1, 1]."""
    return _estimates(_Table.of(units), (KAPPA,), resamples, seed)[KAPPA]


def krippendorffs_alpha(units: Units, *, resamples: int = RESAMPLES, seed: int = SEED) -> Estimate:
    """Return Krippendorff's alpha for nominal data. In [−1, 1]."""
    return _estimates(_Table.of(units), (ALPHA,), resamples, seed)[ALPHA]


def gwets_ac1(
    units: Units, classes: Sequence[str] = (), *, resamples: int = RESAMPLES, seed: int = SEED
) -> Estimate:
    """Return Gwet's AC1. In [−1, 1].

    `classes` are those that the coders could choose from; where none are given, those that were used. Units
    that one coder coded take part in how frequent each class is, as Gwet 2014 has it.
    """
    return _estimates(_Table.of(units, classes), (AC1,), resamples, seed)[AC1]


def all_measures(
    units: Units, classes: Sequence[str] = (), *, resamples: int = RESAMPLES, seed: int = SEED
) -> dict[str, Estimate]:
    """Return all measures of one table, from the same resamples."""
    return _estimates(_Table.of(units, classes), MEASURES, resamples, seed)


@dataclass(frozen=True)
class _Table:
    """Units by their kinds of row, as numbers.

    `codes` (kinds, coders) holds the place of each code among those used, −1 for none; `times` (kinds,) how
    many units are of the kind; `counts` (kinds, codes used) how many coders gave each code; `choices` is how
    many classes there were to choose from.
    """

    codes: "Array"
    times: "Array"
    counts: "Array"
    choices: int

    @classmethod
    def of(cls, units: Units, classes: Sequence[str] = ()) -> "_Table":
        import numpy as np

        kinds = units if isinstance(units, Counter) else Counter(tuple(row) for row in units)
        widths = {len(row) for row in kinds} or {0}
        if len(widths) > 1:
            raise ValueError("each unit needs one place for each coder")
        used = sorted({code for row in kinds for code in row if code is not None})
        place = {code: number for number, code in enumerate(used)}
        # In an order of their own, so that the order of the units changes no interval.
        rows = sorted(
            ([-1 if code is None else place[code] for code in row], times)
            for row, times in kinds.items()
            if any(code is not None for code in row)
        )
        codes = np.array([row for row, _ in rows], dtype=np.int64).reshape(len(rows), *widths)
        return cls(
            codes=codes,
            times=np.array([times for _, times in rows], dtype=np.int64),
            counts=(codes[:, :, None] == np.arange(len(used))).sum(axis=1),
            choices=len({*used, *classes}),
        )

    @property
    def twice(self) -> "Array":
        """Which kinds at least two coders coded."""
        return self.counts.sum(axis=1) >= 2

    @property
    def n(self) -> int:
        """How many units at least two coders coded."""
        return int(self.times[self.twice].sum())

    def pairs(self) -> list[tuple["Array", "Array", "Array"]]:
        """Return (first's codes, second's codes, which kinds) for each two coders that share units."""
        found = []
        for first, second in combinations(range(self.codes.shape[1]), 2):
            both = (self.codes[:, first] >= 0) & (self.codes[:, second] >= 0)
            if both.any():
                found.append((self.codes[both, first], self.codes[both, second], both))
        return found


@dataclass(frozen=True)
class _Point:
    value: float | None
    undefined: str = ""
    note: str = ""


def _estimates(table: _Table, measures: Sequence[str], resamples: int, seed: int) -> dict[str, Estimate]:
    if not table.n:
        why = "Not defined because no unit was coded by two coders."
        return {measure: Estimate(measure, None, None, None, 0, why) for measure in measures}
    points = {measure: _POINTS[measure](table) for measure in measures}
    defined = [measure for measure in measures if points[measure].value is not None]
    intervals = _intervals(table, defined, resamples, seed) if table.n > 1 else {}
    found = {}
    for measure, point in points.items():
        low, high, note = intervals.get(measure, (None, None, ""))
        if point.value is not None and table.n == 1:
            note = "One unit alone gives no interval."
        notes = " ".join(part for part in (point.note, note) if part)
        found[measure] = Estimate(measure, point.value, low, high, table.n, point.undefined, notes)
    return found


# The values


def _percent_point(table: _Table) -> _Point:
    return _Point(float(_percent(table, table.times[None, :])[0]))


def _kappa_point(table: _Table) -> _Point:
    from sklearn.metrics import cohen_kappa_score

    pairs = table.pairs()
    # Where both coders gave one and the same class throughout, kappa is 0 / 0.
    varied = [pair for pair in pairs if len({*pair[0].tolist(), *pair[1].tolist()}) > 1]
    if not varied:
        return _Point(None, "Not defined because only one class was used.")
    values = [
        float(cohen_kappa_score(first, second, sample_weight=table.times[both]))
        for first, second, both in varied
    ]
    note = ""
    if len(varied) < len(pairs):
        note = (
            f"The mean over {len(varied)} of {len(pairs)} pairs of coders; the others used one class only, "
            "for which kappa is not defined."
        )
    return _Point(sum(values) / len(values), note=note)


def _alpha_point(table: _Table) -> _Point:
    if (table.counts[table.twice].any(axis=0)).sum() < 2:
        return _Point(None, "Not defined because only one class was used.")
    return _Point(float(_alpha(table, table.times[None, :])[0]))


def _ac1_point(table: _Table) -> _Point:
    if table.choices < 2:
        return _Point(None, "Not defined because there is only one class to choose from.")
    return _Point(float(_ac1(table, table.times[None, :])[0]))


_POINTS: dict[str, Callable[[_Table], _Point]] = {
    PERCENT: _percent_point,
    KAPPA: _kappa_point,
    ALPHA: _alpha_point,
    AC1: _ac1_point,
}


# The same measures for many resamples at once. `weights` (resamples, kinds) is how often a kind was drawn;
# the result (resamples,) is NaN where a measure is not defined.


def _percent(table: _Table, weights: "Array") -> "Array":
    counts = table.counts[table.twice]
    coders = counts.sum(axis=1)
    share = (counts * (counts - 1)).sum(axis=1) / (coders * (coders - 1))
    drawn = weights[:, table.twice]
    result: Array = drawn @ share / drawn.sum(axis=1)
    return result


def _kappa(table: _Table, weights: "Array") -> "Array":
    import numpy as np

    each = np.eye(table.counts.shape[1])
    total, pairs = np.zeros(len(weights)), np.zeros(len(weights))
    for first, second, both in table.pairs():
        drawn = weights[:, both]
        n = drawn.sum(axis=1)
        # Whole numbers up to the division, so that "no room beyond chance" is exactly zero.
        chance = ((drawn @ each[first]) * (drawn @ each[second])).sum(axis=1)
        value = _divided(n * (drawn @ (first == second)) - chance, n * n - chance)
        there = ~np.isnan(value)
        total[there] += value[there]
        pairs += there
    return _divided(total, pairs)


def _alpha(table: _Table, weights: "Array") -> "Array":
    counts = table.counts[table.twice]
    coders = counts.sum(axis=1)
    drawn = weights[:, table.twice]
    # Off the diagonal of the coincidence matrix, observed and expected (Krippendorff 2019).
    observed = drawn @ (coders - (counts * (counts - 1)).sum(axis=1) / (coders - 1))
    per_class = drawn @ counts
    n = per_class.sum(axis=1)
    result: Array = 1 - _divided((n - 1) * observed, n * n - (per_class**2).sum(axis=1))
    return result


def _ac1(table: _Table, weights: "Array") -> "Array":
    # Gwet 2008; with missing codes Gwet 2014: the coders of a unit share one vote.
    votes = table.counts / table.counts.sum(axis=1, keepdims=True)
    shares = weights @ votes / weights.sum(axis=1, keepdims=True)
    chance = (shares * (1 - shares)).sum(axis=1) / (table.choices - 1)
    result: Array = (_percent(table, weights) - chance) / (1 - chance)
    return result


_RESAMPLED: dict[str, Callable[[_Table, "Array"], "Array"]] = {
    PERCENT: _percent,
    KAPPA: _kappa,
    ALPHA: _alpha,
    AC1: _ac1,
}


def _divided(above: "Array", below: "Array") -> "Array":
    import numpy as np

    result = np.full(len(above), np.nan)
    np.divide(above, below, out=result, where=below > 0)
    return result


def _intervals(
    table: _Table, measures: Sequence[str], resamples: int, seed: int
) -> dict[str, tuple[float | None, float | None, str]]:
    """Return (low, high, note) of each measure: the 2.5th and 97.5th percentile of the resamples' values."""
    import numpy as np

    random = np.random.default_rng(seed)
    block = max(1, _BLOCK // len(table.times))
    values: dict[str, list[Array]] = {measure: [] for measure in measures}
    for begin in range(0, resamples, block):
        weights = _drawn(table, min(block, resamples - begin), random)
        for measure in measures:
            values[measure].append(_RESAMPLED[measure](table, weights))
    return {measure: _percentiles(np.concatenate(found)) for measure, found in values.items()}


def _drawn(table: _Table, resamples: int, random: "np.random.Generator") -> "Array":
    """Draw units with replacement: how often each kind of row comes is multinomial.

    Units coded twice and those coded once are drawn apart: which tweets are coded twice is the study's design,
    and each resample has as many of them as the study.
    """
    import numpy as np

    weights = np.zeros((resamples, len(table.times)))
    for part in (table.twice, ~table.twice):
        n = int(table.times[part].sum())
        if n:
            weights[:, part] = random.multinomial(n, table.times[part] / n, size=resamples)
    return weights


def _percentiles(values: "Array") -> tuple[float | None, float | None, str]:
    import numpy as np

    there = values[~np.isnan(values)]
    missed = len(values) - len(there)
    if 2 * len(there) < len(values) or not len(there):
        return None, None, "No interval: in most resamples the measure is not defined."
    low, high = (float(value) for value in np.percentile(there, (2.5, 97.5)))
    if high - low < _EQUAL:
        return None, None, "No interval: nearly all resamples give this one value."
    if missed:
        what = "1 resample" if missed == 1 else f"{missed:,} resamples"
        return low, high, f"The interval leaves out {what} in which the measure is not defined."
    return low, high, ""
