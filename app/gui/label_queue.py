"""What the label page reads on a worker: the coder's queue, how far labelling is, all languages."""

from collections.abc import Callable
from dataclasses import dataclass, field

from app.gui.label_order import ReadOrder
from app.study import drafts, tweets
from app.study.labelling import Labelling
from app.study.marks import Remark
from app.study.progress import Progress
from app.study.queues import languages_of
from app.study.study import Coder, Study


@dataclass(frozen=True)
class LabelQueue:
    """`labelling` is None while nobody has said who labels; `languages` has {code: (labelled, all)}.

    They are those that the coder reads, all while there is no coder. `drafts` wait for the coder's labels.
    """

    labelling: Labelling | None
    progress: Progress
    languages: dict[str, tuple[int, int]]
    order: ReadOrder | None = None
    drafts: dict[tuple[int, bool], Remark] = field(default_factory=dict)


def read_queue(
    study: Study,
    coder: str,
    language: str,
    beyond_assigned: bool,
    read_order: Callable[[Study, Coder, str, bool], ReadOrder],
) -> LabelQueue:
    """Read the queue that a coder chose in a language, "" for all; in a large study that takes a moment.

    A coder with assigned tweets gets these, to the end, and others in random order with `beyond_assigned` alone.
    """
    languages = tweets.languages(study)
    if not coder:
        done, total = (sum(pair[place] for pair in languages.values()) for place in (0, 1))
        return LabelQueue(None, Progress(done, total, {}, languages), languages)
    who = study.coder(coder)
    reads = languages_of(who)
    if reads is not None:
        languages = {code: counts for code, counts in languages.items() if code in reads}
    labelling = Labelling(study, who, language)
    progress = labelling.progress()
    order = read_order(study, who, language, bool(progress.assigned) and not beyond_assigned)
    labelling.queue = order.queue
    labelling.current()
    return LabelQueue(labelling, progress, languages, order, drafts.read(study, who))
