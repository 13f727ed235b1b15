"""What a score is computed on: the texts that a model was trained on are known wherever it goes."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import update

from app.inference.model_file import ModelCard, read_card, write_card
from app.study import (
    evaluations,
    labelling,
    models,
    predictions,
    runs,
    score_looks,
    sealing,
    seen_texts,
    splits,
)
from app.study.classification import register
from app.study.evaluation_report import evaluate
from app.study.importing import import_file
from app.study.sampling import labelled_rows
from app.study.seen_texts import SeenTexts, digest
from app.study.shelf import Shelf
from app.study.study import Study
from app.terminal import evaluation_table
from db.tables import Tweet
from tests.unit.app.inference.conftest import write_tiny

LEAVES = ["pro", "anti", "neutral", "unrelated"]
ROWS = [(f"{n}", f"tweet {n}", LEAVES[n % 4]) for n in range(12)]


def _study(path: Path, rows: list[tuple[str, str, str]], test: int = 0) -> Study:
    """Make a study of labelled tweets; the last `test` of them are test rows."""
    study = Study.create(path)
    for name, part, is_test in (
        ("labelled", rows[: len(rows) - test], False),
        ("test", rows[len(rows) - test :], True),
    ):
        table = path.with_name(f"{path.stem}-{name}.csv")
        table.write_text(
            "\n".join(["id,text,lang,label", *(f"{i},{text},en,{label}" for i, text, label in part)]),
            encoding="utf-8",
        )
        if part:
            assert import_file(study, table, test=is_test).accepted == len(part)
    return study


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder as training leaves it, without the list of what it has seen."""
    folder = tmp_path_factory.mktemp("run") / "single"
    folder.mkdir()
    base = Shelf().base_file("smollm2-135m").path
    write_tiny(folder / "model.gguf", base, "llama", layers=1, window=0)
    card = ModelCard("tiny", "2026-01-01T00:00:00+00:00", "", LEAVES, [1, 2, 3, 4], {}, languages={"en": 8})
    write_card(folder / "model.gguf", card)
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "single"))


def _see(folder: Path, train: list[str], validation: list[str]) -> None:
    card = read_card(folder / "model.gguf")
    assert card is not None
    seen_texts.write(folder, card, SeenTexts.of(train, validation))


def _predict_all(study: Study, shelf: Shelf) -> int:
    """Write predictions, so that no model has to be run."""
    model = register(study, "tiny", shelf.model("tiny"), shelf).id
    keys = [key for key, _ in labelled_rows(study)]
    predictions.save(
        study, model, LEAVES, keys, np.full((len(keys), 4), [0.7, 0.1, 0.1, 0.1], np.float32), ""
    )
    return model


def test_a_study_that_did_not_train_the_model_knows_what_it_has_seen(folder: Path, tmp_path: Path) -> None:
    _see(folder, [text for _, text, _ in ROWS[:8]], [text for _, text, _ in ROWS[8:10]])
    shelf = Shelf(tmp_path / "shelf")
    shelf.place(folder, "tiny")
    # Other ids, and white space that is folded before a model sees it.
    elsewhere = [(f"9{i}", text.replace(" ", "   "), label) for i, text, label in ROWS]
    with _study(tmp_path / "all.stancedesk", elsewhere) as study:
        _predict_all(study, shelf)
        report = evaluate(study, "tiny", shelf=shelf)
    assert report is not None
    assert (report["rows"], report["overall"]["n"], report["warning"]) == ("unseen", 2, False)
    with _study(tmp_path / "part.stancedesk", elsewhere[:8]) as study:
        _predict_all(study, shelf)
        report = evaluate(study, "tiny", shelf=shelf)
    assert report is not None
    assert (report["rows"], report["overall"]["n"], report["warning"]) == ("trained", 8, True)


def test_a_test_row_with_a_trained_text_is_not_scored(folder: Path, tmp_path: Path) -> None:
    _see(folder, [text for _, text, _ in ROWS[:9]], [])
    shelf = Shelf(tmp_path / "shelf")
    shelf.place(folder, "tiny")
    with _study(tmp_path / "s.stancedesk", ROWS, test=4) as study:
        _predict_all(study, shelf)
        report = evaluate(study, "tiny", shelf=shelf)
        kept = evaluations.of_model(study, "tiny")
        assert kept is not None and kept.report == report and not kept.is_stale
        import_file(study, tmp_path / "s-labelled.csv", coder="another")
        again = evaluations.of_model(study, "tiny")
        assert again is not None and again.is_stale
        assert evaluations.of_model(study, "never evaluated") is None
    assert report is not None
    assert (report["rows"], report["overall"]["n"]) == ("test", 3)
    assert "Left out were 1 test tweets" in report["note"]


