"""Which texts say the same: examples in several scripts, and what holds for any texts in any order."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.study import near_duplicates
from app.study.near_duplicates import LEAST_SHINGLES, Stopped, find_groups, fold, shingle_sets

LONG = {
    "en": "Refugees are welcome in our little town, and whoever says otherwise does not speak for us",
    "ar": "اللاجئون مرحب بهم في مدينتنا الصغيرة ومن يقول غير ذلك لا يتحدث باسمنا جميعا",
    "hi": "हमारे छोटे शहर में शरणार्थियों का स्वागत है और जो कुछ और कहता है वह हमारी ओर से नहीं बोलता",
    "ko": "우리 작은 마을은 난민을 환영합니다. 다르게 말하는 사람은 우리를 대표하지 않습니다",
    "ja": "私たちの小さな町では難民を歓迎しますそうでないという人は私たちの代表ではありません",
    "th": "เมืองเล็กๆของเรายินดีต้อนรับผู้ลี้ภัยและใครที่พูดเป็นอย่างอื่นไม่ได้พูดแทนเรา",
}
CHANGES = {
    "link": lambda text: f"{text} https://t.co/{len(text)}",
    "handle": lambda text: f"@somebody @else {text}",
    "retweet": lambda text: f"RT @somebody: {text}",
    "twice": lambda text: f"RT @one: RT @other: {text}",
    "emoji": lambda text: f"{text} 😀🔥",
    "capitals": lambda text: text.upper(),
    "dropped": lambda text: text[:20] + text[21:],
    "cut": lambda text: f"RT @somebody: {text[: len(text) - 5]}…",
}


def groups(texts: list[str]) -> list[int]:
    return find_groups(texts, len(texts)).tolist()


def as_sets(found: list[int], places: list[int]) -> set[frozenset[int]]:
    """Return the groups as sets of places, whatever their first is called."""
    members: dict[int, set[int]] = {}
    for group, place in zip(found, places, strict=True):
        members.setdefault(group, set()).add(place)
    return {frozenset(group) for group in members.values()}


@pytest.mark.parametrize("language", LONG)
@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_found_in_every_script(language: str, change: str) -> None:
    others = [text for code, text in LONG.items() if code != language]
    assert groups([LONG[language], *others, CHANGES[change](LONG[language])])[-1] == 0


def test_different_messages_stay_apart() -> None:
    head = "Breaking news from the border this morning:"
    texts = [
        *LONG.values(),
        f"{head} ministers agree on a new plan to house the families who arrived last week",
        f"{head} volunteers hand out water while the buses to the capital are cancelled again",
        "45 people were rescued off the coast by the coast guard during the night",
        "52 people were rescued off the coast by the coast guard during the night",
    ]
    assert groups(texts) == list(range(len(texts)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Refugees welcome!", "Refugees welcome?"),
        ("yes", "no"),
        ("난민 환영", "난민 반대"),
        ("😀", "😡"),
        ("https://t.co/a", "https://t.co/b"),
        ("@ana", "@ben"),
    ],
)
def test_short_texts_that_differ_stay_apart(one: str, other: str) -> None:
    assert groups([one, other]) == [0, 1]


def test_short_texts_that_are_equal_but_for_handles_go_together() -> None:
    assert groups(["Well said!", "@ana well said!", "RT @ben: Well said!", "Well done!"]) == [0, 0, 0, 3]


def test_no_chain_leads_from_one_message_to_another() -> None:
    """Each text is the one before with some letters changed; the last has nothing of the first."""
    rng = random.Random(1)
    text = [chr(rng.randrange(97, 123)) for _ in range(200)]
    chain = ["".join(text)]
    for start in range(0, 200, 5):
        text[start : start + 5] = [chr(rng.randrange(97, 123)) for _ in range(5)]
        chain.append("".join(text))
    found = groups(chain)
    assert len(set(found)) > 3
    for group in set(found):
        members = [chain[place] for place, other in enumerate(found) if other == group]
        sets = [set(shingle_sets([member])[0].tolist()) for member in members]
        centres = [
            one
            for one in sets
            if all(len(one & other) / len(one | other) >= near_duplicates.ALIKE for other in sets)
        ]
        assert centres, "every member is alike to one of them"


def test_a_bucket_of_any_size_costs_no_more_than_its_texts() -> None:
    same = np.zeros(5000, dtype=np.uint64)
    pairs = near_duplicates._to_compare(same, np.arange(5000))
    assert len(pairs) <= near_duplicates.PIVOTS * 5000


def test_a_stop_is_heard() -> None:
    with pytest.raises(Stopped):
        find_groups(["one", "two"], 2, stop=lambda: True)


def test_progress_grows_to_the_end() -> None:
    told: list[float] = []
    texts = [f"{text} {word}" for text in LONG.values() for word in ("eins", "zwei")]
    find_groups(texts, len(texts), told.append)
    assert told == sorted(told) and told[0] > 0 and told[-1] == 1.0


def test_the_first_of_no_texts() -> None:
    assert groups([]) == []


words = st.sampled_from(
    ["grenze", "wasser", "لاجئ", "난민", "शरण", "no", "RT @a:", "@b", "http://x.y", "7", "😀", "a"]
)
texts_with_copies = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.lists(words, max_size=12).map(" ".join),
        st.sampled_from([change(text) for text in LONG.values() for change in CHANGES.values()]),
    ),
    max_size=25,
)


@settings(deadline=None)
@given(texts_with_copies, st.randoms(use_true_random=False))
def test_the_order_decides_only_which_is_first(texts: list[str], rng: random.Random) -> None:
    places = list(range(len(texts)))
    found = groups(texts)
    assert all(found[group] == group <= place for place, group in enumerate(found))
    shuffled = places.copy()
    rng.shuffle(shuffled)
    again = groups([texts[place] for place in shuffled])
    assert as_sets(found, places) == as_sets(again, shuffled)


@settings(deadline=None)
@given(texts_with_copies)
def test_equal_texts_go_together_and_disjoint_ones_never(texts: list[str]) -> None:
    found = groups(texts)
    folded = [fold(text) for text in texts]
    shingles = [set(shingle_sets([text])[0].tolist()) for text in folded]
    for place in range(len(texts)):
        for other in range(place):
            if texts[place] == texts[other]:
                assert found[place] == found[other]
            elif folded[place] != folded[other]:
                short = min(len(shingles[place]), len(shingles[other])) < LEAST_SHINGLES
                if short or not shingles[place] & shingles[other]:
                    assert found[place] != found[other]


@given(st.text())
def test_folding_again_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@settings(deadline=None)
@given(st.lists(st.text(max_size=40), max_size=6))
def test_shingles_are_those_of_each_text_alone(texts: list[str]) -> None:
    flat, sizes = shingle_sets(texts)
    ends = np.cumsum(sizes)
    for text, end, size in zip(texts, ends, sizes, strict=True):
        alone, number = shingle_sets([text])
        assert number.tolist() == [size]
        assert flat[end - size : end].tolist() == alone.tolist() == sorted(set(alone.tolist()))
