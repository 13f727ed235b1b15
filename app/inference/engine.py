"""llama.cpp's low-level interface: many short texts in one batch, one forward pass each, a few logits read.

The tokens that all texts start with are computed once, on sequence 0, and shared by every other sequence
(in a unified cache that only edits bookkeeping). Texts are packed into a batch one after the other, each a
sequence of its own; logits are computed for each one's last token alone. Nothing is generated.

On a processor a text's logits do not depend on the texts beside it, nor on its place among them, for two reasons:
rows are multiplied in whole groups (`_ROWS`), and attention sums up a text's own cells in their order
(`_keep_to_own_cells`).

Not for several threads at once: an engine belongs to the thread that uses it.
"""

import ctypes
import os
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from app.inference.machine import device, has_unsafe_tiles, load_llama
from app.inference.packing import pack
from training.contract.cores import physical_cores

if TYPE_CHECKING:
    import numpy as np

    Tokens = np.ndarray[Any, np.dtype[np.int32]]
    Floats = np.ndarray[Any, np.dtype[np.float32]]

# On two cores 512 tokens a batch reach 0.9 of the speed of llama.cpp's plain prefill; beyond a thousand a
# small model loses again, because attention in a unified cache runs over every cell.
BATCH_TOKENS = 768
# llama.cpp keeps a row of logits over the whole vocabulary for each: 64 rows of Gemma's 262,144 are 64 MiB.
BATCH_TEXTS = 64
# llama.cpp multiplies groups of rows at a time, 16 with AVX-512 and 4 elsewhere, and what remains one by one, with
# other last bits. Each is rounded to 8 bits again, so that they grow: with Gemma 3 270M as stored, a base's
# probabilities moved by .02 on average. So no batch has a group that is not full, and nor do its answers: of these,
# what differs comes after the last rounding, and a row of logits over the whole vocabulary costs as much as two tokens.
_ROWS = 16
_ANSWERS = 4
# ggml's number of the type, which llama_cpp does not name.
_BF16 = 30

_messages: deque[str] = deque(maxlen=40)
_log_callback: Any = None


