"""Labels that are given, and taken back, in one stroke: many events that share one `act`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.errors import UserError
from app.study.label_history import Act
from app.study.locks import refuse_locked
from app.study.study import Coder, Study, now
from db import label_steps, labels
from db.tables import new_uuid


@dataclass(frozen=True)
class Watch:
    """Who looks on: `progress` is told (done, in all), `stop` is asked now and then."""

    progress: Callable[[int, int], None] = lambda done, total: None
    stop: Callable[[], bool] = lambda: False

    def step(self, done: int, total: int) -> None:
        """Tell how far it is; raise `Stopped` where it is to stop."""
        self.progress(done, total)
        if self.stop():
            raise Stopped


class Stopped(Exception):
    """The user wants no more of it: all that was written is taken back."""


def give(
    session: Session,
    study: Study,
    coder: Coder,
    tweets: Sequence[int],
    leaf: str,
    source: str,
    watch: Watch,
) -> None:
    """Give all these tweets a label; none of them may be locked."""
    act, given = new_uuid(), now()
    events = [_event(study, coder, tweet, leaf, given, act) | {"source": source} for tweet in tweets]
    labels.add_events(session, events, lambda done: watch.step(done, len(events)))


def take_back(session: Session, study: Study, coder: Coder, done: Act, watch: Watch) -> Act:
    """Take back all that was done in one stroke, and return what that is in the history.

    Raises `UserError` where one of the tweets is locked, or would get back a label that the codebook no longer
    has: then nothing is taken back.
    """
    assert done.act is not None
    events = label_steps.events_of_act(session, coder.id, done.act, done.first_seq, done.seq)
    refuse_locked(session, [event.tweet_id for event in events])
    before = label_steps.labelled_before(session, [parent for event in events for parent in event.parents])
    act, given = new_uuid(), now()
    undo = []
    for event in events:
        labelled = [before[parent] for parent in event.parents if parent in before]
        last = max(labelled, key=lambda row: row.given, default=None)
        leaf = None if last is None else last.leaf
        if leaf is not None and leaf not in study.codebook.leaf_codes:
            raise UserError(
                f"The codebook no longer has the class “{leaf}”, which some of these tweets had before.",
                "Label them with one that it has.",
            )
        values = _event(study, coder, event.tweet_id, leaf, given, act) | {"undoes": event.id}
        # A label that comes back with an undo was given under the codebook of its own time.
        undo.append(values if last is None else values | {"codebook_version_id": last.codebook_version_id})
    added = labels.add_events(session, undo, lambda number: watch.step(number, len(undo)))
    (first_seq, first), (seq, _) = added[0], added[-1]
    return Act(seq, first, events[0].tweet_id, events[0].id, act, len(added), first_seq)


def _event(study: Study, coder: Coder, tweet: int, leaf: str | None, given: str, act: str) -> dict[str, Any]:
    return {
        "coder_id": coder.id,
        "tweet_id": tweet,
        "codebook_version_id": study.codebook_version,
        "kind": "clear" if leaf is None else "label",
        "leaf": leaf,
        "given": given,
        "seconds": None,
        "act": act,
    }
