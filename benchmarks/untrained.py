"""How good is a model before anybody trained one? Zero-shot and few-shot beside n-grams that were trained.

Labelled tweets (columns id, text, lang, label) are divided once: a study is made of the larger part, from which the
examples are picked as the program picks them, and the smaller part is scored. The same part is scored for TF-IDF
(character n-grams, logistic regression: the light model), trained on all of the study's labels and on the very examples
that a model was shown. Contextual calibration (Zhao et al. 2021, arXiv 2102.09690) is scored beside the plain answers.
Several seeds pick several sets of examples; scores are their means, and how far they lie apart is told. How many tweets
a second, by processor time, is told beside what the same base does with a fine-tuned model's short prompt, in the same
run; reading the codebook once is not in it.
"""

import argparse
import csv
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from app.errors import UserError
from app.inference import calibration
from app.inference.classifier import Classifier
from app.study import importing, prompting, untrained_trial
from app.study.evaluation import score
from app.study.light_model import LightModel, features
from app.study.sampling import split
from app.study.study import Study
from training.contract.prompt import fine_tuned_prompt
from training.contract.spec import Row

SHARE, SPLIT_SEED = 0.3, 1
# Texts without content, after Zhao et al.; their third, the empty one, is no tweet here.
CONTENT_FREE = ("N/A", "[MASK]", "…")
SHORT_ROWS = 100
SCORES = ("accuracy", "macro_f1", "topic_macro_f1", "stance_macro_f1")


def main() -> int:
    """Measure and print; return the exit status."""
    arguments = _parser().parse_args()
    try:
        with open(arguments.csv, encoding="utf-8-sig", newline="") as file:
            rows = [Row(r["id"], r["text"], r["lang"], r["label"]) for r in csv.DictReader(file)]
    except (OSError, KeyError) as error:
        print(f"benchmarks.untrained: {error}", file=sys.stderr)
        return 1
    rest, scored = split(rows, SHARE, SPLIT_SEED)
    if arguments.rows:
        scored = random.Random(SPLIT_SEED).sample(scored, min(arguments.rows, len(scored)))
    print(f"{len(rest)} labelled tweets to pick from and to train on, {len(scored)} scored")
    with tempfile.TemporaryDirectory() as folder, Study.create(Path(folder) / "b.stancedesk") as study:
        table = Path(folder) / "rest.csv"
        with open(table, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "text", "lang", "label"])
            writer.writerows([r.id, r.text, r.lang, r.label] for r in rest)
        importing.import_file(study, table)
        print(
            f"{'':34}{'accuracy':>9}{'macro-F1':>9}{'topic':>7}{'stance':>7}{'± F1':>7}{'tokens':>8}{'tweets/s':>9}"
        )
        _show("TF-IDF, all labels", [_trained(rest, scored, study)])
        try:
            for base in arguments.bases:
                _show_short(study, base, scored)
                for number in arguments.examples:
                    _measure(study, base, number, arguments.seeds if number else 1, scored)
        except UserError as error:
            print(f"benchmarks.untrained: {error}", file=sys.stderr)
            return 1
    return 0


def _measure(study: Study, base: str, number: int, seeds: int, scored: Sequence[Row]) -> None:
    plain, calibrated, light, rates, tokens = [], [], [], [], 0
    for seed in range(1, seeds + 1):
        untrained = prompting.compose(study, base, number, seed)
        card = untrained_trial.check(untrained)
        tokens = int(card.data["prompt_tokens"])
        with untrained_trial.open_untrained(untrained, card) as classifier:
            begin = time.process_time()
            logits = classifier.leaf_logits([row.text for row in scored])
            rates.append(_rate(len(scored), time.process_time() - begin, classifier))
            free = _contextual_calibration(classifier)
        plain.append(_score(logits, {}, card.leaves, scored, study))
        calibrated.append(_score(logits, free, card.leaves, scored, study))
        if number:
            light.append(_trained(untrained.examples, scored, study))
    name = f"{base}, {number} examples" if number else f"{base}, zero-shot"
    _show(name, plain, tokens, statistics.median(rates))
    _show("  calibrated without content", calibrated)
    if light:
        _show("  TF-IDF on these examples", light)


def _rate(texts: int, seconds: float, classifier: Classifier) -> float:
    """Return texts a second, by the processor time of so many threads: other programs may hold the machine up."""
    return texts * classifier.engine.threads / seconds


def _contextual_calibration(classifier: Classifier) -> dict[str, Any]:
    """Return the calibration after which texts without content get each class with the same probability.

    It is W = diag(p)⁻¹ of Zhao et al., which is a bias of −log p for each class.
    """
    p = calibration.apply(classifier.leaf_logits(CONTENT_FREE), {}).mean(axis=0)
    bias = -np.log(np.maximum(p, 1e-6))
    return {"temperature": 1.0, "bias": [float(b) for b in bias - bias.mean()]}


def _show_short(study: Study, base: str, scored: Sequence[Row]) -> None:
    """Tell how fast the same base is with the prompt of a fine-tuned model; what it answers says nothing."""
    untrained = prompting.compose(study, base)
    untrained = replace(untrained, prompt=fine_tuned_prompt(len(untrained.leaves)))
    card = untrained_trial.check(untrained)
    with untrained_trial.open_untrained(untrained, card) as classifier:
        texts = [row.text for row in scored[:SHORT_ROWS]]
        begin = time.process_time()
        classifier.leaf_logits(texts)
        rate = _rate(len(texts), time.process_time() - begin, classifier)
    print(f"{base + ', speed of the short prompt':73}{card.data['prompt_tokens']:8,}{rate:9.1f}", flush=True)


def _score(
    logits: Any, fitted: dict[str, Any], leaves: Sequence[str], scored: Sequence[Row], study: Study
) -> dict[str, Any]:
    said = calibration.apply(logits, fitted).argmax(axis=1)
    return score([row.label for row in scored], [leaves[i] for i in said], study.codebook)


def _trained(rows: Sequence[Row], scored: Sequence[Row], study: Study) -> dict[str, Any]:
    model = LightModel.fit(features([row.text for row in rows]), [row.label for row in rows])
    said = model.probabilities(features([row.text for row in scored])).argmax(axis=1)
    return score([row.label for row in scored], [model.leaves[i] for i in said], study.codebook)


def _show(name: str, scores: Sequence[dict[str, Any]], tokens: int = 0, rate: float = 0.0) -> None:
    means = [statistics.mean(one[key] for one in scores) for key in SCORES]
    apart = statistics.stdev(one["macro_f1"] for one in scores) if len(scores) > 1 else 0.0
    figures = f"{means[0]:9.3f}{means[1]:9.3f}{means[2]:7.3f}{means[3]:7.3f}{apart:7.3f}"
    print(f"{name:34}{figures}" + (f"{tokens:8,}{rate:9.1f}" if tokens else ""), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.untrained", description=__doc__.splitlines()[0])
    parser.add_argument("csv", type=Path, help="labelled tweets: id, text, lang, label")
    parser.add_argument("--bases", nargs="+", default=["smollm2-135m", "gemma-3-270m"], metavar="BASE")
    parser.add_argument("--examples", nargs="+", type=int, default=[0, 8, 16], metavar="N")
    parser.add_argument("--seeds", type=int, default=3, help="so many sets of examples (default: 3)")
    parser.add_argument("--rows", type=int, default=0, help="score so many tweets at most (default: all)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
