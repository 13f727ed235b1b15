"""Pages of tweets: every filter and order against the same question asked of a plain list."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.errors import UserError
from app.study import importing, labelling, models, predictions, review, sealing, tweets
from app.study.study import Study
from app.study.tweets import NO_LANGUAGE, ORDERS, STATUSES, TweetFilter, TweetRow

COUNT = 60


@pytest.fixture
def mixed(study: Study, tmp_path: Path) -> Iterator[Study]:
    """Return a study with labelled, disputed, predicted and failed tweets in three languages and none."""
    lines = ["id,text,lang,label,user"]
    for n in range(1, COUNT + 1):
        label = ["pro", "anti", "", ""][n % 4]
        lines.append(
            f"{10**18 + n},Tweet ÉTÉ {n} 100%_{n},{['en', 'de', 'ko', ''][n % 3 if n % 7 else 3]},{label},u{n}"
        )
    file = tmp_path / "mixed.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    importing.import_file(study, file, coder="Ana")
    work = labelling.Labelling(study, "Ben")
    for tweet in (4, 8, 9):
        work.show(tweet)
        work.label("neutral")
    study.set_codebook(study.codebook, touched=["neutral"])
    work.show(8)
    work.label("neutral")
    decider = review.Review(study, "Mia")
    for tweet in (8, 11):
        decider.adjudicate(tweet, "neutral", "by the book")
    model = models.register(study, "m", "/m", "0" * 64, study.codebook.leaf_codes)
    for tweet in range(1, 41):
        best, rest = 0.3 + tweet / 100, (0.7 - tweet / 100) / 3
        row = [rest] * 4
        row[tweet % 4] = best
        if tweet % 10 == 0:
            row = [float("nan")] * 4
        settled = tweet in (7, 12, 26)
        predictions.save(study, model.id, study.codebook.leaf_codes, [tweet], [row], "empty", settled=settled)
    models.register(study, "unused", "/n", "1" * 64, study.codebook.leaf_codes)
    yield study


def _passes(row: TweetRow, filter: TweetFilter) -> bool:
    status = {
        "": True,
        "labelled": bool(row.labels or row.gold),
        "unlabelled": not (row.labels or row.gold),
        "disputed": row.disputed,
        "adjudicated": row.gold is not None,
        "second_look": row.id in (4, 9),
        "predicted": row.prediction_status == "predicted",
        "settled": row.id in (7, 12, 26),
        "sealed": row.sealed == "test",
        "grouped": row.similar > 0,
        "unpredicted": row.id > 40,
        "failed": row.prediction_status == "failed",
    }[filter.status]
    leaf = row.predicted if filter.status in ("predicted", "settled") else row.label
    language = "" if filter.language == NO_LANGUAGE else filter.language
    needle = filter.search.casefold()
    return (
        status
        and (not filter.leaf or leaf == filter.leaf)
        and (not filter.language or row.lang == language)
        and (needle in row.text.casefold() or needle in row.author.casefold() or needle == row.tweet_id)
    )


_KEYS: dict[str, Callable[[TweetRow], tuple[float, int]]] = {
    "file": lambda row: (0, row.id),
    "-file": lambda row: (0, -row.id),
    "uncertain": lambda row: (row.confidence or 0, row.id),
    "certain": lambda row: (-(row.confidence or 0), -row.id),
}


def test_pages_agree_with_a_plain_list(mixed: Study) -> None:
    sealing.seal_given(mixed, [2, 3, 6, 9, 10, 14, 58])
    everything = tweets.get(mixed, range(1, COUNT + 1))
    assert {row.id for row in everything if row.hidden} == {2, 3, 6, 10, 14, 58}
    assert len(everything) == COUNT
    seen = 0
    for status, language, leaf, search in itertools.product(
        STATUSES, ("", "en", "ko", NO_LANGUAGE), ("", "pro", "neutral"), ("", "tweet été 1", "100%_2", "U3")
    ):
        filter = TweetFilter(search=search, language=language, leaf=leaf, status=status)
        expected = [row for row in everything if _passes(row, filter)]
        for order in ORDERS if not search else ("file",):
            wanted = expected
            if order in ("uncertain", "certain"):
                wanted = [row for row in expected if row.confidence is not None]
            wanted = sorted(wanted, key=_KEYS[order])
            assert tweets.count(mixed, filter, order) == len(wanted), (filter, order)
            assert tweets.page(mixed, filter, 2, 5, order) == wanted[2:7], (filter, order)
        walked = [row for chunk in tweets.iterate(mixed, filter, chunk=7) for row in chunk]
        assert walked == expected, filter
        seen += bool(expected)
    assert seen > 60


def test_rows_say_what_is_known(mixed: Study) -> None:
    disputed, plain, failed = tweets.get(mixed, [9, 3, 10])
    assert disputed.labels == (("Ana", "anti"), ("Ben", "neutral"))
    assert (disputed.label, disputed.disputed, disputed.label_coder) == (None, True, "Ana, Ben")
    decided, alone = tweets.get(mixed, [8, 11])
    assert (decided.label, decided.gold, decided.gold_by, decided.gold_reason, decided.disputed) == (
        "neutral", "neutral", "Mia", "by the book", False,
    )  # fmt: skip
    assert decided.labels == (("Ana", "pro"), ("Ben", "neutral"))
    assert (alone.label, alone.labels) == ("neutral", ())
    assert not plain.settled and tweets.get(mixed, [7])[0].settled
    assert plain.predicted == "unrelated" and plain.confidence == pytest.approx(0.33)
    assert sum(plain.probabilities.values()) == pytest.approx(1, abs=1e-6)
    assert (failed.prediction_status, failed.prediction_reason, failed.predicted) == ("failed", "empty", None)


def test_the_latest_model_with_predictions_is_shown_unless_another_is_named(mixed: Study) -> None:
    assert tweets.count(mixed, TweetFilter(status="predicted")) == 36
    assert tweets.count(mixed, TweetFilter(status="predicted", model="unused")) == 0
    assert tweets.count(mixed, TweetFilter(status="unpredicted", model="unused")) == COUNT
    with pytest.raises(UserError, match="“nobody”"):
        tweets.page(mixed, TweetFilter(model="nobody"))


def test_a_study_without_models(study: Study) -> None:
    assert tweets.page(study, TweetFilter(status="predicted")) == []
    assert tweets.page(study, order="uncertain") == []
    assert tweets.count(study) == 0
    assert list(tweets.iterate(study)) == []


def test_filters_by_coder_and_by_pair_of_labels(mixed: Study) -> None:
    def ids(**asked: object) -> list[int]:
        return [row.id for row in tweets.page(mixed, TweetFilter(**asked), 0, 100)]  # type: ignore[arg-type]

    assert ids(coders=("Ben",)) == [4, 8, 9]
    assert ids(coders=("Ben", "Ana"), between=("anti",)) == [9]
    assert ids(between=("pro", "neutral")) == [4, 8]
    assert ids(between=("pro", "neutral"), status="disputed") == [4]
    assert ids(coders=("Nobody",)) == []
    assert ids(status="second_look", coders=("Ben",)) == [4, 9]
    assert ids(status="second_look", coders=("Ana",)) == []
