"""How good and how dear is training? Our recipe beside the paper's and beside no language model at all.

On the same base, the same rows and the same machine, one after the other, each in a process of its own:

- TF-IDF + logistic regression: words and pairs of words. A table without this row flatters a model.
- the paper's recipe (`benchmarks/papers_recipe.py`), scored as trained. Ten epochs take long: `--paper-steps` does
  fewer and extrapolates the time; its scores are then marked with *, for they are of a model that is not finished.
- ours: `python -m training`, then both 4-bit forms and the gate; scored as it is served, in four bits.

Seconds an epoch and tokens a second (without padding) are of training steps alone; memory is the peak of the training
process, of the GPU where there is one. The data stay where they are: DATA is a folder with `train.csv` and
`test.csv` (id, text, lang, label). Test rows are scored and never trained on.

    python -m benchmarks.training ../shared/data/immigration --mixes en,es,en+es,multi --by-language
"""

import argparse
import csv
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.errors import UserError
from app.inference.classifier import Classifier
from app.inference.model_file import ModelFile
from app.study.base_models import BaseFile
from app.study.codebook import Codebook
from app.study.evaluation import score
from app.study.run_plan import prompt_of
from app.study.sampling import VALIDATION_SHARE, split
from app.study.served_model import choose_served_model
from app.study.shelf import Shelf
from benchmarks.papers_recipe import Job
from training.contract.run_folder import RunFolder
from training.contract.spec import Row, TrainingSpec, write_rows

ALL = "multi"
_SCORES = ("accuracy", "macro_f1", "topic_macro_f1", "stance_macro_f1")


def main() -> int:
    """Measure and print; return the exit status."""
    arguments = _parser().parse_args()
    try:
        base = Shelf().base_file(arguments.base)
        everything, test = _rows(arguments.data / "train.csv"), _rows(arguments.data / "test.csv")
    except (UserError, OSError, KeyError) as error:
        print(f"benchmarks.training: {error}", file=sys.stderr)
        return 1
    if arguments.test_rows:
        test = random.Random(arguments.seed).sample(test, min(arguments.test_rows, len(test)))
    print(
        f"{base.path.name}, {len(everything)} rows to train on, {len(test)} test rows, seed {arguments.seed}\n"
    )
    print(
        f"{'mix':8}{'recipe':24}{'rows of':10}{'n':>6}{'accuracy':>10}{'macro-F1':>10}{'topic':>8}{'stance':>8}"
        f"{'s/epoch':>10}{'tokens/s':>10}{'memory':>10}"
    )
    for mix in arguments.mixes:
        languages = {row.lang for row in everything} if mix == ALL else set(mix.split("+"))
        rows = [row for row in everything if row.lang in languages]
        if arguments.rows:
            rows = random.Random(arguments.seed).sample(rows, min(arguments.rows, len(rows)))
        for recipe in arguments.recipes:
            predicted, cost = _RECIPES[recipe](arguments, base, rows, test)
            _tell(mix, recipe, cost, test, predicted, languages if arguments.by_language else None)
    return 0


def _words(
    arguments: Any, base: BaseFile, rows: list[Row], test: list[Row]
) -> tuple[list[str], dict[str, Any]]:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=2000))
    model.fit([row.text for row in rows], [row.label for row in rows])
    return [str(label) for label in model.predict([row.text for row in test])], {}


