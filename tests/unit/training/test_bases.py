"""A base's GGUF file as a PyTorch model: the same answers as llama.cpp's."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.unit.training.conftest import llama_logits
from training.bases import Base, build
from training.errors import TrainingError
from training.gguf_file import GGUFFile
from training.tokenizer import Tokenizer

TWEETS = [
    "Refugees welcome! http @user #border",
    "Los inmigrantes llegaron ayer a la frontera 😂",
    "المهاجرون في المدينة",
    "A " + "very " * 60 + "long tweet about nothing at all",
]


@pytest.mark.parametrize("which", ["small_base", "smollm2", "gemma"])
def test_the_model_answers_as_llama_cpp_does(which: str, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(which)
    base = Base.open(GGUFFile(path))
    with Tokenizer(path) as tokenizer:
        begin = [] if tokenizer.begin_of_sequence is None else [tokenizer.begin_of_sequence]
        sequences = [begin + tokenizer.tokenize(tweet) for tweet in TWEETS]
        tokens = [tokenizer.tokenize(f" {letter}")[0] for letter in "ABCDEFGH"]
    model = build(base, linear_dtype=torch.float32, attention="eager").eval()
    rows = torch.from_numpy(base.output_rows(tokens))
    with torch.no_grad():
        ours = np.stack(
            [
                (rows @ model(input_ids=torch.tensor([ids])).last_hidden_state[0, -1]).numpy()
                for ids in sequences
            ]
        )
    theirs = llama_logits(path, sequences, tokens)
    # llama.cpp rounds what goes into a quantised matrix to 8 bits, which moves logits by some tenths; a rotary
    # order, a norm or a scale that is wrong moves them by whole units and loses the correlation.
    assert np.abs(ours - theirs).max() < 1.0
    centred = [m - m.mean(axis=1, keepdims=True) for m in (ours, theirs)]
    assert np.abs(centred[0] - centred[1]).mean() < 0.25
    assert np.corrcoef(centred[0].ravel(), centred[1].ravel())[0, 1] > 0.98


def test_rows_of_q_and_k_go_to_the_model_s_order_and_back_exactly(small_base: Path) -> None:
    base = Base.open(GGUFFile(small_base))
    for name in base.linears:
        matrix = base.file.numbers(name)
        there = base.to_model_rows(name, matrix)
        np.testing.assert_array_equal(base.to_file_rows(name, there), matrix)
        moved = not np.array_equal(there, matrix)
        assert moved == ("attn_q" in name or "attn_k" in name)
    # GGUF interleaves the two halves of a head: its rows 0, 1, 2 are the model's rows 0, 32, 1.
    q = base.file.numbers("blk.0.attn_q.weight")
    np.testing.assert_array_equal(base.weight("blk.0.attn_q.weight")[[0, 32, 1]], q[[0, 1, 2]])


def test_nothing_of_the_base_is_trained(small_base: Path) -> None:
    model = build(Base.open(GGUFFile(small_base)), linear_dtype=torch.bfloat16, attention="eager")
    assert not [name for name, parameter in model.named_parameters() if parameter.requires_grad]


def test_another_architecture_is_refused_in_a_sentence(small_base: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.gguf"
    content = small_base.read_bytes()
    at = content.index(b"llama", content.index(b"general.architecture"))
    path.write_bytes(content[:at] + b"mamba" + content[at + 5 :])
    with pytest.raises(TrainingError, match="of the kind “mamba”"):
        Base.open(GGUFFile(path))
