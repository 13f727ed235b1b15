"""A base from a Hub, and one from a Hugging Face folder, by the real commands: fetched, trained on, classified with."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hub_server import Repository, serving

from .conftest import Program

NAME = "llama-3.2-1b"
TOKEN = "hf_SecretSecretSecret"


@pytest.fixture
def hub(hf_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    files = {file.name: file.read_bytes() for file in hf_folder.iterdir()}
    repository = Repository(files=files, token=TOKEN, breaks=2, break_after=2_000_000)
    with serving(repository) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield repository


def test_a_base_is_downloaded_once_its_licence_was_accepted(
    program: Program, hub: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    complaint = program("models", "download", NAME, status=1)
    assert "Built with Llama" in complaint and "licence was not accepted" in complaint
    assert hub.requests == []
    complaint = program("models", "download", NAME, "--accept-licence", status=1)
    assert "settings/tokens" in complaint
    token_file = tmp_path / "token"
    token_file.write_text(f"{TOKEN}\n", encoding="utf-8")
    out = program("models", "download", NAME, "--accept-licence", "--token-file", token_file, "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert events[-1]["added"] == NAME
    assert TOKEN not in out
    assert token_file.is_file()
    kept = [f for f in program.home.rglob("*") if f.is_file() and f.stat().st_size < 100_000]
    assert not [f for f in kept if TOKEN in f.read_text(encoding="utf-8", errors="replace")]
    (base,) = [b for b in json.loads(program("models", "--json"))["bases"] if b["name"] == NAME]
    assert base["available"] and base["fits"] in ("trains", "runs", "too large")
    program("models", "remove", NAME)
    # The environment's token serves as well; a wrong one is told without being repeated.
    monkeypatch.setenv("HF_TOKEN", "hf_Wrong")
    complaint = program("models", "download", NAME, "--accept-licence", status=1)
    assert "does not accept this token" in complaint and "hf_Wrong" not in complaint


def test_a_hugging_face_folder_is_trained_on_and_classifies(
    program: Program, hf_folder: Path, sample_rows: Callable[[Path, int], Path], tmp_path: Path
) -> None:
    study = tmp_path / "s.stancedesk"
    program("new", study)
    program("import", study, sample_rows(tmp_path / "tweets.csv", 16))
    events = program.events("train", study, "--base", hf_folder, "--name", "mine", "--epochs", 1)
    assert "convert" in [event.get("stage") for event in events]
    finished = events[-1]
    assert finished["event"] == "finished" and finished["model"] == "mine"
    classified = program.events("classify", study, "--model", "mine", "--limit", 20)[-1]
    assert classified["event"] == "finished"
    shelf = json.loads(program("models", "--json"))
    (model,) = shelf["models"]
    assert model["base"] == "Tiny"
    assert len(model["data"]["sha256"]) == 64
    assert model["data"]["train"] + model["data"]["validation"] == 48
    assert (Path(model["folder"]) / "course.jsonl").is_file()
    # The base stands in the list; the same folder is not converted a second time.
    assert [base["name"] for base in shelf["bases"] if base["source"] == "own"] == ["Tiny"]
    assert json.loads(program("models", "add", hf_folder, "--json").splitlines()[-1])["added"] == "Tiny"


def test_commands_on_models(
    program: Program, sample_rows: Callable[[Path, int], Path], tmp_path: Path
) -> None:
    complaint = program("models", "rename", "none", "other", status=1)
    assert "no model “none”" in complaint
    program("models", "nonsense", status=2)
    program("models", "download", status=2)
    complaint = program("models", "download", "gemma-3-270m", "--accept-licence", status=1)
    assert "no base model that is downloaded" in complaint
    complaint = program("models", "bring-back", "none", status=1)
    assert "can be brought back" in complaint
