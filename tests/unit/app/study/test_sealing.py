"""The sealed test set: how it is drawn, that nothing is learnt from it, and that it is coded blind."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from app import cli
from app.errors import UserError
from app.study import (
    assigning,
    exporting,
    importing,
    labelling,
    locks,
    models,
    predictions,
    readiness,
    review,
    run_plan,
    sealing,
    tweets,
)
from app.study.drawing import EVERYONE
from app.study.sealing import choose
from app.study.sealing_text import drawing_told
from app.study.shelf import Shelf
from app.study.study import Coder, Study
from app.study.tweets import TweetFilter
from db import sealing as queries
from db import tweets as tweet_queries
from db.tables import Tweet
from training.contract.run_folder import RunFolder
from training.contract.spec import read_rows

Write = Callable[..., Path]


class Made(NamedTuple):
    """A made-up candidate."""

    id: int
    lang: str
    group_id: int | None
    shuffle: int


_MADE = st.lists(
    st.tuples(st.sampled_from(["en", "ar", "hi"]), st.none() | st.integers(1, 6)), max_size=40
).map(lambda rows: [Made(n, lang, group, n * 7919 % 1009) for n, (lang, group) in enumerate(rows, 1)])
_WANTED = st.fixed_dictionaries({"en": st.integers(0, 15), "ar": st.integers(0, 15)})
_SEED = st.integers(0, 1000)


def _choose(made: Sequence[Any], wanted: dict[str, int], seed: int) -> list[Any]:
    return choose(made, wanted, seed)


@given(_MADE, _WANTED, _SEED, st.randoms())
def test_a_draw_depends_on_the_seed_and_the_tweets_alone(
    made: list[Made], wanted: dict[str, int], seed: int, random: Any
) -> None:
    chosen = _choose(made, wanted, seed)
    mixed = list(made)
    random.shuffle(mixed)
    # Another order of the files gives the tweets and the groups other numbers.
    renumbered = [
        one._replace(id=place, group_id=None if one.group_id is None else 100 - one.group_id)
        for place, one in enumerate(mixed)
    ]
    assert {one.shuffle for one in _choose(renumbered, wanted, seed)} == {one.shuffle for one in chosen}


@given(_MADE, _WANTED, _SEED)
def test_no_group_is_drawn_twice_and_the_numbers_are_met(
    made: list[Made], wanted: dict[str, int], seed: int
) -> None:
    chosen = _choose(made, wanted, seed)
    groups = [one.group_id for one in chosen if one.group_id is not None]
    assert len(groups) == len(set(groups))
    counts = Counter(one.lang for one in chosen)
    for language, number in wanted.items():
        assert counts[language] <= number
        if counts[language] < number:
            # What was not drawn there is a copy of something that was.
            left = [one for one in made if one.lang == language and one not in chosen]
            assert all(one.group_id in groups for one in left)
    assert counts["hi"] == 0


@given(
    _MADE.map(lambda made: [one._replace(lang="en") for one in made]),
    st.integers(0, 9),
    st.integers(0, 9),
    _SEED,
)
def test_asking_for_more_later_goes_on(made: list[Made], first: int, more: int, seed: int) -> None:
    begun = _choose(made, {"en": first}, seed)
    sealed = {one.group_id for one in begun if one.group_id is not None}
    left = [one for one in made if one not in begun and one.group_id not in sealed]
    assert begun + _choose(left, {"en": more}, seed) == _choose(made, {"en": first + more}, seed)


def test_each_tweet_has_the_same_chance() -> None:
    made = [Made(n, "en", 1 if n <= 5 else None, n * 7919) for n in range(1, 21)]
    drawn = Counter(one.id for seed in range(2000) for one in _choose(made, {"en": 1}, seed))
    assert all(60 < drawn[n] < 140 for n in range(1, 21))
    assert 420 < sum(drawn[n] for n in range(1, 6)) < 580


# With a study


@pytest.fixture
def filled(study: Study, write: Write) -> Study:
    """Return a study of 40 English and 6 Arabic tweets, none of them labelled."""
    rows = [f"{n},tweet number {n},en" for n in range(1, 41)] + [f"{n},تغريدة {n},ar" for n in range(41, 47)]
    importing.import_file(study, write("\n".join(["id,text,lang", *rows])))
    return study


def _group(study: Study, *members: Sequence[int]) -> None:
    with study.writing() as session:
        for one in members:
            session.execute(update(Tweet).where(Tweet.id.in_(one)).values(group_id=min(one)))


def _sealed(study: Study) -> set[int]:
    with study.reading() as session:
        return {row.id for row in tweet_queries.rows(session, range(1, 100)) if row.sealed}


def _label(study: Study, tweet: int, leaf: str = "pro", coder: str = "Ana") -> None:
    work = labelling.Labelling(study, coder)
    work.show(tweet)
    work.label(leaf)


def test_so_many_of_each_language_and_told_where_too_few_are_left(filled: Study) -> None:
    plans = {one.language: one for one in sealing.plan(filled, 10)}
    assert (plans["en"].drawn, plans["en"].left, plans["en"].short) == (10, 30, 0)
    assert (plans["ar"].drawn, plans["ar"].left, plans["ar"].short) == (6, 0, 4)
    drawing = sealing.draw(filled, 10, seed=7)
    assert (drawing.languages, drawing.short, drawing.seed) == ({"en": 10, "ar": 6}, {"ar": 4}, 7)
    assert "In ar 4 tweets fewer than asked for" in drawing_told(drawing)
    assert _sealed(filled) == sealing.test_tweets(filled) and len(_sealed(filled)) == 16
    found = sealing.sealed_set(filled)
    assert found.languages == {"en": (0, 10), "ar": (0, 6)} and (found.copies, found.given) == (0, 0)
    # The seed and what was asked for are kept.
    (kept,) = found.drawings
    assert (kept.seed, kept.per_language, kept.languages, kept.labelled_before) == (
        7,
        10,
        drawing.languages,
        0,
    )


def test_equal_seeds_draw_equal_tweets_in_whatever_order_the_file_came(tmp_path: Path) -> None:
    rows = [f"{n},tweet number {n},en" for n in range(1, 31)]
    drawn = []
    for name, lines, seed in (("a", rows, 3), ("b", rows[::-1], 3), ("c", rows, 4)):
        (tmp_path / f"{name}.csv").write_text("\n".join(["id,text,lang", *lines]), encoding="utf-8")
        with Study.create(tmp_path / f"{name}.stancedesk") as study:
            importing.import_file(study, tmp_path / f"{name}.csv")
            sealing.draw(study, 8, seed=seed)
            drawn.append({row.tweet_id for row in tweets.get(study, sorted(sealing.test_tweets(study)))})
    assert drawn[0] == drawn[1] != drawn[2]


def test_more_can_be_drawn_later_and_not_twice_the_same(filled: Study) -> None:
    sealing.draw(filled, 4, ["en"], seed=1)
    first = sealing.test_tweets(filled)
    with pytest.raises(UserError, match="has 4 or more test tweets already"):
        sealing.draw(filled, 4, ["en"])
    assert sealing.draw(filled, 9, ["en"], seed=1).tweets == 5
    assert first < sealing.test_tweets(filled)
    sealing.take_back(filled)
    assert sealing.test_tweets(filled) == first
    with pytest.raises(UserError, match="No tweet of this study is in “ko”"):
        sealing.draw(filled, 4, ["ko"])


def test_nobody_labelled_a_drawn_tweet_before_also_who_took_the_label_back(filled: Study) -> None:
    for tweet in range(1, 31):
        _label(filled, tweet)
    taken_back = labelling.Labelling(filled, "Ana")
    taken_back.show(31)
    taken_back.label("anti")
    taken_back.undo()
    review.Review(filled, "Ben").adjudicate(32, "pro", "clear")
    locks.lock(filled, "batch", "Ana", [33])
    drawing = sealing.draw(filled, 100, ["en"], seed=1)
    assert sealing.test_tweets(filled) == set(range(34, 41))
    assert drawing.labelled_before == 32 and "32 tweets had been labelled before" in drawing_told(drawing)
    with pytest.raises(UserError, match="No tweet is left to draw"):
        sealing.draw(filled, 100, ["en"])


def test_a_group_is_sealed_whole_or_not_at_all_and_one_of_it_is_scored(filled: Study) -> None:
    _group(filled, range(1, 11), [11, 12], [13, 41])
    _label(filled, 11)
    drawing = sealing.draw(filled, 100, seed=5)
    test, sealed = sealing.test_tweets(filled), _sealed(filled)
    assert len(test & set(range(1, 11))) == 1 and set(range(1, 11)) <= sealed
    # Its sibling has a label: neither is drawn.
    assert not sealed & {11, 12}
    # A copy in another language.
    assert len(test & {13, 41}) == 1 and {13, 41} <= sealed
    assert drawing.copies == 10 == sealing.sealed_set(filled).copies == len(sealed) - len(test)
    rows = {row.id: row.sealed for row in tweets.get(filled, range(1, 12))}
    assert Counter(rows.values()) == {"copy": 9, "test": 1, "": 1}
    assert sealing.copies(filled) == sealed - test
    sealing.take_back(filled)
    assert not _sealed(filled)


def test_a_copy_that_comes_later_is_kept_apart_too(filled: Study) -> None:
    sealing.draw(filled, 3, ["en"], seed=5)
    tested = min(sealing.test_tweets(filled))
    other = next(n for n in range(1, 41) if n not in sealing.test_tweets(filled))
    _group(filled, [tested, other])
    _label(filled, other)
    assert readiness.readiness(filled).rows == 0
    with filled.writing() as session:
        assert queries.seal(session) == 1 and queries.seal(session) == 0
    assert other in _sealed(filled) and other not in sealing.test_tweets(filled)


def test_the_seal_stays_once_something_is_known(filled: Study) -> None:
    with pytest.raises(UserError, match="No test set was drawn here"):
        sealing.take_back(filled)
    sealing.draw(filled, 3, ["en"], seed=5)
    assert sealing.sealed_set(filled).may_be_taken_back
    _label(filled, min(sealing.test_tweets(filled)))
    assert not sealing.sealed_set(filled).may_be_taken_back
    labelling.Labelling(filled, "Ana").undo()
    with pytest.raises(UserError, match="were labelled already"):
        sealing.take_back(filled)
    assert len(sealing.test_tweets(filled)) == 3


def test_the_seal_stays_while_its_tweets_are_assigned(filled: Study) -> None:
    ana = (Coder("", "Ana"),)
    early = assigning.assign(filled, assigning.Spec(ana, seed=1, tweets=20), name="before")
    drawing = sealing.draw(filled, 20, ["en"], seed=5)
    made = assigning.assign(
        filled, assigning.Spec(ana, seed=1, tweets=0, sealed=EVERYONE), name="sealed ones"
    )
    with pytest.raises(UserError, match="“sealed ones”") as refused:
        sealing.take_back(filled)
    assert "Remove that assignment first" in refused.value.next_step
    assert len(sealing.test_tweets(filled)) == drawing.tweets
    assigning.remove(filled, made.id)
    # What was assigned before the drawing was not chosen for its seal.
    assert sealing.take_back(filled) and not sealing.test_tweets(filled)
    assert [one.id for one in assigning.assignments(filled)] == [early.id]


def test_tweets_with_which_a_file_came_are_test_tweets_like_those_drawn(filled: Study, write: Write) -> None:
    importing.import_file(filled, write("id,text,lang,label\n90,given,en,pro\n", "test.csv"), test=True)
    drawing = sealing.draw(filled, 3, ["en"], seed=1)
    # One is there already.
    assert drawing.tweets == 2
    found = sealing.sealed_set(filled)
    assert (found.tweets, found.given, found.labelled) == (3, 1, 1)
    assert tweets.count(filled, TweetFilter(status="sealed")) == 3


# Out of training


def test_no_sealed_tweet_nor_its_copy_is_in_the_files_of_a_run(
    study: Study, write: Write, tmp_path: Path
) -> None:
    texts = [f"tweet number {n}" for n in range(60)]
    texts[50] = "tweet  number\n7"
    rows = [f'{100 + n},"{text}",en' for n, text in enumerate(texts)]
    path = write("\n".join(["id,text,lang", *rows]))
    importing.import_file(study, path)
    _group(study, [3, 4, 5])
    sealing.draw(study, 20, seed=3)
    sealing.seal_given(study, [8])
    labels = [f"{row},{['pro', 'anti'][n % 2]}" for n, row in enumerate(rows)]
    importing.import_file(study, write("\n".join(["id,text,lang,label", *labels])), coder="Ana")
    assert study.counts().labelled == 60
    base = Shelf().base_file("smollm2-135m")
    run = RunFolder(tmp_path)
    run_plan.plan_run(study, base, ["en"], {}).write(run)
    written = {row.id for path in (run.train, run.validation) for row in read_rows(path)}
    apart = {row.tweet_id for row in tweets.get(study, range(1, 61)) if row.sealed} | {"150"}
    assert {"107", "150"} <= apart and written == {str(100 + n) for n in range(60)} - apart
    assert json.loads(run.spec.read_text(encoding="utf-8"))["base"] == "smollm2-135m"


# Blind


@pytest.fixture
def predicted(filled: Study) -> Study:
    """Return the study with all English tweets sealed and predicted; Ben has labelled tweet 1 and decided on 3."""
    sealing.draw(filled, 100, ["en"], seed=1)
    model = models.register(filled, "m", "/m", "0" * 64, filled.codebook.leaf_codes)
    rows = [[0.7, 0.1, 0.1, 0.1]] * 46
    predictions.save(filled, model.id, filled.codebook.leaf_codes, range(1, 47), rows, "")
    _label(filled, 1, "anti", "Ben")
    _label(filled, 3, "pro", "Ben")
    _label(filled, 3, "anti", "Cleo")
    review.Review(filled, "Ben").adjudicate(3, "pro", "plain")
    return filled


def test_a_coder_sees_nothing_of_a_sealed_tweet_before_labelling_it(predicted: Study) -> None:
    for viewer in ("Ana", ""):
        for row in tweets.page(predicted, TweetFilter(viewer=viewer), 0, 40):
            assert row.hidden and row.sealed == "test"
            assert (row.label, row.labels, row.gold, row.predicted, row.confidence, row.probabilities) == (
                None, (), None, None, None, {},
            )  # fmt: skip
            assert not row.disputed and row.prediction_status == ""
        assert tweets.history(predicted, 1, viewer) == tweets.history(predicted, 3, viewer) == []
    # What is not sealed is shown as ever.
    assert tweets.get(predicted, [41], viewer="Ana")[0].predicted == "pro"
    _label(predicted, 1, "pro", "Ana")
    (row,) = tweets.get(predicted, [1], viewer="Ana")
    assert (row.labels, row.predicted, row.hidden) == ((("Ben", "anti"), ("Ana", "pro")), "pro", False)
    assert [entry.coder for entry in tweets.history(predicted, 1, "Ana")] == ["Ben", "Ana"]


@pytest.mark.parametrize(
    ("filter", "order"),
    [
        (TweetFilter(status="predicted"), "file"),
        (TweetFilter(status="predicted", leaf="pro"), "file"),
        (TweetFilter(status="predicted", leaf="pro", search="tweet"), "file"),
        (TweetFilter(), "uncertain"),
        (TweetFilter(leaf="anti"), "file"),
        (TweetFilter(between=("pro", "anti")), "file"),
        (TweetFilter(status="disputed"), "file"),
        (TweetFilter(status="adjudicated"), "file"),
    ],
)
def test_no_filter_tells_what_the_row_does_not(predicted: Study, filter: TweetFilter, order: str) -> None:
    english = TweetFilter(**{**vars(filter), "language": "en"})
    blind = TweetFilter(**{**vars(english), "viewer": "Ana"})
    assert tweets.page(predicted, blind, 0, 50, order) == [] and tweets.count(predicted, blind, order) == 0
    # Without a coder who looks, what is labelled is known.
    known = {row.id for row in tweets.page(predicted, english, 0, 50, order)}
    assert known <= {1, 3} and tweets.count(predicted, english, order) == len(known)


def test_who_codes_finds_the_test_tweets_that_are_left(predicted: Study) -> None:
    assert set(sealing.tweets_to_label(predicted, "Ben", 100)) == set(range(1, 41)) - {1, 3}
    assert len(sealing.tweets_to_label(predicted, "Ana", 5)) == 5
    shuffled = sealing.tweets_to_label(predicted, "Ana", 100)
    assert sorted(shuffled) == list(range(1, 41)) != shuffled


def test_an_export_has_no_prediction_on_what_is_still_to_be_coded(predicted: Study, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    exporting.export(predicted, path)
    rows = {row["id"]: row for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())}
    assert rows["2"]["predicted_label"] is None and rows["2"]["p_pro"] is None
    assert rows["2"]["prediction_status"].startswith("sealed")
    assert rows["1"]["predicted_label"] == rows["41"]["predicted_label"] == "pro"


def test_the_condition_for_queues(predicted: Study) -> None:
    from sqlalchemy import select

    with predicted.reading() as session:
        assert set(session.scalars(select(Tweet.id).where(queries.not_sealed()))) == set(range(41, 47))


# The command


def test_the_command(filled: Study, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(filled.path)
    assert cli.run(["seal", path, "--per-language", "5", "--seed", "9", "--languages", "en", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["seed"], told["languages"], told["tweets"]) == (9, {"en": 5}, 5)
    assert told["sealed"]["languages"] == {"en": {"tweets": 5, "labelled": 0}}
    assert cli.run(["seal", path, "--per-language", "5"]) == 0
    assert "5 tweets in 1 language sealed" in capsys.readouterr().out
    assert cli.run(["seal", path, "--take-back"]) == 0
    assert "5 tweets are no longer sealed" in capsys.readouterr().out
    assert cli.run(["seal", path, "--take-back", "--seed", "1"]) == 2
    assert cli.run(["seal", path, "--per-language", "0"]) == 1
    assert "Ask for 1 to 100,000" in capsys.readouterr().err
