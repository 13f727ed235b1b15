"""Queues: what each offers, in which order, what it leaves out, and that it goes round."""

import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from app.study import locks, models, predictions, queues
from app.study.assigned_queue import AssignedQueue
from app.study.labelling import Labelling
from app.study.light_scores import LightScores
from app.study.ordered_queue import OrderedQueue
from app.study.queue_choice import KINDS, OF_MODEL, QueueChoice
from app.study.queue_making import give_order, make_queue, model_order
from app.study.queues import Turn
from app.study.repeats import RepeatingQueue
from app.study.study import Coder, Study
from app.study.tweets import TweetFilter
from db.queues import Fit, least_confident
from db.tables import Tweet
from tests.unit.app.study.conftest import LEAVES, add_tweets

TWEETS = 24


@pytest.fixture
def filled(study: Study) -> Study:
    """Return a study of 24 tweets, in English and German by turns."""
    add_tweets(study, study.path, TWEETS)
    return study


def _set(study: Study, tweets: Iterable[int], **values: object) -> None:
    with study.writing() as session:
        session.execute(update(Tweet).where(Tweet.id.in_(list(tweets))).values(**values))


def _label(study: Study, coder: str, labels: dict[int, str]) -> None:
    work = Labelling(study, coder)
    for tweet, leaf in labels.items():
        work.show(tweet)
        work.label(leaf)


def _scores(study: Study, sure: dict[int, float], contradicted: dict[int, str] | None = None) -> LightScores:
    """Return scores that give "anti" so much, and "pro" the rest."""
    ids = np.asarray(sorted(sure), dtype=np.int64)
    anti = np.asarray([sure[int(one)] for one in ids], dtype=np.float32)
    return LightScores(
        labels=50,
        leaves=("anti", "pro"),
        rarest="anti",
        macro_f1=0.5,
        ids=ids,
        probabilities=np.stack([anti, 1 - anti], axis=1),
        contradicted=np.asarray(list(contradicted or {}), dtype=np.int64),
        said=tuple((contradicted or {}).values()),
    )


def _offered(study: Study, choice: QueueChoice, number: int, coder: str = "Mia", language: str = "",
             scores: LightScores | None = None) -> list[int]:  # fmt: skip
    """Return what a queue offers until it begins again."""
    queue = make_queue(study, study.coder(coder), language, choice, scores)
    found: list[Turn] = []
    with study.reading() as session:
        for _ in range(number):
            turn = queue.next(session)
            if turn is None or turn in found:
                break
            found.append(turn)
    return [turn.tweet for turn in found]


def _languages(study: Study, tweets: Iterable[int]) -> list[str]:
    with study.reading() as session:
        return [session.get_one(Tweet, tweet).lang for tweet in tweets]


def test_uncertain_first_offers_the_least_margin_first_and_then_what_no_model_has_seen(filled: Study) -> None:
    scores = _scores(filled, {3: 0.95, 5: 0.52, 8: 0.3, 9: 0.44})
    found = _offered(filled, QueueChoice(queues.UNCERTAIN), TWEETS, scores=scores)
    assert found[:4] == [5, 9, 8, 3]
    assert sorted(found) == list(range(1, TWEETS + 1))


def test_the_source_tells_what_a_model_ordered_and_what_chance_did(filled: Study) -> None:
    queue = make_queue(
        filled, filled.coder("Mia"), "", QueueChoice(queues.UNCERTAIN), _scores(filled, {3: 0.5})
    )
    with filled.reading() as session:
        turns = [queue.next(session) for _ in range(2)]
    assert [turn.source for turn in turns if turn] == [queues.UNCERTAIN, queues.RANDOM]


def test_rare_class_first_offers_the_likeliest_of_that_class_first(filled: Study) -> None:
    scores = _scores(filled, {3: 0.1, 5: 0.52, 8: 0.9, 9: 0.44})
    assert _offered(filled, QueueChoice(queues.RARE_CLASS), 4, scores=scores) == [8, 5, 9, 3]


