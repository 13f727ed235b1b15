"""How fast are tweets classified? Beside the paper's loop, chat completion, one text at a time, and llama.cpp's limit.

All on the same base, the same tweets and the same threads, in rounds that take turns, so that a machine that is busy
for a while is so for everyone. Loading and tuning are told apart. What is compared:

- the paper's loop: its prompt, one tweet a call, `Llama.__call__` with max_tokens=3 and temperature 0.01, the answer
  found by a regular expression (arXiv 2508.06435), on the base's Q4_K_M. The chat's header tokens are left out: they
  are Llama's own and would only cost other models more.
- chat completion: the same question as a chat, one tweet a call, `Llama.create_chat_completion`, the same file.
- one at a time: our prompt, one forward pass a tweet, nothing packed.
- packed: `Classifier.classify`, from text to probabilities, from the first tweet to the last.
- the limit: random tokens as one sequence through llama.cpp at the best of a few batch sizes, with the weights that it
  is fastest with (as they are stored, or unfolded), no text, no result. Where PyTorch multiplies, ours can pass it.

The slow ones do a sample of the tweets (`--slow-tweets`). `--model` is a fine-tuned model of the shelf or a folder, in
either form; without it the base itself is run, which is as fast as its single file.
"""

import argparse
import csv
import random
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import resources
from app.errors import UserError
from app.inference.classifier import Classifier
from app.inference.engine import Engine, PackedContext
from app.inference.model_file import ModelCard, ModelFile, ModelFileError
from app.inference.tuning import best_weights
from app.inference.unfolding import Unfolding
from app.study.codebook import Codebook
from app.study.known_tunings import unfolded_folder
from app.study.run_plan import prompt_of
from app.study.shelf import Shelf
from training.contract.cores import physical_cores
from training.contract.prompt import encode_prompt, normalise

PAPER_PROMPT = """You are an expert on migration. Answer the question truthfully.

The next text is a tweet probably about migration:"{tweet}"
Analyze carefully the tweet and assign it to the most relevant category among those listed below. \
Do not explain your answer and return only a number.
Category numbers: 1 = 'pro-immigration'; 2 = 'anti-immigration'; 3 = 'neutral'; 4 = 'unrelated'.

"""
PAPER_ANSWER = re.compile(r"Answer =.*?(\d+)")
BATCHES = (256, 512, 768, 1024)
SEED = 1
_TITLES = {
    "paper": "paper's loop",
    "chat": "chat completion",
    "alone": "one at a time",
    "packed": "packed (ours)",
}


def main() -> int:
    """Measure and print; return the exit status."""
    arguments = _parser().parse_args()
    try:
        base = base_gguf(arguments.base)
        model, card = _model(arguments.model, base)
        texts = _texts(arguments.csv, arguments.text_column, arguments.tweets)
    except (UserError, ModelFileError, OSError, KeyError) as error:
        print(f"benchmarks.classify: {error}", file=sys.stderr)
        return 1
    slow = texts[: arguments.slow_tweets]
    print(
        f"{base.name}, {model.form} form of {model.size / 1e6:.0f} MB, {len(texts)} distinct tweets "
        f"({len(slow)} one at a time), {physical_cores()} threads, {arguments.rounds} rounds"
    )
    measure(base, model, card, texts, slow, arguments.rounds)
    return 0


def measure(
    base: Path, model: ModelFile, card: ModelCard, texts: Sequence[str], slow: Sequence[str], rounds: int
) -> None:
    """Run every contestant once a round and print the medians."""
    begin = time.perf_counter()
    with ExitStack() as stack:
        classifier = stack.enter_context(Classifier(model, card=card, unfolded=unfolded_folder()))
        loading = time.perf_counter() - begin
        begin = time.perf_counter()
        tuned = classifier.tune()
        tuning = time.perf_counter() - begin
        print(
            f"loaded in {loading:.1f} s, tuned in {tuning:.1f} s: {tuned.batch_tokens} tokens a batch, "
            f"{tuned.threads or classifier.engine.threads} threads, weights {tuned.weights or 'as stored'}"
        )
        llama = open_llama(base)
        engine, encoded = classifier.engine, classifier.encoded
        alone = engine.context(encoded.before, 600, batch_texts=1)
        pure, weights = stack.enter_context(_llama_at_its_best(model, encoded.before, encoded.leaf_tokens))
        limits = {
            size: PackedContext(pure, [], size, batch_tokens=size, batch_texts=1, steady=False)
            for size in BATCHES
        }
        noise = np.random.default_rng(SEED).integers(1000, 20_000, max(BATCHES)).astype(np.int32)

        def chat() -> None:
            for text in slow:
                question = {"role": "user", "content": PAPER_PROMPT.format(tweet=text)}
                llama.create_chat_completion([question], max_tokens=3, temperature=0.01)

        def one_at_a_time() -> list[int]:
            """Return the place of each one's most probable leaf."""
            found = []
            for text in slow:
                ids = np.asarray([*encoded.text_tokens(text), *encoded.after], dtype=np.int32)
                found.append(int(alone.evaluate([ids], encoded.leaf_tokens)[0].argmax()))
            return found

        contestants: dict[str, Callable[[], object]] = {
            "paper": lambda: papers_loop(llama, slow),
            "chat": chat,
            "alone": one_at_a_time,
            "packed": lambda: classifier.classify(texts),
        }
        for size in BATCHES:
            contestants[f"limit {size}"] = _prefill(limits[size], noise[:size])
        before = engine.decoded_tokens
        packed = classifier.leaf_logits(texts)[: len(slow)].argmax(axis=1).tolist()
        tokens = engine.decoded_tokens - before
        other_labels = sum(ours != theirs for ours, theirs in zip(packed, one_at_a_time(), strict=True))
        seconds: dict[str, list[float]] = {name: [] for name in contestants}
        for number in range(rounds):
            for name, run in contestants.items():
                start = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - start)
                print(f"\rround {number + 1} of {rounds}: {name:12}", end="", file=sys.stderr, flush=True)
        print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
        alone.close()
        for context in limits.values():
            context.close()
        llama.close()
        device = classifier.device

    median = {name: statistics.median(times) for name, times in seconds.items()}
    rates = {name: len(texts if name == "packed" else slow) / median[name] for name in _TITLES}
    limit = max(size / median[f"limit {size}"] for size in BATCHES)
    print(f"\n{'':16}{'tweets/s':>10}{'ratio':>8}{'fastest to slowest round':>30}")
    for name, title in _TITLES.items():
        number = len(texts if name == "packed" else slow)
        spread = f"{number / min(seconds[name]):.1f} to {number / max(seconds[name]):.1f}"
        print(f"{title:16}{rates[name]:10.1f}{rates[name] / rates['paper']:7.1f}×{spread:>30}")
    ours = tokens / median["packed"]
    print(f"\npacked: {tokens / len(texts):.1f} tokens a tweet, {ours:.0f} tokens/s on the {device}")
    print(
        f"llama.cpp with random tokens, weights {weights or 'as stored'}: {limit:.0f} tokens/s; "
        f"packed reaches {ours / limit:.0%} of it"
    )
    print(f"other labels packed than one at a time: {other_labels} of {len(slow)}")


