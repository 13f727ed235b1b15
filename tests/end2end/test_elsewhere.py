"""A run is exported, trained by a fresh process in another place, and brought back; and what is not taken back."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.errors import UserError
from app.study import runs
from app.study.run_return import bring_back
from app.study.shelf import Shelf
from app.study.study import Study

from .conftest import Program


@dataclass(frozen=True)
class Away:
    """A study whose run was trained elsewhere: the folder as it came from there."""

    program: Program
    study: Path
    folder: Path
    told: list[str]


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory, sample_rows: Callable[[Path, int], Path]) -> Away:
    place = tmp_path_factory.mktemp("home")
    program = Program(place / "data")
    study = place / "s.stancedesk"
    program("new", study)
    program("import", study, sample_rows(place / "tweets.csv", 16))
    # An adapter: of it there are two forms to bring back, where trained scales have one.
    settings = place / "settings.toml"
    settings.write_text('method = "lora"\n', encoding="utf-8")
    words = ("train", study, "--base", "smollm2-135m", "--name", "far", "--epochs", 1, "--spec", settings)
    events = program.events(*words, "--export-run", place / "export")
    assert (events[-1]["model"], events[-1]["rows"], events[-1]["has_base"]) == ("far", 48, True)
    _no_word_of_this_machine(place / "export", [place, Path(sys.prefix)])
    # Carried away: nothing is left where it was, and the other place knows nothing of this source.
    other = tmp_path_factory.mktemp("other") / "carried"
    shutil.move(place / "export", other)
    home = other.parent
    activate = home / "stancedesk-training" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.write_text(f'PATH="{Path(sys.executable).parent}:$PATH"\n', encoding="utf-8")
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "STANCEDESK", "SLURM"))}
    program_used = subprocess.run(
        [sys.executable, "-c", "import training; print(training.__file__)"],
        cwd=other, env=plain, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(program_used.stdout.strip()).is_relative_to(other)
    done = subprocess.run(
        ["bash", "train.slurm"], cwd=other, env=plain | {"HOME": str(home)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Away(program, study, other, done.stdout.splitlines())


def _no_word_of_this_machine(folder: Path, places: list[Path]) -> None:
    words = [str(place).encode() for place in places]
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".gguf":
            assert not any(word in path.read_bytes() for word in words), path


@pytest.fixture
def copy(away: Away, tmp_path: Path) -> Path:
    """Return a copy of what came, to be spoiled."""
    copied = tmp_path / "carried"
    shutil.copytree(away.folder, copied, ignore=shutil.ignore_patterns("base.gguf", "training"))
    return copied


@pytest.fixture
def refusal(away: Away, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Return a function that tries to bring the copy back and returns why it was refused."""
    monkeypatch.setenv("STANCEDESK_HOME", str(away.program.home))

    def refused() -> str:
        # A copy of the study: the one that the last test brings back into stays as it is.
        study = tmp_path / "s.stancedesk"
        shutil.copyfile(away.study, study)
        with Study.open(study) as opened:
            with pytest.raises(UserError) as caught:
                bring_back(opened, copy, lambda event: None, lambda: False)
            assert [run.status for run in runs.list_runs(opened)] == [runs.ELSEWHERE]
        assert Shelf().models() == []
        return str(caught.value)

    return refused


def test_one_file_is_asked_for_in_the_run_that_is_exported(away: Away, tmp_path: Path) -> None:
    study = tmp_path / "s.stancedesk"
    shutil.copyfile(away.study, study)
    words = ("train", study, "--base", "smollm2-135m", "--name", "one", "--one-file", "--without-base")
    away.program.events(*words, "--export-run", tmp_path / "export")
    spec = json.loads((tmp_path / "export" / "spec.json").read_text(encoding="utf-8"))
    assert (spec["method"], spec["rounds"]) == ("scales", 1)
    settings = tmp_path / "settings.toml"
    settings.write_text('method = "lora"\n', encoding="utf-8")
    told = away.program("train", study, "--one-file", "--spec", settings, status=2)
    assert "the settings ask for the method lora" in told


def test_it_was_trained_by_the_folders_own_program(away: Away) -> None:
    assert json.loads(away.told[-1])["event"] == "finished"
    with Study.open(away.study) as study:
        assert [(run.name, run.status) for run in runs.list_runs(study)] == [("far", "elsewhere")]


def test_other_rows_or_settings_are_another_run(refusal: Callable[[], str], copy: Path) -> None:
    rows = copy / "train.jsonl"
    before = rows.read_text(encoding="utf-8")
    rows.write_text(before.replace('"label": "pro"', '"label": "anti"', 1), encoding="utf-8")
    assert "no training of this study" in refusal()
    rows.write_text(before, encoding="utf-8")
    spec = json.loads((copy / "spec.json").read_text(encoding="utf-8"))
    (copy / "spec.json").write_text(json.dumps(spec | {"epochs": 2}), encoding="utf-8")
    assert "no training of this study" in refusal()