class InferenceError(Exception):
    """llama.cpp could not do it; the message is a sentence for the user, `detail` what llama.cpp said."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


class Context(Protocol):
    """What answers for many texts with one beginning: `PackedContext`, and `TorchContext` beside it."""

    batch_tokens: int
    batch_texts: int

    def evaluate(
        self,
        sequences: "Sequence[Tokens]",
        columns: Sequence[int],
        on_batch: Callable[[Sequence[int]], bool] | None = None,
    ) -> "Floats":
        """Return the logits of the tokens `columns` after each sequence."""

    def close(self) -> None:
        """Free it."""


class Engine:
    """A loaded model, its vocabulary and, where there is one, its adapter."""

    def __init__(
        self,
        gguf: Path,
        adapter: Path | None = None,
        *,
        threads: int | None = None,
        vocabulary_only: bool = False,
    ) -> None:
        llama_cpp = load_llama()
        _keep_messages(llama_cpp)
        llama_cpp.llama_backend_init()
        self._llama: Any = llama_cpp
        self.threads = threads or physical_cores()
        self.device = device()
        self.decoded_tokens = 0
        self._freeing = ExitStack()
        # Runs before the interpreter tears modules down, where a forgotten close() would crash.
        weakref.finalize(self, self._freeing.close)
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = -1 if self.device == "GPU" else 0
        params.vocab_only = vocabulary_only
        params.use_extra_bufts = not has_unsafe_tiles()
        _messages.clear()
        self.model = llama_cpp.llama_model_load_from_file(os.fsencode(gguf), params)
        if not self.model:
            raise InferenceError(
                f"{gguf.name} cannot be loaded: it is damaged, of a kind that this llama.cpp does not know, "
                "or larger than the free memory.",
                _detail(),
            )
        self._freeing.callback(llama_cpp.llama_model_free, self.model)
        self.adapter = None
        if adapter is not None:
            # Freed with the model: freeing it apart as well would free it twice.
            self.adapter = llama_cpp.llama_adapter_lora_init(self.model, os.fsencode(adapter))
            if not self.adapter:
                self.close()
                raise InferenceError(
                    f"{adapter.name} does not fit the base model {gguf.name} beside it.", _detail()
                )
        self.vocabulary = llama_cpp.llama_model_get_vocab(self.model)
        self.vocabulary_size = int(llama_cpp.llama_vocab_n_tokens(self.vocabulary))

    @property
    def begin_of_sequence(self) -> int | None:
        """The token that this model's sequences start with, or None where it adds none."""
        if not self._llama.llama_vocab_get_add_bos(self.vocabulary):
            return None
        return int(self._llama.llama_vocab_bos(self.vocabulary))

    @property
    def can_share_a_prefix(self) -> bool:
        """Whether the model's memory is a cache of tokens: that of a recurrent model cannot be cut back to a prefix."""
        return not (
            self._llama.llama_model_is_recurrent(self.model) or self._llama.llama_model_is_hybrid(self.model)
        )

    def tokenize(self, text: str, *, special: bool = False) -> "Tokens":
        """Return the ids of plain text: nothing is added, and a special token's text stays plain text.

        With `special` it becomes the token: for the turns of a chat model, never for what people wrote.
        """
        import numpy as np

        raw = text.encode("utf-8")
        ids = np.empty(len(raw) + 8, dtype=np.int32)
        pointer = ids.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
        count = self._llama.llama_tokenize(self.vocabulary, raw, len(raw), pointer, len(ids), False, special)
        if count < 0:
            raise InferenceError("A text could not be split into tokens.", _detail())
        return ids[:count].copy()

    def is_control(self, token: int) -> bool:
        """Whether a token steers the model (begin, end, turn) rather than being text."""
        return bool(
            self._llama.llama_vocab_is_control(self.vocabulary, token)
            or self._llama.llama_vocab_is_eog(self.vocabulary, token)
        )

    def context(
        self,
        before: Sequence[int],
        longest: int,
        *,
        batch_tokens: int = BATCH_TOKENS,
        batch_texts: int = BATCH_TEXTS,
        threads: int = 0,
    ) -> "Context":
        """Return a context that answers for many texts with one beginning: see `PackedContext`."""
        return PackedContext(
            self, before, longest, batch_tokens=batch_tokens, batch_texts=batch_texts, threads=threads
        )

    def close(self) -> None:
        """Free the model; a second call does nothing. Close its contexts before."""
        self._freeing.close()
        self.model = None

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class PackedContext:
    """A context that answers for many texts with one beginning.

    `before` are the tokens that every sequence starts with (none is fine); `longest` is the largest number
    of tokens that any sequence adds to them. `threads` 0: the engine's. Not `steady`: llama.cpp's own attention, which
    lets a sequence's last bits depend on the others.
    """

    def __init__(
        self,
        engine: Engine,
        before: Sequence[int],
        longest: int,
        *,
        batch_tokens: int = BATCH_TOKENS,
        batch_texts: int = BATCH_TEXTS,
        threads: int = 0,
        steady: bool = True,
    ) -> None:
        import numpy as np

        llama = engine._llama
        self._engine = engine
        self._llama = llama
        self._before = len(before)
        self.batch_tokens = _whole(max(batch_tokens, longest), _ROWS)
        self.batch_texts = min(batch_texts, int(llama.llama_max_parallel_sequences()) - 1)
        params = llama.llama_context_default_params()
        params.n_ctx = self._before + self.batch_tokens
        params.n_batch = params.n_ubatch = self.batch_tokens
        params.n_seq_max = self.batch_texts + 1
        # Left at 0 llama.cpp reserves a row of logits for each token of the batch; below n_seq_max it aborts.
        params.n_outputs_max = _whole(self.batch_texts + 1, _ANSWERS)
        params.kv_unified = True
        params.n_threads = params.n_threads_batch = threads or engine.threads
        if steady and engine.device == "CPU":
            _keep_to_own_cells(llama, params)
        params.no_perf = True
        _messages.clear()
        self._context = llama.llama_init_from_model(engine.model, params)
        if not self._context:
            raise InferenceError(
                "There is not enough memory to run this model. Close other programs or choose a smaller one.",
                _detail(),
            )
        self._freeing = ExitStack()
        self._freeing.callback(llama.llama_free, self._context)
        weakref.finalize(self, self._freeing.close)
        if engine.adapter is not None:
            adapters = (llama.llama_adapter_lora_p_ctypes * 1)(engine.adapter)
            if llama.llama_set_adapters_lora(self._context, adapters, 1, (ctypes.c_float * 1)(1.0)) != 0:
                self.close()
                raise InferenceError("The adapter cannot be used with this base model.", _detail())
        self._memory = llama.llama_get_memory(self._context)
        self._batch = _Batch(llama, self.batch_tokens)
        try:
            for start in range(0, self._before, self.batch_tokens):
                part = np.asarray(before[start : start + self.batch_tokens], dtype=np.int32)
                self._batch.fill([part], first_sequence=0, first_position=start, answers=False)
                self._decode()
        except InferenceError:
            self.close()
            raise
        for sequence in range(1, self.batch_texts + 1) if self._before else ():
            llama.llama_memory_seq_cp(self._memory, 0, sequence, -1, -1)

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
        wanted = np.asarray(columns, dtype=np.intp)
        shape = (self._engine.vocabulary_size,)
        for indices in pack([len(s) for s in sequences], self.batch_tokens, self.batch_texts):
            last = self._batch.fill([sequences[i] for i in indices], 1, self._before, answers=True)
            self._decode()
            for row, position in zip(indices, last, strict=True):
                pointer = self._llama.llama_get_logits_ith(self._context, int(position))
                logits[row] = np.ctypeslib.as_array(pointer, shape=shape)[wanted]
            # What the shared beginning holds stays; everything after it goes, from all sequences at once.
            self._llama.llama_memory_seq_rm(self._memory, -1, self._before, -1)
            if on_batch is not None and not on_batch(indices):
                break
        return logits

    def close(self) -> None:
        """Free the context; a second call does nothing."""
        self._freeing.close()
        self._context = None

    def _decode(self) -> None:
        self._engine.decoded_tokens += self._batch.tokens
        result = self._llama.llama_decode(self._context, self._batch.struct)
        if result != 0:
            raise InferenceError(
                "The model stopped while it was computing. Free some memory and try again.",
                f"llama_decode returned {result}. {_detail()}",
            )


