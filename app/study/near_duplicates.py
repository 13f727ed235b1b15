"""Which texts say the same in almost the same letters: retweets, copies with another link, handle or emoji.

Texts in, groups out, in time that grows with the number of texts. The steps:

1. `fold`: links, handles, a retweet's prefix and case go. Equal folded texts are one text from here on.
2. Each text becomes the set of its shingles: runs of five characters, of three where the script writes a
   syllable or a word in one.
3. MinHash (rensa) makes 64 numbers of each set; texts that share four in a row of them, in one of 16 bands, lie
   in one bucket (A. Broder 1997; J. Leskovec, A. Rajaraman, J. Ullman, Mining of Massive Datasets, chapter 3).
4. In each bucket, every text is compared with the few that have the most company in all their buckets, so that a
   bucket of any size costs no more than its texts. Compared are the sets themselves: texts are alike where the
   Jaccard index is `ALIKE` or more and the numbers written in them are the same.
5. Groups grow around the text with the most company. Every member is alike to that centre, so that no chain of small
   changes leads from one message to another.

The order of the texts does not matter: all steps go by the texts' digests.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.contract.prompt import RETWEET, normalise

ALIKE = 0.7
LEAST_SHINGLES = 16
"""Texts with fewer are in a group only with texts that are equal once folded: a word decides what they say."""
BANDS, ROWS = 16, 4
PIVOTS = 6
"""So many texts of a bucket are compared with all others in it."""
SEED = 1

# Texts and pairs that are worked on at a time.
_TEXTS = 20_000
_PAIRS = 200_000
# How much of the time has gone, about, when all is read, and when all pairs to compare are found.
_READING, _BANDS_DONE = 0.6, 0.9

_MENTION = re.compile(r"@user(?!\w)|(?<!\w)http(?!\w)")
_NUMBER = re.compile(r"\d+")

Progress = Callable[[float], None]
Stop = Callable[[], bool]
Ints = NDArray[np.int64]


class Stopped(Exception):
    """The user wants no more of it."""


def fold(text: str) -> str:
    """Return what of a tweet is compared; of a tweet of links and handles alone, these. Idempotent."""
    tweet = text.strip()
    folded = " ".join(_MENTION.sub(" ", RETWEET.sub("", normalise(tweet))).casefold().split())
    return folded or tweet.casefold()


def find_groups(
    texts: Iterable[str], total: int, progress: Progress = lambda share: None, stop: Stop = lambda: False
) -> Ints:
    """Return for each text the place of the first text of its group: its own where it stands alone.

    `total` is how many texts there are, for `progress`, which is told the share that is done. Raises `Stopped`
    where `stop` says so.
    """

    def step(share: float) -> None:
        progress(share)
        if stop():
            raise Stopped

    distinct = _Distinct()
    source = iter(texts)
    while chunk := list(islice(source, _TEXTS)):
        distinct.add(chunk)
        step(_READING * len(distinct.of) / max(total, 1))
    of = np.array(distinct.of, dtype=np.int64)
    if not len(of):
        return of
    canonical, shingles, numbers = distinct.in_canonical_order()
    centre = _centres(shingles, numbers, step)[canonical[of]]
    first = np.full(int(centre.max()) + 1, len(of), dtype=np.int64)
    np.minimum.at(first, centre, np.arange(len(of)))
    return first[centre]


class _Distinct:
    """Distinct folded texts as they are found: `of` says for each text which one it is."""

    def __init__(self) -> None:
        self.of: list[int] = []
        self._known: dict[bytes, int] = {}
        self._shingles: list[tuple[NDArray[np.int32], Ints]] = []
        self._numbers: list[int] = []

    def add(self, texts: Sequence[str]) -> None:
        """Take in further texts."""
        new = []
        for text in texts:
            folded = fold(text)
            digest = hashlib.blake2b(folded.encode("utf-8", "surrogatepass"), digest_size=16).digest()
            known = self._known.setdefault(digest, len(self._known))
            if known == len(self._numbers):
                new.append(folded)
                self._numbers.append(hash_of_numbers(folded))
            self.of.append(known)
        if new:
            self._shingles.append(shingle_sets(new))

    def in_canonical_order(self) -> tuple[Ints, "_Sets", Ints]:
        """Return (place of each distinct text in the order of the digests, shingles, hashes of numbers).

        Shingles and numbers are in that order.
        """
        digests = np.frombuffer(b"".join(self._known), dtype="S16")
        order = np.argsort(digests, kind="stable")
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        flat = np.concatenate([shingles for shingles, _ in self._shingles])
        sizes = np.concatenate([sizes for _, sizes in self._shingles])
        self._shingles.clear()
        starts = np.cumsum(sizes) - sizes
        return place, _Sets(flat, starts, sizes)[order], np.array(self._numbers, dtype=np.int64)[order]


def hash_of_numbers(folded: str) -> int:
    """Return an integer that stands for the numbers written in a text, in any order; 0 for none."""
    found = _NUMBER.findall(folded)
    if not found:
        return 0
    digest = hashlib.blake2b(" ".join(sorted(found)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def shingle_sets(texts: Sequence[str]) -> tuple[NDArray[np.int32], Ints]:
    """Return (the distinct shingles of all texts as 31-bit hashes, ascending in each text; how many each has)."""
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    joined = "".join(texts).encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(joined, dtype="<u4").astype(np.uint64)
    text_of = np.repeat(np.arange(len(texts)), lengths)
    end = np.repeat(np.cumsum(lengths), lengths)
    width = np.where(_is_dense(codes), 3, 5)
    fits = np.flatnonzero(np.arange(len(codes)) + width <= end)
    # A shingle of three reads two characters further than it needs; it does not use them.
    padded = np.concatenate([codes, np.zeros(4, dtype=np.uint64)])
    multiplier = np.uint64(0x9E3779B97F4A7C15)
    hashes = padded[fits]
    for step in (1, 2):
        hashes = hashes * multiplier + padded[fits + step]
    longer = hashes
    for step in (3, 4):
        longer = longer * multiplier + padded[fits + step]
    hashes = np.where(width[fits] == 5, longer * multiplier + np.uint64(1), hashes)
    hashes ^= hashes >> np.uint64(29)
    hashes = (hashes * np.uint64(0xBF58476D1CE4E5B9)) >> np.uint64(33)
    keys = _distinct(text_of[fits].astype(np.uint64) << np.uint64(32) | hashes)
    sizes = np.bincount((keys >> np.uint64(32)).astype(np.int64), minlength=len(texts))
    return (keys & np.uint64(0x7FFFFFFF)).astype(np.int32), sizes.astype(np.int64)


def _distinct(values: NDArray[Any]) -> NDArray[Any]:
    """Return the distinct values, ascending: by sorting, as `numpy.unique` goes by a hash table, much more slowly."""
    values = np.sort(values)
    return values[np.concatenate([[True], values[1:] != values[:-1]])[: len(values)]]


def _is_dense(codes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Say which characters are a syllable or a word of their own: kana, Han, Hangul."""
    dense = np.zeros(len(codes), dtype=np.bool_)
    for first, last in (
        (0x3040, 0x30FF),
        (0x3400, 0x9FFF),
        (0xAC00, 0xD7A3),
        (0xF900, 0xFAFF),
        (0x20000, 0x3FFFF),
    ):
        dense |= (codes >= first) & (codes <= last)
    return dense


