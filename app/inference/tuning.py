"""Which batches are fastest, per model and machine: measured in some seconds with batches of made-up tweets.

A large batch keeps the arithmetic busy, but what a processor's caches hold is another limit: on one machine 512 tokens
are best, on another 1,024. Hyper-threads help
some models on some machines and hurt others, and so do weights unfolded to 16 or 8 bits. So nothing is assumed: each
is tried.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from app.inference import torch_engine
from app.inference.engine import BATCH_TEXTS, BATCH_TOKENS, Context, Engine, InferenceError
from app.inference.unfolding import KINDS
from training.contract.cores import logical_cores

if TYPE_CHECKING:
    import numpy as np

    Tokens = np.ndarray[Any, np.dtype[np.int32]]

_ON_PROCESSOR = (256, 512, 768, 1024)
_ON_GPU = (1024, 2048, 4096, 8192)
_GPU_TEXTS = 255
# Tokens that tell which weights are faster: kernels differ by tens of percent, batches of them by a few.
_FOR_WEIGHTS = 512
_ROUNDS = 3
# No turn begins later than this, in seconds: a busy machine is slow, and says little about itself besides.
_MOST_SECONDS = 20.0
# What the first round found to be slower than the best by more than this is not measured again.
_HOPELESS = 1.25
# A gain of less than this is noise: then the usual batch stays.
_LEAST_GAIN = 1.02
# In nats: see `agree`.
_MOST_DIVERGENCE = 0.005
# Lengths of tweets in Gemma's tokens, links and handles as one word: the middles of the deciles of 26,889.
_LENGTHS = (8, 13, 16, 20, 23, 26, 29, 32, 37, 51)


@dataclass(frozen=True)
class Tuning:
    """How a model is run. `threads` 0: one a physical core.

    `weights`: what the weights are unfolded to (`app.inference.unfolding`, `app.inference.torch_engine`), "" for as
    they are stored. `tokens_per_second` is what was measured, 0 where nothing was.
    """

    batch_tokens: int = BATCH_TOKENS
    batch_texts: int = BATCH_TEXTS
    threads: int = 0
    weights: str = ""
    tokens_per_second: float = 0.0

    def batches(self) -> dict[str, int | str]:
        """Return what decides which texts are computed together and how, and so about the last bits of a result.

        How many threads there are changes no bit: each number is summed up by one of them.
        """
        return {
            "batch_tokens": self.batch_tokens,
            "batch_texts": self.batch_texts,
            "weights": self.weights,
        }

    @classmethod
    def from_dict(cls, values: Any) -> "Tuning":
        """Read what `asdict` or `batches` gave; raise `ValueError` where it cannot be used."""
        try:
            # Until version 4 of what is tried, flash attention was.
            found = cls(**{name: value for name, value in values.items() if name != "flash_attention"})
            numbers = (found.batch_tokens, found.batch_texts, found.threads + 1)
        except (AttributeError, TypeError) as error:
            raise ValueError("not a tuning") from error
        if not all(isinstance(number, int) and number > 0 for number in numbers) or (
            found.weights not in ("", *KINDS, torch_engine.KIND)
        ):
            raise ValueError("not a tuning")
        return found

    def context(self, engine: Engine, before: Sequence[int], longest: int) -> Context:
        """Return a context of this kind."""
        return engine.context(
            before,
            longest,
            batch_tokens=self.batch_tokens,
            batch_texts=self.batch_texts,
            threads=self.threads,
        )


@dataclass(frozen=True)
class Weights:
    """Which weights are best, and how many times as fast as those that are stored."""

    kind: str
    gain: float = 1.0


def best_weights(
    engines: Mapping[str, Engine],
    before: Sequence[int],
    longest: int,
    columns: Sequence[int],
    stop: Callable[[], bool] = lambda: False,
) -> Weights:
    """Return the fastest weights that agree with those that are stored: see `agree`. `columns` are the answers.

    `engines` has the model as it is stored under "", and its unfolded weights under their types. What needs more
    memory than there is, is left out. After 20 seconds, or where `stop` says so, it is what is best so far.
    """
    is_over = _deadline(stop)
    usual = Tuning(batch_tokens=_FOR_WEIGHTS)
    ways = [replace(usual, weights=kind) for kind in engines]
    rates = _rates(lambda way: _rate(engines[way.weights], before, longest, way), ways, is_over)
    least = rates.get(usual, 0.0) * _LEAST_GAIN
    for way in sorted(rates, key=lambda way: -rates[way]):
        if not least or rates[way] <= least:
            break
        if agree(engines[""], engines[way.weights], before, longest, columns):
            return Weights(way.weights, rates[way] / rates[usual])
    return Weights("")


def fastest(
    engine: Engine,
    weights: str,
    before: Sequence[int],
    longest: int,
    stop: Callable[[], bool] = lambda: False,
) -> Tuning:
    """Return the fastest way to run a model with these weights and this beginning.

    First sizes of batches are tried, then threads. What needs more memory than there is, is left out. After 20
    seconds, or where `stop` says so, what is best so far is returned.
    """
    is_over = _deadline(stop)

    def best_of(usual: Tuning, ways: Sequence[Tuning]) -> Tuning:
        return _best(lambda way: _rate(engine, before, longest, way), usual, ways, is_over)

    on_gpu = engine.device == "GPU"
    best = Tuning(batch_tokens=_ON_GPU[1], batch_texts=_GPU_TEXTS) if on_gpu else Tuning()
    best = replace(best, weights=weights)
    sizes = _ON_GPU if on_gpu else _ON_PROCESSOR
    best = best_of(
        best, [best, *(replace(best, batch_tokens=size) for size in sizes if size != best.batch_tokens)]
    )
    if (logical := logical_cores()) != engine.threads and not on_gpu:
        best = best_of(best, [best, replace(best, threads=logical)])
    return best


def agree(first: Engine, second: Engine, before: Sequence[int], longest: int, columns: Sequence[int]) -> bool:
    """Tell whether two forms of a model say the same of made-up texts: five thousandths of a nat apart on average.

    What is compared are the probabilities of the answers `columns`, as Kullback-Leibler divergence. What rounding to
    16 bits changes is a tenth of that; a number that 16 bits cannot hold, or a form that is another model, shows.
    """
    import numpy as np

    answers = []
    for engine in (first, second):
        context = engine.context(before, longest)
        try:
            texts = _made_up(engine, context.batch_tokens, context.batch_texts, longest)
            logits = context.evaluate(texts, columns).astype(np.float64)
        finally:
            context.close()
        answers.append(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    divergence = (np.exp(answers[0]) * (answers[0] - answers[1])).sum(axis=1).mean()
    return bool(divergence < _MOST_DIVERGENCE)


def _best(
    rate: Callable[[Tuning], float], usual: Tuning, ways: Sequence[Tuning], is_over: Callable[[], bool]
) -> Tuning:
    """Return the fastest of some ways: `usual`, which is one of them, unless another is clearly faster."""
    rates = _rates(rate, ways, is_over)
    if not rates.get(usual):
        return usual
    fastest = max(rates, key=lambda way: rates[way])
    if rates[usual] * _LEAST_GAIN >= rates[fastest]:
        fastest = usual
    return replace(fastest, tokens_per_second=round(rates[fastest], 1))


def _rates(
    rate: Callable[[Tuning], float], ways: Sequence[Tuning], is_over: Callable[[], bool]
) -> dict[Tuning, float]:
    """Return the tokens a second of each way that came to a turn.

    They take turns, and the best turn of each counts: what disturbs a machine for a moment makes one turn slow and
    no turn fast. A single way needs none.
    """
    rates: dict[Tuning, float] = {}
    for _ in range(_ROUNDS if len(ways) > 1 else 0):
        for way in ways:
            if is_over():
                break
            if way in rates and rates[way] * _HOPELESS < max(rates.values()):
                continue
            try:
                found = rate(way)
            except InferenceError:
                # More memory than there is.
                found = 0.0
            rates[way] = max(rates.get(way, 0.0), found)
    return rates


def _deadline(stop: Callable[[], bool]) -> Callable[[], bool]:
    until = time.monotonic() + _MOST_SECONDS
    return lambda: time.monotonic() > until or stop()


def _rate(engine: Engine, before: Sequence[int], longest: int, way: Tuning) -> float:
    """Return the tokens a second of one full batch of made-up tweets; making the context is not counted."""
    context = way.context(engine, before, longest)
    try:
        texts = _made_up(engine, context.batch_tokens, context.batch_texts, longest)
        begin = time.perf_counter()
        context.evaluate(texts, [0])
        return sum(len(text) for text in texts) / (time.perf_counter() - begin)
    finally:
        context.close()


def _made_up(engine: Engine, tokens: int, most: int, longest: int) -> "list[Tokens]":
    """Return token sequences of usual lengths that together fill a batch of so many tokens."""
    import numpy as np

    random = np.random.default_rng(tokens)
    texts: list[Tokens] = []
    while tokens and len(texts) < most:
        length = min(_LENGTHS[(7 * len(texts)) % len(_LENGTHS)], tokens, longest)
        texts.append(random.integers(0, engine.vocabulary_size, length).astype(np.int32))
        tokens -= length
    return texts
