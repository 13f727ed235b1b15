"""How well and how fast are near-duplicates grouped? On a million made-up tweets whose groups are known.

A quarter of the tweets are planted: an original and copies of it with another link or handle, a retweet's prefix,
an emoji, a small edit, or cut off at the end, in groups of 2 to some thousands. Beside them stand tweets that
must stay alone: those of a template (bots, headlines) whose filling differs, the same sentence with other
numbers, and short ones. Words are invented from the letters of the sample study's 13 languages, and of Chinese for
a script without spaces.

Beside it, in the same run: grouping by a hash of the folded text alone, which finds equal texts only. Precision
and recall are of pairs: of the pairs put together, how many belong together; of those that belong together, how
many were put together. A large group has many pairs, so the mean over groups is told, too.
"""

import argparse
import csv
import io
import random
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

import resources
from app.study.near_duplicates import find_groups, fold

SEED = 1
WORDS = 4000
KINDS = ("link", "handle", "retweet", "emoji", "edit", "cut")
EMOJI = "😀😂🙏🔥💔👏😡🤔❤️🇪🇺"
HAN = [chr(code) for code in range(0x4E00, 0x4E00 + 1500)]


@dataclass
class Tweets:
    """Made-up tweets: `truth` names the group of each, `kind` how it came about ("" for an original)."""

    texts: list[str] = field(default_factory=list)
    truth: list[int] = field(default_factory=list)
    kind: list[str] = field(default_factory=list)
    shorts: dict[str, int] = field(default_factory=dict)

    def add(self, text: str, truth: int, kind: str) -> None:
        """Take in one tweet."""
        self.texts.append(text)
        self.truth.append(truth)
        self.kind.append(kind)


def main() -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.near_duplicates", description=__doc__.split("\n")[0])
    parser.add_argument("--tweets", type=int, default=1_000_000)
    arguments = parser.parse_args()
    tweets = make(arguments.tweets, random.Random(SEED))
    groups = Counter(tweets.truth)
    print(
        f"{len(tweets.texts):,} tweets, {sum(n > 1 for n in groups.values()):,} groups, "
        f"the largest of {max(groups.values()):,}"
    )
    before = peak_gigabytes()
    by_hash, hash_seconds = timed(lambda: group_by_hash(tweets.texts))
    found, seconds = timed(lambda: find_groups(tweets.texts, len(tweets.texts)).tolist())
    print(f"peak memory {peak_gigabytes():.2f} GB, of which {before:.2f} GB the tweets themselves\n")
    for name, firsts, took in (
        ("equal folded texts", by_hash, hash_seconds),
        ("near-duplicates", found, seconds),
    ):
        precision, recall, mean = scores(np.array(tweets.truth), np.asarray(firsts))
        print(
            f"{name:20} {took:6.1f} s  precision {precision:.4f}  recall {recall:.4f}  "
            f"recall, mean over groups {mean:.4f}"
        )
    print(f"{'ratio of the times':20} {seconds / hash_seconds:6.2f}\n")
    for kind, share in together(tweets, found).items():
        print(f"{kind:10} {share:.4f} of the copies are in the group of their original")
    return 0


def timed(run: Callable[[], Sequence[int]]) -> tuple[Sequence[int], float]:
    """Return what a function returns and how many seconds it took."""
    begin = time.perf_counter()
    result = run()
    return result, time.perf_counter() - begin


def peak_gigabytes() -> float:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def group_by_hash(texts: Sequence[str]) -> list[int]:
    """Return for each text the first with an equal folded text."""
    first: dict[int, int] = {}
    return [first.setdefault(hash(fold(text)), place) for place, text in enumerate(texts)]


def scores(truth: np.ndarray, found: np.ndarray) -> tuple[float, float, float]:
    """Return (precision of pairs, recall of pairs, mean of the groups' recalls of pairs)."""

    def pairs(sizes: np.ndarray) -> np.ndarray:
        return sizes * (sizes - 1) / 2

    cells, sizes = np.unique(truth.astype(np.int64) << 32 | found, return_counts=True)
    right = pairs(sizes)
    groups, group_sizes = np.unique(truth, return_counts=True)
    wanted = pairs(group_sizes)
    of_group = np.zeros(len(groups))
    np.add.at(of_group, np.searchsorted(groups, cells >> 32), right)
    given = pairs(np.unique(found, return_counts=True)[1])
    real = wanted > 0
    return (
        right.sum() / max(given.sum(), 1),
        right.sum() / max(wanted.sum(), 1),
        float(np.mean(of_group[real] / wanted[real])),
    )


def together(tweets: Tweets, found: Sequence[int]) -> dict[str, float]:
    """Return for each kind of copy the share that is in its original's group."""
    home = {t: g for t, g, kind in zip(tweets.truth, found, tweets.kind, strict=True) if not kind}
    shares: dict[str, list[bool]] = defaultdict(list)
    for truth, group, kind in zip(tweets.truth, found, tweets.kind, strict=True):
        if kind in KINDS:
            shares[kind].append(home[truth] == group)
    return {kind: sum(shares[kind]) / len(shares[kind]) for kind in KINDS if shares[kind]}


