"""Models that were trained anew under a name that the study knows: another model, and nothing mixed or lost."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from app.inference.model_file import known_sha256, sha256, write_card
from app.study import cascade_record, evaluations, label_changes, models, predictions
from app.study.classification import classify_study
from app.study.evaluation_report import evaluate
from app.study.shelf import Shelf
from app.study.study import Study
from db.tables import Prediction
from tests.small_base import embedded_base
from tests.unit.app.inference.conftest import make_card, write_tiny

from .conftest import LEAVES, add_tweets


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two real models, trained on different days: the second answers otherwise."""
    folder = tmp_path_factory.mktemp("models")
    first, second = folder / "first.gguf", folder / "second.gguf"
    write_tiny(first, embedded_base(), "llama", layers=2, window=0)
    shutil.copyfile(first, second)
    card = make_card(first, name="mine", created="2026-11-02T10:00:00+00:00", leaves=list(LEAVES))
    write_card(first, card)
    # The same numbers, read for other classes: it gives each tweet another label.
    write_card(second, replace(card, created="2026-11-20T10:00:00+00:00", leaves=[*LEAVES[1:], LEAVES[0]]))
    return first, second


def _said(study: Study, name: str) -> dict[int, Any]:
    key = models.get(study, name).id
    with study.reading() as session:
        rows = session.execute(
            select(Prediction.tweet_id, Prediction.leaf, Prediction.probabilities).where(
                Prediction.model_id == key
            )
        )
        return {row[0]: tuple(row[1:]) for row in rows}


def _retrain(second: Path) -> None:
    """As when a model is removed, and another is put on the shelf under its name."""
    Shelf().remove("mine")
    Shelf().place(second, "mine")


@pytest.fixture
def retrained(study: Study, trained: tuple[Path, Path], tmp_path: Path) -> Study:
    """Twelve tweets classified by the first model; then the second has its place and name."""
    add_tweets(study, tmp_path / "t.csv", 12)
    Shelf().place(trained[0], "mine")
    classify_study(study, "mine")
    _retrain(trained[1])
    return study


def test_a_retrained_model_classifies_and_the_old_ones_predictions_are_a_version(retrained: Study) -> None:
    before = _said(retrained, "mine")
    events: list[dict[str, Any]] = []
    report = classify_study(retrained, "mine", on_event=events.append)
    assert (report.selected, report.before, report.predicted) == (12, 0, 12)
    (told,) = [event["message"] for event in events if event["event"] == "warning"]
    assert "kept as “mine (2026-11-02)”" in told
    assert [model.name for model in models.list_models(retrained)] == ["mine", "mine (2026-11-02)"]
    assert _said(retrained, "mine (2026-11-02)") == before
    assert _said(retrained, "mine") != before
    # A second time it is the same model, and nothing is set aside.
    again = classify_study(retrained, "mine", on_event=events.append)
    assert (again.before, again.predicted) == (12, 0)
    assert len(models.list_models(retrained)) == 2


def test_the_two_versions_can_be_compared(retrained: Study) -> None:
    classify_study(retrained, "mine")
    assert label_changes.previous(retrained, "mine") == "mine (2026-11-02)"
    found = label_changes.compare(retrained, "mine")
    old, new = _said(retrained, "mine (2026-11-02)"), _said(retrained, "mine")
    assert (found.older, found.compared) == ("mine (2026-11-02)", 12)
    assert found.changed == sum(old[tweet][0] != new[tweet][0] for tweet in old) > 0
    assert len(label_changes.changed_tweets(retrained, "mine", "mine (2026-11-02)")) == found.changed


def test_before_it_has_classified_nothing_of_the_old_one_is_told_as_its_own(retrained: Study) -> None:
    model = models.get(retrained, "mine").id
    evaluations.save(retrained, model, {"rows": "unseen"}, evaluations.last_labels(retrained))
    cascade_record.create(retrained, model, {}, np.arange(1, 3), np.arange(1, 2))
    assert models.follow_shelf(retrained, Shelf()) == {"mine": "mine (2026-11-02)"}
    assert models.follow_shelf(retrained, Shelf()) == {}
    assert evaluations.of_model(retrained, "mine") is None
    kept = evaluations.of_model(retrained, "mine (2026-11-02)")
    assert kept is not None and kept.report == {"rows": "unseen"}
    assert [one.name for one in label_changes.comparable(retrained)] == ["mine (2026-11-02)"]
    classify_study(retrained, "mine")
    assert cascade_record.last(retrained, models.get(retrained, "mine").id) is None
    assert cascade_record.last(retrained, models.get(retrained, "mine (2026-11-02)").id) is not None


def test_the_old_model_brought_back_has_its_predictions_again(
    retrained: Study, trained: tuple[Path, Path]
) -> None:
    before = _said(retrained, "mine")
    classify_study(retrained, "mine")
    newer = _said(retrained, "mine")
    # Under another name: the second still has the first one's.
    assert Shelf().bring_back("mine").name == "mine-2"
    report = classify_study(retrained, "mine-2")
    assert (report.before, report.predicted) == (12, 0)
    assert _said(retrained, "mine-2") == before
    # And under its own, in the place of the second.
    Shelf().remove("mine-2")
    _retrain(trained[0])
    assert classify_study(retrained, "mine").before == 12
    assert _said(retrained, "mine") == before
    assert _said(retrained, "mine (2026-11-20)") == newer


def test_versions_of_one_day_have_a_fingerprint(study: Study) -> None:
    leaves = list(LEAVES)
    card = {"created": "2026-11-02T08:00:00+00:00"}
    keys = [
        models.register(study, "m", "/m", digit * 64, leaves, card=card).id for digit in ("a", "b", "c", "d")
    ]
    assert len(set(keys)) == 4
    assert [model.name for model in models.list_models(study)] == [
        "m",
        "m (2026-11-02, cccccccc)",
        "m (2026-11-02, bbbbbbbb)",
        "m (2026-11-02)",
    ]
    # The study does not hold the same file twice.
    back = models.register(study, "m", "/m", "b" * 64, leaves, card=card)
    assert (back.id, back.earlier) == (keys[1], "m (2026-11-02, dddddddd)")


def test_renaming_takes_along_the_predictions_of_the_model_itself(retrained: Study) -> None:
    before = _said(retrained, "mine")
    models.rename(retrained, Shelf(), "mine", "other")
    assert [model.name for model in models.list_models(retrained)] == ["mine (2026-11-02)"]
    assert classify_study(retrained, "other").predicted == 12
    assert _said(retrained, "mine (2026-11-02)") == before


def test_an_evaluation_asks_the_model_that_has_the_name(retrained: Study) -> None:
    from app.study.labelling import Labelling

    coder = Labelling(retrained, "Mia")
    for tweet in range(1, 9):
        coder.show(tweet)
        coder.label("pro", 1.0)
    scores = evaluate(retrained, "mine")
    assert scores is not None and scores["overall"]["n"] == 8
    new = models.get(retrained, "mine")
    right = sum(leaf == "pro" for leaf in predictions.of(retrained, new.id, range(1, 9)).values())
    assert scores["overall"]["accuracy"] == pytest.approx(right / 8)
    assert evaluations.of_model(retrained, "mine (2026-11-02)") is None


def test_a_fingerprint_follows_the_file(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"one")
    first = known_sha256(path)
    path.write_bytes(b"another")
    assert first != known_sha256(path) == sha256(path)
