"""What a model would say of the tweet in sight, where a coder wants to be shown it."""

from dataclasses import dataclass

from app.study import models
from app.study.light_scores import LightScores
from app.study.queue_choice import BLIND
from app.study.queues import Turn
from app.study.study import Study
from app.study.tweets import TweetRow
from db import predictions, queues


@dataclass(frozen=True)
class Suggestion:
    """A leaf, its probability in [0, 1], and the model that it is from. `shown` is what stands with the label."""

    leaf: str
    probability: float
    model: str

    @property
    def shown(self) -> str:
        """The leaf and the model, as the column `suggestion_shown` has it."""
        return f"{self.leaf} ({self.model})"


def suggest(study: Study, row: TweetRow, turn: Turn, scores: LightScores | None) -> Suggestion | None:
    """Return what is suggested for a tweet: by the fine-tuned model that has predicted it, else the light model.

    None for tweets of the sealed test set, for hidden repeats, in queues where what others or a model said is the
    reason to look, and where no model has looked at the tweet.
    """
    if turn.repeat or turn.source in BLIND:
        return None
    with study.reading() as session:
        if queues.is_sealed(session, row.id):
            return None
        latest = predictions.latest_model(session)
    known = study.codebook.leaf_codes
    by_model = row.predicted in known and not row.settled
    if by_model and row.predicted is not None and row.confidence is not None and latest is not None:
        return Suggestion(row.predicted, row.confidence, models.get(study, latest).name)
    found = None if scores is None else scores.suggestion(row.id)
    if scores is None or found is None or found[0] not in known:
        return None
    return Suggestion(*found, scores.name)
