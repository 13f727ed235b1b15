"""Does a 4-bit model answer as the model that was trained? The check that decides which form is served.

Merging an adapter into its base and rounding to 4 bits can cost a small model many points without a sign of
it, so each 4-bit form classifies the validation rows and is compared with the trained model on the same rows.

The rule (`MOST_LOST`, `ENOUGH_ROWS`): a form passes when

1. what it is expected to cost, in pooled macro-F1, is at most half a point with 95% confidence,
2. the gold labels do not prove that it costs more than that, and
3. there are rows enough: with fewer than 73 not even an unchanged label for each shows that at most 5% change.

Why the expected cost. The gold labels of a few hundred rows cannot tell half a point: six labels that change
where two classes are all but equally likely move macro-F1 by two points up or down by chance alone. What such a
change costs can be told from the trained model itself. With p its calibrated probabilities, a form that answers b
instead of a loses p(a) - p(b) of a right answer on that row: next to nothing at a tie, much where the trained
model was sure. The macro-F1 that is to be expected of any answers follows from p in the same way (the expected
table of confusion), and so does its interval, a paired bootstrap over the rows. As a is the likeliest class
by p, the estimate leans against the form. Luck plays no part: a form that changes many sure labels fails even if
it scores better on these rows. The changed labels, their interval and the divergence of the probabilities are
told beside it; figures by language inform, they have a handful of rows each and decide nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from app.inference import calibration

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[Any]]
    Integers = np.ndarray[Any, np.dtype[np.intp]]

MOST_LOST = 0.005
ENOUGH_ROWS = 73
_Z = 1.959963984540054
_LEAST_PROBABILITY = 1e-6


@dataclass(frozen=True)
class ParityReport:
    """How one 4-bit form compares with the trained model on the validation rows.

    Scores and shares run from 0 to 1. `difference` is served minus trained macro-F1, so a loss is negative.
    `cost` is the macro-F1 that the form is expected to lose, positive for a loss. `languages` has n, flips and
    both macro-F1 for each, `left_out` counts rows without probabilities.
    """

    n: int
    left_out: int
    flips: int
    flips_share: float
    flips_interval: tuple[float, float]
    macro_f1_trained: float
    macro_f1_served: float
    difference: float
    difference_interval: tuple[float, float]
    cost: float
    cost_interval: tuple[float, float]
    accuracy_trained: float
    accuracy_served: float
    kl: float
    languages: dict[str, dict[str, float]]
    passed: bool
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values for a card or metrics.json."""
        return asdict(self) | {
            "flips_interval": list(self.flips_interval),
            "difference_interval": list(self.difference_interval),
            "cost_interval": list(self.cost_interval),
        }


def compare(
    trained: "Floats",
    served: "Floats",
    gold: Sequence[str],
    leaves: Sequence[str],
    langs: Sequence[str],
    *,
    resamples: int = 2000,
    seed: int = 1,
) -> ParityReport:
    """Compare two sets of probabilities (rows, leaves) for the same rows and decide by the rule above.

    Rows with NaN in either are left out and counted. The intervals of the difference and of the cost are a
    paired bootstrap over rows (percentiles, seeded). Macro-F1 runs over the leaves that occur in the gold labels.
    """
    import numpy as np

    p, q = np.asarray(trained, dtype=np.float64), np.asarray(served, dtype=np.float64)
    if p.shape != q.shape or p.shape != (len(gold), len(leaves)) or len(langs) != len(gold):
        raise ValueError("trained and served probabilities, labels and languages must be of the same rows")
    places = {leaf: place for place, leaf in enumerate(leaves)}
    kept = np.isfinite(p).all(axis=1) & np.isfinite(q).all(axis=1)
    p, q = p[kept], q[kept]
    y = np.array([places[label] for label in gold], dtype=np.intp)[kept]
    languages = np.array(langs, dtype=object)[kept]
    n = len(y)
    if n == 0:
        raise ValueError("there are no rows to compare")
    a, b = p.argmax(axis=1), q.argmax(axis=1)
    flips = int((a != b).sum())
    f1_trained, f1_served = macro_f1(y, a, len(leaves)), macro_f1(y, b, len(leaves))
    draws = np.random.default_rng(seed).integers(0, n, size=(resamples, n))
    likely = calibration.apply(np.log(np.maximum(p, _LEAST_PROBABILITY)), _calibration(p, y))
    certain = np.eye(len(leaves))[y]
    difference = _interval(_lost(certain, a, b, draws) * -1)
    cost = float(_lost(likely, a, b, np.arange(n)[None])[0])
    cost_interval = _interval(_lost(likely, a, b, draws))
    passed, reason = _decide(flips, n, cost, cost_interval, difference)
    p, q = np.maximum(p, _LEAST_PROBABILITY), np.maximum(q, _LEAST_PROBABILITY)
    return ParityReport(
        n=n,
        left_out=len(gold) - n,
        flips=flips,
        flips_share=flips / n,
        flips_interval=wilson(flips, n),
        macro_f1_trained=f1_trained,
        macro_f1_served=f1_served,
        difference=f1_served - f1_trained,
        difference_interval=difference,
        cost=cost,
        cost_interval=cost_interval,
        accuracy_trained=float((a == y).mean()),
        accuracy_served=float((b == y).mean()),
        kl=float((p * np.log(p / q)).sum(axis=1).mean()),
        languages={
            str(language): {
                "n": int(rows.sum()),
                "flips": int((a != b)[rows].sum()),
                "macro_f1_trained": macro_f1(y[rows], a[rows], len(leaves)),
                "macro_f1_served": macro_f1(y[rows], b[rows], len(leaves)),
            }
            for language in sorted(set(languages))
            for rows in [languages == language]
        },
        passed=passed,
        reason=reason,
    )


