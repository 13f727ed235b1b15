"""How far labelling is: counted once, then kept up with each label."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from app.study.study import Coder
from db import assignments, label_overview, locks
from db import tweets as queries


@dataclass(frozen=True)
class Progress:
    """How far labelling is, in the languages asked for.

    `labelled` and `per_language` count tweets with a label of any coder, `mine` those that this coder
    labelled since the study exists, `per_leaf` tweets whose labels agree. `assigned` counts the tweets assigned
    to this coder, `assigned_done` those of them that this coder labelled. Nobody labelled, and the coder cannot
    label: `locked_left` tweets, and `unread_left` in languages that the coder does not read.
    """

    labelled: int
    total: int
    per_leaf: dict[str, int]
    per_language: dict[str, tuple[int, int]]
    mine: int = 0
    assigned: int = 0
    assigned_done: int = 0
    locked_left: int = 0
    unread_left: int = 0


@dataclass(frozen=True)
class Given:
    """What one event changed; the counts are differences."""

    language: str
    old_leaf: str | None
    new_leaf: str | None
    labelled: int
    mine: int
    assigned: bool = False


def counted(
    session: Session, coder: Coder, languages: Sequence[str] | None, leaves: tuple[str, ...]
) -> Progress:
    """Count anew; on a million tweets that takes a tenth of a second."""
    per_language = queries.languages(session)
    unread = [v for k, v in per_language.items() if coder.reads is not None and k not in coder.reads]
    if languages is not None:
        per_language = {k: v for k, v in per_language.items() if k in languages}
    found = queries.leaves(session, languages)
    assigned_done, assigned = assignments.work_of(session, coder.id, languages)
    return Progress(
        labelled=sum(labelled for labelled, _ in per_language.values()),
        total=sum(total for _, total in per_language.values()),
        per_leaf={code: found.get(code, 0) for code in leaves},
        per_language=per_language,
        mine=label_overview.count_of_coder(session, coder.id, languages),
        assigned=assigned,
        assigned_done=assigned_done,
        locked_left=locks.count_unlabelled(session, languages),
        unread_left=sum(total - labelled for labelled, total in unread),
    )


def moved(progress: Progress, given: Given) -> Progress:
    """Return the progress after an event."""
    if progress.per_language.get(given.language) is None:
        return progress
    per_leaf = dict(progress.per_leaf)
    if given.old_leaf in per_leaf:
        per_leaf[given.old_leaf] -= 1
    if given.new_leaf in per_leaf:
        per_leaf[given.new_leaf] += 1
    labelled, total = progress.per_language[given.language]
    return replace(
        progress,
        labelled=progress.labelled + given.labelled,
        per_leaf=per_leaf,
        per_language=progress.per_language | {given.language: (labelled + given.labelled, total)},
        mine=progress.mine + given.mine,
        assigned_done=progress.assigned_done + given.mine * given.assigned,
    )
