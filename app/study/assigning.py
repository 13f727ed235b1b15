"""Assignments: who codes what, drawn with a seed, kept with the study, and how far each coder is."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import select

from app.errors import UserError
from app.study import tweets
from app.study.coders import similar_name, tidied
from app.study.drawing import Draw, draw
from app.study.study import Coder, Study, now
from app.study.tweets import TweetFilter
from db import assignments as queries
from db.tables import Assignment

_NUMBERS = dict(enumerate(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), 1))


@dataclass(frozen=True)
class Spec:
    """What is asked for. `tweets`: how many, None for all that can be assigned.

    A share `double` is coded by `per_tweet` coders each. `languages`: in these only, none for all. `which`: tweets
    that pass this filter and that none of the coders has labelled; without it, those that nobody has labelled.
    `sealed`: with it the whole sealed test set, too, each tweet by so many coders; 0 leaves it out.
    """

    coders: tuple[Coder, ...]
    seed: int
    tweets: int | None = None
    double: float = 0.0
    per_tweet: int = 2
    languages: tuple[str, ...] = ()
    which: TweetFilter | None = None
    sealed: int = 0

    def as_dict(self) -> dict[str, object]:
        """Return it as it is kept beside the assignment."""
        coders = sorted(
            ({"name": c.name, "languages": list(c.languages)} for c in self.coders),
            key=lambda c: str(c["name"]),
        )
        which = None if self.which is None else asdict(self.which)
        return {
            "coders": coders, "tweets": self.tweets, "double": self.double, "per_tweet": self.per_tweet,
            "languages": list(self.languages), "filter": which, "sealed": self.sealed,
        }  # fmt: skip


@dataclass(frozen=True)
class Share:
    """One coder's part of an assignment."""

    coder: str
    assigned: int
    done: int


@dataclass(frozen=True)
class Assigned:
    """An assignment that stands. `tweets` counts different ones, which several coders may share."""

    id: str
    name: str
    created: str
    seed: int
    tweets: int
    shares: tuple[Share, ...]


def new_seed() -> int:
    """Return a seed that nobody chose."""
    return secrets.randbelow(1_000_000)


def named(name: str, known: Mapping[str, Coder]) -> Coder:
    """Return a coder by name, of those known; a new one reads all languages.

    Raises `UserError` for a name that is almost another's: one person would code as two.
    """
    name = tidied(name)
    similar = similar_name(known, name)
    if similar:
        raise UserError(
            f"There is no coder “{name}”, but “{similar}”.",
            "Write the name as it is, or choose one that differs more.",
        )
    return known.get(name, Coder("", name))


def all_named(names: Iterable[str], known: Mapping[str, Coder]) -> tuple[Coder, ...]:
    """Return coders by name, each once, as `named` finds each among those known and those named before it."""
    so_far = dict(known)
    found: dict[str, Coder] = {}
    for name in names:
        coder = named(name, so_far)
        so_far[coder.name] = found[coder.name] = coder
    return tuple(found.values())


def preview(study: Study, spec: Spec) -> Draw:
    """Draw, without keeping anything: what `assign` would keep."""
    _check(spec)
    names = {coder.name for coder in spec.coders}
    ids = [coder.id for coder in study.coders() if coder.name in names]
    with study.reading() as session:
        which = None if spec.which is None else tweets.selection(session, spec.which)
        free = []
        if spec.tweets != 0 and (spec.which is None or which is not None):
            free = queries.free_tweets(
                session, sealed=False, which=which, not_by=ids, only_unlabelled=spec.which is None
            )
        sealed = []
        if spec.sealed:
            sealed = queries.free_tweets(session, sealed=True, which=None, not_by=(), only_unlabelled=False)
        groups = queries.assigned_groups(session)
    if spec.languages:
        free, sealed = ([t for t in found if t.lang in spec.languages] for found in (free, sealed))
    return draw(
        free,
        sealed,
        spec.coders,
        seed=spec.seed,
        number=spec.tweets,
        double=spec.double,
        per_tweet=spec.per_tweet,
        sealed_by=spec.sealed,
        groups=groups,
    )


