"""The Hub's client against a server that speaks its protocol: parts, breaks, hashes, refusals, a full disk."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.errors import UserError
from app.study.hub import DownloadStopped, Hub, HubFile
from tests.hub_server import Repository, serving, sha256

BIG = random.Random(5).randbytes(400_000)
SMALL = b'{"architectures": ["LlamaForCausalLM"]}\n'
TOKEN = "hf_SecretSecretSecret"


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    found = Repository(files={"config.json": SMALL, "model.safetensors": BIG})
    with serving(found) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        # A proxy of the machine is not asked for what is on the machine.
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield found


def make_hub(repository: Repository, token: str = "") -> Hub:
    return Hub(repository.name, repository.revision, token, first_pause=0.01)


def fetch(hub: Hub, path: str, target: Path, stop: Callable[[], bool] = lambda: False) -> list[int]:
    told: list[int] = []
    file = next(file for file in hub.files() if file.path == path)
    hub.fetch(file, target, told.append, stop)
    return told


def test_a_repository_is_listed_with_sizes_and_hashes(repository: Repository) -> None:
    files = {file.path: file for file in make_hub(repository).files()}
    assert files["model.safetensors"] == HubFile("model.safetensors", len(BIG), sha256(BIG), "")
    assert files["config.json"].sha256 == "" and len(files["config.json"].blob) == 40
    assert "original" not in files


def test_both_kinds_of_file_arrive_whole_and_progress_is_told(repository: Repository, tmp_path: Path) -> None:
    hub = make_hub(repository)
    told = fetch(hub, "model.safetensors", tmp_path / "new" / "model.safetensors")
    fetch(hub, "config.json", tmp_path / "config.json")
    assert (tmp_path / "new" / "model.safetensors").read_bytes() == BIG
    assert (tmp_path / "config.json").read_bytes() == SMALL
    assert told == sorted(told) and told[-1] == len(BIG)
    assert not list(tmp_path.rglob("*.part"))


def test_a_file_that_is_here_is_not_fetched_again(repository: Repository, tmp_path: Path) -> None:
    hub = make_hub(repository)
    fetch(hub, "model.safetensors", tmp_path / "m")
    before = len(repository.requests)
    fetch(hub, "model.safetensors", tmp_path / "m")
    assert len(repository.requests) == before + 1  # the list alone


def test_a_break_in_the_middle_is_mended_by_asking_for_the_rest(
    repository: Repository, tmp_path: Path
) -> None:
    repository.breaks, repository.break_after = 3, 70_000
    fetch(make_hub(repository), "model.safetensors", tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == BIG
    ranges = [h["Range"] for host, _, h in repository.requests if host == "storage" and "Range" in h]
    assert ranges == ["bytes=70000-", "bytes=140000-", "bytes=210000-"]


def test_breaks_that_bring_nothing_end_in_a_sentence_and_keep_what_came(
    repository: Repository, tmp_path: Path
) -> None:
    repository.breaks, repository.break_after = 1, 100_000
    part = tmp_path / "m.part"

    def stop() -> bool:
        # After the first break nothing more is given out.
        if part.exists() and part.stat().st_size == 100_000:
            repository.busy = 100
        return False

    with pytest.raises(UserError, match="broke off") as told:
        fetch(make_hub(repository), "model.safetensors", tmp_path / "m", stop)
    assert "goes on from there" in told.value.next_step
    assert part.read_bytes() == BIG[:100_000]
    repository.busy = 0
    fetch(make_hub(repository), "model.safetensors", tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == BIG


def test_a_stopped_download_goes_on_where_it_ended(repository: Repository, tmp_path: Path) -> None:
    repository.slow = 1.0
    part = tmp_path / "m.part"
    with pytest.raises(DownloadStopped):
        fetch(
            make_hub(repository), "model.safetensors", tmp_path / "m",
            lambda: part.exists() and part.stat().st_size > 50_000,
        )  # fmt: skip
    here = part.stat().st_size
    assert 50_000 < here < len(BIG)
    assert part.read_bytes() == BIG[:here]
    repository.slow = 0.0
    fetch(make_hub(repository), "model.safetensors", tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == BIG
    assert repository.requests[-1][2]["Range"] == f"bytes={here}-"


def test_a_hub_that_gives_no_parts_is_asked_for_all_again(repository: Repository, tmp_path: Path) -> None:
    repository.ranges = False
    (tmp_path / "m.part").write_bytes(BIG[:1234])
    fetch(make_hub(repository), "model.safetensors", tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == BIG


def test_a_part_that_is_too_long_is_begun_anew(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "m.part").write_bytes(BIG + b"more")
    fetch(make_hub(repository), "model.safetensors", tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == BIG


@pytest.mark.parametrize("path", ["model.safetensors", "config.json"])
def test_a_wrong_checksum_throws_the_file_away(repository: Repository, tmp_path: Path, path: str) -> None:
    repository.spoils = True
    with pytest.raises(UserError, match="hash differs"):
        fetch(make_hub(repository), path, tmp_path / "m")
    assert list(tmp_path.iterdir()) == []
    repository.spoils = False
    fetch(make_hub(repository), path, tmp_path / "m")
    assert (tmp_path / "m").is_file()


def test_a_pinned_hash_wins_over_what_the_hub_names(repository: Repository, tmp_path: Path) -> None:
    pinned = HubFile("model.safetensors", len(BIG), "0" * 64)
    with pytest.raises(UserError, match="two different hashes"):
        make_hub(repository).fetch(pinned, tmp_path / "m", lambda _: None, lambda: False)
    assert not (tmp_path / "m").exists()


def test_the_hash_beside_the_redirect_serves_where_the_list_has_none(
    repository: Repository, tmp_path: Path
) -> None:
    file = HubFile("model.safetensors", len(BIG))
    make_hub(repository).fetch(file, tmp_path / "m", lambda _: None, lambda: False)
    repository.spoils = True
    with pytest.raises(UserError, match="hash differs"):
        make_hub(repository).fetch(file, tmp_path / "n", lambda _: None, lambda: False)
    with pytest.raises(UserError, match="names no hash"):
        make_hub(repository).fetch(
            HubFile("config.json", len(SMALL)), tmp_path / "c", lambda _: None, lambda: False
        )


def test_a_gated_repository_without_a_token_is_a_sentence_with_the_way_in(repository: Repository) -> None:
    repository.token = TOKEN
    with pytest.raises(UserError, match="accepted its licence") as told:
        make_hub(repository).files()
    assert f"https://huggingface.co/{repository.name}" in told.value.next_step
    assert "settings/tokens" in told.value.next_step


def test_a_token_that_the_hub_does_not_know_is_told_and_not_repeated(repository: Repository) -> None:
    repository.token = TOKEN
    with pytest.raises(UserError, match="does not accept this token") as told:
        make_hub(repository, "hf_AnotherOne").files()
    assert "hf_AnotherOne" not in str(told.value) + told.value.next_step


def test_an_account_without_access_is_told_where_to_ask(repository: Repository) -> None:
    repository.token, repository.may_not = TOKEN, True
    with pytest.raises(UserError, match="may not have") as told:
        make_hub(repository, TOKEN).files()
    assert "Ask for access" in told.value.next_step


def test_the_token_goes_to_the_hub_and_to_no_other_host(repository: Repository, tmp_path: Path) -> None:
    repository.token = TOKEN
    fetch(make_hub(repository, TOKEN), "model.safetensors", tmp_path / "m")
    shown = {host: h.get("Authorization") for host, _, h in repository.requests}
    assert shown == {"hub": f"Bearer {TOKEN}", "storage": None}


def test_a_revision_that_is_not_there_is_told(repository: Repository) -> None:
    repository.revision = "another"
    hub = Hub(repository.name, "9213176726f574b556790deb65791e0c5aa438b6")
    with pytest.raises(UserError, match="has no meta-llama"):
        hub.files()


def test_a_busy_hub_is_asked_again_and_an_absent_one_is_told(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.busy = 2
    assert make_hub(repository).files()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError, match="cannot be reached"):
        make_hub(repository).files()


def test_what_is_no_hub_is_told(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"api/models/{repository.name}/tree/{repository.revision}"
    repository.files[path] = b"<html>Please sign in to the guest network</html>"
    storage = Repository(files=repository.files, name="x", revision="y")
    with serving(storage) as address:
        # Its storage answers any path with a file's bytes.
        location = _storage_of(address, storage)
        monkeypatch.setenv("HF_ENDPOINT", location)
        with pytest.raises(UserError, match="does not answer as the Hugging Face Hub"):
            make_hub(repository).files()


def _storage_of(address: str, repository: Repository) -> str:
    import urllib.error
    import urllib.request

    url = f"{address}/{repository.name}/resolve/{repository.revision}/model.safetensors"
    with urllib.request.urlopen(url) as answer:
        return str(answer.url).removesuffix("/model.safetensors")


def test_offline_means_that_nobody_is_asked(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="HF_HUB_OFFLINE"):
        make_hub(repository)
    assert repository.requests == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk_is_told(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "m.part").symlink_to("/dev/full")
    with pytest.raises(UserError, match="The disk is full") as told:
        fetch(make_hub(repository), "model.safetensors", tmp_path / "m")
    assert "goes on from there" in told.value.next_step
