"""What a score is computed on: the texts that a model was trained on are known wherever it goes."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from app.inference.model_file import ModelCard, read_card, write_card
from app.study import evaluations, models, predictions, runs, seen_texts, splits
from app.study.classification import register
from app.study.evaluation_report import evaluate
from app.study.importing import import_file
from app.study.sampling import labelled_rows
from app.study.seen_texts import SeenTexts, digest
from app.study.shelf import Shelf
from app.study.study import Study
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
