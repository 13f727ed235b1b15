"""Agreement in a study: whose labels count, on which tweets, per question, language and pair; repeats; the text."""

import csv
import json
import random
from collections.abc import Callable
from itertools import count
from pathlib import Path

import krippendorff
import pytest
from sklearn.metrics import cohen_kappa_score
from sqlalchemy import update

from app.errors import UserError
from app.study import agreement, importing
from app.study.agreement import CLASS, AgreementReport, measure_agreement
from app.study.agreement_measures import AC1, ALPHA, KAPPA, PERCENT, gwets_ac1, percent_agreement
from app.study.agreement_text import methods_text
from app.study.codebook import Codebook
from app.study.labelling import Labelling
from app.study.study import Study
from db import labels
from db.tables import Adjudication, CurrentLabel, Tweet
from tests.unit.app.study.conftest import LEAVES, add_tweets

_clock = count(1)


def said(
    study: Study, coder: str, leaf: str | None, tweet: int, *, repeat: bool = False, undoes: str | None = None
) -> str:
    """Add a label event as the program does; return its id."""
    key = study.coder(coder).id
    with study.writing() as session:
        _, event = labels.add_event(
            session,
            {
                "coder_id": key,
                "tweet_id": tweet,
                "codebook_version_id": 1,
                "kind": "clear" if leaf is None else "label",
                "leaf": leaf,
                "given": f"2026-11-24T10:00:00.{next(_clock):06}+00:00",
                "repeat": repeat,
                "undoes": undoes,
            },
        )
    return event


def code(study: Study, coder: str, codes: str) -> None:
    """Label tweets 1, 2, … with p(ro), a(nti), n(eutral), u(nrelated); a dot leaves one out."""
    for tweet, letter in enumerate(codes, 1):
        if letter != ".":
            said(study, coder, next(leaf for leaf in LEAVES if leaf[0] == letter), tweet)


def measured(study: Study, **options: object) -> AgreementReport:
    return measure_agreement(study, resamples=50, **options)  # type: ignore[arg-type]


def values(estimates: agreement.Estimates) -> list[float | None]:
    return [one.value for one in estimates.values()]


@pytest.fixture
def two(study: Study, tmp_path: Path) -> Study:
    """Return a study of 12 tweets, de and en in turn, on which Ana and Ben agree in part."""
    add_tweets(study, tmp_path / "x", 12)
    code(study, "Ana", "ppaanuuupa..")
    code(study, "Ben", "papanuupu...")
    return study


def test_each_question_is_measured_on_the_tweets_that_answer_it(two: Study) -> None:
    report = measured(two)
    assert (report.coders, report.languages, report.tweets) == (("Ana", "Ben"), ("de", "en"), 9)
    assert [question.code for question in report.questions] == ["topic", "stance", CLASS]
    topic, stance, leaf = report.questions
    # 1 to 9: p/p p/a a/p a/a n/n u/u u/u u/p p/u.
    assert topic.overall[PERCENT].value == pytest.approx(7 / 9)
    assert (topic.n, stance.n, leaf.n) == (9, 5, 9)
    assert stance.overall[PERCENT].value == pytest.approx(3 / 5)
    assert leaf.overall[PERCENT].value == pytest.approx(5 / 9)
    ana, ben = list("ppaan"), list("papan")
    assert stance.overall[KAPPA].value == pytest.approx(cohen_kappa_score(ana, ben))
    assert stance.overall[AC1].value == pytest.approx(
        gwets_ac1(list(zip(ana, ben, strict=True)), ["p", "a", "n"]).value
    )
    assert (topic.conditional, stance.conditional, leaf.conditional) == (False, True, False)


def test_chance_counts_every_answer_of_the_question(two: Study) -> None:
    # Nobody says neutral in English; it stays a class that could be chosen.
    english = measured(two, languages=["en"]).question("stance")
    rows = [["p", "a"], ["a", "a"]]
    assert english.n == 2
    assert english.overall[AC1].value == pytest.approx(gwets_ac1(rows, ["p", "a", "n"]).value)
    assert english.overall[AC1].value != pytest.approx(gwets_ac1(rows).value)


def test_languages_are_measured_apart_and_can_be_chosen(two: Study) -> None:
    everything = measured(two)
    for language in ("en", "de"):
        alone = measured(two, languages=[language])
        assert alone.languages == (language,)
        for question in everything.questions:
            assert question.languages[language] == alone.question(question.code).overall
    assert measured(two, languages=["en", "de"]) == everything
    topic = everything.question("topic")
    # German are 1 3 5 7 9: p/p a/p n/n u/u p/u; English 2 4 6 8: p/a a/a u/u u/p.
    assert topic.languages["de"][PERCENT].value == pytest.approx(4 / 5)
    assert topic.languages["en"][PERCENT].value == pytest.approx(3 / 4)


