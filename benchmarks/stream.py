"""A stream of tweets as a researcher collects it: mostly unrelated, half of it retweets, some of it copied by hand.

Real tweets have to be given (a folder with `multilingual/tweets.csv` and `immigration/train.csv`, `test.csv`); what is
made up is only how often they come again:

- Half of the stream are retweets ("RT @name: text"). Alshaabi et al. 2021 (EPJ Data Science 10:15, doi
  10.1140/epjds/s13688-021-00271-0; 118 billion tweets, 2009 to 2019) find more retweets than other tweets at the end of
  2019 in half of the 30 most frequent languages, English and Spanish among them: a ratio of 1 or more.
- How often a tweet is retweeted falls with its rank as 1/rank (Zipf): few tweets are most of the retweets.
- One tweet in twenty is another's text with another link, handle or emoji after it. No source that fits was found for
  this share: it is an assumption, and a cautious one, because such copies are classified each on its own.

    python -m benchmarks.stream ../shared/data stream.csv --tweets 50000
"""

import argparse
import csv
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

RETWEETS, COPIES = 0.5, 0.05
SEED = 1
_ENDS = ("https://t.co/{n:07x}", "@someone{n}", "😡", "👏👏", "#now")


def main() -> int:
    """Write the stream; return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.stream", description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="folder with multilingual/ and immigration/")
    parser.add_argument("out", type=Path, help="the CSV file to write: id, text, lang")
    parser.add_argument("--tweets", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    try:
        known = list(read_tweets(arguments.data))
        stream = make_stream(known, arguments.tweets, random.Random(arguments.seed))
        with open(arguments.out, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "text", "lang"])
            writer.writerows((number, *tweet) for number, tweet in enumerate(stream, 1))
    except (OSError, KeyError, ValueError) as error:
        print(f"benchmarks.stream: {error}", file=sys.stderr)
        return 1
    print(f"{len(stream):,} tweets, {len({text for text, _ in stream}):,} distinct, in {arguments.out}")
    return 0


def read_tweets(data: Path) -> Iterator[tuple[str, str]]:
    """Yield (text, language) of all real tweets, each text once."""
    seen = set()
    for name in ("multilingual/tweets.csv", "immigration/train.csv", "immigration/test.csv"):
        with open(data / name, encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                if row["text"].strip() and row["text"] not in seen:
                    seen.add(row["text"])
                    yield row["text"], row["lang"]


def make_stream(known: Sequence[tuple[str, str]], number: int, rng: random.Random) -> list[tuple[str, str]]:
    """Return so many tweets (text, language), in random order; raise `ValueError` where too few are known."""
    copies, retweets = round(number * COPIES), round(number * RETWEETS)
    originals = number - copies - retweets
    if originals > len(known):
        raise ValueError(
            f"{number} tweets of a stream need {originals} different ones; there are {len(known)}."
        )
    first = rng.sample(list(known), originals)
    weights = [1 / rank for rank in range(1, originals + 1)]
    stream = list(first)
    for text, language in rng.choices(first, weights, k=retweets):
        # Who is retweeted is always the same person.
        stream.append((f"RT @author{sum(text.encode()) % 9973}: {text}", language))
    for n, (text, language) in enumerate(rng.choices(first, k=copies)):
        stream.append((f"{text} {rng.choice(_ENDS).format(n=n)}", language))
    rng.shuffle(stream)
    return stream


if __name__ == "__main__":
    sys.exit(main())
