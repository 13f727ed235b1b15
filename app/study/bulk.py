"""Labelling many tweets together, as one act that one undo takes back."""

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from app.errors import UserError
from app.study import label_acts, tweets
from app.study.label_acts import Watch
from app.study.study import Coder, Study
from app.study.tweets import TweetFilter
from db.tables import CurrentLabel, Tweet
from db.tweets import batches

MOST = 50_000
"""So many tweets are labelled in one act. It is one transaction, and so is its undo: a job that writes meanwhile waits
for it, for `BUSY_TIMEOUT_S` at most."""
BULK, GROUP = "bulk", "group"


@dataclass(frozen=True)
class BulkPreview:
    """The tweets that would be labelled, and the labels that the coder has given them.

    `had` counts by the coder's label, None for none, those that can be labelled: neither `locked` nor `sealed`.
    A label that the coder gave differently in another copy of the study counts under None: none stands.
    """

    ids: "array[int]"
    had: dict[str | None, int] = field(default_factory=dict)
    locked: int = 0
    sealed: int = 0

    def new(self) -> int:
        """Return how many tweets get the coder's first label."""
        return self.had.get(None, 0)

    def changed(self, leaf: str) -> dict[str, int]:
        """Return {earlier label: tweets} of the labels that would become `leaf`, the most frequent first."""
        found = [(code, n) for code, n in self.had.items() if code is not None and code != leaf]
        return dict(sorted(found, key=lambda pair: -pair[1]))

    def same(self, leaf: str) -> int:
        """Return how many tweets have this label already, and keep it."""
        return self.had.get(leaf, 0)

    def given(self, leaf: str) -> int:
        """Return how many labels would be given."""
        return self.new() + sum(self.changed(leaf).values())


def preview(study: Study, coder: Coder | str, which: TweetFilter | Sequence[int]) -> BulkPreview:
    """Find out what labelling all tweets that pass a filter, or those of a list of keys, would change.

    Raises `UserError` where there are more than `MOST`.
    """
    who = study.coder(coder) if isinstance(coder, str) else coder
    with study.reading() as session:
        if isinstance(which, TweetFilter):
            selection = tweets.selection(session, which)
            found = [] if selection is None else list(session.scalars(selection.limit(MOST + 1)))
        else:
            found = list(dict.fromkeys(which))
        _refuse_too_many(found)
        ids = array("q", sorted(found))
        had: Counter[str | None] = Counter()
        locked = sealed = 0
        for row in _state(session, who, ids):
            if row.locked:
                locked += 1
            elif row.sealed:
                sealed += 1
            else:
                had[None if row.contested else row.leaf] += 1
    return BulkPreview(ids, dict(had), locked, sealed)


def label(
    study: Study,
    coder: Coder | str,
    ids: Sequence[int],
    leaf: str,
    source: str = BULK,
    watch: Watch = Watch(),  # noqa: B008
) -> BulkPreview:
    """Give all these tweets a label of a coder in one act: all of them or, after a crash, none.

    Left out are tweets that are locked or sealed now, and those that have the label already. Returns what the
    tweets were before, as `preview` tells it, so that `given` says how many labels were given. Ctrl+Z takes them
    back in one (`Labelling.undo`). Raises `Stopped`, with nothing done, where the `watch` stops it.
    """
    if leaf not in study.codebook.leaf_codes:
        raise UserError(f"The codebook has no class “{leaf}”.", "Choose one of its classes.")
    who = study.coder(coder) if isinstance(coder, str) else coder
    _refuse_too_many(ids)
    with study.writing() as session:
        had: Counter[str | None] = Counter()
        locked = sealed = 0
        wanted = []
        for row in _state(session, who, sorted(set(ids))):
            if row.locked:
                locked += 1
            elif row.sealed:
                sealed += 1
            else:
                before = None if row.contested else row.leaf
                had[before] += 1
                if before != leaf:
                    wanted.append(row.id)
        if wanted:
            label_acts.give(session, study, who, wanted, leaf, source, watch)
    return BulkPreview(array("q", ids), dict(had), locked, sealed)


def _refuse_too_many(ids: Sequence[int]) -> None:
    if len(ids) > MOST:
        raise UserError(
            f"More than {MOST:,} tweets cannot be labelled in one stroke.",
            "Narrow the search or the filters, such as to one language.",
        )


def _state(session: Session, coder: Coder, ids: Sequence[int]) -> list[Any]:
    """Return (id, locked, sealed, the coder's leaf or None, contested) of tweets, in their order."""
    found: list[Any] = []
    own = and_(CurrentLabel.tweet_id == Tweet.id, CurrentLabel.coder_id == coder.id)
    for batch in batches(ids):
        statement = (
            select(Tweet.id, Tweet.locked, Tweet.sealed, CurrentLabel.leaf, CurrentLabel.contested)
            .join(CurrentLabel, own, isouter=True)
            .where(Tweet.id.in_(batch))
            .order_by(Tweet.id)
        )
        found += session.execute(statement)
    return found
