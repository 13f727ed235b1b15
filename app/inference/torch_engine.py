"""PyTorch's kernels in the place of llama.cpp's: the same model from the same file.

The vocabulary stays llama.cpp's. With Gemma 3 270M on two cores with AVX-512, without AMX or BF16, this does 704 tokens
a second in float32, where llama.cpp at its best (F16) does 409 (docs/speed.md).

In float32 alone: in BF16, which newer processors multiply faster, a last bit that differs between batches becomes a
step at the next rounding, and a tweet's answer would depend on the tweets beside it.

All computing is done on a thread of its own. On processors with AMX, llama.cpp describes its tiles to the processor
once for a thread and relies on it from then on; PyTorch's description must not come between.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from app.inference.engine import BATCH_TEXTS, BATCH_TOKENS, Engine, InferenceError
from app.inference.model_file import ModelFile
from app.inference.model_weights import ModelWeights, UnreadableWeightsError
from app.inference.packing import pack

if TYPE_CHECKING:
    import numpy as np

    from app.inference.torch_network import Prefix, TorchNetwork

    Tokens = np.ndarray[Any, np.dtype[np.int32]]
    Floats = np.ndarray[Any, np.dtype[np.float32]]

# What a tuning calls these weights, and the bytes of each.
KIND = "torch-f32"
_WEIGHT_BYTES = 4
# Of the memory that is free: the program, and what is computed, need some, too.
_MOST_OF_MEMORY = 0.4
# Of shared beginning and text together; longer ones are left to llama.cpp.
_MOST_POSITIONS = 8192

_Result = TypeVar("_Result")


def kinds(model: ModelFile) -> tuple[str, ...]:
    """Return `KIND` where a model can be computed here, nothing without PyTorch or with too little memory."""
    import importlib.util

    if importlib.util.find_spec("torch") is None:
        return ()
    import psutil

    from app.inference.torch_network import check_architecture

    try:
        weights = ModelWeights(model)
        check_architecture(weights)
    except UnreadableWeightsError:
        return ()
    room = _MOST_OF_MEMORY * psutil.virtual_memory().available
    return (KIND,) if _WEIGHT_BYTES * weights.count < room else ()


class TorchEngine(Engine):
    """A model whose weights PyTorch multiplies, and llama.cpp's vocabulary of it.

    `stop` is asked while weights are read; where it says so, `InferenceError` is raised.
    """

    def __init__(
        self,
        model: ModelFile,
        *,
        threads: int | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(model.gguf, threads=threads, vocabulary_only=True)
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="torch")
        self._freeing.callback(self._beside.shutdown)
        try:
            self.network: TorchNetwork = self.compute(lambda: _network(model, stop))
        except InferenceError:
            self.close()
            raise
        except (ImportError, OSError, MemoryError, RuntimeError, UnreadableWeightsError) as error:
            self.close()
            raise InferenceError(
                f"{model.trained.name} cannot be computed by PyTorch here, as this job began: it is not installed, or "
                "there is too little memory. Close other programs and try again.",
                str(error),
            ) from error

    def compute(self, work: Callable[[], _Result]) -> _Result:
        """Do something on the thread that computes, and return its result."""
        return self._beside.submit(work).result()

    def context(
        self,
        before: Sequence[int],
        longest: int,
        *,
        batch_tokens: int = BATCH_TOKENS,
        batch_texts: int = BATCH_TEXTS,
        threads: int = 0,
    ) -> "TorchContext":
        """Return a context that answers for many texts with one beginning."""
        return TorchContext(
            self, before, longest, batch_tokens=batch_tokens, batch_texts=batch_texts, threads=threads
        )

    def close(self) -> None:
        """Free the model; a second call does nothing."""
        super().close()
        self.__dict__.pop("network", None)


class TorchContext:
    """A context that answers for many texts with one beginning, as `PackedContext` does.

    Raises `InferenceError` where texts and beginning are longer than what is computed here.
    """

    def __init__(
        self,
        engine: TorchEngine,
        before: Sequence[int],
        longest: int,
        *,
        batch_tokens: int = BATCH_TOKENS,
        batch_texts: int = BATCH_TEXTS,
        threads: int = 0,
    ) -> None:
        if len(before) + longest > _MOST_POSITIONS:
            raise InferenceError("A text and what stands before it are too long for PyTorch's kernels.")
        self._engine = engine
        self._threads = threads or engine.threads
        self.batch_tokens = max(batch_tokens, longest)
        self.batch_texts = batch_texts
        self._prefix: Prefix = self._compute(lambda: engine.network.prefix(before))
        engine.decoded_tokens += len(before)

    def evaluate(
        self,
        sequences: "Sequence[Tokens]",
        columns: Sequence[int],
        on_batch: Callable[[Sequence[int]], bool] | None = None,
    ) -> "Floats":
        """Return the logits of the tokens `columns` after each sequence: float32 (sequences, columns).

        `on_batch` hears after each batch which sequences it held and answers whether to go on; a sequence
        that was not reached has NaN. Each sequence has 1 to `longest` tokens.
        """
        import numpy as np

        logits = np.full((len(sequences), len(columns)), np.nan, dtype=np.float32)
        network = self._engine.network
        for indices in pack([len(s) for s in sequences], self.batch_tokens, self.batch_texts):
            texts = [sequences[i] for i in indices]
            logits[indices] = self._compute(partial(network.logits, texts, columns, self._prefix))
            self._engine.decoded_tokens += sum(len(text) for text in texts)
            if on_batch is not None and not on_batch(indices):
                break
        return logits

    def close(self) -> None:
        """Let go of what texts share; a second call does nothing."""
        self.__dict__.pop("_prefix", None)

    def _compute(self, work: Callable[[], _Result]) -> _Result:
        def with_threads() -> _Result:
            import torch

            torch.set_num_threads(self._threads)
            return work()

        try:
            return self._engine.compute(with_threads)
        except (MemoryError, RuntimeError) as error:
            raise InferenceError(
                "The model stopped while it was computing. Free some memory and try again.", str(error)
            ) from error


def _network(model: ModelFile, stop: Callable[[], bool]) -> "TorchNetwork":
    from app.inference.torch_network import TorchNetwork

    def check() -> None:
        if stop():
            raise InferenceError("It was stopped while the model's weights were read.")

    return TorchNetwork(ModelWeights(model), _MOST_POSITIONS, check)
