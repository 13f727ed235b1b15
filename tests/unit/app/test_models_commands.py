"""The commands on models: what they do and what they say."""

import json
from pathlib import Path

import numpy as np
import pytest

from app import cli
from app.study import importing, models, predictions
from app.study.shelf import Shelf
from app.study.study import Study

LEAVES = ["pro", "anti", "neutral", "unrelated"]


@pytest.fixture
def mine(stancedesk_home: Path) -> Path:
    folder = Shelf().folder / "mine"
    folder.mkdir(parents=True)
    (folder / "model.gguf").write_bytes(b"GGUF")
    return folder


def said(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    assert cli.run(words) == status
    out, complaint = capsys.readouterr()
    return out if status == 0 else complaint


def test_rename_note_remove_and_bring_back(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "“mine” is now “yours”" in said(capsys, "models", "rename", "mine", "yours")
    assert said(capsys, "models", "note", "yours") == "No note.\n"
    assert said(capsys, "models", "note", "yours", "第 2 round") == "第 2 round\n"
    assert json.loads(said(capsys, "models", "note", "yours", "--json")) == {
        "name": "yours",
        "note": "第 2 round",
    }
    assert "bring-back yours" in said(capsys, "models", "remove", "yours")
    assert "can be brought back (stancedesk models bring-back NAME): yours" in said(capsys, "models")
    assert json.loads(said(capsys, "models", "bring-back", "yours", "--json"))["brought_back"] == "yours"
    assert Shelf().models()[0].note == "第 2 round"
    assert "Deleted" in said(capsys, "models", "remove", "yours", "--for-good")
    assert Shelf().models() == [] and Shelf().removed() == []
    assert "no model “yours”" in said(capsys, "models", "remove", "yours", status=1)


def test_json_is_taken_before_and_after_what_to_do(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["models", "--json"], ["models", "list", "--json"], ["models", "--json", "list"]):
        report = json.loads(said(capsys, *words))
        assert [model["name"] for model in report["models"]] == ["mine"]
        assert {base["fits"] for base in report["bases"]} <= {"trains", "runs", "too large"}
    assert "fits here" in said(capsys, "models")


def test_what_a_model_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "tweets.csv"
    table.write_text("id,text,lang\n1,Eins,de\n2,둘,ko\n3,Three,en", encoding="utf-8")
    path = tmp_path / "s.stancedesk"
    with Study.create(path) as study:
        importing.import_file(study, table)
        for name, found in (("old", [0, 0, 0]), ("new", [0, 1, 0])):
            model = models.register(study, name, f"/{name}", name, LEAVES)
            probabilities = np.full((3, 4), 0.1, dtype=np.float32)
            probabilities[range(3), found] = 0.7
            predictions.save(study, model.id, LEAVES, [1, 2, 3], probabilities, "")
    told = said(capsys, "models", "compare", str(path), "--model", "new")
    assert "1 of 3 tweets (33.3 %)" in told and "둘" in told and "pro → anti" in told
    report = json.loads(
        said(capsys, "models", "compare", str(path), "--model", "new", "--with", "old", "--json")
    )
    assert report["pairs"] == [{"before": "pro", "after": "anti", "tweets": 1}]
    assert [tweet["id"] for tweet in report["tweets"]] == ["2"]
    assert "before “old”" in said(capsys, "models", "compare", str(path), "--model", "old", status=1)
