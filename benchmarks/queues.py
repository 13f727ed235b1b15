"""Does choosing what to label next cost time, and does it pay?

Three questions, each with its own part (`--part`):

- next: the time of `next` of each queue on a study of a million generated tweets, as a ratio to the random queue, and
  how long it takes to make its order; labels of the coder are given in between, as in the window; at last while
  the light model is being trained.
- train: seconds of the light model at 500, 2,000 and 5,000 labels, until the orders are there and with the curve.
- gain: macro-F1 of the light model on held-out real tweets after equal numbers of labels, by uncertainty sampling
  and by the rarest class first against random order, over folds and seeds; and whether the gain that the learning
  curve foretold at 500 labels holds what came on average.
"""

import argparse
import csv
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import text
from threadpoolctl import threadpool_limits

from app.jobs.commands import child_environment, child_folder
from app.jobs.process_family import start_apart
from app.study import queues
from app.study.labelling import Labelling
from app.study.learning_curve import learning_curve, macro_f1
from app.study.light_model import LightModel, features, near_duplicate_groups
from app.study.light_scores import LightScores, least_margin
from app.study.light_training import train_light_model
from app.study.queue_choice import KINDS, QueueChoice
from app.study.queue_making import make_queue
from app.study.study import Study
from app.study.tweets import TweetFilter
from benchmarks.large_study import make_large_study

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "immigration" / "train.csv"
CODER = "Mia"
TURNS = 200
LABELS = 5000
# Of the simulated coder: begins with some at random, and is given the model's order anew after so many.
BEGIN, STEP = 100, 50
SIZES = (100, 200, 300, 400, 500, 750, 1000, 1500)


def main() -> int:
    """Measure and print; return the exit status."""
    arguments = _parser().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["STANCEDESK_HOME"] = folder
        parts: dict[str, Callable[[], None]] = {
            "next": lambda: measure_next(Path(folder), arguments.tweets),
            "train": lambda: measure_training(Path(folder)),
            "gain": lambda: measure_gain(arguments.data, arguments.folds, arguments.seeds),
        }
        for name, part in parts.items():
            if arguments.part in ("all", name):
                part()
    return 0


def measure_next(folder: Path, tweets: int) -> None:
    """Print the time of `next` of each queue on a large study."""
    path = folder / "large.stancedesk"
    make_large_study(path, tweets, LABELS, "Ana")
    with Study.open(path) as study:
        _prepare(study)
        who = study.coder(CODER)
        scores = _made_up_scores(study)
        quotas = dict.fromkeys(("en", "de", "ko", "ar", "hi"), 100_000)
        print(f"{tweets:,} tweets, {LABELS:,} labelled; {TURNS} turns, a label after each")
        print(f"{'queue':18} {'made in s':>10} {'next ms':>9} {'p99 ms':>8} {'× random':>9}")
        usual = 0.0
        for kind in KINDS:
            for repeats in (0.0, 0.05) if kind == queues.RANDOM else (0.0,):
                choice = QueueChoice(kind, quotas, TweetFilter(search="https://t.co/1"), repeats)
                began = time.perf_counter()
                work = Labelling(study, who, queue=make_queue(study, who, "", choice, scores))
                made = time.perf_counter() - began
                times = _turns(study, work)
                usual = usual or statistics.median(times)
                _print_times(f"{kind}{' + repeats' if repeats else ''}", made, times, usual)
        child = start_apart(
            [sys.executable, "-m", "app", "light-model", str(path)],
            child_folder(),
            child_environment(),
            folder / "out",
            folder / "log",
        )
        work = Labelling(study, who, queue=make_queue(study, who, "", QueueChoice()))
        times = []
        while child.poll() is None:
            times += _turns(study, work, 20)
        _print_times("random, training", 0.0, times, usual)