def test_a_fine_tuned_model_that_has_seen_more_decides_what_is_uncertain(filled: Study) -> None:
    model = models.register(filled, "big", str(filled.path), "0" * 64, LEAVES).id
    rows = np.asarray(
        [[0.4, 0.39, 0.21, 0], [0.5, 0.1, 0.2, 0.2], [0.97, 0.01, 0.01, 0.01]], dtype=np.float32
    )
    predictions.save(filled, model, LEAVES, [7, 2, 4], rows, "")
    choice = QueueChoice(queues.UNCERTAIN)
    assert _offered(filled, choice, 3, scores=_scores(filled, {9: 0.5, 4: 0.6})) == [7, 2, 4]
    few = _scores(filled, {tweet: 0.5 + tweet / 100 for tweet in range(1, 11)})
    assert _offered(filled, choice, 3, scores=few) == [1, 2, 3]


def test_queues_of_a_model_leave_out_sealed_locked_and_near_duplicates_of_labelled(filled: Study) -> None:
    _set(filled, [3], sealed=True)
    locks.lock(filled, "done", "Ana", [5])
    _set(filled, [8, 12], group_id=8)
    _label(filled, "Ana", {12: "pro"})
    scores = _scores(filled, {3: 0.5, 5: 0.5, 8: 0.5, 9: 0.9})
    for kind in (queues.UNCERTAIN, queues.RARE_CLASS):
        for given_scores in (scores, None):
            found = _offered(filled, QueueChoice(kind), TWEETS, scores=given_scores)
            assert set(found) == set(range(1, TWEETS + 1)) - {3, 5, 8, 12}
    # Only while it is labelled: once that is taken back, the near-duplicate comes.
    Labelling(filled, "Ana").undo()
    assert 8 in _offered(filled, QueueChoice(queues.UNCERTAIN), TWEETS, scores=scores)


def test_coders_disagree_offers_a_third_coder_the_disputed_ones_alone(filled: Study) -> None:
    _label(filled, "Ana", {2: "pro", 4: "pro", 6: "anti"})
    _label(filled, "Ben", {2: "anti", 4: "pro", 6: "pro"})
    assert sorted(_offered(filled, QueueChoice(queues.CODERS_DISAGREE), 2)) == [2, 6]
    assert _offered(filled, QueueChoice(queues.CODERS_DISAGREE), 5, coder="Ana") == []
    _label(filled, "Mia", {2: "pro"})
    assert _offered(filled, QueueChoice(queues.CODERS_DISAGREE), 1) == [6]


def test_model_disagrees_offers_own_labels_once_and_never_after_the_coder_gave_way(filled: Study) -> None:
    _label(filled, "Mia", {2: "pro", 4: "pro", 6: "anti", 8: "neutral"})
    _set(filled, [8], sealed=True)
    scores = _scores(filled, {}, {4: "anti", 2: "anti", 8: "pro"})
    choice = QueueChoice(queues.MODEL_DISAGREES)
    queue = make_queue(filled, filled.coder("Mia"), "", choice, scores)
    work = Labelling(filled, "Mia", queue=queue)
    shown = work.current()
    assert shown is not None and shown.id == 4
    work.label("pro")
    shown = work.current()
    assert shown is not None and shown.id == 2
    # What was looked at, or no longer contradicts, does not come again, after a restart neither.
    _label(filled, "Mia", {2: "anti"})
    assert _offered(filled, choice, 3, scores=scores) == []


def test_model_disagrees_asks_a_fine_tuned_model_first(filled: Study) -> None:
    _label(filled, "Ana", {2: "pro", 4: "pro", 6: "anti", 8: "anti"})
    model = models.register(filled, "big", str(filled.path), "0" * 64, LEAVES).id
    rows = np.asarray([[0.2, 0.6, 0.1, 0.1], [0.05, 0.9, 0.05, 0], [0.1, 0.8, 0.1, 0]], dtype=np.float32)
    predictions.save(filled, model, LEAVES, [2, 4, 6], rows, "")
    scores = _scores(filled, {}, {8: "pro", 2: "anti"})
    assert _offered(filled, QueueChoice(queues.MODEL_DISAGREES), 5, scores=scores)[:3] == [4, 2, 8]