def test_without_the_list_the_studys_own_run_tells(folder: Path, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf")
    shelf.place(folder, "tiny")
    with _study(tmp_path / "s.stancedesk", [*ROWS, ("99", "tweet  0", "pro")]) as study:
        _predict_all(study, shelf)
        keys = [key for key, _ in labelled_rows(study)]
        split = splits.save(study, "tiny", {"train": keys[:8], "validation": keys[8:10]}, 1)
        run = runs.create(study, "tiny", "/gone", "base", ["en"], {}, split).id
        known = models.get(study, "tiny")
        models.register(study, "tiny", known.path, known.sha256, LEAVES, run)
        report = evaluate(study, "tiny", shelf=shelf)
    assert report is not None
    # The thirteenth has the text of the first, which was trained on.
    assert (report["rows"], report["overall"]["n"]) == ("unseen", 2)


def test_confidence_is_reported_and_its_threshold_outlives_the_scores(folder: Path, tmp_path: Path) -> None:
    _see(folder, [], [])
    shelf = Shelf(tmp_path / "shelf")
    shelf.place(folder, "tiny")
    with _study(tmp_path / "s.stancedesk", ROWS) as study:
        model = _predict_all(study, shelf)
        sure = np.array([[0.97, 0.01, 0.01, 0.01], [np.nan] * 4], np.float32)
        predictions.save(study, model, LEAVES, [1, 2], sure, "no text is left")
        evaluations.keep_undecided_below(study, "tiny", 0.8)
        assert evaluations.undecided_below(study) == 0.0
        report = evaluate(study, "tiny", shelf=shelf)
        assert report is not None
        confidence = report["confidence"]
        assert [row[2] for row in confidence["answers"]] == ["pro", "", *["pro"] * 10]
        everything = confidence["thresholds"][0]
        assert everything["overall"]["accuracy"] == report["overall"]["accuracy"]
        assert everything["macro_f1"] == pytest.approx(report["overall"]["macro_f1"])
        assert (confidence["reliability"]["n"], confidence["reliability"]["failed"]) == (11, 1)
        assert "undecided below" in evaluation_table(report, ["topic", "stance"])
        evaluations.keep_undecided_below(study, "tiny", 0.8)
        assert evaluations.undecided_below(study) == evaluations.undecided_below(study, "tiny") == 0.8
        assert evaluate(study, "tiny", shelf=shelf) == report
        kept = evaluations.of_model(study, "tiny")
        assert kept is not None and (kept.undecided_below, kept.report) == (0.8, report)


@pytest.mark.parametrize("test", [0, 4])
def test_where_nothing_is_known_the_report_says_so(folder: Path, tmp_path: Path, test: int) -> None:
    shelf = Shelf(tmp_path / "shelf")
    shelf.place(folder, "tiny")
    with _study(tmp_path / "s.stancedesk", ROWS, test=test) as study:
        _predict_all(study, shelf)
        report = evaluate(study, "tiny", shelf=shelf)
    assert report is not None
    assert (report["rows"], report["warning"]) == ("unknown", True)
    assert report["overall"]["n"] == (test or 12)
    assert "cannot be known" in report["note"]


def _evaluated(study: Study, shelf: Shelf) -> dict[str, Any]:
    report = evaluate(study, "tiny", shelf=shelf)
    assert report is not None and report["rows"] == "test"
    look: dict[str, Any] = report["look"]
    return look


def test_a_look_is_a_score_that_was_not_known(folder: Path, tmp_path: Path) -> None:
    _see(folder, [text for _, text, _ in ROWS[:8]], [])
    shelf = Shelf(tmp_path / "shelf")
    shelf.place(folder, "tiny")
    with _study(tmp_path / "s.stancedesk", ROWS, test=4) as study:
        model = _predict_all(study, shelf)
        first = _evaluated(study, shelf)
        assert (first["new"], first["number"], first["before"], first["total"]) == (True, 1, 0, 1)
        assert "looked at once, with one model" in first["told"]
        assert "4 tweets in 1 language was set apart" in first["sentence"]
        assert "had not been scored before" in first["sentence"]
        # The same number again tells nothing new; a label outside the test set changes no score.
        work = labelling.Labelling(study, "imported")
        work.show(1)
        work.label("neutral")
        again = _evaluated(study, shelf)
        assert (again["new"], again["id"], again["total"]) == (False, first["id"], 1)
        work.show(12)
        work.label("pro")
        second = _evaluated(study, shelf)
        assert (second["new"], second["number"], second["models"]) == (True, 2, 1)
        assert "had been scored once, with one model, before the scores" in second["sentence"]
        work.undo()
        assert _evaluated(study, shelf)["id"] == first["id"]
        other = [[0.1, 0.7, 0.1, 0.1]]
        predictions.save(study, model, LEAVES, [11], np.array(other, np.float32), "")
        assert _evaluated(study, shelf)["number"] == 3
        looks = score_looks.list_looks(study)
        assert [(one.model, one.rows, one.scores["languages"]) for one in looks] == [("tiny", 4, 1)] * 3
        kept = evaluations.of_model(study, "tiny")
        assert kept is not None and kept.report["look"]["id"] == looks[-1].id
        # Reading what is kept is no look.
        assert len(score_looks.list_looks(study)) == 3


def test_two_models_are_two_looks_and_other_rows_none(folder: Path, tmp_path: Path) -> None:
    _see(folder, [text for _, text, _ in ROWS[:8]], [])
    shelf = Shelf(tmp_path / "shelf")
    shelf.place(folder, "tiny")
    with _study(tmp_path / "s.stancedesk", ROWS) as study:
        _predict_all(study, shelf)
        report = evaluate(study, "tiny", shelf=shelf)
        assert report is not None and (report["rows"], report["look"]) == ("unseen", None)
        assert score_looks.list_looks(study) == []
        sealing.seal_given(study, [9, 10, 11, 12])
        scored = [("9", "pro", "pro")]
        score_looks.record(study, "a", "1" * 64, scored, {"macro_f1": 0.5})
        score_looks.record(study, "b", "2" * 64, scored, {"macro_f1": 0.6})
        look = _evaluated(study, shelf)
        assert (look["number"], look["models_before"], look["models"]) == (3, 2, 3)
        assert "scored twice, with 2 models, before" in look["sentence"]
        assert "looked at 3 times, with 3 models" in look["told"]
        kept = evaluations.of_model(study, "tiny")
        assert kept is not None
        told = evaluation_table(kept.report, ["topic", "stance"])
        assert look["told"] in told and look["sentence"] in told


def test_a_labelled_copy_of_a_test_tweet_is_not_scored(folder: Path, tmp_path: Path) -> None:
    _see(folder, [], [])
    shelf = Shelf(tmp_path / "shelf")
    shelf.place(folder, "tiny")
    with _study(tmp_path / "s.stancedesk", ROWS) as study:
        _predict_all(study, shelf)
        with study.writing() as session:
            session.execute(update(Tweet).where(Tweet.id <= 3).values(group_id=1))
        sealing.seal_given(study, [1])
        report = evaluate(study, "tiny", shelf=shelf)
        assert report is not None and (report["rows"], report["overall"]["n"]) == ("test", 1)


def test_the_list_goes_with_the_model_and_with_no_other(folder: Path, tmp_path: Path) -> None:
    _see(folder, ["a", "b"], ["c"])
    first, second = Shelf(tmp_path / "first"), Shelf(tmp_path / "second")
    placed = first.place(folder, "tiny").folder
    # A single file is added with the list beside it, as a folder is.
    again = second.place(placed / "model.gguf", "other").folder
    card = read_card(folder / "model.gguf")
    assert card is not None
    assert seen_texts.read(again, card) == SeenTexts.of(["a", "b"], ["c"])
    card.created = "2026-02-02T00:00:00+00:00"
    assert seen_texts.read(again, card) is None
    (again / seen_texts.NAME).write_text("{", encoding="utf-8")
    assert seen_texts.read(again, card) is None
    second.remove("other")
    assert not again.exists()


def test_texts_that_a_model_sees_alike_have_one_digest() -> None:
    assert digest("See  https://a.b @Anna") == digest("See https://c.d\n@Ben ")
    assert digest("pro") != digest("anti")
    assert len(digest("")) == 16


def test_a_list_of_an_earlier_normaliser_is_asked_as_it_was_made(folder: Path, tmp_path: Path) -> None:
    card = read_card(folder / "model.gguf")
    assert card is not None
    made = SeenTexts(frozenset({digest("RT @a: b", 2)}), frozenset(), normaliser=2)
    seen_texts.write(tmp_path, card, made)
    read = seen_texts.read(tmp_path, card)
    assert read == made
    assert read is not None
    assert (read.role("rt @a: b"), read.role("RT @c: b"), read.role("b")) == ("", "train", "")
    now = SeenTexts.of(["b"], [])
    assert (now.role("RT @c: b"), now.role("b")) == ("train", "train")
