"""Agreement in the figures and words of the window: cells of tables, sentences, and a table to copy."""

from collections.abc import Iterable, Iterator

from PySide6.QtCore import QCoreApplication, QLocale

from app.gui import figures
from app.gui.interval_plot import PlotRow
from app.gui.language_names import language_name
from app.study.agreement import CLASS, Estimates, QuestionAgreement
from app.study.agreement_measures import FEW, NAMES, PERCENT, Estimate

# So many rows of a table are named below it.
_FEW_NAMES = 3


def translated(text: str) -> str:
    """Return a sentence on agreement in the language of the window; it is looked up by its English words."""
    return QCoreApplication.translate("agreement", text)


def measure_name(measure: str) -> str:
    """Return a measure's name."""
    return translated(NAMES[measure])


def question_name(question: QuestionAgreement) -> str:
    """Return a question's name; the class itself is named by the window."""
    return translated("Class") if question.code == CLASS else question.name


def tweets(estimates: Estimates) -> int:
    """Return how many tweets the measures of a table are over."""
    return next(iter(estimates.values())).n


def figure(estimate: Estimate, value: float | None) -> str:
    """Return a number as its measure is written: percent agreement in per cent, the others as scores."""
    if value is not None and estimate.measure == PERCENT:
        return figures.share(value, 1)
    return figures.score(value)


def interval(estimate: Estimate) -> str:
    """Return the 95% interval, a dash for none."""
    if estimate.low is None or estimate.high is None:
        return figures.NONE
    return f"[{figure(estimate, estimate.low)}, {figure(estimate, estimate.high)}]"


def cell(estimate: Estimate) -> str:
    """Return a value with its interval, a dash where it is not defined; a star for what the footnotes tell."""
    value = figure(estimate, estimate.value)
    if estimate.low is not None and estimate.high is not None:
        written = figures.points if estimate.measure == PERCENT else figures.score
        value = f"{value} [{written(estimate.low)}, {written(estimate.high)}]"
    return f"{value} *" if remark(estimate) else value


def tweets_cell(estimates: Estimates) -> str:
    """Return how many tweets the measures of a table are over, and whether these are few."""
    n = tweets(estimates)
    return translated("{n} (few tweets)").format(n=figures.count(n)) if 0 < n < FEW else figures.count(n)


def footnotes(rows: Iterable[tuple[str, Estimates]]) -> str:
    """Return what the stars of a table stand for: each sentence with the rows that it is about, if they are few.

    Each cell's tooltip tells what is said of that figure.
    """
    about: dict[str, dict[str, None]] = {}
    for name, estimates in rows:
        for estimate in estimates.values():
            for sentence in (estimate.undefined, estimate.note):
                if sentence:
                    about.setdefault(sentence, {})[name] = None
    lines = []
    for sentence, names in about.items():
        few = list(names)[:_FEW_NAMES]
        more = len(names) - len(few)
        told = translated("{names} and {more} more") if more else "{names}"
        where = told.format(names=", ".join(few), more=figures.count(more))
        lines.append(f"* {translated(sentence)} ({where})")
    return "\n".join(lines)


def plot_row(estimate: Estimate) -> PlotRow:
    """Return an estimate for the plot."""
    name = measure_name(estimate.measure)
    if estimate.value is None:
        why = translated(estimate.undefined)
        return PlotRow(f"{name}: {why}", None, undefined=why)
    words = f"{name} {cell(estimate)}".removesuffix(" *")
    return PlotRow(words, estimate.value, estimate.low, estimate.high)


def remark(estimate: Estimate) -> str:
    """Return why there is no value, or how far to trust it; "" where there is nothing to say."""
    return " ".join(translated(sentence) for sentence in (estimate.undefined, estimate.note) if sentence)


def remarks(estimates: Estimates) -> str:
    """Return what is to be said of a table's figures, each sentence with the measures that it is about."""
    about: dict[str, list[str]] = {}
    for estimate in estimates.values():
        for sentence in (estimate.undefined, estimate.note):
            if sentence:
                about.setdefault(sentence, []).append(measure_name(estimate.measure))
    return "\n".join(f"{', '.join(names)}: {translated(sentence)}" for sentence, names in about.items())


def to_copy(question: QuestionAgreement) -> str:
    """Return all estimates of a question as tab-separated lines with a header, a row for each estimate."""
    header = ["question", "tweets of", "measure", "value", "low", "high", "n", "remark"]
    lines = [[translated(name) for name in header]]
    for whose, estimates in _tables(question):
        for one in estimates.values():
            numbers = [
                "" if n is None else QLocale().toString(n, "f", 4) for n in (one.value, one.low, one.high)
            ]
            name = measure_name(one.measure)
            lines.append([question_name(question), whose, name, *numbers, str(one.n), remark(one)])
    return _tabbed(lines)


def _tables(question: QuestionAgreement) -> Iterator[tuple[str, Estimates]]:
    yield translated("all"), question.overall
    for language, estimates in question.languages.items():
        yield language_name(language), estimates
    for pair in question.pairs:
        yield f"{pair.first} × {pair.second}", pair.estimates
    for one in question.repeats:
        yield translated("{coder}, shown twice").format(coder=one.coder), one.estimates


def _tabbed(lines: Iterable[Iterable[str]]) -> str:
    return "\n".join("\t".join(" ".join(cell.split()) for cell in line) for line in lines)