def test_what_a_light_model_settled_the_model_has_not_said(filled: Study) -> None:
    _label(filled, "Ana", {2: "pro", 4: "pro"})
    model = models.register(filled, "big", str(filled.path), "0" * 64, LEAVES).id
    row = np.asarray([[0.3, 0.4, 0.2, 0.1]], dtype=np.float32)
    predictions.save(filled, model, LEAVES, [2, 9], row.repeat(2, axis=0), "")
    predictions.save(filled, model, LEAVES, [4, 10], row.repeat(2, axis=0), "", settled=True)
    assert _offered(filled, QueueChoice(queues.MODEL_DISAGREES), 5) == [2]
    assert _offered(filled, QueueChoice(queues.UNCERTAIN), 2)[0] == 9
    with filled.reading() as session:
        assert [one.id for one in least_confident(session, model, Fit("Mia", fresh=True), 5)] == [9]


def test_near_duplicates_come_group_by_group_the_largest_first(filled: Study) -> None:
    _set(filled, [2, 11], group_id=2)
    _set(filled, [3, 7, 20], group_id=3)
    _set(filled, [5], group_id=5)
    choice = QueueChoice(queues.NEAR_DUPLICATES)
    assert _offered(filled, choice, 5) == [3, 7, 20, 2, 11]
    _label(filled, "Ana", {7: "pro"})
    assert _offered(filled, choice, 4) == [3, 20, 2, 11]


def test_quotas_are_filled_and_no_more(filled: Study) -> None:
    _label(filled, "Ana", {1: "pro", 3: "pro"})
    choice = QueueChoice(queues.QUOTAS, quotas={"en": 3, "de": 4})
    work = Labelling(filled, "Mia", queue=make_queue(filled, filled.coder("Mia"), "", choice))
    seen = []
    while (row := work.current()) is not None:
        seen.append(row.id)
        work.label("anti")
    here = _languages(filled, [1])[0]
    other = "en" if here == "de" else "de"
    wanted = {here: choice.quotas[here] - 2, other: choice.quotas[other]}
    assert {one: _languages(filled, seen).count(one) for one in ("en", "de")} == wanted
    # What is taken back is drawn again.
    work.undo()
    work.skip()
    assert work.current() is not None


def test_quotas_mix_the_languages_at_random(filled: Study) -> None:
    choice = QueueChoice(queues.QUOTAS, quotas={"en": 12, "de": 12})
    seen = _languages(filled, _offered(filled, choice, TWEETS))
    assert sorted(seen) == ["de"] * 12 + ["en"] * 12
    assert seen != sorted(seen) and seen != sorted(seen, reverse=True)


def test_a_search_result_is_a_queue_in_the_order_of_the_table(filled: Study) -> None:
    choice = QueueChoice(queues.SEARCH, filter=TweetFilter(search="tweet 2"))
    assert _offered(filled, choice, 9) == [2, 20, 21, 22, 23, 24]
    _label(filled, "Ana", {20: "pro"})
    assert _offered(filled, choice, 9) == [2, 21, 22, 23, 24]
    # Who asks for labelled tweets gets those of others, and not the own.
    labelled = QueueChoice(queues.SEARCH, filter=TweetFilter(status="labelled"))
    assert _offered(filled, labelled, 9) == [20]
    assert _offered(filled, labelled, 9, coder="Ana") == []


def test_a_search_by_predictions_leaves_the_sealed_test_set_out(filled: Study) -> None:
    model = models.register(filled, "big", str(filled.path), "0" * 64, LEAVES).id
    rows = np.tile(np.asarray([0.7, 0.1, 0.1, 0.1], dtype=np.float32), (3, 1))
    predictions.save(filled, model, LEAVES, [2, 4, 6], rows, "")
    _set(filled, [4], sealed=True)
    asked = QueueChoice(queues.SEARCH, filter=TweetFilter(status="predicted", leaf="pro"))
    assert _offered(filled, asked, 9) == [2, 6]
    assert 4 in _offered(filled, QueueChoice(queues.SEARCH, filter=TweetFilter(search="tweet")), TWEETS)


