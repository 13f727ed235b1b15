"""Who codes what: shares, balance, languages, groups, and the same from the same seed."""

from collections import Counter
from dataclasses import dataclass
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from app.study.drawing import EVERYONE, Draw, draw
from app.study.study import Coder

LANGUAGES = ["ar", "en", "hi", "ko"]


@dataclass(frozen=True)
class Row:
    """A tweet as the database gives it."""

    id: int
    lang: str
    shuffle: int
    group_id: int | None = None


def rows(count: int, languages: list[str], first: int = 1) -> list[Row]:
    return [
        Row(n, languages[n % len(languages)], n * 2654435761 % 2**61) for n in range(first, first + count)
    ]


def _coders_of(found: Draw) -> dict[int, list[str]]:
    who: dict[int, list[str]] = {}
    for name, work in found.work.items():
        for tweet in work:
            who.setdefault(tweet, []).append(name)
    return who


CODERS = st.lists(
    st.tuples(st.sampled_from(["Ana", "Ben", "ليلى", "Дима", "민준"]), st.sets(st.sampled_from(LANGUAGES))),
    min_size=1,
    max_size=5,
    unique_by=lambda pair: pair[0],
).map(lambda pairs: [Coder(name, name, tuple(sorted(reads))) for name, reads in pairs])
TWEETS = st.lists(
    st.tuples(
        st.sampled_from(LANGUAGES),
        st.integers(-(2**63), 2**63 - 1),
        st.one_of(st.none(), st.integers(1, 5)),
    ),
    max_size=60,
).map(lambda found: [Row(n, *row) for n, row in enumerate(found, 1)])


@given(
    coders=CODERS,
    tweets=TWEETS,
    number=st.one_of(st.none(), st.integers(0, 70)),
    double=st.sampled_from([0.0, 0.1, 0.2, 1 / 3, 0.5, 1.0]),
    per_tweet=st.integers(2, 3),
    sealed=st.integers(0, 10),
    sealed_by=st.sampled_from([0, 1, 2, EVERYONE]),
    seed=st.integers(0, 99),
    turn=st.randoms(use_true_random=False),
)
def test_what_every_draw_holds(
    coders, tweets, number, double, per_tweet, sealed, sealed_by, seed, turn
) -> None:  # type: ignore[no-untyped-def]
    held = rows(sealed, LANGUAGES, first=1000)
    asked = {"seed": seed, "number": number, "double": double, "per_tweet": per_tweet, "sealed_by": sealed_by}
    found = draw(tweets, held, coders, **asked)
    by_id = {row.id: row for row in (*tweets, *held)}
    who = _coders_of(found)
    readers = {lang: [c for c in coders if not c.languages or lang in c.languages] for lang in LANGUAGES}
    # Nobody gets a tweet twice, nor one in a language that they do not read.
    for coder in coders:
        work = found.work[coder.name]
        assert len(set(work)) == len(work)
        assert not coder.languages or {by_id[t].lang for t in work} <= set(coder.languages)
        assert Counter(by_id[t].lang for t in work) == Counter(found.counts[coder.name])
    # Each drawn tweet has one coder, or exactly as many different ones as asked for.
    plain = {t: names for t, names in who.items() if t < 1000}
    assert all(len(names) in (1, per_tweet) for names in plain.values())
    possible = [t for t in plain if len(readers[by_id[t].lang]) >= per_tweet]
    doubles = sum(len(plain[t]) > 1 for t in possible)
    assert abs(doubles - double * len(possible)) <= 0.5 + 1e-9
    alone = {by_id[t].lang for t in plain if t not in possible} if double else set()
    assert set(found.single) == alone
    # The sealed set is coded as a whole.
    readable = [row for row in held if readers[row.lang]]
    for row in readable if sealed_by else []:
        assert len(who[row.id]) == min(sealed_by, len(readers[row.lang]))
    assert found.sealed == (len(readable) if sealed_by else 0) == len(who) - len(plain)
    # Balanced within each language, and nobody is told of that gets nothing.
    for lang, reading in readers.items():
        loads = [found.counts[c.name].get(lang, 0) for c in reading]
        assert not loads or max(loads) - min(loads) <= 1
    # One tweet of a group, and as many tweets as were asked for or as there are.
    groups = [by_id[t].group_id for t in plain if by_id[t].group_id is not None]
    assert len(set(groups)) == len(groups)
    if number is not None:
        assert len(plain) <= number
    if number is None:
        drawable = {row.group_id or -row.id for row in tweets if readers[row.lang]}
        assert len(plain) <= len(drawable)
        assert sum(not row.group_id for row in tweets if readers[row.lang]) <= len(plain)
    asked_of = [*tweets, *(held if sealed_by else [])]
    assert found.unread == Counter(row.lang for row in asked_of if not readers[row.lang])
    assert found.tweets == len(who) and found.several == sum(len(names) > 1 for names in who.values())
    # The same again, in whatever order all are named.
    other_tweets, other_coders = list(tweets), list(coders)
    turn.shuffle(other_tweets)
    turn.shuffle(other_coders)
    again = draw(other_tweets, held[::-1], other_coders, **asked)
    assert again == found


def test_a_language_that_nobody_reads_is_told() -> None:
    coders = [Coder("1", "Ana", ("en",)), Coder("2", "Ben", ("en", "hi"))]
    found = draw(rows(40, LANGUAGES), [], coders, seed=1, double=0.2)
    assert found.unread == {"ar": 10, "ko": 10}
    assert found.single == {"hi": 10} and found.several == 2
    assert found.counts == {"Ana": {"en": 6}, "Ben": {"en": 6, "hi": 10}}


def test_all_pairs_of_coders_come_about() -> None:
    coders = [Coder(name, name) for name in "ABCD"]
    found = draw(rows(200, ["en"]), [], coders, seed=3, double=1.0)
    pairs = Counter(tuple(sorted(names)) for names in _coders_of(found).values())
    assert set(pairs) == set(combinations("ABCD", 2)) and min(pairs.values()) > 15


def test_what_cannot_be_divided_goes_to_who_has_least() -> None:
    coders = [Coder(name, name) for name in "ABCD"]
    found = draw(rows(4 * 9, LANGUAGES), [], coders, seed=5)
    totals = [len(work) for work in found.work.values()]
    assert totals == [9] * 4


def test_another_seed_draws_others_and_double_coded_tweets_do_not_come_first() -> None:
    coders = [Coder(name, name) for name in "AB"]
    tweets = rows(1000, ["en"])
    one, other = (draw(tweets, [], coders, seed=seed, number=100, double=0.2) for seed in (1, 2))
    assert len(set(_coders_of(one)) & set(_coders_of(other))) < 40
    both = set(one.work["A"]) & set(one.work["B"])
    assert len(both) == 20
    places = [place for place, tweet in enumerate(one.work["A"]) if tweet in both]
    assert places != list(range(20)) and places[-1] > 30
    assert [t for t in one.work["A"] if t in both] != [t for t in one.work["B"] if t in both]
