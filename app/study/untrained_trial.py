"""A first trial of an untrained model: a few random tweets, what it says of them, and what the coders said."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from app.errors import UserError
from app.inference.model_file import ModelCard, ModelFile
from app.study import tweets
from app.study.classification import classify_event, open_classifier
from app.study.prompting import Untrained, make_card
from app.study.study import Study
from app.study.tweets import TweetRow
from db import sealing
from training.contract.events import make_event
from training.contract.prompt import normalise

if TYPE_CHECKING:
    from app.inference.classifier import Classifier

TWEETS = 20
WARNING = "Untrained small models are often poor: look at what it says before you rely on it."
Events = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Tried:
    """What a model says of one tweet. `label` is what the coders say, "" where nobody has or they differ."""

    id: str
    text: str
    lang: str
    predicted: str
    confidence: float
    label: str


@dataclass(frozen=True)
class Trial:
    """What a trial found, and the card that the model would get."""

    card: ModelCard = field(repr=False)
    tried: tuple[Tried, ...]
    seconds: float
    device: str

    @property
    def per_second(self) -> float:
        """Tweets a second, the codebook's prompt and loading not counted."""
        return len(self.tried) / self.seconds if self.seconds > 0 else 0.0

    @property
    def compared(self) -> tuple[int, int]:
        """How many predictions are as the coders say, of how many tweets that have a label."""
        labelled = [one for one in self.tried if one.label]
        return sum(one.predicted == one.label for one in labelled), len(labelled)

    def as_dict(self) -> dict[str, Any]:
        """Return the trial as plain values."""
        return asdict(self) | {"card": self.card.as_dict(), "per_second": self.per_second}


def check(untrained: Untrained) -> ModelCard:
    """Return an untrained model's card, checked against its vocabulary, which alone is loaded. Raises `UserError`."""
    from app.inference.engine import Engine, InferenceError

    try:
        with Engine(untrained.base.path, vocabulary_only=True) as engine:
            return make_card(untrained, engine)
    except InferenceError as error:
        raise UserError(str(error)) from error


def open_untrained(untrained: Untrained, card: ModelCard) -> "Classifier":
    """Load an untrained model. Raises `UserError`."""
    return open_classifier(ModelFile(untrained.base.path, None, card, 0))


def run(
    study: Study,
    untrained: Untrained,
    *,
    number: int = TWEETS,
    seed: int = 1,
    coder: str | None = None,
    on_event: Events = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Trial | None:
    """Let a model classify a few random tweets, and write nothing. None where it was stopped.

    Up to half of the tweets are ones that have a label. Sealed tweets are left out, and those in the prompt. To a
    `coder` who is blind to others, labels are shown as anywhere else (`TweetRow.seen_by`).
    """
    from app.inference.classifier import ClassificationStopped

    rows = _draw(study, untrained, number, seed, coder)
    if not rows:
        raise UserError("This study has no tweets to try a model on.", "Import some first.")
    card = check(untrained)
    on_event(make_event("stage", stage="load", message=f"Loading {untrained.base.name}"))
    with open_untrained(untrained, card) as classifier:
        on_event(classify_event(f"Trying {len(rows)} tweets", classifier.device))
        begin = time.monotonic()

        def progress(done: int, total: int) -> None:
            on_event(make_event("progress", stage="classify", done=done, total=total, unit="tweets"))

        try:
            probabilities = classifier.classify([row.text for row in rows], progress, stop)
        except ClassificationStopped:
            return None
        seconds, device = time.monotonic() - begin, classifier.device
    tried = [_tried(row, card.leaves, p) for row, p in zip(rows, probabilities, strict=True)]
    return Trial(card, tuple(tried), seconds, device)


def _tried(row: TweetRow, leaves: Sequence[str], probabilities: Any) -> Tried:
    best = int(probabilities.argmax())
    said = row.label or ""
    return Tried(row.tweet_id, row.text, row.lang, leaves[best], float(probabilities[best]), said)


def _draw(study: Study, untrained: Untrained, number: int, seed: int, coder: str | None) -> list[TweetRow]:
    """Return random tweets as the coder may see them, those with a label first."""
    with study.reading() as session:
        labelled, others = sealing.open_to_models(session)
    draw = random.Random(f"{seed}/trial")
    in_prompt = {normalise(row.text) for row in untrained.examples}
    found: list[TweetRow] = []
    for keys, most in ((labelled, number // 2), (others + labelled, number)):
        # Some more than are wanted: texts in the prompt, and those without words, drop out.
        drawn = draw.sample(keys, min(len(keys), number + 2 * len(in_prompt) + 8))
        known = {row.id for row in found}
        for row in tweets.get(study, drawn, viewer=coder):
            text = normalise(row.text)
            if len(found) < most and row.id not in known and text and text not in in_prompt:
                found.append(row.seen_by(coder))
    return found
