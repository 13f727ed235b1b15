"""How far the coders of a study agree: with each other, and each with the own earlier labels.

Counted are the coders' own current labels, those of imported files among them. A gold label is what was
decided after the coders had disagreed; counting it would make every study agree.

**Questions.** A label is an answer to each question on the way to its class. A question that only some answers
lead to is measured on the tweets for which both coders of a pair answered it: a tweet that Ana calls against
immigration and Ben calls unrelated has a stance by Ana and none by Ben, so that for the stance it counts as not
coded by Ben. That they differ is told once, by the topic; it would otherwise lower the stance as well. The
class itself is measured too, over all tweets, and there every difference counts.

**Units.** Every table holds the tweets that at least two coders coded on the question, so that one number of
tweets belongs to all measures of a row. Tweets that one coder labelled alone say nothing about agreement; Gwet's
AC1 would take them in for how frequent the classes are, and a study has thousands of them beside a few hundred
that were coded twice.

**Repeats.** A hidden second label is compared with the label of the same coder that stood when it was given.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from app.errors import UserError
from app.study.agreement_measures import RESAMPLES, SEED, Estimate, all_measures
from app.study.codebook import Codebook
from app.study.study import Study
from app.study.tweets import NO_LANGUAGE
from db import codings, label_overview
from db import tweets as queries

# Stands for the class itself among the questions' codes; a question's code is never empty.
CLASS = ""

Estimates = dict[str, Estimate]
# How many tweets there are of each (language, the coders' leaves).
_Units = Counter[tuple[str, tuple[str | None, ...]]]
_Rows = Counter[tuple[str | None, ...]]


@dataclass(frozen=True)
class PairAgreement:
    """Two coders. `confusion`: {the first's code: {the second's code: tweets}}, in the codebook's order."""

    first: str
    second: str
    estimates: Estimates
    confusion: dict[str, dict[str, int]]


@dataclass(frozen=True)
class CoderConsistency:
    """One coder's hidden repeats, each against the coder's label that stood when it was given."""

    coder: str
    estimates: Estimates


@dataclass(frozen=True)
class QuestionAgreement:
    """Agreement on one question, or on the class itself (`code` is `CLASS`).

    `answers` maps the codes of its answers to their names, in the codebook's order; `conditional` says that
    only some answers lead to the question. `pairs` has each two coders, `repeats` each coder with repeats.
    """

    code: str
    name: str
    answers: dict[str, str]
    conditional: bool
    overall: Estimates
    languages: dict[str, Estimates]
    pairs: tuple[PairAgreement, ...]
    repeats: tuple[CoderConsistency, ...]

    @property
    def n(self) -> int:
        """How many tweets at least two coders coded on this question."""
        return next(iter(self.overall.values())).n