class _Sets:
    """Many sets of shingles in one array, each from its start on; some of them, or in another order, share it."""

    def __init__(self, flat: NDArray[np.int32], starts: Ints, sizes: Ints) -> None:
        self.sizes = sizes
        self._flat, self._starts = flat, starts

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, which: Ints | slice) -> "_Sets":
        return _Sets(self._flat, self._starts[which], self.sizes[which])

    def packed(self) -> tuple[NDArray[np.int32], Ints]:
        """Return (the sets, one directly after the other; where each starts, and where the last ends)."""
        ends = np.cumsum(self.sizes)
        offsets = np.concatenate([[0], ends])
        places = np.arange(offsets[-1]) + np.repeat(self._starts - offsets[:-1], self.sizes)
        return self._flat[places], offsets

    def signatures(self) -> NDArray[np.uint32]:
        """Return the MinHash of each set: (sets, BANDS × ROWS)."""
        from rensa import RMinHash

        found = np.empty((len(self), BANDS * ROWS), dtype=np.uint32)
        for start in range(0, len(self), _TEXTS):
            part = slice(start, start + _TEXTS)
            flat, offsets = self[part].packed()
            matrix = RMinHash.digest_matrix_from_flat_token_hashes(
                flat.astype(np.uint64), offsets, BANDS * ROWS, SEED
            )
            found[part] = matrix.to_rows()
        return found

    def likeness(self, one: Ints, other: Ints) -> NDArray[np.float64]:
        """Return the Jaccard index of each pair."""
        both = (self._matrix(one).multiply(self._matrix(other))).tocsr()
        shared = np.diff(both.indptr)
        return np.asarray(shared / (self.sizes[one] + self.sizes[other] - shared))

    def _matrix(self, which: Ints) -> Any:
        from scipy.sparse import csr_matrix

        flat, offsets = self[which].packed()
        ones = np.ones(len(flat), dtype=np.int8)
        return csr_matrix((ones, flat, offsets), shape=(len(which), 2**31 - 1))


