"""The sealed test set: tweets drawn at random before anybody labels, coded blind, and scored as rarely as can be.

What is drawn. Only tweets that nobody has ever labelled. A tweet that was labelled was perhaps chosen by a queue
that prefers some tweets, a model may have learnt from it, and its label may have been given with a suggestion in
sight. Drawing after labelling has begun is allowed and is told: what is left is a random sample of the study only
where the labelled tweets were one.

Near-duplicates. Each tweet has the same chance to be drawn, and a drawn tweet seals its whole group: the others
of the group are kept from training, too, but are neither labelled nor scored. So a group comes in with a chance
that grows with its size, and the score is an estimate for the tweets as they occur in the study, retweets and
all. Scoring each copy as well would count one text many times: the number of tested tweets would look larger than
what is known, and intervals computed from it too narrow. For the same reason the number asked for is that of
tweets to be labelled and scored, one a group, and the copies come on top: with copies counted in, one much
retweeted text could be the whole test set of a language, and passing over groups that no longer fit would make
the draw prefer tweets that nobody retweeted. A group of which a member is labelled or sealed is not drawn.

The seed. A tweet's place in the draw is a hash of the seed and its id. Equal seeds give equal tweets in whatever
order the files came, and asking for more later goes on where the last drawing ended.

The seal comes off only while no drawn tweet was labelled and no score was looked at. Until then nothing is known
that a second draw could be chosen by; afterwards taking tweets out and drawing others is a way to a nicer score.
Another copy of the study that has the drawing brings it back when it is taken in.
"""

import hashlib
import heapq
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

from sqlalchemy.orm import Session

from app.errors import UserError
from app.study import score_looks
from app.study.score_looks import Look
from app.study.study import Coder, Study, now
from db import assignments, tweets
from db import sealing as queries

PER_LANGUAGE = 100
MOST_PER_LANGUAGE = 100_000
LAST_SEED = 999_999


class Candidate(Protocol):
    """A tweet that may be drawn. `shuffle` is a hash of its id, `group_id` its group of near-duplicates."""

    id: int
    lang: str
    group_id: int | None
    shuffle: int


@dataclass(frozen=True)
class LanguagePlan:
    """What a drawing would do in a language: how many test tweets it has, and how many may be drawn.

    `unsealed` counts all tweets that are not test tweets; `wanted` is how many test tweets there should be.
    """

    language: str
    sealed: int
    available: int
    unsealed: int
    wanted: int

    @property
    def drawn(self) -> int:
        """How many would be drawn."""
        return min(self.available, max(0, self.wanted - self.sealed))

    @property
    def short(self) -> int:
        """How many are missing for the number asked for."""
        return max(0, self.wanted - self.sealed - self.drawn)

    @property
    def left(self) -> int:
        """How many stay to be trained on, less near-duplicates of what is drawn."""
        return self.unsealed - self.drawn


@dataclass(frozen=True)
class Drawing:
    """What was drawn: {language: tweets}, and how many `copies` of them were sealed with them.

    `short`: {language: how many fewer than asked for it has now}. `labelled_before`: how many tweets outside the
    test set had been labelled by then.
    """

    seed: int
    per_language: int
    languages: dict[str, int]
    copies: int
    labelled_before: int
    short: dict[str, int] = field(default_factory=dict)
    created: str = ""

    @property
    def tweets(self) -> int:
        """How many tweets were drawn."""
        return sum(self.languages.values())

    def as_dict(self) -> dict[str, Any]:
        """Return the drawing as plain values."""
        return asdict(self) | {"tweets": self.tweets}


@dataclass(frozen=True)
class SealedSet:
    """The sealed test set as it is. `languages`: {language: (labelled, test tweets)}; `copies` are not scored.

    `given` are test tweets that came with files. `may_be_taken_back`: whether the last drawing can be undone.
    """

    languages: dict[str, tuple[int, int]]
    copies: int
    drawings: tuple[Drawing, ...]
    given: int
    may_be_taken_back: bool
    looks: tuple[Look, ...]

    @property
    def tweets(self) -> int:
        """How many test tweets there are."""
        return sum(number for _, number in self.languages.values())

    @property
    def labelled(self) -> int:
        """How many test tweets have a label."""
        return sum(labelled for labelled, _ in self.languages.values())

    def as_dict(self) -> dict[str, Any]:
        """Return the test set as plain values."""
        languages = {
            code: {"tweets": number, "labelled": labelled}
            for code, (labelled, number) in self.languages.items()
        }
        return asdict(self) | {"languages": languages, "tweets": self.tweets, "labelled": self.labelled}


