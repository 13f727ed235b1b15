"""Classifying texts chunk by chunk, no text twice: the same for a file here and for its shards on a cluster.

Nothing here knows of a study, of the shelf or of where a chunk comes from, and nothing is kept between calls but
in the store that is handed in. What reaches the classifier follows from the chunks alone: a chunk's texts that the
store does not know from earlier ones, in their order, are one call. So it does not matter where a job was cut off.
A light model may settle rows of a chunk before, where what it settles follows from the chunk alone, too.
"""

import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from app.study.seen_texts import digest

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float32]]

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]
# A chunk may carry more than its texts, which whoever settles rows of it makes use of.
Chunk = TypeVar("Chunk", bound=Sequence[str])


class TextClassifier(Protocol):
    """What is asked of a classifier; `app.inference.classifier.Classifier` is one."""

    @property
    def leaves(self) -> tuple[str, ...]:
        """The codes of the classes."""

    def classify(
        self, texts: Sequence[str], progress: Progress | None = None, stop: Stop | None = None
    ) -> "Floats":
        """Return probabilities, float32 (texts, leaves); NaN for a text that cannot be classified."""


@dataclass(frozen=True)
class SettledRows:
    """What a light model settled of a chunk: `rows` are places in it, ascending, `probabilities` float32
    (rows, leaves).

    `audited`: places of rows that it would have settled, and that go through the model all the same. `languages`
    counts the settled rows; `seconds` is how long the light model took.
    """

    rows: Sequence[int]
    probabilities: "Floats"
    audited: Sequence[int] = ()
    languages: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class ClassifiedChunk:
    """A chunk whose rows all have their probabilities.

    `digests` stand for its texts, in order; `computed` has the probabilities, float32 (leaves), of those that were
    not known before, in order of first appearance; `check` tells whether a chunk read again has the same texts.
    """

    number: int
    digests: list[bytes]
    computed: "dict[bytes, Floats]"
    check: int
    settled: SettledRows | None = None


class ChunkStore(Protocol):
    """Where chunks are kept. `add` keeps one whole or, where the process ends in the middle, not at all."""

    @property
    def chunks(self) -> int:
        """How many chunks are kept: those with the numbers 0 to `chunks` - 1."""

    def known(self, digests: Collection[bytes]) -> Collection[bytes]:
        """Return which of these digests have probabilities."""

    def add(self, chunk: ClassifiedChunk) -> None:
        """Keep the chunk that follows the last."""


def classify_chunks(
    chunks: Iterable[Chunk],
    classifier: TextClassifier,
    store: ChunkStore,
    progress: Callable[[int, int, int], None] = lambda chunk, done, total: None,
    stop: Stop = lambda: False,
    settle: Callable[[int, Chunk, Sequence[bytes]], SettledRows | None] | None = None,
) -> bool:
    """Classify the chunks that the store does not have yet; return False where `stop()` ended it before the last.

    `progress` hears (chunk's number, its texts that have a result, its texts). A chunk in which it was stopped
    leaves nothing. The chunks, from the first on, must be those of the earlier call that the store is from.
    `settle` says of a chunk's number, its texts and their digests which rows the classifier need not see.
    """
    from app.inference.classifier import ClassificationStopped

    for number, texts in enumerate(chunks):
        if stop():
            return False
        if number < store.chunks:
            continue
        digests = [digest(text) for text in texts]
        settled = None if settle is None else settle(number, texts, digests)
        left = range(len(texts)) if settled is None else sorted({*range(len(texts))}.difference(settled.rows))

        def tell(
            done: int, _total: int, number: int = number, of: int = len(texts), left: int = len(left)
        ) -> None:
            # The last are told when they are kept.
            if done < left:
                progress(number, of - left + done, of)

        asked = [digests[place] for place in left]
        try:
            known = store.known(set(asked))
            computed = classify_unknown(
                [texts[place] for place in left], asked, known, classifier, tell, stop
            )
        except ClassificationStopped:
            return False
        store.add(ClassifiedChunk(number, digests, computed, check_of(texts), settled))
        progress(number, len(texts), len(texts))
    return True


def classify_unknown(
    texts: Sequence[str],
    digests: Sequence[bytes],
    known: Collection[bytes],
    classifier: TextClassifier,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> "dict[bytes, Floats]":
    """Return the probabilities of the distinct texts that are not known: {digest: float32 (leaves)}.

    `digests` are those of the texts. `progress` hears (texts that have a result, all of them), the known ones
    counted from the start. Passes on `ClassificationStopped`.
    """
    fresh = [place for place, one in enumerate(digests) if one not in known]
    if not fresh:
        return {}
    reached = len(texts) - len(fresh)
    computed = classifier.classify(
        [texts[place] for place in fresh],
        None if progress is None else lambda done, _: progress(reached + done, len(texts)),
        stop,
    )
    return {digests[place]: row for place, row in zip(fresh, computed, strict=True)}


def check_of(texts: Iterable[str]) -> int:
    """Return a checksum, 32 bits, of texts in their order."""
    check = 0
    for text in texts:
        check = zlib.crc32(b"\0", zlib.crc32(text.encode("utf-8", "surrogatepass"), check))
    return check
