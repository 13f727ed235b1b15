"""What does a cascade settle, save and lose? A real model on real tweets, against its own full pass.

Tables of tweets are mixed at random into one job. The model classifies it in full once, for as many minutes as it may
take; what it classified by then is the job. Then the cascade is run on that job many times, each time with another
seed: the job's own code on a fresh study, where the full pass writes the model's answers from the first pass instead
of computing them again. Told are, over the seeds, the share of tweets that was settled; of the tweets that the full
pass calls related, the share that was settled as unrelated (lost); in how many of the seeds that is within the bound;
and the time, as a share of the full pass's: tweets in full at the speed of the first pass, and the light model's
learning and settling as measured.

    python -m benchmarks.cascade --model mine --work DIR tweets.csv other.csv
"""

import argparse
import csv
import random
import shutil
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from app.errors import UserError
from app.study import importing, models, predictions
from app.study.cascade import Cascade
from app.study.cascade_planning import Terms
from app.study.classification import classify_study
from app.study.classification_report import EMPTY
from app.study.study import Study

SEED = 1


def main() -> int:
    """Measure and print; return the exit status."""
    arguments = _parser().parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    whole = arguments.work / "whole.stancedesk"
    try:
        if not whole.exists():
            _import(whole, arguments.tables, arguments.labels)
        seconds = _full_pass(whole, arguments.model, arguments.minutes)
        job = _Job(whole, arguments.model, seconds)
    except (UserError, OSError, KeyError) as error:
        print(f"benchmarks.cascade: {error}", file=sys.stderr)
        return 1
    print(
        f"{len(job.keys):,} tweets, of which the model calls {job.related:,} related "
        f"({job.related / len(job.keys):.1%}); "
        f"full pass {len(job.keys) / seconds:.1f} tweets/s"
    )
    for bound in arguments.bounds:
        _measure(job, replace(Terms.of_per_cent(bound), pays=arguments.pays), arguments.seeds, arguments.work)
    return 0


class _Job:
    """The tweets that the model classified, and what it said."""

    def __init__(self, whole: Path, model: str, seconds: float) -> None:
        self.whole = whole
        with Study.open(whole) as study:
            known = models.get(study, model)
            self.leaves, self.sha256 = known.leaves, known.sha256
            self.aside = study.codebook.aside
            said = predictions.said_since(
                study, known.id, sorted(predictions.done_since(study, known.id, "")), "", len(known.leaves)
            )
        self.keys = list(said)
        self.said = said
        self.seconds = seconds
        self.related = sum(self.is_related(key) for key in self.keys)

    def is_related(self, key: int) -> bool:
        """Say what the full pass said of a tweet."""
        row = self.said[key]
        return not np.isnan(row[0]) and self.leaves[int(row.argmax())] not in self.aside


def _import(path: Path, tables: Sequence[Path], labels: Path | None) -> None:
    """Mix the tables into a study; the labels, of other tweets, are what the light model learns from beside."""
    rows = []
    for table in tables:
        with open(table, encoding="utf-8-sig", newline="") as file:
            rows += [(row["id"], row["text"], row["lang"]) for row in csv.DictReader(file)]
    random.Random(SEED).shuffle(rows)
    mixed = path.with_suffix(".csv")
    with open(mixed, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "lang"])
        writer.writerows(rows)
    with Study.create(path) as study:
        importing.import_file(study, mixed)
        if labels is not None:
            importing.import_file(study, labels)


def _full_pass(whole: Path, model: str, minutes: float) -> float:
    """Classify until the time is over, or go on with an earlier pass; return the seconds of all passes."""
    kept = whole.with_suffix(".seconds")
    before = float(kept.read_text()) if kept.exists() else 0.0
    until = time.monotonic() + 60 * minutes - before
    if until > time.monotonic():
        with Study.open(whole) as study:
            report = classify_study(study, model, only_unlabelled=True, stop=lambda: time.monotonic() > until)
        before += report.seconds
        kept.write_text(str(before))
    return before


