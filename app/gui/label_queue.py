"""What the label page reads on a worker: the coder's queue, how far labelling is, all languages."""

from dataclasses import dataclass

from app.study import tweets
from app.study.labelling import Labelling
from app.study.progress import Progress
from app.study.study import Study


@dataclass(frozen=True)
class LabelQueue:
    """`labelling` is None while nobody has said who labels; `languages` has {code: (labelled, all)}."""

    labelling: Labelling | None
    progress: Progress
    languages: dict[str, tuple[int, int]]


def read_queue(study: Study, coder: str, language: str) -> LabelQueue:
    """Read a coder's queue in a language, "" for all; in a large study counting takes a moment."""
    languages = tweets.languages(study)
    if not coder:
        done, total = (sum(pair[place] for pair in languages.values()) for place in (0, 1))
        return LabelQueue(None, Progress(done, total, {}, languages), languages)
    labelling = Labelling(study, coder, language)
    labelling.current()
    return LabelQueue(labelling, labelling.progress(), languages)
