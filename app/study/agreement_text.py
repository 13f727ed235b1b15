"""Agreement in the words of a methods section."""

from collections.abc import Sequence

import app
from app.study.agreement import AgreementReport, Estimates, QuestionAgreement
from app.study.agreement_measures import KAPPA, NAMES, PERCENT, Estimate
from app.study.rounding import per_cent, score

_REFERENCES = {
    "Cohen": "Cohen, J. (1960). A coefficient of agreement for nominal scales. Educational and Psychological "
    "Measurement, 20(1), 37–46.",
    "Efron": "Efron, B., & Tibshirani, R. J. (1993). An introduction to the bootstrap. Chapman & Hall.",
    "Gwet 2008": "Gwet, K. L. (2008). Computing inter-rater reliability and its variance in the presence of high "
    "agreement. British Journal of Mathematical and Statistical Psychology, 61(1), 29–48.",
    "Gwet 2014": "Gwet, K. L. (2014). Handbook of inter-rater reliability (4th ed.). Advanced Analytics.",
    "Krippendorff": "Krippendorff, K. (2019). Content analysis: An introduction to its methodology (4th ed.). "
    "SAGE.",
    "Light": "Light, R. J. (1971). Measures of response agreement for qualitative data: Some generalizations and "
    "alternatives. Psychological Bulletin, 76(5), 365–377.",
}


def methods_text(report: AgreementReport) -> str:
    """Return the paragraph for a methods section, then the works that it cites. The same for the same labels."""
    if report.is_empty:
        return "No tweet was labelled twice, so nothing can be said of agreement."
    names = _coders(report)
    sentences = []
    if report.tweets:
        sentences.append(_whose(report, names))
    sentences += [_procedure(report, len(names)), *map(_question, report.questions if report.tweets else ())]
    sentences += _repeats(report)
    if report.contested:
        sentences.append(
            f"Of {_labels(report.contested)} that one coder gave twice, differently, in copies of the study, the "
            "later one counts."
        )
    sentences.append(f"Computed with StanceDesk {app.__version__}.")
    works = [work for key, work in _REFERENCES.items() if key != "Light" or len(names) > 2]
    return "\n".join([" ".join(sentences), "", "References", *works])


def figures(estimate: Estimate) -> str:
    """Return a value with its interval: ``0.812, 95 % CI [0.790, 0.833]``, or why there is none."""
    if estimate.value is None:
        return f"{estimate.undefined[0].lower()}{estimate.undefined[1:].rstrip('.')}"
    value = figure(estimate, estimate.value)
    if estimate.low is None or estimate.high is None:
        return f"{value} (no interval)"
    return f"{value}, 95 % CI [{figure(estimate, estimate.low)}, {figure(estimate, estimate.high)}]"


def figure(estimate: Estimate, value: float) -> str:
    """Return a number as its measure is written: ``92.3 %`` for percent agreement, else ``0.812``."""
    return per_cent(value) if estimate.measure == PERCENT else score(value)


def _coders(report: AgreementReport) -> list[str]:
    """Return the coders who share tweets with another."""
    sharing = {
        name
        for pair in report.questions[-1].pairs
        if _n(pair.estimates)
        for name in (pair.first, pair.second)
    }
    return [name for name in report.coders if name in sharing]


def _whose(report: AgreementReport, names: Sequence[str]) -> str:
    languages = [language or "none given" for language in report.languages]
    told = f"{len(languages)} languages" if len(languages) > 1 else "one language"
    whom = "two coders" if len(names) == 2 else f"at least two of {len(names)} coders"
    return (
        f"{_tweets(report.tweets)} in {told} ({', '.join(languages)}) {_were(report.tweets)} labelled by {whom} "
        f"({', '.join(names)})."
    )


def _procedure(report: AgreementReport, coders: int) -> str:
    mean = "; the mean over the pairs of coders, Light, 1971" if coders > 2 else ""
    return (
        "Agreement was computed from the coders' own labels, not from adjudicated ones, as percent agreement, "
        f"Cohen's kappa (Cohen, 1960{mean}), Krippendorff's alpha for nominal data (Krippendorff, 2019) and "
        "Gwet's AC1 (Gwet, 2008, 2014). The 95 % confidence intervals (CI) are percentiles of "
        f"{report.resamples:,} bootstrap resamples of the tweets (Efron & Tibshirani, 1993; seed {report.seed})."
    )


def _question(question: QuestionAgreement) -> str:
    where = ""
    if question.conditional:
        where = ", measured on the tweets for which at least two coders answered this question"
    if not question.n:
        return f"{question.name}{where}: no tweet was coded by two coders."
    return f"{question.name}{where} (n = {question.n:,}): {_listed(question.overall)}."


def _repeats(report: AgreementReport) -> list[str]:
    found = [one for one in report.questions[-1].repeats if _n(one.estimates)]
    if not found:
        return []
    told = [f"{one.coder} (n = {_n(one.estimates):,}): {_listed(one.estimates)}." for one in found]
    return [
        "Coders' consistency with themselves was measured on tweets that were shown to them a second time without "
        "notice, against the label that stood at that time.",
        *told,
    ]


def _listed(estimates: Estimates) -> str:
    told = []
    for estimate in estimates.values():
        name = NAMES[estimate.measure]
        name = name if name.startswith(("Cohen", "Kripp", "Gwet")) else name.lower()
        said = f"{name} {'is ' if estimate.value is None else ''}{figures(estimate)}"
        if estimate.measure == KAPPA and estimate.note.startswith("The mean over"):
            # Which pairs the mean leaves out is part of the figure.
            said += f" ({estimate.note[0].lower()}{estimate.note[1:].split('.')[0]})"
        told.append(said)
    return "; ".join(told)


def _n(estimates: Estimates) -> int:
    return next(iter(estimates.values())).n


def _tweets(number: int) -> str:
    return "One tweet" if number == 1 else f"{number:,} tweets"


def _labels(number: int) -> str:
    return "one label" if number == 1 else f"{number:,} labels"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
