"""Drawing who codes what: a pure function of the tweets, the coders, what is asked for and a seed."""

import hashlib
import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from app.study.study import Coder

# More coders than any study has: a tweet is coded by all who read it.
EVERYONE = 1_000_000


class Candidate(Protocol):
    """A tweet that can be assigned. `shuffle` is a hash of its own id, the same in every copy of the study."""

    @property
    def id(self) -> int: ...
    @property
    def lang(self) -> str: ...
    @property
    def shuffle(self) -> int: ...
    @property
    def group_id(self) -> int | None: ...


@dataclass(frozen=True)
class Draw:
    """Who codes what. `work` has each coder's tweets in the order of their work, by the coder's name.

    `counts`: {coder: {language: tweets}}. `several` counts tweets that more than one coder codes, `sealed` those
    of the sealed test set; both are among `tweets`. `unread`: {language: tweets that nobody named here reads};
    `single`: {language: tweets in which the share to be coded by several had to be left out, as too few read it}.
    """

    work: dict[str, tuple[int, ...]]
    counts: dict[str, dict[str, int]]
    tweets: int = 0
    several: int = 0
    sealed: int = 0
    unread: dict[str, int] = field(default_factory=dict)
    single: dict[str, int] = field(default_factory=dict)

    def summary(self) -> str:
        """Return what was drawn and what could not be, in words."""
        told = [f"{_tweets(self.tweets)}, {self.several:,} of them coded by several."]
        if self.sealed:
            told.append(f"{_tweets(self.sealed)} of the sealed test set.")
        told += [f"Nobody named reads {lang or 'tweets without a language'}: {_tweets(n)} left out."
                 for lang, n in self.unread.items()]  # fmt: skip
        told += [f"Too few read {lang or 'tweets without a language'} to code them by several: {_tweets(n)}."
                 for lang, n in self.single.items()]  # fmt: skip
        return " ".join(told)


def _tweets(number: int) -> str:
    return f"{number:,} tweet{'' if number == 1 else 's'}"


def draw(
    tweets: Sequence[Candidate],
    sealed: Sequence[Candidate],
    coders: Sequence[Coder],
    *,
    seed: int,
    number: int | None = None,
    double: float = 0.0,
    per_tweet: int = 2,
    sealed_by: int = 0,
    groups: Iterable[int] = (),
) -> Draw:
    """Draw `number` of the tweets (None: all) and say who codes which.

    A share `double` of them is coded by `per_tweet` coders, the others by one; each of the sealed ones by
    `sealed_by`, or by all who read it where they are fewer. Coders get tweets in languages that they read alone;
    in each language none of those who read it gets more than one tweet more than another. Of a group of
    near-duplicates one tweet at most is drawn, none of `groups`. The same seed gives the same, in whatever order
    tweets and coders are named, and in every copy of the study.
    """
    coders = sorted(coders, key=lambda coder: coder.name)
    readers = _Readers(coders)
    chosen: dict[str, list[Candidate]] = {}
    seen, taken = set(groups), 0
    for tweet in _shuffled(tweets, str(seed)):
        if taken == number:
            break
        if (tweet.group_id is None or tweet.group_id not in seen) and readers.of(tweet.lang):
            chosen.setdefault(tweet.lang, []).append(tweet)
            taken += 1
            if tweet.group_id is not None:
                seen.add(tweet.group_id)
    held = [t for t in _shuffled(sealed, str(seed)) if readers.of(t.lang)] if sealed_by else []
    languages = Counter(tweet.lang for tweet in (*tweets, *(sealed if sealed_by else ())))
    possible = {lang: len(found) for lang, found in chosen.items() if len(readers.of(lang)) >= per_tweet}
    doubles = _shares(possible, double)
    work: dict[str, list[Candidate]] = {coder.name: [] for coder in coders}
    counts: dict[str, dict[str, int]] = {coder.name: {} for coder in coders}
    several = 0
    for lang in sorted({*chosen, *(tweet.lang for tweet in held)}):
        who = readers.of(lang)
        needs = [(tweet, per_tweet if place < doubles.get(lang, 0) else 1)
                 for place, tweet in enumerate(chosen.get(lang, []))]  # fmt: skip
        needs += [(tweet, min(sealed_by, len(who))) for tweet in held if tweet.lang == lang]
        several += sum(many > 1 for _, many in needs)
        for name, tweet in _dealt(needs, who, {name: len(work[name]) for name in who}, f"{seed} {lang}"):
            work[name].append(tweet)
            counts[name][lang] = counts[name].get(lang, 0) + 1
    return Draw(
        work={name: tuple(t.id for t in _shuffled(found, f"{seed} {name}")) for name, found in work.items()},
        counts=counts,
        tweets=taken + len(held),
        several=several,
        sealed=len(held),
        unread={lang: count for lang, count in sorted(languages.items()) if not readers.of(lang)},
        single={
            lang: len(found) for lang, found in sorted(chosen.items()) if double and lang not in possible
        },
    )


class _Readers:
    """Who reads a language, by name."""

    def __init__(self, coders: Sequence[Coder]) -> None:
        self._coders = coders
        self._known: dict[str, list[str]] = {}

    def of(self, lang: str) -> list[str]:
        if lang not in self._known:
            self._known[lang] = [c.name for c in self._coders if not c.languages or lang in c.languages]
        return self._known[lang]


def _shuffled(tweets: Sequence[Candidate], seed: str) -> list[Candidate]:
    """Put tweets into the order of a seed: by their own hashes, mixed anew (the finaliser of SplitMix64)."""
    import numpy as np

    key = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest(), "big")
    mixed = np.array([tweet.shuffle for tweet in tweets], dtype=np.int64).view(np.uint64) ^ np.uint64(key)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    order = np.lexsort((np.array([tweet.id for tweet in tweets]), mixed))
    return [tweets[place] for place in order.tolist()]


def _shares(sizes: dict[str, int], share: float) -> dict[str, int]:
    """Divide a share of the whole over the languages by their sizes: by largest remainder, exact in all."""
    exact = {lang: size * Fraction(str(share)) for lang, size in sizes.items()}
    found = {lang: math.floor(part) for lang, part in exact.items()}
    over = math.floor(sum(exact.values(), Fraction(1, 2))) - sum(found.values())
    for lang in sorted(exact, key=lambda lang: (found[lang] - exact[lang], lang))[:over]:
        found[lang] += 1
    return found


def _dealt(
    needs: Iterable[tuple[Candidate, int]], who: Sequence[str], load: dict[str, int], seed: str
) -> Iterable[tuple[str, Candidate]]:
    """Yield (name, tweet): each tweet to so many different people, all with the same number, but for one.

    Who has least so far gets the tweets that cannot be divided. Those with most still to get are next, at
    random among equals, so that all pairs of coders come about.
    """
    needs = list(needs)
    chance = random.Random(seed)
    each, over = divmod(sum(many for _, many in needs), len(who))
    order = sorted(who, key=lambda name: (load[name], chance.random()))
    left = {name: each + (place < over) for place, name in enumerate(order)}
    for tweet, many in needs:
        for name in sorted(who, key=lambda name: (-left[name], chance.random()))[:many]:
            left[name] -= 1
            yield name, tweet
