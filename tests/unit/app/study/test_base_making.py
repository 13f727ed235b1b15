"""Bases that come to this machine: downloaded from a Hub on this machine, made of a folder, added from a file."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.errors import UserError
from app.study import base_making, base_models, conversion
from app.study.base_making import add_base, check_room, download, is_fine_tuned, make_ready
from app.study.hub import HubFile
from app.study.shelf import Shelf
from tests.hub_server import Repository, serving

NAME = "llama-3.2-1b"
TOKEN = "hf_SecretSecretSecret"
Events = list[dict[str, Any]]


@pytest.fixture
def hub(hf_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """A Hub with the tiny LLaMA in the place of the 1B one."""
    files = {file.name: file.read_bytes() for file in hf_folder.iterdir()}
    repository = Repository(files=files | {"original/consolidated.00.pth": b"pickle"}, token=TOKEN)
    with serving(repository) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield repository


def never() -> bool:
    return False


def test_a_download_becomes_a_base_that_can_be_trained_on(hub: Repository) -> None:
    events: Events = []
    assert download(NAME, TOKEN, events.append, never) == NAME
    base = Shelf().base_file(NAME)
    assert (base.name, base.quantisation) == (NAME, "Q4_K_M")
    assert base.licence == "Llama 3.2 Community License"
    (listed,) = [one for one in Shelf().bases() if one.name == NAME]
    assert listed.available and listed.size == base.path.stat().st_size and not listed.missing
    told = [e for e in events if e["event"] == "progress" and e["stage"] == "download"]
    assert told[-1]["done"] == told[-1]["total"]
    # The licence goes with the base, the 16-bit weights do not stay, pickled ones were never fetched.
    assert {f.name for f in base.path.parent.iterdir()} == {"base.gguf", "about.json", "LICENSE.txt"}
    assert not base_models.download_folder(NAME).exists()
    assert not any("original" in path for path in hub.paths())
    assert TOKEN not in json.dumps(events)
    # What is here is not fetched again.
    before = len(hub.requests)
    assert download(NAME, TOKEN, events.append, never) == NAME
    assert len(hub.requests) == before
    base_models.remove_base(NAME)
    with pytest.raises(UserError, match="was not downloaded yet"):
        Shelf().base_file(NAME)


def test_a_stopped_download_is_listed_with_what_is_here_and_goes_on(hub: Repository) -> None:
    hub.slow = 2.0
    folder = base_models.download_folder(NAME)
    part = folder / "model.safetensors.part"
    assert (
        download(NAME, TOKEN, lambda _: None, lambda: part.exists() and part.stat().st_size > 1_000_000)
        is None
    )
    (listed,) = [one for one in Shelf().bases() if one.name == NAME]
    assert not listed.available and listed.downloaded > 1_000_000
    hub.slow = 0.0
    assert download(NAME, TOKEN, lambda _: None, never) == NAME
    (headers,) = [h for host, _, h in hub.requests[-1:] if host == "storage"]
    assert headers["Range"].startswith("bytes=1")


def test_stopped_while_it_is_converted_nothing_half_is_left_and_nothing_is_fetched_twice(
    hub: Repository,
) -> None:
    events: Events = []
    assert (
        download(NAME, TOKEN, events.append, lambda: any(e.get("stage") == "convert" for e in events)) is None
    )
    assert [f.name for f in base_models.bases_folder().iterdir()] == [f".{NAME}.download"]
    before = len(hub.paths("storage"))
    assert download(NAME, TOKEN, lambda _: None, never) == NAME
    assert len(hub.paths("storage")) == before


def test_without_a_token_a_gated_base_is_a_sentence(hub: Repository) -> None:
    with pytest.raises(UserError, match="accepted its licence"):
        download(NAME, "", lambda _: None, never)
    assert hub.paths("storage") == []


def test_without_room_nothing_is_fetched(hub: Repository, tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    files = [HubFile("model.safetensors", free)]
    with pytest.raises(UserError, match="The disk has") as told:
        check_room(files, tmp_path, 10)
    assert "Free some space" in told.value.next_step
    check_room([HubFile("model.safetensors", 1000)], tmp_path, 10)


def test_what_cannot_be_downloaded_is_told(hub: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no base model that is downloaded"):
        download("smollm2-135m", "", lambda _: None, never)
    monkeypatch.setattr(conversion, "converter", lambda: Path("/nowhere/convert.py"))
    with pytest.raises(UserError, match="converter") as told:
        download(NAME, TOKEN, lambda _: None, never)
    assert "make setup" in told.value.next_step
    assert hub.requests == []


def test_a_second_download_of_the_same_base_is_refused(hub: Repository) -> None:
    refused: list[str] = []

    def second(event: dict[str, Any]) -> None:
        if not refused:
            with pytest.raises(UserError) as told:
                download(NAME, TOKEN, lambda _: None, never)
            refused.append(told.value.message)

    hub.slow = 0.5
    download(NAME, TOKEN, second, lambda: bool(refused))
    assert "already" in refused[0]


def test_a_folder_is_made_a_base_once(hf_folder: Path) -> None:
    events: Events = []
    base = make_ready(str(hf_folder), events.append, never)
    assert base is not None and base.name == "Tiny"
    assert any(e.get("stage") == "convert" for e in events)
    again: Events = []
    assert make_ready(str(hf_folder), again.append, never) == base
    assert again == []
    (listed,) = [one for one in Shelf().bases() if one.source == "own"]
    assert (listed.name, listed.available) == ("Tiny", True)
    assert listed.parameters == 49152 * 64 + 2 * (64 * 64 * 2 + 64 * 32 * 2 + 3 * 64 * 128 + 2 * 64) + 64
    # The folder itself is left as it is.
    base_models.remove_base("Tiny")
    assert (hf_folder / "model.safetensors").is_file()
    assert not [one for one in Shelf().bases() if one.source == "own"]


def test_a_gguf_file_is_a_base_where_it_lies(tmp_path: Path) -> None:
    file = tmp_path / "mine.gguf"
    shutil.copyfile(Shelf().base_file("smollm2-135m").path, file)
    assert not is_fine_tuned(file)
    assert add_base(file, "", lambda _: None, never) == "mine"
    assert add_base(file, "", lambda _: None, never) == "mine"
    (listed,) = [one for one in Shelf().bases() if one.source == "own"]
    assert (listed.quantisation, listed.path, listed.train_memory_gb) == ("Q4_1", str(file), 3.5)
    assert Shelf().base_file("mine").path == file
    with open(file, "r+b") as out:
        out.seek(-100, 2)
        out.write(b"changed")
    with pytest.raises(UserError, match="was changed"):
        Shelf().base_file("mine")
    file.unlink()
    (gone,) = [one for one in Shelf().bases() if one.source == "own"]
    assert not gone.available and str(file) in gone.missing
    with pytest.raises(UserError, match="no longer at"):
        Shelf().base_file("mine")


def test_names_of_bases_are_free_and_fit_for_a_folder(tmp_path: Path) -> None:
    file = tmp_path / "llama-3.2-1b.gguf"
    shutil.copyfile(Shelf().base_file("smollm2-135m").path, file)
    assert add_base(file, "", lambda _: None, never) == "llama-3.2-1b-2"
    for name in ("gemma-3-270m", "a/b", "..", ".hidden"):
        with pytest.raises(UserError, match="taken or not fit"):
            add_base(file, name, lambda _: None, never)
    assert base_models.read_about("../bases/llama-3.2-1b-2") is None


@pytest.mark.parametrize("content", [b"no GGUF", b""])
def test_what_is_no_model_is_no_base(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.gguf"
    file.write_bytes(content)
    with pytest.raises(UserError):
        is_fine_tuned(file)
    with pytest.raises(UserError, match="no GGUF model file"):
        add_base(file, "", lambda _: None, never)
    with pytest.raises(UserError, match="nothing at"):
        add_base(tmp_path / "none", "", lambda _: None, never)
    assert not [one for one in Shelf().bases() if one.source == "own"]


def test_pickled_weights_are_refused_by_the_window_and_the_command_alike(
    hf_folder: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "Pickled"
    shutil.copytree(hf_folder, copy)
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(UserError, match="pickled"):
        add_base(copy, "", lambda _: None, never)
    assert list(base_models.bases_folder().glob("*")) == []


def test_what_fits_is_told_by_memory() -> None:
    bases = {base.name: base for base in Shelf().bases()}
    one, three = bases["llama-3.2-1b"], bases["llama-3.2-3b"]
    assert base_models.fit(three, 25_000_000_000) == "trains"
    assert base_models.fit(three, 8_000_000_000) == "runs"
    assert base_models.fit(one, 8_000_000_000) == "trains"
    assert base_models.fit(three, 2_000_000_000) == "too large"


def test_the_memory_of_the_list_is_that_of_its_formula() -> None:
    for entry in base_models.catalogue().values():
        assert entry["train_memory_gb"] == base_models.train_memory_gb(entry["parameters"]), entry["name"]
        assert entry["run_memory_gb"] == base_models.run_memory_gb(entry["size"]), entry["name"]


def test_pinned_hashes_win(hf_folder: Path) -> None:
    files = [HubFile("model.safetensors", 5, "a" * 64), HubFile("config.json", 3, "", "b" * 40)]
    entry = {"hub": "x/y", "hub_sha256": {"model.safetensors": "c" * 64}}
    assert base_making._wanted(files, entry) == [files[1], HubFile("model.safetensors", 5, "c" * 64)]
