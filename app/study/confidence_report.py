"""A model's confidence as a part of its scores: plain values to keep, and sentences to read."""

from collections.abc import Mapping
from typing import Any

from app.study.confidence import Answers, Decision, Point, Reliability, decide, reliability
from app.study.evaluation import FEW_ROWS
from app.study.rounding import per_cent, rounded, score

# What a table of thresholds shows.
THRESHOLDS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
# The same for each language and class, on a terminal: what fits beside each other.
FEW_THRESHOLDS = (0.0, 0.7, 0.9)

CROSS_FITTED = (
    "Measured on the validation tweets of its training, each with a calibration that was fitted on the other "
    "four fifths of them. They also chose the epoch: expect less on new tweets."
)
CLASSES_TOLD = (
    "A class of which fewer are decided than of the others is under-represented in what is decided, so that shares "
    "of classes are not those of all tweets."
)
_NOT_MEASURED = "It was not measured when this model was trained. Evaluate it to see, on labelled tweets."
_TUNED = (
    "A threshold that is chosen by these figures fits these tweets a little better than new ones; a paper should "
    "say on which tweets it was chosen."
)
_HAD_A_PART = "These tweets had, or may have had, a part in the training: expect less on new ones."


def confidence_report(answers: Answers, *, warning: bool) -> dict[str, Any]:
    """Return what an evaluation says of confidence.

    {answers: [[language, gold, predicted, confidence], …], reliability, thresholds: [decision, …], languages:
    {lang: {n, few}}, told: {calibration, thresholds, languages}}. `warning`: the rows had a part in the training.
    """
    found = reliability(answers)
    calibration = calibration_told(found)
    return {
        "answers": answers.rows(),
        "reliability": found.as_dict(),
        "thresholds": [decide(answers, threshold).as_dict() for threshold in THRESHOLDS],
        "languages": {
            language: {"n": len(one), "few": one.is_few()} for language, one in answers.per_language().items()
        },
        "told": {
            "calibration": f"{calibration} {_HAD_A_PART}" if warning else calibration,
            "thresholds": _TUNED,
            "languages": languages_told(answers),
        },
    }


def training_confidence(answers: Answers) -> dict[str, Any]:
    """Return what a model's card says of confidence: {reliability, told}, from cross-fitted probabilities."""
    found = reliability(answers)
    return {"reliability": found.as_dict(), "told": f"{calibration_told(found)} {CROSS_FITTED}"}


def confidence_of_training(metrics: Mapping[str, Any]) -> tuple[Reliability | None, str]:
    """Return what the scores of a training say of the model's confidence: its reliability, and sentences.

    `metrics` are those of a model's card, or of the end of a training. None: an older version did not measure it.
    """
    found = metrics.get("confidence")
    if found is None:
        return None, _NOT_MEASURED
    return Reliability.from_dict(found["reliability"]), str(found["told"])


def calibration_told(found: Reliability) -> str:
    """Return whether the confidence can be believed, in sentences."""
    if not found.n or found.confidence is None or found.accuracy is None or found.ece is None:
        return "No tweet was classified, so nothing can be said of the model's confidence."
    assert found.chance_high is not None and found.accuracy_low is not None
    told = [
        f"On average the model is {per_cent(found.confidence)} sure, and {per_cent(found.accuracy)} of its answers "
        f"are right ({interval_told(found.accuracy_low, found.accuracy_high)}), on {found.n:,} tweets.",
        f"Expected calibration error: {_points(found.ece)} points. That is how far, on average, the confidence lies "
        f"from the share that is right; a confidence that is exactly right would show up to "
        f"{_points(found.chance_high)} on so many tweets by chance.",
        _verdict(found),
    ]
    if found.failed:
        told.append(f"{found.failed:,} tweets without text are left out.")
    return " ".join(told)


def _verdict(found: Reliability) -> str:
    if not found.is_beyond_chance:
        if found.n < FEW_ROWS:
            return f"With fewer than {FEW_ROWS} tweets this says little."
        return "So these tweets do not show that the confidence is off."
    assert found.confidence is not None and found.accuracy_low is not None and found.accuracy_high is not None
    if found.confidence > found.accuracy_high:
        return (
            "So the model is surer than it should be: do not read its confidence as the chance to be right."
        )
    if found.confidence < found.accuracy_low:
        return "So the model is less sure than it could be: more is right than its confidence says."
    return "So the confidence is off: too high in some places, too low in others; the diagram shows where."