@pytest.mark.parametrize("kind", [queues.RANDOM, queues.QUOTAS, queues.UNCERTAIN, queues.SEARCH])
def test_what_was_skipped_comes_again_after_all_others(filled: Study, kind: str) -> None:
    choice = QueueChoice(kind, quotas={"en": 12, "de": 12})
    scores = _scores(filled, {3: 0.5, 4: 0.6})
    work = Labelling(filled, "Mia", queue=make_queue(filled, filled.coder("Mia"), "", choice, scores))
    first = work.current()
    work.skip()
    for _ in range(TWEETS - 1):
        row = work.current()
        assert row is not None and first is not None and row.id != first.id
        work.label("pro")
    assert work.current() == first


@pytest.mark.parametrize("kind", KINDS)
def test_a_restart_goes_on_where_the_queue_was(filled: Study, kind: str) -> None:
    _label(filled, "Ana", {2: "pro", 4: "pro", 6: "anti"})
    _label(filled, "Ben", {2: "anti", 4: "anti", 6: "pro"})
    _label(filled, "Ana", {9: "pro", 10: "pro"})
    _set(filled, [11, 12, 13], group_id=11)
    choice = QueueChoice(kind, quotas={"en": 12, "de": 12}, filter=TweetFilter(search="tweet"))
    scores = _scores(filled, {3: 0.5, 14: 0.6, 5: 0.1}, {9: "anti", 10: "anti"})
    work = Labelling(filled, "Mia", queue=make_queue(filled, filled.coder("Mia"), "", choice, scores))
    assert work.current() is not None
    following = work.label("neutral")
    with Study.open(filled.path) as again:
        queue = make_queue(again, again.coder("Mia"), "", choice, scores)
        assert Labelling(again, "Mia", queue=queue).current() == following


def test_a_new_order_is_followed_at_once_and_offers_nothing_twice(filled: Study) -> None:
    who, choice = filled.coder("Mia"), QueueChoice(queues.UNCERTAIN)
    queue = make_queue(filled, who, "", choice)
    with filled.reading() as session:
        first = queue.next(session)
        assert first is not None and first.source == queues.RANDOM
        rest = [tweet for tweet in range(1, TWEETS + 1) if tweet != first.tweet]
        sure = {first.tweet: 0.5} | {tweet: 0.55 + tweet / 100 for tweet in rest[:3]}
        order = model_order(filled, who, "", QueueChoice(queues.UNCERTAIN), _scores(filled, sure))
        assert order is not None
        give_order(queue, order)
        found = [queue.next(session) for _ in range(TWEETS - 1)]
    assert [turn.tweet for turn in found[:3] if turn] == rest[:3]
    assert sorted(turn.tweet for turn in found if turn) == rest


def test_an_empty_queue_fills_when_something_is_added(filled: Study) -> None:
    queue = make_queue(filled, filled.coder("Mia"), "", QueueChoice(queues.NEAR_DUPLICATES))
    with filled.reading() as session:
        assert queue.next(session) is None
    _set(filled, [2, 3], group_id=2)
    queue = make_queue(filled, filled.coder("Mia"), "", QueueChoice(queues.NEAR_DUPLICATES))
    _label(filled, "Ana", {2: "pro", 3: "pro"})
    with filled.reading() as session:
        assert queue.next(session) is None and queue.next(session) is None
    Labelling(filled, "Ana").undo()
    with filled.reading() as session:
        turn = queue.next(session)
        assert turn is not None and turn.tweet == 3


def test_a_choice_is_kept_and_what_is_not_understood_is_left_at_its_default() -> None:
    choice = QueueChoice(
        queues.QUOTAS, {"en": 5}, TweetFilter(search="x", coders=("Ana",)), repeats=0.05, suggestions=True
    )
    assert QueueChoice.from_dict(choice.as_dict()) == choice
    for broken in (
        None,
        [],
        {"kind": "none"},
        {"quotas": {"en": "five", 3: 1}},
        {"repeats": 7},
        {"filter": 3},
    ):
        assert QueueChoice.from_dict(broken) == QueueChoice()
    assert QueueChoice.from_dict({"filter": {"status": "unheard of"}}) == QueueChoice()


