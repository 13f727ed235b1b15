"""Whether the labels are enough to train on; training itself is driven end to end."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.study.importing import import_file
from app.study.readiness import readiness
from app.study.study import Study

Write = Callable[..., Path]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["anti"] * 8 + ["pro"] * 2, "so far there are “Pro” 2, “Anti” 8."),
        (["anti"] * 8, "so far there are “Anti” 8."),
    ],
)
def test_what_is_missing_names_the_classes_that_have_tweets(
    study: Study, write: Write, labels: list[str], said: str
) -> None:
    rows = [f"{n},tweet {n},en,{label}" for n, label in enumerate(labels, 1)]
    import_file(study, write("\n".join(["id,text,lang,label", *rows])))
    (sentence,) = readiness(study).missing
    assert "at least two classes with 5 labelled tweets each" in sentence and sentence.endswith(said)


def test_two_classes_with_five_tweets_each_are_ready(study: Study, write: Write) -> None:
    rows = [f"{n},tweet {n},en,{'pro' if n % 2 else 'anti'}" for n in range(10)]
    import_file(study, write("\n".join(["id,text,lang,label", *rows])))
    assert readiness(study).missing == ()
