"""Which tweets got another label from one model than from another: what a newer model does differently.

Compared are the tweets on which this study has a prediction of both; what a light model settled in front of one of them
is none of its. Sealed tweets are left out: nobody learns anything of what models say of the test set but by a score.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from app.errors import UserError
from app.study import models, tweets
from app.study.models import StudyModel
from app.study.study import Study
from app.study.tweets import TweetRow
from db import predictions

MOST_LISTED = 200
"""So many changed tweets are listed at once."""


@dataclass(frozen=True)
class LabelChanges:
    """How two models differ: `pairs` counts (older model's leaf, newer model's), those that differ, most first.

    `languages`: {language: (changed, compared)}.
    """

    older: str
    newer: str
    compared: int
    changed: int
    pairs: dict[tuple[str, str], int] = field(default_factory=dict)
    languages: dict[str, tuple[int, int]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "older": self.older,
            "newer": self.newer,
            "compared": self.compared,
            "changed": self.changed,
            "pairs": [
                {"before": before, "after": after, "tweets": n} for (before, after), n in self.pairs.items()
            ],
            "languages": {
                lang: {"changed": changed, "compared": compared}
                for lang, (changed, compared) in self.languages.items()
            },
        }


@dataclass(frozen=True)
class ChangedTweet:
    """A tweet that got another label. `confidence` is the newer model's."""

    row: TweetRow
    before: str
    after: str
    confidence: float


def comparable(study: Study) -> list[StudyModel]:
    """Return the models that this study has predictions of, the newest first."""
    return [model for model in models.list_models(study) if model.predicted]


def previous(study: Study, newer: str) -> str:
    """Return the model before this one that the study has predictions of, "" for none."""
    known = comparable(study)
    mine = next((model.id for model in known if model.name == newer), 0)
    return next((model.name for model in known if model.id < mine), "")


def compare(study: Study, newer: str, older: str = "") -> LabelChanges:
    """Compare two models' predictions on this study's tweets; the older one is the previous where none is named.

    Raises `UserError` where there is nothing to compare.
    """
    first, second = _pair(study, newer, older)
    with study.reading() as session:
        counted = predictions.changes(session, first.id, second.id)
    if not counted:
        raise UserError(
            f"No tweet was classified by both “{first.name}” and “{second.name}” themselves (what a light model "
            "settled does not count).",
            "Classify the same tweets with both.",
        )
    pairs: Counter[tuple[str, str]] = Counter()
    compared: Counter[str] = Counter()
    changed: Counter[str] = Counter()
    for lang, before, after, n in counted:
        compared[lang] += n
        if before != after:
            pairs[before, after] += n
            changed[lang] += n
    return LabelChanges(
        first.name,
        second.name,
        compared.total(),
        changed.total(),
        dict(pairs.most_common()),
        {lang: (changed[lang], n) for lang, n in compared.most_common()},
    )


def changed_tweets(
    study: Study,
    newer: str,
    older: str = "",
    pair: tuple[str, str] | None = None,
    *,
    viewer: str | None = None,
    blind: bool = False,
    limit: int = MOST_LISTED,
) -> list[ChangedTweet]:
    """Return tweets that got another label, those of which the newer model is surest first.

    `pair` asks for those that went from one leaf to another. `viewer` and `blind` as in `TweetFilter`: what others
    labelled is not shown to a coder who is blind to it.
    """
    first, second = _pair(study, newer, older)
    with study.reading() as session:
        found = predictions.changed(session, first.id, second.id, pair, limit)
    rows = {row.id: row for row in tweets.get(study, [one[0] for one in found], second.id, viewer)}
    return [
        ChangedTweet(rows[tweet].seen_by(viewer) if blind else rows[tweet], before, after, confidence)
        for tweet, before, after, confidence in found
        if tweet in rows
    ]


def _pair(study: Study, newer: str, older: str) -> tuple[StudyModel, StudyModel]:
    second = models.get(study, newer)
    older = older or previous(study, newer)
    if not older:
        raise UserError(
            f"This study has no predictions of a model before “{newer}”.",
            "Classify the tweets with two models to compare them.",
        )
    return models.get(study, older), second