SOME = st.sets(st.integers(1, 12), max_size=8)


@settings(max_examples=40)
@given(
    kind=st.sampled_from(KINDS), sealed=SOME, locked=SOME, grouped=SOME, mine=SOME, others=SOME, third=SOME,
    language=st.sampled_from(("", "en", "de")), acts=st.lists(st.booleans(), max_size=20),
)  # fmt: skip
def test_no_queue_offers_what_it_must_not(
    kind: str, sealed: set[int], locked: set[int], grouped: set[int], mine: set[int], others: set[int],
    third: set[int], language: str, acts: list[bool],
) -> None:  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, Study.create(Path(folder) / "a.stancedesk") as study:
        add_tweets(study, study.path, 12)
        _set(study, sealed, sealed=True)
        _set(study, grouped, group_id=min(grouped, default=0))
        _label(study, "Mia", dict.fromkeys(mine, "pro"))
        _label(study, "Ana", dict.fromkeys(others, "anti"))
        _label(study, "Ben", dict.fromkeys(third, "neutral"))
        if locked:
            locks.lock(study, "done", "Ana", sorted(locked))
        who = study.coder("Mia")
        choice = QueueChoice(kind, quotas={"en": 4, "de": 4}, filter=TweetFilter(search="tweet"))
        scores = _scores(study, dict.fromkeys(range(1, 9), 0.5), dict.fromkeys(range(1, 13), "unrelated"))
        work = Labelling(study, who, language, queue=make_queue(study, who, language, choice, scores))
        for gives_label in acts:
            turn = work.turn()
            if turn is None:
                break
            _check(study, who, kind, turn, language)
            if gives_label:
                work.label("pro")
            else:
                work.skip()


def _check(study: Study, who: Coder, kind: str, turn: Turn, language: str) -> None:
    from app.study.tweets import get

    row = get(study, [turn.tweet])[0]
    with study.reading() as session:
        tweet = session.get_one(Tweet, turn.tweet)
        near = select(Tweet.id).where(Tweet.group_id == tweet.group_id, Tweet.labelled.is_(True)).limit(1)
        has_labelled_double = tweet.group_id is not None and session.scalar(near) is not None
    assert not row.locked and not turn.repeat
    assert not language or row.lang == language
    if kind != queues.MODEL_DISAGREES:
        assert who.name not in dict(row.labels)
    if kind in OF_MODEL:
        assert not tweet.sealed
    if kind in (queues.UNCERTAIN, queues.RARE_CLASS):
        assert not row.labels and not has_labelled_double


def test_a_search_whose_model_is_gone_is_empty(filled: Study) -> None:
    asked = TweetFilter(status="predicted", model="gone")
    assert _offered(filled, QueueChoice(queues.SEARCH, filter=asked), 3) == []


def test_what_is_assigned_comes_in_place_of_random_order_alone(filled: Study) -> None:
    who = filled.coder("Mia")
    for kind, expected in ((queues.RANDOM, AssignedQueue), (queues.SEARCH, OrderedQueue)):
        assert isinstance(make_queue(filled, who, "", QueueChoice(kind), assigned=True), expected)
    repeating = make_queue(filled, who, "", QueueChoice(repeats=0.05), assigned=True)
    assert isinstance(repeating, RepeatingQueue) and isinstance(repeating.queue, AssignedQueue)


def test_queues_keep_to_the_languages_that_the_coder_reads(filled: Study) -> None:
    who = replace(filled.coder("Mia"), languages=("de",))
    _set(filled, range(1, TWEETS + 1), group_id=1)
    scores = _scores(filled, dict.fromkeys(range(1, 9), 0.5))
    for kind in (queues.QUOTAS, queues.RARE_CLASS, queues.NEAR_DUPLICATES, queues.SEARCH):
        choice = QueueChoice(kind, {"en": 4, "de": 4})
        queue = make_queue(filled, who, "", choice, scores)
        with filled.reading() as session:
            seen = [turn.tweet for _ in range(6) if (turn := queue.next(session)) is not None]
        assert seen and set(_languages(filled, seen)) == {"de"}
