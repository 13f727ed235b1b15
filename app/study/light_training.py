"""Training the light model on a study's labels, and letting it look at what is not labelled yet."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.errors import UserError
from app.study import light_scores
from app.study.learning_curve import LearningCurve, learning_curve, macro_f1
from app.study.light_model import LightModel, features, folds, near_duplicate_groups, one_thread
from app.study.light_scores import LightScores
from app.study.queues import first_place
from app.study.study import Study
from db import queues
from db.queues import Fit
from training.contract.events import make_event

Listener = Callable[[dict[str, Any]], None]
Stop = Callable[[], bool]

# With fewer labels the model knows nothing that would be worth an order.
LEAST_LABELS = 20
# Labels and tweets beyond these would take more than seconds; both are drawn at random then.
MOST_LABELS = 10_000
MOST_TWEETS = 50_000
_LOOKING_SECONDS = 5.0
_CHUNK = 1000
_FOLDS = 5


@dataclass(frozen=True)
class _Labelled:
    """The tweets to learn from, by row."""

    ids: list[int]
    leaves: list[str]
    languages: list[str]
    groups: list[int]
    counts: Any


def train_light_model(
    study: Study,
    coder: str = "",
    languages: Sequence[str] = (),
    *,
    with_curve: bool = True,
    on_event: Listener = lambda _: None,
    stop: Stop = lambda: False,
) -> LightScores | None:
    """Train on all labels that stand, let the model look at unlabelled tweets, and keep what it says.

    It looks at up to `MOST_TWEETS`, for five seconds, in these languages (none: all), in the random order of
    labelling from where the `coder` of this name begins. The file that `light_scores.file_of` names is written
    as soon as the orders are there, and again with the learning curve. Returns None where it was stopped. Raises
    `UserError` where there are too few labels.
    """
    with one_thread():
        return _train(study, coder, languages, with_curve, on_event, stop)


def _train(
    study: Study, coder: str, languages: Sequence[str], with_curve: bool, on_event: Listener, stop: Stop
) -> LightScores | None:
    on_event(make_event("stage", stage="learn", message="Learning from the labels"))
    labelled = _labelled(study)
    model = LightModel.fit(labelled.counts, labelled.leaves)
    if stop():
        return None
    on_event(make_event("stage", stage="look", message="Looking at unlabelled tweets"))
    ids, probabilities = _look(study, model, coder, languages, stop)
    contradicted, said, score = _contradictions(labelled)
    if stop():
        return None
    path = light_scores.file_of(study)
    earlier = light_scores.read(path, study.codebook.leaf_codes)
    numbers = Counter(labelled.leaves)
    scores = LightScores(
        labels=len(labelled.ids),
        leaves=model.leaves,
        rarest=min(model.leaves, key=lambda leaf: (numbers[leaf], model.leaves.index(leaf))),
        macro_f1=score,
        ids=ids,
        probabilities=probabilities,
        contradicted=contradicted,
        said=said,
        curve=earlier.curve if earlier is not None else None,
    )
    light_scores.write(scores, path)
    on_event(make_event("stage", stage="curve", message="Measuring how much more labels would help"))
    if with_curve and not stop():
        scores = replace(scores, curve=_curve(study, labelled))
        light_scores.write(scores, path)
    return scores


def _labelled(study: Study) -> _Labelled:
    import numpy as np

    with study.reading() as session:
        rows = queues.learnable(session, study.codebook.leaf_codes)
    if len(rows) > MOST_LABELS:
        chosen = np.random.default_rng(0).choice(len(rows), MOST_LABELS, replace=False)
        rows = [rows[place] for place in sorted(chosen.tolist())]
    numbers = Counter(row.leaf for row in rows)
    if len(rows) < LEAST_LABELS or len(numbers) < 2:
        raise UserError(
            f"There are too few labels to learn from: {len(rows)} of {len(numbers)} classes.",
            f"Label at least {LEAST_LABELS} tweets, of two classes or more.",
        )
    texts = [row.text for row in rows]
    return _Labelled(
        ids=[row.id for row in rows],
        leaves=[row.leaf for row in rows],
        languages=[row.lang for row in rows],
        groups=near_duplicate_groups(texts, [row.group_id for row in rows]),
        counts=features(texts),
    )


def _look(
    study: Study, model: LightModel, coder: str, languages: Sequence[str], stop: Stop
) -> tuple[Any, Any]:
    """Return the ids, ascending, of the unlabelled tweets looked at, and their probabilities."""
    import numpy as np

    with study.reading() as session:
        known = {one.name: one for one in study.coders()}
        begin = first_place(known[coder]) if coder in known else (-(2**63), 0)
        fit = Fit("", tuple(languages) or None, fresh=True, unsealed=True, apart=True)
        rows = queues.unlabelled_texts(session, fit, begin, MOST_TWEETS)
    ids = np.asarray([row.id for row in rows], dtype=np.int64)
    found = []
    until = time.monotonic() + _LOOKING_SECONDS
    for start in range(0, len(rows), _CHUNK):
        found.append(model.probabilities(features([row.text for row in rows[start : start + _CHUNK]])))
        if time.monotonic() > until or stop():
            break
    probabilities = np.concatenate(found) if found else np.zeros((0, len(model.leaves)), dtype=np.float32)
    ids = ids[: len(probabilities)]
    order = np.argsort(ids)
    return ids[order], probabilities[order]


def _contradictions(labelled: _Labelled) -> tuple[Any, tuple[str, ...], float | None]:
    """Return labelled tweets with what models said that had not seen them, the surest first, and macro-F1."""
    import numpy as np

    gold = np.asarray(labelled.leaves)
    if min(Counter(labelled.leaves).values()) < 2 or len(set(labelled.groups)) < _FOLDS:
        return np.zeros(0, dtype=np.int64), (), None
    said, sure = gold.copy(), np.zeros(len(gold))
    for training, held_out in folds(labelled.groups, labelled.leaves, _FOLDS, 0):
        if len(set(gold[training])) < 2:
            continue
        model = LightModel.fit(labelled.counts[training], gold[training].tolist())
        probabilities = model.probabilities(labelled.counts[held_out])
        said[held_out] = np.asarray(model.leaves)[probabilities.argmax(axis=1)]
        sure[held_out] = probabilities.max(axis=1)
    other = np.flatnonzero(said != gold)
    other = other[np.argsort(-sure[other], kind="stable")]
    names = np.unique(np.concatenate([gold, said]))
    score = macro_f1(np.searchsorted(names, gold), np.searchsorted(names, said), len(names))
    return np.asarray(labelled.ids, dtype=np.int64)[other], tuple(said[other].tolist()), score


def _curve(study: Study, labelled: _Labelled) -> LearningCurve:
    with study.reading() as session:
        left = queues.count_to_learn(session)
    return learning_curve(labelled.counts, labelled.leaves, labelled.languages, labelled.groups, left)