def make(number: int, rng: random.Random) -> Tweets:
    """Make tweets up, in a random order."""
    speakers = [Speaker(words, rng) for words in vocabularies(rng)] + [Speaker(HAN, rng, "")]
    tweets, truth = Tweets(), 0
    while len(tweets.texts) < number:
        speaker, what = rng.choice(speakers), rng.random()
        truth += 1
        if what < 0.07:
            plant(tweets, speaker, truth, rng)
        elif what < 0.10:
            truth = fill_template(tweets, speaker, truth, rng)
        elif what < 0.13:
            truth = change_numbers(tweets, speaker, truth, rng)
        elif what < 0.25:
            short = speaker.say(rng.randint(1, 3))
            tweets.add(short, tweets.shorts.setdefault(fold(short), truth), "short")
        else:
            tweets.add(decorated(speaker.say(rng.randint(8, 30)), rng), truth, "alone")
    order = list(range(number))
    rng.shuffle(order)
    return Tweets(
        texts=[tweets.texts[n] for n in order],
        truth=[tweets.truth[n] for n in order],
        kind=[tweets.kind[n] for n in order],
    )


def plant(tweets: Tweets, speaker: "Speaker", truth: int, rng: random.Random) -> None:
    """Add an original and its copies."""
    original = speaker.say(rng.randint(12, 30))
    size = min(int(rng.paretovariate(1.1)) + 1, 3000)
    tweets.add(decorated(original, rng), truth, "")
    for _ in range(size - 1):
        kind = rng.choice(KINDS)
        tweets.add(copied(original, kind, speaker, rng), truth, kind)


def copied(text: str, kind: str, speaker: "Speaker", rng: random.Random) -> str:
    """Return a copy of a tweet with a change."""
    if kind == "link":
        return f"{text} {link(rng)}"
    if kind == "handle":
        return f"{handle(rng)} {text} {link(rng)}"
    if kind == "retweet":
        return f"RT {handle(rng)}: {text}"
    if kind == "emoji":
        return f"{text} {''.join(rng.choices(EMOJI, k=rng.randint(1, 3)))}"
    if kind == "cut":
        return f"RT {handle(rng)}: {text[: len(text) - max(1, len(text) // 10)]}…"
    place = rng.randrange(len(text))
    change = rng.randrange(4)
    if change == 0:
        return text[:place] + rng.choice(text) + text[place + 1 :]
    if change == 1:
        return f"{text} #{rng.choice(speaker.words)}"
    if change == 2:
        words = text.split(speaker.joint) if speaker.joint else list(text)
        words[rng.randrange(len(words))] = rng.choice(speaker.words)
        return speaker.joint.join(words)
    return text[:place] + text[place + 1 :]


def fill_template(tweets: Tweets, speaker: "Speaker", truth: int, rng: random.Random) -> int:
    """Add tweets that share half of their words and say different things; return the last group."""
    head, tail = speaker.say(rng.randint(4, 8)), speaker.say(rng.randint(2, 4))
    for _ in range(rng.randint(2, 12)):
        truth += 1
        middle = speaker.say(rng.randint(6, 12))
        tweets.add(decorated(speaker.joint.join((head, middle, tail)), rng), truth, "template")
    return truth


def change_numbers(tweets: Tweets, speaker: "Speaker", truth: int, rng: random.Random) -> int:
    """Add the same sentence with different numbers; return the last group."""
    head, tail = speaker.say(rng.randint(8, 14)), speaker.say(rng.randint(4, 8))
    for number in rng.sample(range(2, 5000), rng.randint(2, 10)):
        truth += 1
        tweets.add(decorated(f"{head} {number} {tail}", rng), truth, "numbers")
    return truth


def decorated(text: str, rng: random.Random) -> str:
    """Return a tweet with a link or a handle, or without."""
    return rng.choice((text, text, f"{text} {link(rng)}", f"{handle(rng)} {text}"))


def link(rng: random.Random) -> str:
    """Return a link."""
    return f"https://t.co/{rng.getrandbits(48):x}"


def handle(rng: random.Random) -> str:
    """Return a handle."""
    return f"@u{rng.getrandbits(28):x}"


class Speaker:
    """Someone who says random words of a language, frequent ones more often."""

    def __init__(self, words: Sequence[str], rng: random.Random, joint: str = " ") -> None:
        self.words, self.joint, self._rng = words, joint, rng
        weights = np.cumsum([1 / (rank + 10) for rank in range(len(words))])
        self._weights = list(weights)

    def say(self, number: int) -> str:
        """Return so many words; of a script without spaces about as many characters as a tweet has."""
        number = number if self.joint else 3 * number
        return self.joint.join(self._rng.choices(self.words, cum_weights=self._weights, k=number))


def vocabularies(rng: random.Random) -> list[list[str]]:
    """Return invented words for each language of the sample study: chains of its letters."""
    texts: dict[str, list[str]] = defaultdict(list)
    for row in csv.DictReader(io.StringIO(resources.sample_study_bytes().decode("utf-8"))):
        texts[row["lang"]] += [word for word in fold(row["text"]).split() if word.isalpha() or len(word) > 3]
    found = []
    for words in texts.values():
        after: dict[str, list[str]] = defaultdict(list)
        for word in words:
            for one, other in pairwise(f"^{word}$"):
                after[one].append(other)
        invented: dict[str, None] = dict.fromkeys(words)
        while len(invented) < WORDS:
            word = letter = ""
            while (letter := rng.choice(after[letter or "^"])) != "$" and len(word) < 12:
                word += letter
            invented[word] = None
        found.append(list(invented))
    return found


if __name__ == "__main__":
    sys.exit(main())