def decision_told(decision: Decision) -> str:
    """Return what a threshold does, in sentences."""
    point = decision.overall
    if not point.n:
        return "No tweet is labelled."
    if not point.decided or point.accuracy is None or decision.macro_f1 is None:
        return f"None of {point.n:,} tweets is decided at this threshold."
    begin = (
        f"All {point.n:,} tweets are decided"
        if point.decided == point.n
        else f"{point.decided:,} of {point.n:,} tweets ({per_cent(point.coverage or 0)}) are decided"
    )
    return (
        f"{begin}, of these {per_cent(point.accuracy)} right "
        f"({interval_told(point.accuracy_low, point.accuracy_high)}). "
        f"Macro-F1 of the decided: {score(decision.macro_f1)}{_classes_left(decision)}."
    )


def _classes_left(decision: Decision) -> str:
    left = sum(one.decided > 0 for one in decision.classes.values())
    if left == len(decision.classes):
        return ""
    return f", over {left} of {len(decision.classes)} classes: no tweet of the others is decided"


def languages_told(answers: Answers) -> str:
    """Return which languages have too few rows; "" where none has."""
    few = [language or "no language" for language, one in answers.per_language().items() if one.is_few()]
    if not few:
        return ""
    return f"Fewer than {FEW_ROWS} tweets, too few for a curve of their own: {', '.join(few)}."


def interval_told(low: float | None, high: float | None) -> str:
    """Return a 95% interval of a share; "" where there is none."""
    if low is None or high is None:
        return ""
    return f"95% interval {rounded(low, 1, shift=2)} to {rounded(high, 1, shift=2)} %"


def _points(share: float) -> str:
    return str(rounded(share, 1, shift=2))


def reliability_rows(found: Reliability) -> list[list[object]]:
    """Return a row for each bin that has tweets: range, tweets, mean confidence, share right, from, to."""
    return [
        [
            f"{one.low:.1f} to {one.high:.1f}",
            one.n,
            one.confidence,
            one.accuracy,
            one.accuracy_low,
            one.accuracy_high,
        ]
        for one in found.bins
        if one.n
    ]


def telling_decisions(answers: Answers) -> list[Decision]:
    """Return what each of `THRESHOLDS` does, without those that leave no more undecided than the one before."""
    found: list[Decision] = []
    for threshold in THRESHOLDS:
        decision = decide(answers, threshold)
        if not found or decision.overall.decided != found[-1].overall.decided:
            found.append(decision)
    return found


def threshold_rows(answers: Answers) -> list[list[object]]:
    """Return a row for each threshold that tells something: it, decided, share, right, from, to, macro-F1."""
    return [
        [
            one.overall.threshold,
            one.overall.decided,
            one.overall.coverage,
            one.overall.accuracy,
            one.overall.accuracy_low,
            one.overall.accuracy_high,
            one.macro_f1,
        ]
        for one in telling_decisions(answers)
    ]


def language_rows(answers: Answers) -> list[list[object]]:
    """Return a row for each language with rows enough: language, tweets, shares decided and right at thresholds."""
    decisions = [decide(answers, threshold) for threshold in FEW_THRESHOLDS]
    enough = [language for language, one in answers.per_language().items() if not one.is_few()]
    return [
        _across(language or "no language", [d.languages[language] for d in decisions]) for language in enough
    ]


def class_rows(answers: Answers) -> list[list[object]]:
    """Return a row for each gold label: class, tweets, shares decided and right at thresholds."""
    decisions = [decide(answers, threshold) for threshold in FEW_THRESHOLDS]
    return [_across(code, [d.classes[code] for d in decisions]) for code in decisions[0].classes]


def _across(name: str, points: list[Point]) -> list[object]:
    return [name, points[0].n, *(share for point in points for share in (point.coverage, point.accuracy))]