def plan(study: Study, per_language: int, languages: Sequence[str] = ()) -> list[LanguagePlan]:
    """Return what a drawing would do in each language (none given: all), the most frequent first."""
    with study.reading() as session:
        totals = tweets.languages(session)
        test = queries.count_test_rows(session)
        drawable = queries.count_drawable(session)
    return [
        LanguagePlan(
            language=language,
            sealed=(sealed := test.get(language, (0, 0))[1]),
            available=drawable.get(language, 0),
            unsealed=totals[language][1] - sealed,
            wanted=per_language,
        )
        for language in _known(totals, languages)
    ]


def labelled_before(study: Study) -> int:
    """Return how many tweets outside the test set were labelled: what a drawing cannot draw from."""
    with study.reading() as session:
        return queries.count_labelled(session)


def suggested(plans: Sequence[LanguagePlan]) -> int:
    """Return a number per language to begin with: 100, or a third of the largest language of a small study."""
    return min(PER_LANGUAGE, max([1, *((one.sealed + one.unsealed) // 3 for one in plans)]))


def draw(
    study: Study, per_language: int | None = None, languages: Sequence[str] = (), seed: int | None = None
) -> Drawing:
    """Draw until each of the languages (none given: all) has so many test tweets, and seal them.

    Without a number the `suggested` one is taken; without a seed one is made up, and kept either way. Raises
    `UserError` where nothing can be drawn.
    """
    if per_language is None:
        per_language = suggested(plan(study, 1, languages))
    if not 1 <= per_language <= MOST_PER_LANGUAGE:
        raise UserError("The number per language is too small or too large.", "Ask for 1 to 100,000 tweets.")
    seed = secrets.randbelow(LAST_SEED) + 1 if seed is None else seed
    with study.writing() as session:
        # Groups may have grown since: their new members are kept apart first.
        queries.seal(session)
    while True:
        plans = plan(study, per_language, languages)
        wanted = {one.language: one.drawn for one in plans if one.drawn}
        if not wanted:
            raise _nothing_to_draw(plans)
        with study.reading() as session:
            chosen = choose(queries.drawable(session, list(wanted)), wanted, seed)
        with study.writing() as session:
            # A million tweets are not looked through under the write lock: who labelled one meanwhile takes
            # it out of the draw, which is then done again.
            if not queries.may_all_be_drawn(session, [one.id for one in chosen]):
                continue
            return _seal(session, chosen, plans, seed)


def choose(candidates: Iterable[Candidate], wanted: Mapping[str, int], seed: int) -> list[Candidate]:
    """Return so many candidates of each language, one a group at most, by the hash of seed and tweet.

    The order of the candidates does not matter; nor do candidates that are not chosen for those that are, but
    for copies of them.
    """
    missing = {language: number for language, number in wanted.items() if number > 0}
    groups: set[int] = set()
    chosen = []
    listed = list(candidates)
    # A heap, as few of a million are drawn.
    places = [(_place(seed, one.shuffle), one.shuffle, n) for n, one in enumerate(listed)]
    heapq.heapify(places)
    while missing and places:
        one = listed[heapq.heappop(places)[2]]
        if one.lang not in missing or one.group_id in groups:
            continue
        missing[one.lang] -= 1
        if not missing[one.lang]:
            del missing[one.lang]
        chosen.append(one)
        if one.group_id is not None:
            groups.add(one.group_id)
    return chosen


def seal_given(study: Study, which: Sequence[int]) -> None:
    """Put tweets into the test set that were drawn elsewhere, whether labelled or not."""
    with study.writing() as session:
        queries.add_test_rows(session, which, now())


def test_tweets(study: Study) -> set[int]:
    """Return the tweets that models are scored on."""
    with study.reading() as session:
        return set(session.scalars(queries.test_rows()))


def copies(study: Study) -> set[int]:
    """Return the tweets that are kept from training as near-duplicates of test tweets, and are not scored."""
    with study.reading() as session:
        return queries.kept_apart(session) - set(session.scalars(queries.test_rows()))


def tweets_to_label(study: Study, coder: Coder | str, limit: int) -> list[int]:
    """Return test tweets that a coder has not labelled yet, in a random order."""
    who = study.coder(coder) if isinstance(coder, str) else coder
    with study.reading() as session:
        return queries.to_label(session, who.id, limit)


def take_back(study: Study) -> int:
    """Take the seal off the tweets of the last drawing and return how many they are.

    Raises `UserError` where one of them was labelled or assigned, or a score was looked at.
    """
    with study.writing() as session:
        drawn = [split for split in queries.drawings(session) if split.seed is not None]
        if not drawn:
            raise UserError("No test set was drawn here, so there is no seal to take off.")
        if queries.was_touched(session, drawn[-1].id):
            raise UserError(
                "The seal stays: tweets of the last drawing were labelled already.",
                "Draw more tweets instead, where you need a larger test set.",
            )
        if score_looks.has_looks(session):
            raise UserError(
                "The seal stays: a score on the test set was looked at already.",
                "Draw more tweets instead, where you need a larger test set.",
            )
        assignment = assignments.assignment_of_split(session, drawn[-1].id)
        if assignment is not None:
            raise UserError(
                f"The seal stays: its tweets are assigned in “{assignment}”.",
                "Remove that assignment first (Study page, Assign tweets), then take the seal off.",
            )
        return queries.take_back(session, drawn[-1].id)


def sealed_set(study: Study) -> SealedSet:
    """Return the sealed test set as it is now."""
    looks = tuple(score_looks.list_looks(study))
    with study.reading() as session:
        languages = queries.count_test_rows(session)
        splits = queries.drawings(session)
        drawings = [
            _drawing(split.created, split.seed, split.spec) for split in splits if split.seed is not None
        ]
        tests = sum(number for _, number in languages.values())
        last = next((split for split in reversed(splits) if split.seed is not None), None)
        return SealedSet(
            languages=languages,
            copies=queries.count_sealed(session) - tests,
            drawings=tuple(drawings),
            given=max(0, tests - sum(drawing.tweets for drawing in drawings)),
            may_be_taken_back=last is not None and not looks and not queries.was_touched(session, last.id),
            looks=looks,
        )


def _place(seed: int, shuffle: int) -> bytes:
    return hashlib.blake2b(b"%d/%d" % (seed, shuffle), digest_size=8).digest()


def _known(totals: Mapping[str, tuple[int, int]], languages: Sequence[str]) -> list[str]:
    for language in languages:
        if language not in totals:
            raise UserError(
                f"No tweet of this study is in “{language or 'no language'}”.",
                f"Choose among {', '.join(code or 'none' for code in totals) or 'the languages of its tweets'}.",
            )
    return [language for language in totals if not languages or language in languages]


def _nothing_to_draw(plans: Sequence[LanguagePlan]) -> UserError:
    if not plans:
        return UserError("This study has no tweets to draw from.", "Import tweets first.")
    if all(one.sealed >= one.wanted for one in plans):
        return UserError(
            f"Each language has {plans[0].wanted:,} or more test tweets already.",
            "Ask for more per language.",
        )
    return UserError(
        "No tweet is left to draw: each one was labelled, or is a near-duplicate of one that was.",
        "Import more tweets, and draw before you label.",
    )


def _seal(session: Session, chosen: Sequence[Candidate], plans: Sequence[LanguagePlan], seed: int) -> Drawing:
    drawn: dict[str, int] = {}
    for one in chosen:
        drawn[one.lang] = drawn.get(one.lang, 0) + 1
    spec: dict[str, Any] = {
        "per_language": plans[0].wanted,
        "languages": {one.language: drawn[one.language] for one in plans if one.language in drawn},
        "labelled_before": queries.count_labelled(session),
    }
    split, sealed = queries.add_test_rows(session, [one.id for one in chosen], now(), seed, spec)
    split.spec = spec | {"copies": sealed - len(chosen)}
    short = {one.language: one.wanted - one.sealed - drawn.get(one.language, 0) for one in plans}
    return replace(
        _drawing(split.created, seed, split.spec),
        short={language: number for language, number in short.items() if number > 0},
    )


def _drawing(created: str, seed: int | None, spec: Mapping[str, Any]) -> Drawing:
    return Drawing(
        seed=seed or 0,
        per_language=int(spec.get("per_language", 0)),
        languages={str(code): int(number) for code, number in dict(spec.get("languages", {})).items()},
        copies=int(spec.get("copies", 0)),
        labelled_before=int(spec.get("labelled_before", 0)),
        created=created,
    )