def test_the_confusion_table_of_two_coders(two: Study) -> None:
    (pair,) = measured(two).question(CLASS).pairs
    assert (pair.first, pair.second) == ("Ana", "Ben")
    assert list(pair.confusion) == list(LEAVES)
    assert pair.confusion["pro"] == {"pro": 1, "anti": 1, "neutral": 0, "unrelated": 1}
    assert pair.confusion["unrelated"] == {"pro": 1, "anti": 0, "neutral": 0, "unrelated": 2}
    assert sum(sum(row.values()) for row in pair.confusion.values()) == 9


def test_three_coders_with_gaps(two: Study) -> None:
    code(two, "Cem", "..papuu...a.")
    report = measured(two)
    leaf = report.question(CLASS)
    assert [(pair.first, pair.second) for pair in leaf.pairs] == [
        ("Ana", "Ben"), ("Ana", "Cem"), ("Ben", "Cem"),
    ]  # fmt: skip
    assert [pair.estimates[PERCENT].n for pair in leaf.pairs] == [9, 5, 5]
    rows = [
        list("pp."), list("pa."), list("app"), list("aaa"), list("nnp"), list("uuu"), list("uuu"), list("up."),
        list("pu."),
    ]  # fmt: skip
    gaps = [[None if letter == "." else letter for letter in row] for row in rows]
    assert leaf.overall[PERCENT].value == pytest.approx(percent_agreement(gaps).value)
    numbers = [["." if c is None else c for c in row] for row in gaps]
    counts = [[row.count(letter) for letter in "panu"] for row in numbers]
    assert leaf.overall[ALPHA].value == pytest.approx(
        krippendorff.alpha(value_counts=counts, level_of_measurement="nominal")
    )
    assert leaf.overall[KAPPA].value == pytest.approx(
        sum(pair.estimates[KAPPA].value or 0 for pair in leaf.pairs) / 3
    )
    # Tweet 8 has a stance by Ben alone; with Cem it would have two.
    assert report.question("stance").n == 5
    said(two, "Cem", "pro", 8)
    assert measured(two).question("stance").n == 6
    chosen = measured(two, coders=["Cem", "Ana"])
    assert chosen.coders == ("Cem", "Ana")
    assert chosen.question(CLASS).n == 6


def test_only_current_labels_count(two: Study) -> None:
    before = measured(two).question(CLASS)
    said(two, "Ben", "anti", 3)
    said(two, "Ben", None, 1)
    after = measured(two).question(CLASS)
    assert (before.n, after.n) == (9, 8)
    # Equal were 1 4 5 6 7; 1 is gone, 3 has come.
    assert after.overall[PERCENT].value == pytest.approx(5 / 8)


def test_gold_labels_are_nobodys_coding(two: Study) -> None:
    before = measured(two)
    with two.writing() as session:
        for tweet in (2, 10, 12):
            session.add(
                Adjudication(
                    coder_id=two.coder("Ana").id,
                    tweet_id=tweet,
                    codebook_version_id=1,
                    leaf="pro",
                    given="2026",
                )
            )
            session.execute(update(Tweet).where(Tweet.id == tweet).values(gold_leaf="pro"))
            labels.refresh(session, [tweet])
    with two.reading() as session:
        assert session.get_one(Tweet, 12).agreed_leaf == "pro"
    assert measured(two) == before


def test_labels_of_a_file_are_those_of_its_coder(study: Study, tmp_path: Path) -> None:
    for coder, leaf in (("file A", "pro"), ("file B", "anti")):
        path = tmp_path / f"{coder}.csv"
        path.write_text(f"id,text,lang,label\n1,a,en,{leaf}\n2,b,en,unrelated\n", encoding="utf-8")
        importing.import_file(study, path, coder=coder)
    report = measured(study)
    assert report.coders == ("file A", "file B")
    assert report.question(CLASS).overall[PERCENT].value == 0.5


def test_labels_given_apart_in_copies_are_counted_and_told(two: Study) -> None:
    with two.writing() as session:
        session.execute(update(CurrentLabel).where(CurrentLabel.tweet_id == 2).values(contested=True))
    report = measured(two)
    assert report.contested == 2
    assert "Of 2 labels that one coder gave twice" in methods_text(report)


def test_a_tweet_labelled_by_one_coder_changes_nothing(two: Study) -> None:
    before = measured(two)
    said(two, "Ana", "neutral", 11)
    said(two, "Ben", "pro", 12)
    assert measured(two) == before


# The same coder twice


