"""What the label page reads on a worker: the coder's queue, how far labelling is, all languages."""

from collections.abc import Callable
from dataclasses import dataclass

from app.gui.label_order import ReadOrder
from app.study import tweets
from app.study.labelling import Labelling, Progress
from app.study.study import Coder, Study


@dataclass(frozen=True)
class LabelQueue:
    """`labelling` is None while nobody has said who labels; `languages` has {code: (labelled, all)}."""

    labelling: Labelling | None
    progress: Progress
    languages: dict[str, tuple[int, int]]
    order: ReadOrder | None = None


def read_queue(
    study: Study, coder: str, language: str, read_order: Callable[[Study, Coder, str], ReadOrder]
) -> LabelQueue:
    """Read the queue that a coder chose, in a language, "" for all; in a large study that takes a moment."""
    languages = tweets.languages(study)
    if not coder:
        done, total = (sum(pair[place] for pair in languages.values()) for place in (0, 1))
        return LabelQueue(None, Progress(done, total, {}, languages), languages)
    who = study.coder(coder)
    order = read_order(study, who, language)
    labelling = Labelling(study, who, language, queue=order.queue)
    labelling.current()
    return LabelQueue(labelling, labelling.progress(), languages, order)