def choose_form(reports: Mapping[str, ParityReport]) -> tuple[str, str]:
    """Return which of the forms that there are is served, `single` or `adapter`, and a sentence why.

    The single file where it passes or is alone: one file, and faster. Otherwise the adapter over its base, unless
    that changed more labels and scored lower than the single file, which would be a fault in the export.
    """
    single, adapter = reports["single"], reports.get("adapter")
    if single.passed:
        return "single", f"The single file is served: {single.reason}"
    if adapter is None:
        return "single", f"The single file is served, but the parity check is not passed: {single.reason}"
    if adapter.flips > single.flips and adapter.macro_f1_served < single.macro_f1_served:
        return (
            "single",
            "The single file is served although it did not pass the parity check, because the base with its "
            f"adapter did worse: {adapter.reason}",
        )
    served = f"The base with its adapter is served, because the single file did not pass: {single.reason}"
    if adapter.passed:
        return "adapter", served
    if adapter.reason == single.reason:
        return "adapter", f"{served} The same holds for the base with its adapter."
    return "adapter", f"{served} The base with its adapter did not pass either: {adapter.reason}"


def wilson(count: int, n: int) -> tuple[float, float]:
    """Return Wilson's 95% interval of a share; it holds for 0 of n too.

    https://doi.org/10.1080/01621459.1927.10502953
    """
    share, z2 = count / n, _Z * _Z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * (share * (1 - share) / n + z2 / (4 * n * n)) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)


def macro_f1(gold: "Integers", predicted: "Integers", classes: int) -> float:
    """Return the mean F1 over the classes that occur in `gold`; both are class indices of the same rows."""
    import numpy as np

    return float(_macro_f1(np.eye(classes)[gold], predicted, np.arange(len(gold))[None])[0])


def _macro_f1(likely: "Floats", predicted: "Integers", draws: "Integers") -> "Floats":
    """Macro-F1 for each draw (draws, rows) of the rows, where `likely` (rows, classes) is how likely each class is.

    The classes that occur with a weight of one row or more count: those of the gold labels, where these are certain.
    """
    import numpy as np

    answers = np.eye(likely.shape[1])[predicted]
    times = np.stack([np.bincount(draw, minlength=len(likely)) for draw in draws]).astype(np.float64)
    right, answered, there = times @ (likely * answers), times @ answers, times @ likely
    counted = there >= 1
    f1 = 2 * right / np.maximum(answered + there, 1)
    return np.asarray((f1 * counted).sum(axis=1) / np.maximum(counted.sum(axis=1), 1))


def _lost(likely: "Floats", trained: "Integers", served: "Integers", draws: "Integers") -> "Floats":
    """What macro-F1 loses from the trained to the served answers, for each draw of the rows."""
    return _macro_f1(likely, trained, draws) - _macro_f1(likely, served, draws)


def _calibration(probabilities: "Floats", gold: "Integers") -> dict[str, Any]:
    import numpy as np

    logits = np.log(np.maximum(probabilities, _LEAST_PROBABILITY))
    return calibration.fit(logits, [int(place) for place in gold], with_bias=False)


def _interval(values: "Floats") -> tuple[float, float]:
    import numpy as np

    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _decide(
    flips: int,
    n: int,
    cost: float,
    cost_interval: tuple[float, float],
    difference: tuple[float, float],
) -> tuple[bool, str]:
    changed = f"it changes {flips} of {n} labels"
    lost = f"it is expected to lose {_points(cost)} of macro-F1 (at most {_points(cost_interval[1])})"
    if n < ENOUGH_ROWS:
        return (
            False,
            f"there are too few validation tweets ({n}, {ENOUGH_ROWS} are needed) to tell; {changed}.",
        )
    if cost_interval[1] > MOST_LOST:
        return False, f"{changed} and {lost.removeprefix('it ')}, where half a point is allowed."
    if difference[1] < -MOST_LOST:
        return False, f"{changed} and lost more than half a point of macro-F1 on the validation tweets."
    return True, f"{changed} and {lost.removeprefix('it ')}."


def _points(share: float) -> str:
    return f"{max(share, 0) * 100:.1f} points"