def test_repeats_are_compared_with_the_label_that_stood(two: Study) -> None:
    before = measured(two)
    for tweet, leaf in ((1, "pro"), (2, "anti"), (6, "unrelated")):
        said(two, "Ana", leaf, tweet, repeat=True)
    # Changed afterwards: the repeat was given against "anti".
    said(two, "Ana", "anti", 4, repeat=True)
    said(two, "Ana", "pro", 4)
    report = measured(two)
    assert report.repeats == 4
    (ana,) = report.question(CLASS).repeats
    assert ana.coder == "Ana"
    assert (ana.estimates[PERCENT].n, ana.estimates[PERCENT].value) == (4, 3 / 4)
    (topic,) = report.question("topic").repeats
    assert topic.estimates[PERCENT].value == 1
    (stance,) = report.question("stance").repeats
    assert (stance.estimates[PERCENT].n, stance.estimates[PERCENT].value) == (3, pytest.approx(2 / 3))
    said(two, "Ana", "anti", 4)
    assert measured(two).question(CLASS).overall == before.question(CLASS).overall
    assert measured(two, languages=["de"]).repeats == 1
    assert measured(two, coders=["Ben"]).question(CLASS).repeats == ()


def test_repeats_that_were_taken_back_or_have_nothing_to_repeat_do_not_count(two: Study) -> None:
    taken_back = said(two, "Ben", "anti", 1, repeat=True)
    undone = said(two, "Ben", None, 1, repeat=True, undoes=taken_back)
    assert measured(two).repeats == 0
    said(two, "Ben", "neutral", 1, repeat=True, undoes=undone)
    assert measured(two).repeats == 1
    said(two, "Ben", "pro", 12, repeat=True)
    said(two, "Ben", None, 2)
    said(two, "Ben", "anti", 2, repeat=True)
    assert measured(two).repeats == 1


def test_after_a_merge_time_tells_what_stood(two: Study) -> None:
    # The later label lies before the repeat in the file, as when a copy was taken in.
    key = two.coder("Ana").id
    with two.writing() as session:
        for leaf, given, repeat in (("anti", "2027-01-02", False), ("pro", "2027-01-01", True)):
            labels.add_event(
                session,
                {
                    "coder_id": key, "tweet_id": 1, "codebook_version_id": 1, "kind": "label", "leaf": leaf,
                    "given": given, "repeat": repeat,
                },
            )  # fmt: skip
    (ana,) = measured(two).question(CLASS).repeats
    assert ana.estimates[PERCENT].value == 1


def test_repeats_alone_make_a_report(study: Study, tmp_path: Path) -> None:
    add_tweets(study, tmp_path / "x", 4)
    code(study, "Ana", "papu")
    said(study, "Ana", "pro", 1, repeat=True)
    report = measured(study)
    assert not report.is_empty
    assert (
        report.question(CLASS).overall[KAPPA].undefined
        == "Not defined because no unit was coded by two coders."
    )
    text = methods_text(report)
    assert "Ana (n = 1): percent agreement 100.0 % (no interval)" in text
    assert "Topic" not in text


# What cannot be asked for


def test_a_study_without_double_labels_is_empty(study: Study, tmp_path: Path) -> None:
    assert measured(study).is_empty
    add_tweets(study, tmp_path / "x", 4)
    code(study, "Ana", "pp..")
    code(study, "Ben", "..uu")
    report = measured(study)
    assert report.is_empty
    assert methods_text(report) == "No tweet was labelled twice, so nothing can be said of agreement."


def test_unknown_languages_and_coders_are_told(two: Study) -> None:
    with pytest.raises(UserError, match=r"no tweets in the language “xx”.*It has de, en"):
        measured(two, languages=["en", "xx"])
    with pytest.raises(UserError, match=r"no coder “Zoe”.*It has Ana, Ben"):
        measured(two, coders=["Zoe"])


def test_tweets_without_a_language(study: Study, tmp_path: Path) -> None:
    add_tweets(study, tmp_path / "x", 4, languages=["", "en"])
    code(study, "Ana", "papu")
    code(study, "Ben", "pppu")
    assert measured(study).languages == ("", "en")
    report = measured(study, languages=["none"])
    assert (report.languages, report.tweets) == (("",), 2)
    assert "2 tweets in one language (none given)" in methods_text(report)


def test_a_codebook_of_one_question_is_measured_once(tmp_path: Path) -> None:
    codebook = Codebook.from_toml(
        '[[questions]]\ncode = "tone"\n[[questions.options]]\ncode = "good"\nkey = "1"\n'
        '[[questions.options]]\ncode = "bad"\nkey = "2"\n'
    )
    with Study.create(tmp_path / "one.stancedesk", codebook) as study:
        add_tweets(study, tmp_path / "x", 2)
        for coder in ("Ana", "Ben"):
            said(study, coder, "good", 1)
            said(study, coder, "bad", 2)
        report = measured(study)
    assert [question.code for question in report.questions] == ["tone"]
    assert report.questions[0].overall[KAPPA].value == 1


