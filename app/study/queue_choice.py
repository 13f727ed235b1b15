"""Which queue a coder chose, with what belongs to it, as it is kept between sessions."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from app.study.queues import (
    CODERS_DISAGREE,
    MODEL_DISAGREES,
    NEAR_DUPLICATES,
    QUOTAS,
    RANDOM,
    RARE_CLASS,
    SEARCH,
    UNCERTAIN,
)
from app.study.tweets import STATUSES, TweetFilter

KINDS = (
    RANDOM, QUOTAS, UNCERTAIN, RARE_CLASS, CODERS_DISAGREE, MODEL_DISAGREES, NEAR_DUPLICATES, SEARCH,
)  # fmt: skip
# Those whose order is the light model's, so that they wait for it and follow it.
OF_MODEL = (UNCERTAIN, RARE_CLASS, MODEL_DISAGREES)
# Where what others or a model said is the reason to look, it must not be told.
BLIND = (CODERS_DISAGREE, MODEL_DISAGREES)

# One in twenty.
USUAL_REPEATS = 0.05


@dataclass(frozen=True)
class QueueChoice:
    """A kind of queue; `quotas` {language: labelled tweets wanted}, `filter` and `leaf` belong to one each.

    `leaf` is the class that the queue of a rare class brings; "" for that of fewest labels.
    `repeats` is the share of turns, in [0, 1], in which an own earlier label comes again, hidden. `suggestions`
    tells whether a model's suggestion is shown.
    """

    kind: str = RANDOM
    quotas: Mapping[str, int] = field(default_factory=dict)
    filter: TweetFilter = field(default_factory=TweetFilter)
    repeats: float = 0.0
    suggestions: bool = False
    leaf: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the choice as plain values."""
        return asdict(self) | {"quotas": dict(self.quotas)}

    @classmethod
    def from_dict(cls, values: object) -> "QueueChoice":
        """Return the choice that `as_dict` gave; what is not understood is left at its default."""
        if not isinstance(values, dict):
            return cls()
        kind, quotas, repeats = values.get("kind"), values.get("quotas"), values.get("repeats")
        leaf = values.get("leaf")
        return cls(
            kind=kind if kind in KINDS else RANDOM,
            quotas={
                language: number
                for language, number in (quotas.items() if isinstance(quotas, dict) else ())
                if isinstance(language, str) and isinstance(number, int) and number > 0
            },
            filter=_filter(values.get("filter")),
            repeats=float(repeats) if isinstance(repeats, int | float) and 0 <= repeats <= 1 else 0.0,
            suggestions=values.get("suggestions") is True,
            leaf=leaf if isinstance(leaf, str) else "",
        )


def _filter(values: object) -> TweetFilter:
    if not isinstance(values, dict):
        return TweetFilter()
    words = {name: value for name, value in values.items() if isinstance(value, str)}
    lists = {
        name: tuple(one for one in value if isinstance(one, str))
        for name, value in values.items()
        if isinstance(value, list | tuple)
    }
    if words.get("status", "") not in STATUSES:
        return TweetFilter()
    return TweetFilter(
        search=words.get("search", ""),
        language=words.get("language", ""),
        leaf=words.get("leaf", ""),
        status=words.get("status", ""),
        model=words.get("model", ""),
        coders=lists.get("coders", ()),
        between=lists.get("between", ()),
        group=group if isinstance(group := values.get("group"), int) else 0,
        # Who ends blind coding does so again in the next session.
        blind=True,
    )