def _print_times(name: str, made: float, times: Sequence[float], usual: float) -> None:
    middle, p99 = statistics.median(times), sorted(times)[int(0.99 * len(times))]
    print(f"{name:18} {made:10.2f} {1000 * middle:9.2f} {1000 * p99:8.2f} {middle / usual:9.2f}", flush=True)


def _turns(study: Study, work: Labelling, number: int = TURNS) -> list[float]:
    leaves = study.codebook.leaf_codes
    times = []
    for turn_number in range(number):
        with study.reading() as session:
            began = time.perf_counter()
            turn = work.queue.next(session)
            times.append(time.perf_counter() - began)
        if turn is None:
            break
        work.go_on_with(turn)
        work.label(leaves[turn_number % len(leaves)])
    return times


def _prepare(study: Study) -> None:
    """Put a third of the tweets into groups of near-duplicates, and let coders disagree on some."""
    with study.writing() as session:
        session.execute(text("UPDATE tweets SET group_id = id - id % 10 WHERE id % 10 < 3 AND id >= 10"))
        labelled = session.scalars(text("SELECT tweet_id FROM current_labels LIMIT 1000")).all()
    other = Labelling(study, "Ben")
    for number, tweet in enumerate(labelled):
        other.show(tweet)
        other.label(study.codebook.leaf_codes[number % 2])


def _made_up_scores(study: Study) -> LightScores:
    """Return scores of 50,000 unlabelled tweets and contradictions on the labelled ones, as a training leaves them."""
    with study.reading() as session:
        ids = session.scalars(
            text("SELECT id FROM tweets WHERE NOT labelled ORDER BY shuffle LIMIT 50000")
        ).all()
        rows = session.execute(text("SELECT id, agreed_leaf FROM tweets WHERE agreed_leaf NOT NULL")).all()
    leaves = study.codebook.leaf_codes
    chance = np.random.default_rng(1)
    probabilities = chance.dirichlet(np.ones(len(leaves)), len(ids)).astype(np.float32)
    other = {row.id: next(leaf for leaf in leaves if leaf != row.agreed_leaf) for row in rows}
    return LightScores(
        LABELS, leaves, leaves[0], 0.5, np.asarray(sorted(ids)), probabilities,
        np.asarray(list(other)), tuple(other.values()),
    )  # fmt: skip


def measure_training(folder: Path) -> None:
    """Print how long the light model takes at several numbers of labels."""
    print(f"{'labels':>7} {'orders in s':>12} {'looked at':>10} {'with curve in s':>16}")
    for labelled in (500, 2000, 5000):
        path = folder / f"train-{labelled}.stancedesk"
        make_large_study(path, 60_000, labelled, CODER)
        with Study.open(path) as study:
            began = time.perf_counter()
            ready: list[float] = []

            def note(event: dict[str, Any], began: float = began, ready: list[float] = ready) -> None:
                if event.get("stage") == "curve":
                    ready.append(time.perf_counter() - began)

            scores = train_light_model(study, CODER, on_event=note)
            assert scores is not None
            whole = time.perf_counter() - began
            print(f"{labelled:7,} {ready[0]:12.1f} {len(scores.ids):10,} {whole:16.1f}", flush=True)