def count_free(study: Study, spec: Spec) -> int:
    """Return how many tweets can be assigned among which `spec` chooses, besides the sealed ones."""
    names = {coder.name for coder in spec.coders}
    ids = [coder.id for coder in study.coders() if coder.name in names]
    with study.reading() as session:
        which = None if spec.which is None else tweets.selection(session, spec.which)
        if spec.which is not None and which is None:
            return 0
        return queries.count_free(session, which=which, not_by=ids, only_unlabelled=spec.which is None)


def assign(study: Study, spec: Spec, drawn: Draw | None = None, name: str = "") -> Assigned:
    """Keep an assignment: the one `drawn` in a preview of the same spec, else a new draw."""
    found = preview(study, spec) if drawn is None else drawn
    if not found.tweets:
        raise UserError(
            "There is no tweet to assign.",
            "Tweets that are labelled, locked or assigned already are left out: import more, or choose others.",
        )
    coders = {coder.name: study.coder(coder.name) for coder in spec.coders}
    shares = []
    with study.writing() as session:
        if queries.any_taken(session, sorted({t for work in found.work.values() for t in work})):
            raise UserError(
                "Some of these tweets were assigned or locked meanwhile.", "Look at the preview again."
            )
        count = len(session.scalars(select(Assignment.id)).all())
        row = Assignment(
            name=" ".join(name.split()) or f"Assignment {count + 1}",
            created=now(),
            seed=spec.seed,
            spec=spec.as_dict(),
        )
        session.add(row)
        session.flush()
        for coder in sorted(coders):
            queries.add_tweets(session, row.id, coders[coder].id, found.work[coder])
            if found.work[coder]:
                shares.append(Share(coder, len(found.work[coder]), 0))
        return Assigned(row.id, row.name, row.created, row.seed, found.tweets, tuple(shares))


def remove(study: Study, assignment: str) -> None:
    """Take an assignment back, named by its id. Labels stay; what waits for one can be assigned anew."""
    with study.writing() as session:
        row = session.get(Assignment, assignment)
        if row is None:
            raise UserError("There is no such assignment.", "Look at the list of assignments again.")
        if row.removed is None:
            row.removed = now()


def assignments(study: Study) -> list[Assigned]:
    """Return the assignments that stand, the newest first."""
    with study.reading() as session:
        rows = session.scalars(
            select(Assignment)
            .where(Assignment.removed.is_(None))
            .order_by(Assignment.created.desc(), Assignment.id)
        ).all()
        parts: dict[str, list[Share]] = {}
        for part in queries.shares(session):
            parts.setdefault(part.assignment_id, []).append(Share(part.coder, part.assigned, part.done))
        held = queries.tweets_in(session)
        return [
            Assigned(r.id, r.name, r.created, r.seed, held.get(r.id, 0), tuple(parts.get(r.id, ())))
            for r in rows
        ]


def _check(spec: Spec) -> None:
    if not spec.coders:
        raise UserError("Nobody is to code.", "Choose the coders among whom the tweets are divided.")
    if not 0 <= spec.double <= 1:
        raise UserError("The share coded by several lies between 0 and 1.", "Give 0.2 for every fifth tweet.")
    if spec.double and not 2 <= spec.per_tweet <= len(spec.coders):
        raise _cannot_be_shared(spec.per_tweet, len(spec.coders))
    if spec.tweets is not None and spec.tweets < 0:
        raise UserError("The number of tweets is below 0.", "Give how many tweets to assign.")


def _cannot_be_shared(per_tweet: int, coders: int) -> UserError:
    if per_tweet < 2:
        return UserError(
            "Tweets coded by several have two coders or more.", "Choose more coders for each tweet."
        )
    many, there = (_NUMBERS.get(number, f"{number:,}") for number in (per_tweet, coders))
    return UserError(
        f"{many.capitalize()} coders per tweet need at least {many} coders; "
        f"{there} {'was' if coders == 1 else 'were'} named.",
        "Choose more coders, or fewer for each tweet.",
    )