def _measure(job: _Job, terms: Terms, seeds: int, work: Path) -> None:
    found: list[dict[str, float]] = []
    why: list[str] = []
    for seed in range(seeds):
        one = _run(job, replace(terms, seed=seed), work)
        if isinstance(one, str):
            why.append(one)
        else:
            found.append(one)
        print(f"\r{seed + 1} of {seeds} seeds", end="", file=sys.stderr, flush=True)
    print("\r" + " " * 30 + "\r", end="", file=sys.stderr)
    print(f"\nbound {terms.bound:.1%}, {terms.confidence:.0%} confidence, {seeds} seeds")
    if why:
        print(f"  {len(why)} times all was classified in full, for example: {why[0]}")
    if found:
        for name, title in (
            ("settled", "settled, of the job"),
            ("lost", "related tweets lost"),
            ("in_full", "through the model, samples and audit among them"),
            ("time", "time, of the full pass"),
            ("expected", "time that was expected"),
            ("light", "light model, tweets/s"),
        ):
            values = [one[name] for one in found]
            shown = "{:.0f}" if name == "light" else "{:.2%}"
            spread = " to ".join(shown.format(value) for value in (min(values), max(values)))
            print(f"  {title:50}{shown.format(statistics.median(values)):>9}   ({spread})")
    kept = sum(one["lost"] <= terms.bound for one in found) + len(why)
    print(f"  within the bound in {kept} of {seeds} seeds")


def _run(job: _Job, terms: Terms, work: Path) -> dict[str, float] | str:
    """Run the cascade with one seed; return what came of it, or why there was none."""
    copy = work / "one.stancedesk"
    shutil.copyfile(job.whole, copy)
    asked = 0
    with Study.open(copy) as study:
        # A model of another name: nothing of what the first pass wrote counts as said by it.
        model = models.register(study, f"seed {terms.seed}", "", job.sha256, job.leaves).id

        def full_pass(keys: Sequence[int]) -> bool:
            nonlocal asked
            asked += len(keys)
            said = np.asarray([job.said[key] for key in keys], dtype=np.float32)
            if len(keys):
                predictions.save(study, model, job.leaves, keys, said, EMPTY)
            return True

        def nothing(*_: Any) -> None:
            pass

        cascade = Cascade(study, model, job.leaves, full_pass, nothing, nothing, lambda: False)
        left = cascade.settle(cascade.begin(job.keys, {}, terms).keys)
        assert left is not None
        full_pass(left)
        per_tweet = job.seconds / len(job.keys)
        cascade.end(per_tweet * asked, asked)
        facts = cascade.facts
        if facts["stage"] == "declined":
            return str(facts["why"])
        settled = set(predictions.not_said(study, model, job.keys))
    copy.unlink()
    lost = sum(job.is_related(key) for key in settled)
    return {
        "settled": len(settled) / len(job.keys),
        "lost": lost / job.related,
        "in_full": asked / len(job.keys),
        "time": (asked * per_tweet + facts["seconds"]) / job.seconds,
        "expected": facts["expected_cost"],
        "light": facts["light_per_second"],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.cascade", description=__doc__.split("\n")[0])
    parser.add_argument("tables", type=Path, nargs="+", metavar="CSV", help="with columns id, text, lang")
    parser.add_argument("--model", required=True, help="a model's name on the shelf")
    parser.add_argument(
        "--work", type=Path, required=True, metavar="DIR", help="for the study and its full pass"
    )
    parser.add_argument("--labels", type=Path, metavar="CSV", help="labelled tweets: those it was trained on")
    parser.add_argument("--minutes", type=float, default=60, help="of the full pass (default: 60)")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--bounds", type=_numbers, default=[0.5], metavar="PERCENT,PERCENT")
    parser.add_argument(
        "--pays",
        type=float,
        default=Terms().pays,
        help="take it up where it is expected to cost less than this",
    )
    return parser


def _numbers(told: str) -> list[float]:
    return [float(number) for number in told.split(",")]


if __name__ == "__main__":
    sys.exit(main())