@dataclass(frozen=True)
class AgreementReport:
    """Agreement in a study.

    `tweets` were labelled by at least two of `coders`, in `languages`; `repeats` hidden second labels have a
    first one to be compared with. `contested` labels were given twice by one coder, differently, in copies of
    the study that were merged; the later one counts.
    """

    study: str
    coders: tuple[str, ...]
    languages: tuple[str, ...]
    tweets: int
    repeats: int
    contested: int
    resamples: int
    seed: int
    questions: tuple[QuestionAgreement, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to measure: no tweet was labelled twice."""
        return not self.tweets and not self.repeats

    def question(self, code: str) -> QuestionAgreement:
        """Return the agreement on a question, on the class for `CLASS`; `KeyError` for neither."""
        for question in self.questions:
            if question.code == code:
                return question
        raise KeyError(code)

    def as_dict(self) -> dict[str, Any]:
        """Return all fields as plain values."""
        return asdict(self)


def count_doubled(study: Study) -> int:
    """Return how many tweets at least two coders have labelled: those that agreement is measured on."""
    with study.reading() as session:
        return label_overview.count_doubled(session)


def measure_agreement(
    study: Study,
    languages: Sequence[str] = (),
    coders: Sequence[str] = (),
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> AgreementReport:
    """Measure agreement in these languages (none: all) between these coders (names; none: all who labelled).

    `NO_LANGUAGE` asks for the tweets without one. Raises `UserError` for a language or a coder that is not
    there. A study without tweets that were labelled twice gives a report that `is_empty`.
    """
    wanted = ["" if language == NO_LANGUAGE else language for language in languages]
    with study.reading() as session:
        known = queries.languages(session)
        for language in wanted:
            if language not in known:
                raise UserError(
                    f"This study has no tweets in the language “{language or NO_LANGUAGE}”.",
                    f"It has {', '.join(sorted(code or NO_LANGUAGE for code in known)) or 'no tweets yet'}.",
                )
        everybody = {coder.name: coder.id for coder in codings.coders(session, wanted)}
        chosen = _chosen(everybody, {coder.name: coder.id for coder in study.coders()}, coders)
        shared = codings.shared(session, list(chosen.values()), wanted)
        events = codings.repeated(session, list(chosen.values()), wanted)
    leaves = set(study.codebook.leaf_codes)
    units = _units(shared, list(chosen.values()), leaves)
    names = {key: name for name, key in chosen.items()}
    repeats = {name: _Units() for name in chosen}
    for coder, language, stood, again in _repeats(events, leaves):
        repeats[names[coder]][language, (stood, again)] += 1

    def measured(rows: _Rows, classes: Sequence[str]) -> Estimates:
        return all_measures(rows, classes, resamples=resamples, seed=seed)

    return AgreementReport(
        study=study.name,
        coders=tuple(chosen),
        languages=tuple(sorted({language for language, _ in units})),
        tweets=sum(units.values()),
        repeats=sum(sum(found.values()) for found in repeats.values()),
        contested=sum(row.contested for row in shared),
        resamples=resamples,
        seed=seed,
        questions=tuple(
            _question(part, list(chosen), units, repeats, measured) for part in _parts(study.codebook)
        ),
    )


def _chosen(
    labelled: Mapping[str, str], everybody: Mapping[str, str], wanted: Sequence[str]
) -> dict[str, str]:
    for name in wanted:
        if name not in everybody:
            raise UserError(
                f"This study has no coder “{name}”.",
                f"It has {', '.join(everybody) or 'no coders yet'}.",
            )
    return {name: everybody[name] for name in dict.fromkeys(wanted)} if wanted else dict(labelled)


def _units(shared: Iterable[Any], coder_ids: Sequence[str], leaves: set[str]) -> _Units:
    """Count the tweets by language and by what each coder said."""
    place = {key: number for number, key in enumerate(coder_ids)}
    languages: dict[int, str] = {}
    said: dict[int, list[str | None]] = defaultdict(lambda: [None] * len(coder_ids))
    for row in shared:
        languages[row.tweet_id] = row.lang
        said[row.tweet_id][place[row.coder_id]] = row.leaf if row.leaf in leaves else None
    return Counter((languages[tweet], tuple(codes)) for tweet, codes in said.items())


def _repeats(events: Iterable[Any], leaves: set[str]) -> list[tuple[str, str, str, str]]:
    """Return (coder, language, the label that stood, the repeat) for each repeat that was not taken back.

    Of a repeat that the coder corrected at once, only the last word counts.
    """
    of_pair: dict[tuple[int, str], list[Any]] = defaultdict(list)
    for event in events:
        of_pair[event.tweet_id, event.coder_id].append(event)
    found = []
    for own in of_pair.values():
        second = [event for event in own if event.repeat]
        withdrawn = {event.undoes for event in second} | {
            parent for event in second for parent in event.parents
        }
        for again in own:
            if not again.repeat or again.leaf not in leaves or again.id in withdrawn:
                continue
            stood = _standing(own, again)
            if stood in leaves:
                found.append((again.coder_id, again.lang, stood, again.leaf))
    return found


def _standing(own: Sequence[Any], again: Any) -> str | None:
    """Return the coder's label when a repeat was given, None for none.

    By the time and by who followed whom, as `db.labels.derive` has it: after a merge the order in the file is
    that of the merging.
    """
    before = [event for event in own if not event.repeat and event.given <= again.given]
    followed = {parent for event in before for parent in event.parents}
    heads = [event for event in before if event.id not in followed and event.leaf is not None]
    leaf: str | None = max(heads, key=lambda event: (event.given, event.id)).leaf if heads else None
    return leaf


@dataclass(frozen=True)
class _Part:
    """What is measured: for each leaf the answer that it gives; leaves that give none are missing."""

    code: str
    name: str
    answers: dict[str, str]
    of_leaf: dict[str, str]
    conditional: bool


def _parts(codebook: Codebook) -> list[_Part]:
    parts = [
        _Part(
            question.code,
            question.name,
            {option.code: option.name for option in question.options},
            {leaf.code: leaf.path[question.code] for leaf in codebook.leaves if question.code in leaf.path},
            conditional=any(question.code not in leaf.path for leaf in codebook.leaves),
        )
        for question in codebook.questions
    ]
    if len(parts) > 1:
        names = {leaf.code: leaf.name for leaf in codebook.leaves}
        parts.append(_Part(CLASS, "Class", names, {code: code for code in names}, conditional=False))
    return parts


def _question(
    part: _Part, coders: Sequence[str], units: _Units, repeats: Mapping[str, _Units], measured: Any
) -> QuestionAgreement:
    classes = list(part.answers)
    languages = sorted({language for language, _ in units})
    pairs = []
    for first, second in combinations(range(len(coders)), 2):
        both = _rows(units, part, (first, second))
        confusion = {code: dict.fromkeys(classes, 0) for code in classes}
        for (one, other), times in both.items():
            if one is not None and other is not None:
                confusion[one][other] += times
        pairs.append(PairAgreement(coders[first], coders[second], measured(both, classes), confusion))
    return QuestionAgreement(
        code=part.code,
        name=part.name,
        answers=part.answers,
        conditional=part.conditional,
        overall=measured(_rows(units, part), classes),
        languages={
            language: measured(_rows(units, part, language=language), classes) for language in languages
        },
        pairs=tuple(pairs),
        repeats=tuple(
            CoderConsistency(coder, measured(_rows(found, part), classes))
            for coder, found in repeats.items()
            if found
        ),
    )


def _rows(
    units: _Units, part: _Part, columns: Sequence[int] | None = None, language: str | None = None
) -> _Rows:
    """Return the answers to a question, of all coders or of some, where at least two answered it."""
    rows = _Rows()
    for (unit_language, leaves), times in units.items():
        if language is not None and unit_language != language:
            continue
        chosen = leaves if columns is None else [leaves[column] for column in columns]
        answers = tuple(None if leaf is None else part.of_leaf.get(leaf) for leaf in chosen)
        if sum(answer is not None for answer in answers) > 1:
            rows[answers] += times
    return rows
