"""What one model labels differently from another, and who may see it."""

from pathlib import Path

import numpy as np
import pytest

from app.errors import UserError
from app.study import importing, label_changes, models, predictions, sealing
from app.study.labelling import Labelling
from app.study.study import Study

LEAVES = ["pro", "anti", "neutral", "unrelated"]


@pytest.fixture
def predicted(tmp_path: Path) -> Study:
    """Eight tweets in two languages; “old” says pro of all, “new” pro, anti, anti, neutral, pro, … in turn."""
    table = tmp_path / "tweets.csv"
    rows = [f"{i},Tweet {i},{'en' if i < 4 else 'es'}" for i in range(8)]
    table.write_text("\n".join(["id,text,lang", *rows]), encoding="utf-8")
    study = Study.create(tmp_path / "s.stancedesk")
    importing.import_file(study, table)
    for name, said in (("old", [0] * 8), ("new", [0, 1, 1, 2, 0, 0, 1, 0])):
        model = models.register(study, name, f"/{name}", name, LEAVES)
        probabilities = np.full((8, 4), 0.1, dtype=np.float32)
        probabilities[range(8), said] = [0.7 - 0.01 * i for i in range(8)]
        if name == "new":
            probabilities[7] = np.nan
        predictions.save(study, model.id, LEAVES, list(range(1, 9)), probabilities, "empty")
    return study


def test_counts_of_each_pair_and_language(predicted: Study) -> None:
    with predicted as study:
        found = label_changes.compare(study, "new")
        assert (found.older, found.newer) == ("old", "new")
        # The tweet that the new model failed on is not compared.
        assert (found.compared, found.changed) == (7, 4)
        assert found.pairs == {("pro", "anti"): 3, ("pro", "neutral"): 1}
        assert found.languages == {"en": (3, 4), "es": (1, 3)}
        back = label_changes.compare(study, "old", "new")
        assert back.pairs == {("anti", "pro"): 3, ("neutral", "pro"): 1}


def test_the_tweets_of_a_pair_the_surest_first(predicted: Study) -> None:
    with predicted as study:
        found = label_changes.changed_tweets(study, "new", pair=("pro", "anti"))
        assert [one.row.tweet_id for one in found] == ["1", "2", "6"]
        assert {(one.before, one.after) for one in found} == {("pro", "anti")}
        assert found[0].confidence == pytest.approx(0.69)
        assert len(label_changes.changed_tweets(study, "new")) == 4
        assert len(label_changes.changed_tweets(study, "new", limit=2)) == 2


def test_sealed_tweets_are_neither_counted_nor_shown(predicted: Study) -> None:
    with predicted as study:
        sealing.draw(study, 1, ["es"], 1)
        sealed = sealing.test_tweets(study)
        assert len(sealed) == 1
        found = label_changes.compare(study, "new")
        assert found.compared == 7 - len(sealed - {8})
        shown = {one.row.id for one in label_changes.changed_tweets(study, "new")}
        assert not shown & sealed


def test_what_a_light_model_settled_is_no_change_of_the_model(predicted: Study) -> None:
    with predicted as study:
        new = models.get(study, "new")
        settled = np.tile(np.asarray([0, 0, 0, 1], dtype=np.float32), (2, 1))
        predictions.save(study, new.id, LEAVES, [1, 2], settled, "", settled=True)
        found = label_changes.compare(study, "new")
        assert (found.compared, found.changed) == (5, 3)
        assert {one.row.id for one in label_changes.changed_tweets(study, "new")} == {3, 4, 7}
        assert label_changes.compare(study, "old", "new").compared == 5


def test_others_labels_are_hidden_from_a_coder_who_is_blind_to_them(predicted: Study) -> None:
    with predicted as study:
        ana = Labelling(study, "Ana")
        ana.show(2)
        ana.label("neutral", 1.0)
        (seen,) = [
            one
            for one in label_changes.changed_tweets(study, "new", viewer="Ana", blind=True)
            if one.row.id == 2
        ]
        assert seen.row.label == "neutral"
        (hidden,) = [
            one
            for one in label_changes.changed_tweets(study, "new", viewer="Ben", blind=True)
            if one.row.id == 2
        ]
        assert hidden.row.label is None and hidden.row.blind


def test_nothing_to_compare_is_told(predicted: Study, tmp_path: Path) -> None:
    with predicted as study:
        assert label_changes.previous(study, "old") == ""
        with pytest.raises(UserError, match="no predictions of a model before"):
            label_changes.compare(study, "old")
        with pytest.raises(UserError, match="no model “none”"):
            label_changes.compare(study, "none")
        models.register(study, "third", "/third", "third", LEAVES)
        with pytest.raises(UserError, match="No tweet was classified by both"):
            label_changes.compare(study, "third", "old")


def test_a_renamed_model_keeps_its_predictions(predicted: Study, tmp_path: Path) -> None:
    with predicted as study:
        # As after `models rename` while another study, or none, was open: the file is the same, its place is not.
        found = models.register(study, "newer", str(tmp_path), "new", LEAVES)
        assert (found.name, found.predicted, found.failed) == ("newer", 7, 1)
        assert [model.name for model in models.list_models(study)] == ["newer", "old"]
        # One whose file is still where it was is another model with the same file.
        again = models.register(study, "copy", "/elsewhere", "new", LEAVES)
        assert again.id != found.id
