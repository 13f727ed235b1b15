"""A Hugging Face folder as a publisher would upload it: `python -m tests.hf_folder GGUF FOLDER [--tiny]`.

The tokenizer is the GGUF's own vocabulary (a BPE as SmolLM2's); the weights are the GGUF's, or with `--tiny` those of
a two-layer LLaMA of width 64 at random. In a process of its own: PyTorch is not loaded into a test of the window.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

ANSWERS = ("A", "B", "C", "D")


def make_hf_folder(gguf: Path, folder: Path, *, tiny: bool) -> Path:
    """Write the folder in a child process and return it."""
    words = [sys.executable, "-m", "tests.hf_folder", str(gguf), str(folder), *(["--tiny"] if tiny else [])]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    return folder


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("gguf", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    _write_tokenizer(options.gguf, options.folder)
    model = _tiny_model() if options.tiny else _model_of(options.gguf)
    model.save_pretrained(options.folder)


def _write_tokenizer(gguf: Path, folder: Path) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from training.contract.gguf_head import read_head

    head = read_head(gguf)
    tokens: list[str] = head.value("tokenizer.ggml.tokens")
    kinds: list[int] = head.value("tokenizer.ggml.token_type")
    merges = [tuple(merge.split(" ", 1)) for merge in head.value("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    # As SmolLM2 has it: digits one by one, then GPT-2's pattern.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control = [token for token, kind in zip(tokens, kinds, strict=True) if kind == 3]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=tokens[head.value("tokenizer.ggml.bos_token_id")],
        eos_token=tokens[head.value("tokenizer.ggml.eos_token_id")],
    ).save_pretrained(folder)


def _tiny_model() -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
    )
    return LlamaForCausalLM(config).to(torch.bfloat16)


def _model_of(gguf: Path) -> Any:
    import torch
    from transformers import LlamaForCausalLM

    from training.bases import Base, build
    from training.gguf_file import GGUFFile

    body = build(Base.open(GGUFFile(gguf)), linear_dtype=torch.float32, attention="eager")
    body.config.tie_word_embeddings = True
    body.config.bos_token_id, body.config.eos_token_id = 1, 2
    with torch.device("meta"):
        model = LlamaForCausalLM(body.config)
    model.model = body
    model.lm_head.weight = body.embed_tokens.weight
    return model.to(torch.bfloat16)


if __name__ == "__main__":
    _main()
