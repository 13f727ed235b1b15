"""A stream of tweets as a researcher collects it: mostly unrelated, half of it retweets, some of it copied by hand.

Real tweets have to be given (a folder with `multilingual/tweets.csv` and `immigration/train.csv`, `test.csv`); what is
made up is only how often they come again:

- Half of the stream are retweets ("RT @name: text"). Alshaabi et al. 2021 (EPJ Data Science 10:15, doi
  10.1140/epjds/s13688-021-00271-0; 118 billion tweets, 2009 to 2019) find more retweets than other tweets at the end of
  2019 in half of the 30 most frequent languages, English and Spanish among them: a ratio of 1 or more.
- How often a tweet is retweeted falls with its rank as 1/rank (Zipf): few tweets are most of the retweets.
- One tweet in twenty is another's text with another link, handle or emoji after it. No source that fits was found for
  this share: it is an assumption, and a cautious one, because such copies are classified each on its own.

With a model the real command classifies the stream twice, in full and with a cascade. Told are tweets a second with all
that the command does for them counted (reading, samples, learning, audit, writing; not loading and tuning), as a ratio
to the paper's loop (`benchmarks.classify`) on some of these tweets, timed before, between and after the two; and of the
tweets that the full pass calls related, the share that the cascade settled.

    python -m benchmarks.stream ../shared/data stream.csv --tweets 50000
    python -m benchmarks.stream ../shared/data stream.csv --tweets 50000 --model mine --cascade 0.5
"""

import argparse
import csv
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from app.errors import UserError
from app.study.cascade_planning import USUAL_BOUND
from app.study.cascade_text import languages, outcome
from app.study.codebook import Codebook
from app.study.shelf import Shelf
from app.terminal import duration
from benchmarks.classify import base_gguf, open_llama, papers_loop

RETWEETS, COPIES = 0.5, 0.05
SEED = 1
_ENDS = ("https://t.co/{n:07x}", "@someone{n}", "😡", "👏👏", "#now")


def main() -> int:
    """Write the stream and, with a model, classify it; return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.stream", description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="folder with multilingual/ and immigration/")
    parser.add_argument("out", type=Path, help="the CSV file to write: id, text, lang")
    parser.add_argument("--tweets", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--model", default="", help="classify the stream with this model, twice")
    parser.add_argument(
        "--cascade", type=float, default=USUAL_BOUND, metavar="PERCENT", help="the cascade's bound"
    )
    parser.add_argument("--base", default="", help="the base that the paper's loop runs on")
    parser.add_argument(
        "--paper-tweets", type=int, default=20, help="tweets in each round of the paper's loop"
    )
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
    if arguments.model:
        try:
            compare(arguments.out, stream, arguments)
        except UserError as error:
            print(f"benchmarks.stream: {error}", file=sys.stderr)
            return 1
    return 0


def compare(source: Path, stream: Sequence[tuple[str, str]], arguments: argparse.Namespace) -> None:
    """Classify the stream in full and with the cascade, the paper's loop around both, and print what came of it."""
    card = Shelf().model(arguments.model).card
    if card is None:
        raise UserError(f"{arguments.model} was not fine-tuned by StanceDesk.", "Choose a model that was.")
    aside = Codebook.from_toml(card.codebook).aside
    some = random.Random(arguments.seed).sample(
        [text for text, _ in stream], min(len(stream), 3 * arguments.paper_tweets)
    )
    base = base_gguf(arguments.base)
    loops = [papers_speed(base, some[0::3])]
    with tempfile.TemporaryDirectory(prefix="stancedesk-stream-") as folder:
        full_path, cascade_path = Path(folder) / "full.csv", Path(folder) / "cascade.csv"
        full = classify(source, full_path, arguments.model)
        loops.append(papers_speed(base, some[1::3]))
        cascade = classify(source, cascade_path, arguments.model, f"--cascade={arguments.cascade:g}")
        loops.append(papers_speed(base, some[2::3]))
        related, lost = count_lost(full_path, cascade_path, aside)
    loop = statistics.median(loops)
    spread = f"{min(loops):.2f} to {max(loops):.2f}"
    print(f"the paper's loop on {base.name}: {loop:.2f} tweets/s ({spread} in three rounds)")
    for name, report in (("in full", full), (f"with a cascade of {arguments.cascade:g} %", cascade)):
        rate = report["per_second"]
        print(f"{name}: {rate:.1f} tweets/s, {rate / loop:.1f}× ({duration(report['seconds'])})")
    facts = cascade["cascade"]
    print(outcome(facts))
    if facts["stage"] == "done":
        print(languages(facts))
    share = lost / related if related else 0.0
    print(f"of {related:,} tweets that the full pass calls related {lost:,} were settled: {share:.2%} lost")


def papers_speed(base: Path, texts: Sequence[str]) -> float:
    """Return how many tweets a second the paper's loop does; loading is not counted."""
    llama = open_llama(base)
    begin = time.perf_counter()
    papers_loop(llama, texts)
    rate = len(texts) / (time.perf_counter() - begin)
    llama.close()
    return rate


def classify(source: Path, target: Path, model: str, *more: str) -> dict[str, Any]:
    """Classify the stream by the real command; return its report."""
    words = ["classify-file", source, target, "--model", model, "--json", *more]
    done = subprocess.run(
        [sys.executable, "-m", "app", *map(str, words)], stdout=subprocess.PIPE, encoding="utf-8"
    )
    last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}
    if done.returncode:
        raise UserError(str(last.get("message", "The command failed.")), "See what it says above.")
    return last


def count_lost(full: Path, cascade: Path, aside: Sequence[str]) -> tuple[int, int]:
    """Return how many tweets the full pass calls related, and how many of them the light model settled."""
    related = lost = 0
    with (
        open(full, encoding="utf-8-sig", newline="") as one,
        open(cascade, encoding="utf-8-sig", newline="") as two,
    ):
        for said, row in zip(csv.DictReader(one), csv.DictReader(two), strict=True):
            if said["predicted_label"] and said["predicted_label"] not in aside:
                related += 1
                lost += row["predicted_by"] == "light model"
    return related, lost


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
