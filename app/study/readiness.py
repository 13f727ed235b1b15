"""Whether the labels are enough to train on: what there is by language and class, and what is missing."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from app.study import sampling
from app.study.codebook import Codebook, Leaf
from app.study.study import Study
from db import groups, label_overview, sealing, tweets

# Below these nothing can be learnt at all.
LEAST_ROWS_A_CLASS = 5
# With fewer, a class has but one or two tweets among those of validation: neither is it learnt nor can that be seen.
GOOD_ROWS_A_CLASS = 20
GOOD_ROWS = 100


@dataclass(frozen=True)
class Readiness:
    """The labelled tweets that may be trained on.

    `missing`: why they are not enough, one sentence each (empty: ready). `per_language`: {language: {leaf: rows}}.
    `unlabelled`: {language: tweets that nobody has labelled}, of all languages of the study. `train` and
    `validation` count the rows of either side; `groups` of near-duplicates have `grouped` rows, each group whole
    on one side. `sealed` tweets and their `copies` are not trained on, `left_out` of them are labelled. `disputed`
    tweets have labels that differ. `are_grouped`: near-duplicates were looked for since the last tweet came.
    """

    rows: int
    per_language: dict[str, dict[str, int]]
    missing: tuple[str, ...]
    unlabelled: dict[str, int] = field(default_factory=dict)
    train: int = 0
    validation: int = 0
    groups: int = 0
    grouped: int = 0
    sealed: int = 0
    copies: int = 0
    left_out: int = 0
    disputed: int = 0
    are_grouped: bool = True

    def of_class(self, leaf: str) -> int:
        """Return how many rows a class has in all languages."""
        return sum(counts.get(leaf, 0) for counts in self.per_language.values())


def readiness(
    study: Study, languages: Sequence[str] = (), seed: int = 1, language_name: Callable[[str], str] = str
) -> Readiness:
    """Count what may be trained on in these languages (none: all), and say what is missing.

    `seed` is that of the run: it decides which rows are those of validation. `language_name` names a code in the
    sentences.
    """
    keyed, left_out = sampling.sort_out(study, languages)
    division = sampling.divide(study, keyed, seed)
    per_language: dict[str, dict[str, int]] = {}
    for _, row in keyed:
        counts = per_language.setdefault(row.lang, {leaf.code: 0 for leaf in study.codebook.leaves})
        counts[row.label] += 1
    with study.reading() as session:
        sealed = sealing.count_sealed(session)
        test = sum(number for _, number in sealing.count_test_rows(session).values())
        unlabelled = {code: total - done for code, (done, total) in tweets.languages(session).items()}
        disputed = len(label_overview.disputed(session))
        are_grouped = groups.are_current(session)
    return Readiness(
        rows=len(keyed),
        per_language=per_language,
        missing=tuple(
            _missing(study.codebook, per_language, languages, len(division.validation), language_name)
        ),
        unlabelled=unlabelled,
        train=len(division.train),
        validation=len(division.validation),
        groups=division.groups,
        grouped=division.grouped,
        sealed=test,
        copies=sealed - test,
        left_out=left_out,
        disputed=disputed,
        are_grouped=are_grouped,
    )


def _missing(
    codebook: Codebook,
    per_language: dict[str, dict[str, int]],
    languages: Sequence[str],
    validation: int,
    language_name: Callable[[str], str],
) -> list[str]:
    classes: Counter[str] = Counter()
    for counts in per_language.values():
        classes.update(counts)
    if not classes.total():
        if languages:
            return [f"No tweet in {', '.join(map(language_name, languages))} is labelled."]
        return [
            f"No tweet is labelled yet: training needs at least two classes with {LEAST_ROWS_A_CLASS} labelled "
            "tweets each."
        ]
    empty = [code for code in languages if not sum(per_language.get(code, {}).values())]
    if empty:
        return [f"No tweet in {', '.join(map(language_name, empty))} is labelled."]
    enough = [leaf for leaf in codebook.leaves if classes[leaf.code] >= LEAST_ROWS_A_CLASS]
    if len(enough) < 2:
        where = f" in {', '.join(map(language_name, languages))}" if languages else ""
        return [
            f"Training needs at least two classes with {LEAST_ROWS_A_CLASS} labelled tweets each{where}; "
            f"so far there are {_counted(codebook, classes)}."
        ]
    if not validation:
        return [
            f"{classes.total()} labelled tweets are too few, or too much alike, to keep some apart for validation."
        ]
    return []


def weak_classes(ready: Readiness, codebook: Codebook) -> list[Leaf]:
    """Return the classes that have too few rows to be learnt, the weakest first."""
    weak = [leaf for leaf in codebook.leaves if ready.of_class(leaf.code) < GOOD_ROWS_A_CLASS]
    return sorted(weak, key=lambda leaf: ready.of_class(leaf.code))


def weak_languages(ready: Readiness, codebook: Codebook, languages: Sequence[str]) -> dict[str, list[Leaf]]:
    """Return {language: its classes with hardly a row, the weakest first}, the most frequent languages first.

    Of the languages trained on, and where all are, of those too in which nothing is labelled. Classes that are
    weak everywhere are left out: they are told by themselves.
    """
    everywhere = {leaf.code for leaf in weak_classes(ready, codebook)}
    asked = languages or [code for code in ready.unlabelled if code]
    found = {}
    for code in asked:
        counts = ready.per_language.get(code, {})
        weak = [
            leaf
            for leaf in codebook.leaves
            if leaf.code not in everywhere and counts.get(leaf.code, 0) < LEAST_ROWS_A_CLASS
        ]
        if weak:
            found[code] = sorted(weak, key=lambda leaf: counts.get(leaf.code, 0))
    return found


def _counted(codebook: Codebook, classes: Counter[str]) -> str:
    # Of 26 classes those that have tweets say enough.
    return ", ".join(f"“{leaf.name}” {classes[leaf.code]}" for leaf in codebook.leaves if classes[leaf.code])
