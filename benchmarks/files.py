"""Is a file of any size classified in flat memory, and does a job that was killed end as one that was not?

Builds a CSV of many rows and few distinct texts, as a stream of retweets has them: each row has a handle and a link
of its own around one of the texts. The real command classifies it once undisturbed, while its peak memory is read at
10 %, 50 % and 100 % of the rows, and when the output is written. Then again into another output, killed (SIGKILL) at
random moments, the last time in the middle of the writing, and started again each time. The two outputs must be
equal to the byte; the exit status is 1 where they are not.

The model is that of `--model`; without one, SmolLM2 135M as it is, which nobody fine-tuned for this: its answers say
nothing, but take as long. Memory comes from /proc, so this runs on Linux.

    python -m benchmarks.files                                       a million rows of 5,000 texts
    python -m benchmarks.files --rows 100000 --texts 500
"""

import argparse
import csv
import filecmp
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.inference.model_file import write_card
from app.study.codebook import Codebook
from app.study.part_file import part_path
from app.study.shelf import Shelf
from app.terminal import duration
from benchmarks.classify import base_card
from benchmarks.near_duplicates import Speaker, handle, link, vocabularies

SEED = 1
BASE = "smollm2-135m"
SHARES = (0.1, 0.5, 1.0)


def main() -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.files", description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--texts", type=int, default=5_000, help="distinct texts among them")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument(
        "--model", default="", help=f"a model as for classify-file (default: {BASE}, as it is)"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stancedesk-files-") as name:
        folder = Path(name)
        model = arguments.model or str(base_as_model(folder / "model.gguf"))
        source = folder / "in.csv"
        write_source(source, arguments.rows, arguments.texts)
        size = source.stat().st_size / 2**20
        print(f"{arguments.rows:,} rows of {arguments.texts:,} distinct texts, {size:,.0f} MiB as CSV")
        whole, cut = folder / "whole.csv", folder / "cut.csv"
        told = run_undisturbed(source, whole, model, arguments.rows)
        run_killed(source, cut, model, arguments.kills, told)
        same = filecmp.cmp(whole, cut, shallow=False)
        print(
            f"the outputs, {whole.stat().st_size / 2**20:,.0f} MiB each, are {'equal' if same else 'NOT EQUAL'}"
        )
    return 0 if same else 1


def base_as_model(path: Path) -> Path:
    """Write the embedded base with a card, as if it were fine-tuned, and return its path."""
    shutil.copyfile(Shelf().base_file(BASE).path, path)
    card = base_card(path)
    card.codebook = Codebook.default().to_toml()
    write_card(path, card)
    return path


def write_source(path: Path, rows: int, texts: int) -> None:
    """Write the CSV: every text at least once, in a random order."""
    rng = random.Random(SEED)
    speakers = [Speaker(words, rng) for words in vocabularies(rng)]
    said: dict[str, None] = {}
    while len(said) < texts:
        said[rng.choice(speakers).say(rng.randint(8, 25))] = None
    distinct = list(said)
    order = [*range(min(texts, rows)), *(rng.randrange(texts) for _ in range(rows - texts))]
    rng.shuffle(order)
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        for number, text in enumerate(order):
            writer.writerow([10**18 + number, f"{handle(rng)} {distinct[text]} {link(rng)}"])


class Job:
    """The command at work."""

    def __init__(self, source: Path, target: Path, model: str) -> None:
        words = ["classify-file", source, target, "--model", model, "--json"]
        # A short pipe: the command waits for us where it would be many events ahead.
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app", *map(str, words)],
            stdout=subprocess.PIPE,
            encoding="utf-8",
            pipesize=4096,
        )
        self._peak = 0.0

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield its events as they come."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            # The last line of a process that was killed may be cut off.
            if line.endswith("\n"):
                yield json.loads(line)

    def peak_mebibytes(self) -> float:
        """Return the most memory that it has had, model and libraries among it; after its end what was last read."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                self._peak = int(line.split()[1]) / 1024
        return self._peak


def run_undisturbed(source: Path, target: Path, model: str, rows: int) -> Counter[str]:
    """Classify the file, print the peak memory on the way, and return {stage: how often it told its progress}."""
    job = Job(source, target, model)
    begin = time.monotonic()
    stages: dict[str, float] = {}
    told: Counter[str] = Counter()
    left = list(SHARES)
    report: dict[str, Any] = {}
    for event in job.events():
        peak = job.peak_mebibytes()
        if event["event"] == "stage":
            stages[event["stage"]] = time.monotonic()
        elif event["event"] == "finished":
            report = event
        elif event["event"] == "progress":
            told[event["stage"]] += 1
            while event["stage"] == "classify" and left and event["done"] >= left[0] * rows:
                print(f"peak memory at {left.pop(0):4.0%} of the rows  {peak:6.0f} MiB", flush=True)
    end = time.monotonic()
    if job.process.wait() != 0:
        raise SystemExit("the undisturbed run failed")
    print(
        f"peak memory when they are written {peak:6.0f} MiB\n"
        f"undisturbed: {duration(end - begin)}: {duration(stages['load'] - begin)} reading it through, "
        f"{duration(end - stages['write'])} writing; {report['per_second']:,.0f} rows a second"
    )
    return told


def run_killed(source: Path, target: Path, model: str, kills: int, told: Counter[str]) -> None:
    """Classify the file in a job that is killed so often, and print what it took.

    A moment is a number of times that a start tells its progress, so that a busy machine shifts none; none at all
    is a moment while it starts. On average the starts come as far as the end, and the last is killed in the writing.
    """
    rng = random.Random(SEED)
    begin, reached, part_size = time.monotonic(), Counter[str](), 0
    for number in range(kills):
        stage = "classify" if number < kills - 1 else "write"
        heard = rng.randint(0, 2 * told["classify"] // kills if stage == "classify" else told["write"] - 1)
        job = Job(source, target, model)
        at = "start"
        for event in job.events():
            at = event.get("stage", at)
            heard -= event["event"] == "progress" and at in (stage, "write")
            if heard < 0:
                break
        time.sleep(rng.uniform(0, 0.05))
        job.process.kill()
        if job.process.wait() == 0:
            print(f"the job came to its end before it was to be killed for the {number + 1}. time")
            break
        reached[at] += 1
        part = part_path(target)
        part_size = max(part_size, part.stat().st_size if part.exists() else 0)
        if target.exists():
            raise SystemExit("a job that was killed left an output")
    else:
        job = Job(source, target, model)
        for _ in job.events():
            pass
        if job.process.wait() != 0:
            raise SystemExit("the run that was killed could not be ended")
    where = ", ".join(f"{number} in “{stage}”" for stage, number in reached.items())
    took = duration(time.monotonic() - begin)
    print(
        f"killed {reached.total()} times ({where}): {took} with all starts; part file {part_size / 2**20:.1f} MiB"
    )


if __name__ == "__main__":
    sys.exit(main())
