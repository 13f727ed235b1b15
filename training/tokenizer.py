"""llama.cpp's own tokenizer, from the base model's file: training's ids are those of classification.

Only the vocabulary is loaded (under half a second). With special tokens neither added nor parsed, the text
of a control token inside a tweet is split into plain pieces. What a vocabulary marks as "user-defined" (runs
of spaces and line breaks, HTML tags) is text and keeps its token.
"""

import ctypes
import os
from pathlib import Path
from typing import Any

from training.errors import TrainingError


class Tokenizer:
    """The vocabulary of a GGUF file. Not for several threads at once."""

    def __init__(self, gguf: Path) -> None:
        import llama_cpp

        _quiet(llama_cpp)
        self._llama: Any = llama_cpp
        parameters = llama_cpp.llama_model_default_params()
        parameters.vocab_only = True
        self._model = llama_cpp.llama_model_load_from_file(os.fsencode(gguf), parameters)
        if not self._model:
            raise TrainingError(
                f"llama.cpp cannot read the vocabulary of {gguf.name}. Fetch it again or choose another base."
            )
        self._vocabulary = llama_cpp.llama_model_get_vocab(self._model)

    @property
    def begin_of_sequence(self) -> int | None:
        """The token that this model's sequences start with, or None where it adds none."""
        if not self._llama.llama_vocab_get_add_bos(self._vocabulary):
            return None
        return int(self._llama.llama_vocab_bos(self._vocabulary))

    @property
    def size(self) -> int:
        """How many tokens the vocabulary has."""
        return int(self._llama.llama_vocab_n_tokens(self._vocabulary))

    def tokenize(self, text: str) -> list[int]:
        """Return the ids of plain text."""
        raw = text.encode("utf-8")
        room = len(raw) + 8
        ids = (ctypes.c_int32 * room)()
        count = self._llama.llama_tokenize(self._vocabulary, raw, len(raw), ids, room, False, False)
        if count < 0:
            raise RuntimeError(f"llama_tokenize returned {count} for {len(raw)} bytes")
        return list(ids[:count])

    def is_control(self, token: int) -> bool:
        """Whether a token steers the model (begin, end, turn) rather than being text."""
        return bool(
            self._llama.llama_vocab_is_control(self._vocabulary, token)
            or self._llama.llama_vocab_is_eog(self._vocabulary, token)
        )

    def text(self, token: int) -> str:
        """Return a token's text as the vocabulary spells it."""
        return str(self._llama.llama_vocab_get_text(self._vocabulary, token).decode("utf-8", "replace"))

    def close(self) -> None:
        """Free the vocabulary; a second call does nothing."""
        if self._model:
            self._llama.llama_model_free(self._model)
            self._model = None

    def __enter__(self) -> "Tokenizer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_log_callback: Any = None


def _quiet(llama: Any) -> None:
    """Let llama.cpp write warnings and errors only (to standard error, which is the run's log)."""
    global _log_callback
    if _log_callback is None:

        @llama.llama_log_callback
        def write(level: int, text: bytes, _: Any) -> None:
            if level in (3, 4):
                os.write(2, text)

        _log_callback = write
    llama.llama_log_set(_log_callback, ctypes.c_void_p(0))