def _centres(shingles: _Sets, numbers: Ints, step: Progress) -> Ints:
    """Return for each distinct text, in canonical order, the centre of its group: itself where it is alone."""
    long = np.flatnonzero(shingles.sizes >= LEAST_SHINGLES)
    centre = np.arange(len(shingles))
    if len(long) < 2:
        return centre
    sets = shingles[long]
    bands = _bands(sets.signatures())
    company = _company(bands)
    pairs = np.empty(0, dtype=np.int64)
    for number, band in enumerate(bands, 1):
        pairs = _distinct(np.concatenate([pairs, _to_compare(band, company)]))
        step(_READING + (_BANDS_DONE - _READING) * number / BANDS)
    one, other = pairs >> 32, pairs & 0xFFFFFFFF
    same_numbers = numbers[long[one]] == numbers[long[other]]
    one, other = one[same_numbers], other[same_numbers]
    alike = np.zeros(len(one), dtype=np.bool_)
    for start in range(0, len(one), _PAIRS):
        part = slice(start, start + _PAIRS)
        alike[part] = sets.likeness(one[part], other[part]) >= ALIKE
        step(_BANDS_DONE + (1 - _BANDS_DONE) * min(1.0, (start + _PAIRS) / len(one)))
    centre[long] = long[_stars(one[alike], other[alike], company)]
    return centre


def _bands(signatures: NDArray[np.uint32]) -> list[NDArray[np.uint64]]:
    """Return for each band the bucket of each text."""
    multiplier = np.uint64(0x9E3779B97F4A7C15)
    found = []
    for band in range(BANDS):
        rows = signatures[:, band * ROWS : (band + 1) * ROWS].astype(np.uint64)
        bucket = rows[:, 0]
        for row in range(1, ROWS):
            bucket = (bucket ^ (bucket >> np.uint64(31))) * multiplier + rows[:, row]
        found.append(bucket)
    return found


def _company(bands: Sequence[NDArray[np.uint64]]) -> Ints:
    """Return for each text how many others are in its buckets, of all bands together."""
    found = np.zeros(len(bands[0]), dtype=np.int64)
    for band in bands:
        _, bucket, sizes = np.unique(band, return_inverse=True, return_counts=True)
        found += sizes[bucket] - 1
    return found


def _to_compare(band: NDArray[np.uint64], company: Ints) -> Ints:
    """Return the pairs of a band, smaller << 32 | greater: each text with the `PIVOTS` of its bucket."""
    # Within a bucket those with the most company come first.
    order = np.lexsort((np.arange(len(band)), -company, band))
    ordered = band[order]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    begin = np.repeat(begins, np.diff(np.concatenate([begins, [len(order)]])))
    rank = np.arange(len(order)) - begin
    found = []
    for pivot in range(PIVOTS):
        later = np.flatnonzero(rank > pivot)
        one, other = order[begin[later] + pivot], order[later]
        found.append(np.minimum(one, other) << 32 | np.maximum(one, other))
    return _distinct(np.concatenate(found))


def _stars(one: Ints, other: Ints, company: Ints) -> Ints:
    """Return the centre of each text: those with the most company first, each takes what is alike and free."""
    centre = np.full(len(company), -1, dtype=np.int64)
    ends = np.concatenate([other, one])
    order = np.argsort(np.concatenate([one, other]), kind="stable")
    ends = ends[order]
    starts = np.concatenate(
        [[0], np.cumsum(np.bincount(np.concatenate([one, other]), minlength=len(company)))]
    )
    for text in np.lexsort((np.arange(len(company)), -company)):
        if centre[text] < 0:
            centre[text] = text
            near = ends[starts[text] : starts[text + 1]]
            centre[near[centre[near] < 0]] = text
    return centre
