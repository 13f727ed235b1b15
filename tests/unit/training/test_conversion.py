"""A Hugging Face folder becomes a base by llama.cpp's own converter; what could run code is refused."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.hf_folder import make_hf_folder
from training.bases import Base
from training.contract.gguf_head import read_head
from training.conversion import weights_of
from training.errors import TrainingError
from training.gguf_file import GGUFFile
from training.tokenizer import Tokenizer

from .conftest import llama_logits

CONVERTER = Path(sys.prefix) / "share" / "stancedesk" / "llama.cpp" / "convert_hf_to_gguf.py"


@pytest.fixture(scope="module")
def folder(small_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded base, cut to two layers, as a Hugging Face folder."""
    return make_hf_folder(small_base, tmp_path_factory.mktemp("hf") / "Small", tiny=False)


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    """A copy of the folder to spoil."""
    copy = tmp_path / "Copy"
    copy.mkdir()
    for file in folder.iterdir():
        os.link(file, copy / file.name)
    return copy


def convert(folder: Path, target: Path) -> "subprocess.Popen[str]":
    assert CONVERTER.is_file(), "make setup puts llama.cpp's converter into the environment"
    words = ["--convert", str(folder), "--to", str(target), "--converter", str(CONVERTER)]
    return subprocess.Popen(
        [sys.executable, "-m", "training", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


@pytest.fixture(scope="module")
def converted(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, object]]]:
    target = tmp_path_factory.mktemp("out") / "base.gguf"
    child = convert(folder, target)
    out, error = child.communicate(timeout=300)
    assert child.returncode == 0, f"{out}\n{error}"
    return target, [json.loads(line) for line in out.splitlines()]


def test_the_base_answers_as_the_one_that_the_folder_was_made_of(
    small_base: Path, converted: tuple[Path, list[dict[str, object]]]
) -> None:
    target, _ = converted
    with Tokenizer(small_base) as before, Tokenizer(target) as after:
        texts = ["Refugees are welcome here!", "Close the border – now.", "1,234 tweets\n\nمرحبا 안녕하세요"]
        tokens = [before.tokenize(text) for text in texts]
        assert [after.tokenize(text) for text in texts] == tokens
        answers = [before.tokenize(letter)[0] for letter in "ABCDEFGH"]
    expected = llama_logits(small_base, tokens, answers)
    found = llama_logits(target, tokens, answers)
    # Rounded to four to eight bits anew: the same model, not the same numbers.
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.99


def test_it_can_be_trained_on_and_says_what_it_is(
    converted: tuple[Path, list[dict[str, object]]],
) -> None:
    target, events = converted
    base = Base.open(GGUFFile(target))
    assert (base.architecture, base.layers) == ("llama", 2)
    last = events[-1]
    assert last["event"] == "finished"
    assert (last["quantisation"], last["size"]) == ("Q4_K_M", target.stat().st_size)
    assert {"convert", "quantise"} <= {str(e.get("stage")) for e in events}
    assert read_head(target).value("general.file_type") == 15
    assert [file.name for file in target.parent.iterdir()] == ["base.gguf"]


def spoil(folder: Path, name: str, change: Callable[[dict[str, object]], None]) -> None:
    values = json.loads((folder / name).read_text(encoding="utf-8"))
    change(values)
    (folder / name).unlink()
    (folder / name).write_text(json.dumps(values), encoding="utf-8")


def test_pickled_weights_are_refused_in_a_sentence(copied: Path) -> None:
    (copied / "model.safetensors").unlink()
    (copied / "pytorch_model.bin").write_bytes(b"\x80\x04pickle")
    with pytest.raises(TrainingError, match="pickled") as told:
        weights_of(copied)
    assert "safetensors" in str(told.value)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_code_in_the_folder_is_refused(copied: Path, name: str) -> None:
    spoil(copied, name, lambda values: values.update(auto_map={"AutoModelForCausalLM": "evil.Model"}))
    (copied / "evil.py").write_text("raise SystemExit('run')", encoding="utf-8")
    with pytest.raises(TrainingError, match="never run here"):
        weights_of(copied)


def test_what_is_missing_or_of_another_kind_is_told(copied: Path, tmp_path: Path) -> None:
    assert [file.name for file in weights_of(copied)] == ["model.safetensors"]
    spoil(copied, "config.json", lambda values: values.update(architectures=["GPT2LMHeadModel"]))
    with pytest.raises(TrainingError, match="GPT2LMHeadModel"):
        weights_of(copied)
    spoil(copied, "config.json", lambda values: values.update(architectures=["LlamaForCausalLM"]))
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (copied / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    with pytest.raises(TrainingError, match="lacks model-00002-of-00002"):
        weights_of(copied)
    (copied / "model.safetensors.index.json").unlink()
    spoil(copied, "config.json", lambda values: values.update(quantization_config={"bits": 4}))
    with pytest.raises(TrainingError, match="quantised already"):
        weights_of(copied)
    (copied / "config.json").unlink()
    with pytest.raises(TrainingError, match="holds no model"):
        weights_of(copied)


def test_a_folder_that_the_converter_does_not_understand_fails_in_a_sentence(
    copied: Path, tmp_path: Path
) -> None:
    (copied / "model.safetensors").unlink()
    (copied / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0not json")
    target = tmp_path / "out" / "base.gguf"
    target.parent.mkdir()
    child = convert(copied, target)
    out, _ = child.communicate(timeout=300)
    last = json.loads(out.splitlines()[-1])
    assert child.returncode == 1
    assert (last["event"], last["kind"]) == ("failed", "user")
    assert "converter cannot convert" in last["message"]
    assert list(target.parent.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="signals end it otherwise there")
def test_one_that_is_stopped_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "base.gguf"
    target.parent.mkdir()
    child = convert(folder, target)
    until = time.monotonic() + 60
    while not (target.parent / "converter.log").exists() and time.monotonic() < until:
        time.sleep(0.05)
    child.send_signal(signal.SIGTERM)
    out, _ = child.communicate(timeout=60)
    assert json.loads(out.splitlines()[-1])["event"] == "cancelled"
    assert list(target.parent.iterdir()) == []