# In words


def test_the_text_for_a_methods_section(two: Study) -> None:
    report = measure_agreement(two)
    text = methods_text(report)
    assert text == methods_text(measure_agreement(two))
    paragraph, references = text.split("\n\n")
    assert paragraph.startswith("9 tweets in 2 languages (de, en) were labelled by two coders (Ana, Ben).")
    alpha = report.question("stance").overall[ALPHA]
    assert alpha.value is not None and alpha.low is not None and alpha.high is not None
    interval = f"[{alpha.low:.3f}, {alpha.high:.3f}]".replace("-", "−")
    assert f"Krippendorff's alpha {alpha.value:.3f}, 95 % CI {interval}" in paragraph
    assert "Topic (n = 9): percent agreement 77.8 %, 95 % CI [" in paragraph
    assert "2,000 bootstrap resamples" in paragraph
    for work in ("Cohen, J. (1960)", "Krippendorff, K. (2019)", "Gwet, K. L. (2008)", "Efron"):
        assert work in references
    assert "Light" not in text


def test_the_text_names_what_is_not_defined_and_the_mean_over_pairs(study: Study, tmp_path: Path) -> None:
    add_tweets(study, tmp_path / "x", 4)
    for coder in ("Ana", "Ben", "Cem"):
        code(study, coder, "pppp")
    text = methods_text(measured(study))
    assert "at least two of 3 coders (Ana, Ben, Cem)" in text
    assert "Light, 1971" in text and "Light, R. J. (1971)" in text
    assert "Cohen's kappa is not defined because only one class was used" in text


def test_the_report_goes_into_json_and_back(two: Study) -> None:
    report = measured(two)
    again = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert again["tweets"] == 9
    assert again["questions"][0]["overall"][KAPPA]["value"] == report.questions[0].overall[KAPPA].value


# Real tweets


def test_two_coders_of_real_tweets_are_measured_as_by_the_libraries(
    study: Study, shared_data: Path, write: Callable[..., Path]
) -> None:
    with open(shared_data / "immigration" / "train.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    chance = random.Random(15)
    second = [
        chance.choice([leaf for leaf in LEAVES if leaf != row["label"]])
        if chance.random() < 0.15
        else row["label"]
        for row in rows
    ]
    importing.import_file(study, shared_data / "immigration" / "train.csv", coder="first")
    path = write("")
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "lang", "label"])
        writer.writerows(
            [row["id"], row["text"], row["lang"], label] for row, label in zip(rows, second, strict=True)
        )
    importing.import_file(study, path, coder="second")
    report = measure_agreement(study, resamples=200)

    book = study.codebook
    paths = {leaf.code: leaf.path for leaf in book.leaves}
    for question in report.questions:
        for language in ("", *sorted({row["lang"] for row in rows})):
            both = [
                (row["label"], label)
                for row, label in zip(rows, second, strict=True)
                if language in ("", row["lang"])
            ]
            if question.code:
                both = [
                    (paths[a][question.code], paths[b][question.code])
                    for a, b in both
                    if question.code in paths[a] and question.code in paths[b]
                ]
            found = question.languages[language] if language else question.overall
            first, other = zip(*both, strict=True)
            assert found[PERCENT].n == len(both)
            assert found[PERCENT].value == pytest.approx(sum(a == b for a, b in both) / len(both))
            if len({*first, *other}) > 1:
                assert found[KAPPA].value == pytest.approx(cohen_kappa_score(first, other))
                assert found[ALPHA].value == pytest.approx(
                    krippendorff.alpha([first, other], level_of_measurement="nominal")
                )
    assert report.question(CLASS).n == 2625
    assert report.question("topic").languages.keys() == {row["lang"] for row in rows}


def test_what_a_coder_labels_in_the_window_is_what_is_measured(study: Study, tmp_path: Path) -> None:
    add_tweets(study, tmp_path / "x", 6)
    for coder in ("Ana", "Ben"):
        work = Labelling(study, coder, double=True)
        while work.current() is not None:
            work.label("pro" if coder == "Ana" else "anti")
        work.undo()
        work.label("neutral")
    (pair,) = measured(study).question(CLASS).pairs
    given = {leaf: sum(row.values()) for leaf, row in pair.confusion.items()}
    taken = {leaf: sum(row[leaf] for row in pair.confusion.values()) for leaf in LEAVES}
    assert given == {"pro": 5, "anti": 0, "neutral": 1, "unrelated": 0}
    assert taken == {"pro": 0, "anti": 5, "neutral": 1, "unrelated": 0}
