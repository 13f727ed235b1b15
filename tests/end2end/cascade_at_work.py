"""A classification with a cascade of small samples, in a process of its own, so that it can be killed."""

import csv
import sys
from pathlib import Path

from app.inference.model_file import write_card
from app.study import importing
from app.study.cascade_planning import Terms
from app.study.classification import classify_study
from app.study.classification_report import ClassificationReport
from app.study.codebook import Codebook
from app.study.study import Study
from tests.small_base import embedded_base
from tests.unit.app.inference.conftest import make_card, write_tiny

# Small enough for a test: a bound of 5 % can be proven with some 45 related tweets.
TERMS = Terms(
    bound=0.05,
    least_job=300,
    least_learn=160,
    most_learn=160,
    pays=1.0,
    least_audit=25,
    most_share=0.7,
    seed=3,
)
CODEBOOK = """
name = "Two questions"
start = "topic"
[[questions]]
code = "topic"
[[questions.options]]
code = "on"
follow_up = "stance"
[[questions.options]]
code = "anti"
key = "4"
[[questions]]
code = "stance"
""" + "".join(
    f'[[questions.options]]\ncode = "{code}"\nkey = "{key}"\n'
    for key, code in enumerate(("pro", "neutral", "unrelated"), 1)
)


# A model of random weights says nearly the same of all tweets that turn on one of these words, so that a light model
# can learn it, and not of all the same.
UNRELATED = [
    "house",
    "tree",
    "glass",
    "paper",
    "garden",
    "school",
    "bridge",
    "window",
    "border",
    "island",
    "forest",
]
RELATED = ["river", "mountain", "football", "summer", "apple", "galaxy", "hammer", "zebra", "winter"]
WORDS = [*UNRELATED, "temple", "violin", *RELATED]
EACH = 24
LABELLED = 12


def write_model(folder: Path) -> str:
    """Write a model of random weights and return its path."""
    path = folder / "tiny.gguf"
    write_tiny(path, embedded_base(), "llama", layers=2, window=0)
    write_card(path, make_card(path, name="tiny", codebook=CODEBOOK))
    return str(path)


def write_study(folder: Path) -> Path:
    """Write a study of 528 tweets in two languages, a few of them labelled, one without text and some copies."""
    with open(folder / "t.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "lang", "label"])
        for n in range(EACH):
            for place, word in enumerate(WORDS):
                lang = "en" if place % 3 else "es"
                label = "anti" if n * len(WORDS) + place < LABELLED else ""
                writer.writerow([f"{word}{n}", " ".join([word] * 5 + [str(n % 22)]), lang, label])
        writer.writerow(["empty", "\x01\x02", "en", ""])
    path = folder / "fresh.stancedesk"
    with Study.create(path, Codebook.from_toml(CODEBOOK)) as study:
        importing.import_file(study, folder / "t.csv")
    return path


def classify(path: Path, model: str, tell: bool = False) -> ClassificationReport:
    """Classify a study; `tell` writes a line an event."""

    def on_event(event: dict[str, object]) -> None:
        if tell:
            print(event.get("stage"), event["event"], flush=True)

    with Study.open(path) as study:
        return classify_study(study, model, cascade=TERMS, on_event=on_event)


if __name__ == "__main__":
    classify(Path(sys.argv[1]), sys.argv[2], tell=True)
