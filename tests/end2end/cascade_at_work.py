"""A classification with a cascade of small samples, in a process of its own, so that it can be killed."""

import sys
from pathlib import Path

from app.study.cascade_planning import Terms
from app.study.classification import ClassificationReport, classify_study
from app.study.study import Study

# Small enough for a test: a bound of 5 % can be proven with some 45 related tweets.
TERMS = Terms(
    bound=0.05,
    least_job=300,
    least_learn=160,
    most_learn=160,
    pays=1.0,
    least_audit=25,
    most_share=0.6,
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


def classify(path: Path, model: str, tell: bool = False) -> ClassificationReport:
    """Classify a study; `tell` writes a line an event."""

    def on_event(event: dict[str, object]) -> None:
        if tell:
            print(event.get("stage"), event["event"], flush=True)

    with Study.open(path) as study:
        return classify_study(study, model, cascade=TERMS, on_event=on_event)


if __name__ == "__main__":
    classify(Path(sys.argv[1]), sys.argv[2], tell=True)