def _paper(
    arguments: Any, base: BaseFile, rows: list[Row], test: list[Row]
) -> tuple[list[str], dict[str, Any]]:
    known, asked = ([[row.text, row.label] for row in part] for part in (rows, test))
    job = Job(str(base.path), known, asked, arguments.paper_steps, arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "job.json"
        path.write_text(json.dumps(asdict(job)), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.papers_recipe", str(path)], stdout=subprocess.PIPE, check=True
        )
    found = json.loads(done.stdout.splitlines()[-1])
    return found["predicted"], found


def _ours(
    arguments: Any, base: BaseFile, rows: list[Row], test: list[Row]
) -> tuple[list[str], dict[str, Any]]:
    codebook = Codebook.default()
    leaves = [leaf.code for leaf in codebook.leaves]
    settings = {"epochs": arguments.epochs} if arguments.epochs else {}
    spec = TrainingSpec(
        base=base.name,
        base_path=str(base.path),
        base_sha256=base.sha256,
        leaves=leaves,
        prompt=prompt_of(codebook).as_dict(),
        seed=arguments.seed,
        **settings,
    )
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder))
        train, validation = split(rows, VALIDATION_SHARE, spec.seed)
        spec.write(run.spec)
        write_rows(run.train, train)
        write_rows(run.validation, validation)
        subprocess.run([sys.executable, "-m", "training", folder], stdout=subprocess.DEVNULL, check=True)
        metrics = json.loads(run.metrics.read_text(encoding="utf-8"))
        served = choose_served_model(run, "ours", codebook, base, lambda *_: None, lambda: False)
        assert served is not None
        with Classifier(ModelFile.open(served.folder)) as classifier:
            probabilities = classifier.classify([row.text for row in test])
    predicted = [leaves[i] for i in probabilities.argmax(axis=1)]
    return predicted, {
        "whole": True,
        "seconds_an_epoch": metrics["training_seconds"] / len(metrics["epochs"]),
        "tokens_per_second": metrics["tokens_per_second"],
        "memory": metrics.get("peak_device_memory_bytes", metrics["peak_memory_bytes"]),
        "served": served.card.form,
    }


_RECIPES = {"words": _words, "paper": _paper, "ours": _ours}
_TITLES = {"words": "TF-IDF + logistic", "paper": "the paper's", "ours": "ours, 4 bits"}


def _tell(
    mix: str,
    recipe: str,
    cost: dict[str, Any],
    test: Sequence[Row],
    predicted: Sequence[str],
    seen: set[str] | None,
) -> None:
    """Print a recipe's row; with `seen` languages, those that it was trained on and the others apart, too."""
    parts = {"all": [True] * len(test)}
    if seen is not None:
        parts |= {
            "seen": [row.lang in seen for row in test],
            "unseen": [row.lang not in seen for row in test],
        }
    title = _TITLES[recipe] + (f", {cost['served']}" if "served" in cost else "")
    for part, wanted in parts.items():
        gold = [row.label for row, is_in in zip(test, wanted, strict=True) if is_in]
        # An answer that is no class counts as wrong: as a class that the gold labels do not have.
        said = [label or "none" for label, is_in in zip(predicted, wanted, strict=True) if is_in]
        scores = score(gold, said, Codebook.default())
        mark = "" if cost.get("whole", True) else "*"
        cells = ["–" if scores[name] is None else f"{scores[name]:.3f}{mark}" for name in _SCORES]
        line = (
            f"{mix:8}{title:24}{part:10}{len(gold):6}{cells[0]:>10}{cells[1]:>10}{cells[2]:>8}{cells[3]:>8}"
        )
        if part == "all" and "memory" in cost:
            line += f"{cost['seconds_an_epoch']:10.0f}{cost['tokens_per_second']:10.0f}{cost['memory'] / 1e9:7.2f} GB"
        print(line, flush=True)
    without = sum(not label for label in predicted)
    if without:
        print(f"{'':8}{without} of {len(predicted)} answers held no number.")
    if not cost.get("whole", True):
        print(f"{'':8}* after {cost['steps']} steps; the time of an epoch is extrapolated from them.")


def _rows(path: Path) -> list[Row]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        return [Row(row["id"], row["text"], row["lang"], row["label"]) for row in csv.DictReader(file)]


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.training", description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="folder with train.csv and test.csv: id, text, lang, label")
    parser.add_argument("--base", default="gemma-3-270m", help="base model, a shelf name or a GGUF")
    parser.add_argument(
        "--mixes",
        type=_names,
        default=[ALL],
        help=f"languages to train on: en,es,en+es,{ALL} (default: {ALL})",
    )
    parser.add_argument("--by-language", action="store_true", help="seen and unseen languages apart, too")
    parser.add_argument(
        "--recipes",
        type=_names,
        default=list(_RECIPES),
        help=f"which of {', '.join(_RECIPES)} (default: all)",
    )
    parser.add_argument(
        "--paper-steps", type=int, default=0, help="stop the paper's recipe after so many steps"
    )
    parser.add_argument("--epochs", type=int, default=0, help="epochs of ours (default: as its recipe says)")
    parser.add_argument("--rows", type=int, default=0, help="train on so many rows, drawn (default: all)")
    parser.add_argument(
        "--test-rows", type=int, default=0, help="score so many test rows, drawn (default: all)"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the runs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