def open_llama(base: Path) -> Any:
    """Return a base in llama-cpp-python's own `Llama`, as the paper's loop and chat completion use it."""
    import llama_cpp

    return llama_cpp.Llama(
        model_path=str(base),
        n_ctx=2048,
        n_threads=physical_cores(),
        n_threads_batch=physical_cores(),
        n_gpu_layers=-1,
        verbose=False,
    )


def papers_loop(llama: Any, texts: Sequence[str]) -> None:
    """Ask for each text as the paper does, and look for its answer."""
    for text in texts:
        answer = llama(PAPER_PROMPT.format(tweet=text), max_tokens=3, temperature=0.01)
        PAPER_ANSWER.search(answer["choices"][0]["text"])


@contextmanager
def _llama_at_its_best(
    model: ModelFile, before: Sequence[int], columns: Sequence[int]
) -> Iterator[tuple[Engine, str]]:
    """Yield the model in llama.cpp with the weights that it is fastest with, and which these are."""
    unfolding = Unfolding(model, unfolded_folder())
    with ExitStack() as opened:
        engines = {"": opened.enter_context(Engine(model.gguf, model.adapter))}
        for kind in unfolding.kinds:
            file = unfolding.file(kind)
            assert file is not None
            engines[kind] = opened.enter_context(Engine(file))
        weights = best_weights(engines, before, max(BATCHES), columns).kind
        yield engines[weights], weights


def _prefill(context: PackedContext, noise: "np.ndarray[Any, np.dtype[np.int32]]") -> Callable[[], object]:
    return lambda: context.evaluate([noise], [0])


def _model(name: str, base: Path) -> tuple[ModelFile, ModelCard]:
    """Return what is run as ours, and its card."""
    if not name:
        return ModelFile.open(base), base_card(base)
    model = Shelf().model(name)
    if model.card is None:
        raise UserError(f"{name} was not fine-tuned by StanceDesk.", "Leave --model out to run the base.")
    return model, model.card


def base_card(path: Path) -> ModelCard:
    """Return a card for a base that nobody fine-tuned: the speed is that of a fine-tuned one."""
    codebook = Codebook.default()
    prompt = prompt_of(codebook)
    with Engine(path) as engine:
        encoded = encode_prompt(prompt, lambda t: engine.tokenize(t).tolist(), engine.begin_of_sequence)
    return ModelCard(
        name="benchmark",
        created="",
        codebook="",
        leaves=list(codebook.leaf_codes),
        leaf_tokens=list(encoded.leaf_tokens),
        prompt=prompt.as_dict(),
    )


def base_gguf(base: str) -> Path:
    """Return the file of a base by name; by none, the best that is here."""
    if base:
        return Shelf().base_file(base).path
    try:
        return Shelf().base_file("gemma-3-270m").path
    except UserError:
        return Shelf().base_file("smollm2-135m").path


def _texts(path: Path | None, column: str, count: int) -> list[str]:
    """Return `count` tweets, distinct after normalising, drawn with a fixed seed."""
    if path is None:
        lines = resources.sample_study_bytes().decode("utf-8-sig").splitlines(keepends=True)
        rows = list(csv.DictReader(lines))
    else:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    distinct = {normalise(row[column]): row[column] for row in rows}
    distinct.pop("", None)
    texts = sorted(distinct.values())
    random.Random(SEED).shuffle(texts)
    return texts[:count]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.classify", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--base", default="", help="base model, a shelf name or a GGUF (default: gemma-3-270m)"
    )
    parser.add_argument("--csv", type=Path, help="tweets from this file (default: the sample study)")
    parser.add_argument("--text-column", default="text", help="the column that holds the tweets")
    parser.add_argument(
        "--model", default="", help="fine-tuned model, a shelf name or a path (default: the base)"
    )
    parser.add_argument("--tweets", type=int, default=400, help="how many tweets")
    parser.add_argument("--slow-tweets", type=int, default=32, help="how many of them one at a time")
    parser.add_argument("--rounds", type=int, default=3, help="how many rounds")
    return parser


if __name__ == "__main__":
    sys.exit(main())