def test_a_run_that_is_not_finished_is_told(refusal: Callable[[], str], copy: Path) -> None:
    events = copy / "events.jsonl"
    lines = events.read_text(encoding="utf-8").splitlines(keepends=True)
    steps = [line for line in lines if '"step"' in line]
    events.write_text("".join(lines[: lines.index(steps[1]) + 1]), encoding="utf-8")
    assert "has not come to its end. It stands at step 2 of" in refusal()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("metrics.json", "metrics.json is missing"),
        ("validation_probabilities.json", "validation_probabilities.json is missing"),
        ("model/single/model.gguf", "model/single/model.gguf is missing"),
    ],
)
def test_what_is_missing_is_named(refusal: Callable[[], str], copy: Path, name: str, said: str) -> None:
    (copy / name).unlink()
    assert said in refusal()


def test_a_model_copied_in_part_or_of_another_base_is_refused(
    refusal: Callable[[], str], copy: Path, away: Away
) -> None:
    single, adapter = copy / "model/single/model.gguf", copy / "model/adapter/adapter.gguf"
    whole = single.read_bytes()
    single.write_bytes(whole[:-1000])
    assert "model/single/model.gguf is damaged or was only copied in part" in refusal()
    # Another width, written over in place: the head stays in order, but the base has no such tensor.
    single.write_bytes(whole.replace(b"blk.0.attn_q.weight", b"blk.0.attn_Q.weight", 1))
    assert "was not made of the base model" in refusal()
    # A vocabulary that cuts texts differently.
    at = whole.index(b"<|endoftext|>")
    single.write_bytes(whole[:at] + b"<|endoftexT|>" + whole[at + 13 :])
    assert "was not made of the base model" in refusal()
    single.write_bytes(whole)
    adapter.write_bytes(whole)
    assert "model/adapter/adapter.gguf was not made of the base model" in refusal()


def test_links_and_pipes_are_not_followed(refusal: Callable[[], str], copy: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    (copy / "metrics.json").rename(secret)
    (copy / "metrics.json").symlink_to(secret)
    assert "metrics.json is a link to somewhere else" in refusal()
    (copy / "metrics.json").unlink()
    os.mkfifo(copy / "metrics.json")
    assert "metrics.json is not the file that training writes" in refusal()
    (copy / "metrics.json").unlink()
    secret.rename(copy / "metrics.json")
    (copy / "model").rename(tmp_path / "model")
    (copy / "model").symlink_to(tmp_path / "model")
    assert "is a link to somewhere else" in refusal()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("metrics.json", "[" * 100_000, "metrics.json is damaged"),
        ("metrics.json", "{}", "does not hold the scores"),
        ("validation_probabilities.json", "[[NaN]]", "is damaged"),
        ("validation_probabilities.json", "[]", "does not fit the validation tweets"),
        (
            "validation_probabilities.json",
            "[[9,0,0,0],[9,0,0,0],[9,0,0,0],[9,0,0,0],[9,0,0,0]]",
            "no probabilities",
        ),
        ("adapter/adapter_model.safetensors", "\x80\x04\x95 a pickle", "is damaged"),
    ],
)
def test_files_that_are_not_what_training_writes_are_refused(
    refusal: Callable[[], str], copy: Path, name: str, text: str, said: str
) -> None:
    (copy / name).write_text(text, encoding="utf-8")
    assert name in (told := refusal()) and said in told


def test_nothing_but_what_training_writes_is_taken_and_the_model_is_served(
    away: Away, copy: Path, tmp_path: Path
) -> None:
    (copy / "model" / "single" / "pytorch_model.bin").write_bytes(b"\x80\x04\x95")
    with open(copy / "events.jsonl", "a", encoding="utf-8") as file:
        file.write('{"event": "warning", "step": "x"}\n')
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    events = away.program.events("train", away.study, "--bring-back", copy)
    assert (events[-1]["event"], events[-1]["model"]) == ("finished", "far")
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before
    listed = json.loads(away.program("models", "--json"))
    assert [model["name"] for model in listed["models"]] == ["far"]
    home = Path(events[-1]["run_folder"])
    assert home.is_relative_to(away.program.home)
    assert {path.name for path in home.rglob("*") if path.is_file()} >= {"adapter_model.safetensors"}
    assert not list(home.rglob("*.bin")) and not (home / "incoming").exists()
    with Study.open(away.study) as study:
        (run,) = runs.list_runs(study)
        assert (run.status, run.metrics["served"]["validation"]["n"]) == (
            "finished",
            events[-1]["rows"]["validation"],
        )
    assert "has come to its end" in away.program("train", away.study, "--bring-back", copy, status=1)
    table, out = tmp_path / "in.csv", tmp_path / "out.csv"
    table.write_text("text\nWelcome to all who come\n", encoding="utf-8")
    away.program("classify-file", table, out, "--model", "far")
    assert "predicted_label" in out.read_text(encoding="utf-8-sig")