def measure_gain(data: Path, folds: int, seeds: int) -> None:
    """Print macro-F1 on held-out tweets after equal numbers of labels, and how the foretold gains held."""
    rows = list(csv.DictReader(data.open(encoding="utf-8")))
    texts = [row["text"] for row in rows]
    leaves = np.asarray([row["label"] for row in rows])
    languages = np.asarray([row["lang"] for row in rows])
    groups = np.asarray(near_duplicate_groups(texts, [None] * len(texts)))
    counts = features(texts)
    ways: dict[str, Callable[[LightModel, Any, Any], Any]] = {
        "random": lambda model, pool, random: random.permutation(len(pool)),
        "uncertain": lambda model, pool, random: least_margin(model.probabilities(counts[pool])),
        "rare class": lambda model, pool, random: np.argsort(
            -model.probabilities(counts[pool])[:, model.leaves.index(ways_rarest[0])], kind="stable"
        ),
    }
    ways_rarest = [""]
    found: dict[str, list[list[float]]] = {name: [] for name in ways}
    held: list[tuple[float, float, float, float]] = []
    names = np.unique(leaves)
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        order = random.permutation(np.unique(groups))
        for fold in range(folds):
            out = np.isin(groups, order[fold::folds])
            test, pool = np.flatnonzero(out), np.flatnonzero(~out)
            begin = random.permutation(pool)[:BEGIN]
            for name, rank in ways.items():
                chance = np.random.default_rng(1000 * seed + fold)
                chosen = list(begin)
                rest = np.setdiff1d(pool, begin)
                line = []
                while len(chosen) <= SIZES[-1]:
                    model = LightModel.fit(counts[chosen], leaves[chosen].tolist())
                    if len(chosen) in SIZES:
                        said = np.asarray(model.leaves)[model.probabilities(counts[test]).argmax(axis=1)]
                        line.append(
                            macro_f1(
                                np.searchsorted(names, leaves[test]), np.searchsorted(names, said), len(names)
                            )
                        )
                    ways_rarest[0] = min(model.leaves, key=Counter(leaves[chosen].tolist()).__getitem__)
                    next_ones = rest[rank(model, rest, chance)][:STEP]
                    chosen += next_ones.tolist()
                    rest = np.setdiff1d(rest, next_ones)
                found[name].append(line)
                if name == "random":
                    held += _foretold(counts, leaves, languages, groups, chosen, line)
            print(f"seed {seed + 1}, fold {fold + 1} done", file=sys.stderr, flush=True)
    print(
        f"macro-F1 on held-out tweets, mean of {seeds} × {folds}; difference to random with its standard error"
    )
    print(f"{'labels':>7} {'random':>8} " + " ".join(f"{name:>22}" for name in list(ways)[1:]))
    base = np.asarray(found["random"])
    for place, size in enumerate(SIZES):
        cells = []
        for name in list(ways)[1:]:
            difference = np.asarray(found[name])[:, place] - base[:, place]
            error = difference.std(ddof=1) / len(difference) ** 0.5
            mean = np.asarray(found[name])[:, place].mean()
            cells.append(f"{mean:8.3f} ({100 * difference.mean():+5.1f} ± {100 * error:3.1f})")
        print(f"{size:7,} {base[:, place].mean():8.3f} " + " ".join(f"{cell:>22}" for cell in cells))
    gains = np.asarray(held)
    # What came in one fold has a chance of its own; the interval is of what is to be expected.
    inside = sum(low <= gains[:, 3].mean() <= high for _, low, high, _ in held)
    print(
        f"foretold at 500 labels for 500 more: {100 * gains[:, 0].mean():+.1f} points on average, came "
        f"{100 * gains[:, 3].mean():+.1f}; the interval held that in {inside} of {len(held)} cases"
    )


def _foretold(
    counts: Any, leaves: Any, languages: Any, groups: Any, chosen: Sequence[int], line: Sequence[float]
) -> list[tuple[float, float, float, float]]:
    """Return (gain, low, high, what came) of the curve at 500 labels, for 500 more."""
    rows = list(chosen[:500])
    curve = learning_curve(
        counts[rows], leaves[rows].tolist(), languages[rows].tolist(), groups[rows].tolist(), left=500
    )
    came = line[SIZES.index(1000)] - line[SIZES.index(500)]
    return [(gain.gain, gain.low, gain.high, came) for gain in curve.gains if gain.more == 500]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.queues", description=__doc__)
    parser.add_argument("--part", choices=("all", "next", "train", "gain"), default="all")
    parser.add_argument("--tweets", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=2)
    return parser


if __name__ == "__main__":
    with threadpool_limits(1):
        sys.exit(main())
