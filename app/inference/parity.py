"""Does a 4-bit model answer as the model that was trained? The check that decides which form is served.

Merging an adapter into its base and rounding to 4 bits can cost a small model many points without a sign of
it, so each 4-bit form classifies the validation rows and is compared with the trained model on the same rows.

The rule (`MOST_LOST`, `MOST_FLIPPED`): a form passes when

1. its pooled macro-F1 is at most half a point below the trained model's, and
2. the upper end of the 95% Wilson interval of the share of changed labels is at most 5%.

The first is what users care about, but on a few hundred rows it is noise of a point or two, and a form that
changes many labels may score as well by luck. The second bounds the damage whatever the labels: a form that
changes at most 5% of the labels cannot lose more than 5 points of accuracy, nor gain them by luck. Taking the
interval's end, not the share, puts the burden of proof on the form: with fewer than 73 rows not even an
unchanged label for each is proof. That errs on the slow side, never on the wrong side: where the single file
does not pass, the base with the adapter is served, which computes with the very weights that were trained.
Figures by language inform; they have a handful of rows each and decide nothing.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[Any]]
    Integers = np.ndarray[Any, np.dtype[np.intp]]

MOST_LOST = 0.005
MOST_FLIPPED = 0.05
_Z = 1.959963984540054
_LEAST_PROBABILITY = 1e-6


@dataclass(frozen=True)
class ParityReport:
    """How one 4-bit form compares with the trained model on the validation rows.

    Scores and shares run from 0 to 1. `difference` is served minus trained macro-F1, so a loss is negative.
    `languages` has n, flips and both macro-F1 for each, `left_out` counts rows without probabilities.
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

    Rows with NaN in either are left out and counted. The interval of the difference is a paired bootstrap
    over rows (percentiles, seeded). Macro-F1 runs over the leaves that occur in the gold labels.
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
    differences = _bootstrap(y, a, b, len(leaves), resamples, seed)
    interval = wilson(flips, n)
    passed, reason = _decide(f1_trained - f1_served, flips, n, interval)
    p, q = np.maximum(p, _LEAST_PROBABILITY), np.maximum(q, _LEAST_PROBABILITY)
    return ParityReport(
        n=n,
        left_out=len(gold) - n,
        flips=flips,
        flips_share=flips / n,
        flips_interval=interval,
        macro_f1_trained=f1_trained,
        macro_f1_served=f1_served,
        difference=f1_served - f1_trained,
        difference_interval=(float(np.quantile(differences, 0.025)), float(np.quantile(differences, 0.975))),
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


def choose_form(single: ParityReport, adapter: ParityReport) -> tuple[str, str]:
    """Return which form is served, `single` or `adapter`, and a sentence why.

    The single file where it passes: one file, and faster. Otherwise the adapter over its base, unless that
    changed more labels and scored lower than the single file, which would be a fault in the export.
    """
    if single.passed:
        return "single", f"The single file is served: {single.reason}"
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

    table = np.bincount(gold * classes + predicted, minlength=classes * classes).reshape(1, classes, classes)
    return float(_macro_f1(table)[0])


def _macro_f1(tables: "Floats") -> "Floats":
    """Macro-F1 of each confusion table (tables, gold, predicted)."""
    import numpy as np

    right = np.diagonal(tables, axis1=1, axis2=2)
    golds, answers = tables.sum(axis=2), tables.sum(axis=1)
    f1 = 2 * right / np.maximum(golds + answers, 1)
    there = golds > 0
    return np.asarray((f1 * there).sum(axis=1) / there.sum(axis=1))


def _bootstrap(
    y: "Integers", a: "Integers", b: "Integers", classes: int, resamples: int, seed: int
) -> "Floats":
    """Differences of macro-F1, served minus trained, over resampled rows; both on the same rows each time."""
    import numpy as np

    draws = np.random.default_rng(seed).integers(0, len(y), size=(resamples, len(y)))
    cells, offsets = classes * classes, np.arange(resamples)[:, None] * classes * classes
    scores = []
    for predicted in (a, b):
        flat = (y * classes + predicted)[draws] + offsets
        tables = np.bincount(flat.ravel(), minlength=resamples * cells).reshape(resamples, classes, classes)
        scores.append(_macro_f1(tables))
    return scores[1] - scores[0]


def _decide(lost: float, flips: int, n: int, interval: tuple[float, float]) -> tuple[bool, str]:
    allowed = f"{MOST_FLIPPED:.0%}"
    changed = f"it changes {flips} of {n} labels"
    points = f"{abs(lost) * 100:.1f}"
    if points == "0.0":
        scored = "has the same macro-F1 as the trained model"
    else:
        scored = f"scores {points} points of macro-F1 {'below' if lost > 0 else 'above'} the trained model"
    if lost > MOST_LOST:
        return False, f"it {scored}, more than the half point allowed, and {changed.removeprefix('it ')}."
    if wilson(0, n)[1] > MOST_FLIPPED:
        few = f"there are too few validation tweets ({n}) to be sure that at most {allowed} of the labels change"
        return False, f"{few}; {changed} and {scored}."
    most = f"at most {interval[1]:.1%} with 95% confidence"
    if interval[1] > MOST_FLIPPED:
        return False, f"{changed} ({most}), more than the {allowed} allowed; it {scored}."
    return True, f"{changed} ({most}) and {scored}."
