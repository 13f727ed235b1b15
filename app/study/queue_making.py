"""Making the queue that a coder chose. Reads a whole order: off the window's thread."""

from array import array
from dataclasses import dataclass, field, replace
from typing import Any

from app.errors import UserError
from app.study import tweets
from app.study.assigned_queue import AssignedQueue
from app.study.light_scores import LightScores, least_margin
from app.study.ordered_queue import FittingQueue, OrderedQueue
from app.study.queue_choice import OF_MODEL, QueueChoice
from app.study.queues import (
    CODERS_DISAGREE,
    MODEL_DISAGREES,
    NEAR_DUPLICATES,
    QUOTAS,
    RARE_CLASS,
    SEARCH,
    UNCERTAIN,
    Queue,
    RandomQueue,
    languages_of,
)
from app.study.quota_queue import QuotaQueue
from app.study.repeats import RepeatingQueue, RepeatPlan
from app.study.study import Coder, Study
from app.study.tweets import TweetFilter
from db import predictions, queues
from db.queues import Fit

# The tweets of which a fine-tuned model is least sure: as many as the light model looks at.
_MOST = 50_000
# Filters that ask for tweets with labels; all others are about tweets to label.
_LABELLED = ("labelled", "disputed", "adjudicated", "second_look")
_OF_PREDICTIONS = ("predicted", "settled", "unpredicted", "failed")


@dataclass(frozen=True)
class Order:
    """An order of tweets, and for some of them the label on which nothing is left to ask."""

    ids: "array[int]"
    agreeing: dict[int, str] = field(default_factory=dict)


def make_queue(
    study: Study,
    coder: Coder,
    language: str,
    choice: QueueChoice,
    scores: LightScores | None = None,
    assigned: bool = False,
) -> Queue:
    """Return the chosen queue, narrowed to a language ("": all that the coder reads), with hidden repeats where chosen.

    Where tweets are `assigned` to the coder, these come instead of all others in random order. A queue that asks a
    model what to label goes in random order where there is none yet; `give_order` gives it one later.
    """
    languages = languages_of(coder, language)
    if choice.kind == QUOTAS:
        wanted = {one: n for one, n in choice.quotas.items() if languages is None or one in languages}
        queue: Queue = QuotaQueue(coder, wanted)
    elif choice.kind in OF_MODEL:
        queue = _model_queue(study, coder, language, choice, scores)
    elif choice.kind in (CODERS_DISAGREE, NEAR_DUPLICATES, SEARCH):
        queue = _fixed_queue(study, coder, languages, choice)
    elif assigned:
        queue = AssignedQueue(coder, language)
    else:
        queue = RandomQueue(coder, language)
    if choice.repeats:
        queue = RepeatingQueue(queue, coder, RepeatPlan(share=choice.repeats), languages)
    return queue


def model_order(
    study: Study, coder: Coder, language: str, choice: QueueChoice, scores: LightScores | None
) -> Order | None:
    """Return the order that a model gives the chosen queue; None where no model has said anything yet.

    A fine-tuned model's predictions are asked first: of uncertainty where it has looked at more tweets than the
    light model, of contradictions wherever it has predicted a labelled tweet. A rare class is the light
    model's: only that knows the labels so far.
    """
    kind = choice.kind
    fit = _model_fit(kind, coder, languages_of(coder, language))
    if kind == RARE_CLASS:
        return None if scores is None else Order(scores.rare_first(choice.leaf))
    with study.reading() as session:
        model = predictions.latest_model(session)
        if model is None:
            found: list[Any] = []
        elif kind == UNCERTAIN:
            found = queues.least_confident(session, model, fit, _MOST)
        else:
            found = queues.contradicted(session, model, fit)
    if kind == UNCERTAIN:
        if found and len(found) >= (0 if scores is None else len(scores.ids)):
            return _least_margin(found)
        return None if scores is None else Order(scores.uncertain())
    said = {} if scores is None else scores.contradictions()
    told = {row.id: row.leaf for row in found}
    told |= {tweet: leaf for tweet, leaf in said.items() if tweet not in told}
    return Order(array("q", told), told) if told or scores is not None else None


def has_order(study: Study, kind: str, scores: LightScores | None) -> bool:
    """Say whether a model has said anything that gives a queue of this kind its order."""
    if scores is not None or kind == RARE_CLASS:
        return scores is not None
    with study.reading() as session:
        return predictions.latest_model(session) is not None


def give_order(queue: Queue, order: Order) -> None:
    """Let a queue go on in another order."""
    inner = queue.queue if isinstance(queue, RepeatingQueue) else queue
    if isinstance(inner, OrderedQueue):
        inner.take(order.ids, order.agreeing)


def _model_queue(
    study: Study, coder: Coder, language: str, choice: QueueChoice, scores: LightScores | None
) -> Queue:
    kind = choice.kind
    fit = _model_fit(kind, coder, languages_of(coder, language))
    order = model_order(study, coder, language, choice, scores) or Order(array("q"))
    # Labels that no model contradicts are not looked at again.
    rest = None if kind == MODEL_DISAGREES else FittingQueue(coder, fit)
    return OrderedQueue(kind, order.ids, fit, rest=rest, agreeing=order.agreeing)


def _model_fit(kind: str, coder: Coder, languages: tuple[str, ...] | None) -> Fit:
    """Return what a queue may offer whose order is a model's: nothing of the sealed test set."""
    if kind == MODEL_DISAGREES:
        return Fit(coder.id, languages, unsealed=True, looked_at=MODEL_DISAGREES)
    return Fit(coder.id, languages, fresh=True, unsealed=True, apart=True)


def _fixed_queue(study: Study, coder: Coder, languages: tuple[str, ...] | None, choice: QueueChoice) -> Queue:
    fit = Fit(coder.id, languages)
    # What others and models say of it must not tell a coder which tweet is sealed, or how others labelled it.
    asked = replace(choice.filter, viewer=coder.name)
    with study.reading() as session:
        if choice.kind == CODERS_DISAGREE:
            fit = replace(fit, disputed=True)
            found = queues.disputed(session, fit)
        elif choice.kind == NEAR_DUPLICATES:
            fit = replace(fit, fresh=True)
            found = queues.group_by_group(session, fit)
        else:
            fit = _search_fit(fit, choice.filter)
            try:
                selected = tweets.selection(session, asked)
            except UserError:
                # The model of a filter that was kept is gone: nothing passes it any more.
                selected = None
            found = [] if selected is None else queues.passing(session, selected, fit)
    return OrderedQueue(choice.kind, found, fit)


def _search_fit(fit: Fit, wanted: TweetFilter) -> Fit:
    of_labelled = wanted.status in _LABELLED or wanted.coders or wanted.between
    of_model = wanted.status in _OF_PREDICTIONS
    # A leaf is that of a label, unless it is a prediction's.
    return replace(fit, fresh=not (of_labelled or (wanted.leaf and not of_model)), unsealed=of_model)


def _least_margin(found: list[Any]) -> Order:
    import numpy as np

    ids = np.asarray([row.id for row in found], dtype=np.int64)
    probabilities = np.frombuffer(b"".join(row.probabilities for row in found), dtype="<f4")
    return Order(array("q", ids[least_margin(probabilities.reshape(len(found), -1))].tolist()))