class _Batch:
    """The arrays of a llama_batch in numpy's memory, filled without a loop over tokens."""

    def __init__(self, llama: Any, size: int) -> None:
        import numpy as np

        self._token = np.zeros(size, dtype=np.int32)
        self._position = np.zeros(size, dtype=np.int32)
        self._sequence = np.zeros(size, dtype=np.int32)
        self._sequences = np.ones(size, dtype=np.int32)
        self._answer = np.zeros(size, dtype=np.int8)
        # Those of the parts, without what fills the batch up.
        self.tokens = 0
        # seq_id is an array of pointers, one a token: each points at that token's place in `_sequence`.
        self._pointers = (self._sequence.ctypes.data + 4 * np.arange(size)).astype(np.uintp)
        int32 = ctypes.POINTER(ctypes.c_int32)
        self.struct = llama.llama_batch(
            n_tokens=0,
            token=self._token.ctypes.data_as(int32),
            embd=None,
            pos=self._position.ctypes.data_as(int32),
            n_seq_id=self._sequences.ctypes.data_as(int32),
            seq_id=self._pointers.ctypes.data_as(ctypes.POINTER(int32)),
            logits=self._answer.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )

    def fill(
        self, parts: "Sequence[Tokens]", first_sequence: int, first_position: int, *, answers: bool
    ) -> "Tokens":
        """Lay parts one after the other, each a sequence of its own; return where their last tokens lie.

        With `answers` these are answered, and whole groups of rows are computed (`_ROWS`): the tokens that fill up the
        last one belong to sequence 0, after its `first_position` tokens, and are to be removed from it.
        """
        import numpy as np

        lengths = np.array([len(part) for part in parts])
        ends = np.cumsum(lengths)
        self.tokens = total = int(ends[-1])
        np.concatenate(parts, out=self._token[:total])
        self._position[:total] = first_position + np.arange(total) - np.repeat(ends - lengths, lengths)
        self._sequence[:total] = first_sequence + np.repeat(np.arange(len(parts)), lengths)
        self._answer[:total] = 0
        if answers:
            filled = _whole(total, _ROWS)
            self._token[total:filled] = self._token[0]
            self._position[total:filled] = first_position + np.arange(filled - total)
            self._sequence[total:filled] = 0
            self._answer[total:filled] = 0
            total = filled
            self._answer[ends - 1] = 1
            others = np.flatnonzero(self._answer[:total] == 0)
            self._answer[others[: _whole(len(parts), _ANSWERS) - len(parts)]] = 1
        self.struct.n_tokens = total
        return (ends - 1).astype(np.int32)


def _whole(rows: int, group: int) -> int:
    """Return how many rows there are when the last group of them is filled up."""
    return -(-rows // group) * group


def _keep_to_own_cells(llama: Any, params: Any) -> None:
    """Let attention look at a text's own cells one after the other, wherever they lie in the cache.

    llama.cpp computes large batches in tiles of cells instead, where a text's sums begin anew at the border of a tile,
    and sums up small ones in 16 bits. It does neither where keys and values are of two types. BF16 for the values keeps
    8 of their bits, as many as what the weights are multiplied with has.
    """
    params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_ENABLED
    params.type_k, params.type_v = llama.GGML_TYPE_F16, _BF16


def _keep_messages(llama: Any) -> None:
    """Keep what llama.cpp says for error reports instead of letting it write to standard error."""
    global _log_callback
    if _log_callback is None:

        @llama.llama_log_callback
        def keep(level: int, text: bytes, _: Any) -> None:
            # 3 warning, 4 error in newer headers, 2 and 3 in older ones; 5 continues the line before.
            if level in (3, 4, 5):
                _messages.append(text.decode("utf-8", "replace"))

        _log_callback = keep
    llama.llama_log_set(_log_callback, ctypes.c_void_p(0))


def _detail() -> str:
    return "".join(_messages).strip()
