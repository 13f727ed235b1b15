"""Notes and marks that wait for their label, kept in the study: closing it must not lose a word."""

from app.study.marks import Remark, in_order
from app.study.study import Coder, Study
from db import drafts


def read(study: Study, coder: Coder) -> dict[tuple[int, bool], Remark]:
    """Return {(tweet, whether it is a hidden repeat): remark} of all that wait for a label of this coder."""
    with study.reading() as session:
        rows = drafts.of_coder(session, coder.id)
    return {(row.tweet_id, row.repeat): Remark(row.note, in_order(row.marks)) for row in rows}


def keep(study: Study, coder: Coder, tweet: int, repeat: bool, remark: Remark) -> None:
    """Keep a remark, on the disk when this returns; an empty one removes what is there."""
    with study.writing_promptly() as session:
        if remark.is_empty:
            drafts.remove(session, coder.id, tweet, repeat)
        else:
            drafts.keep(session, coder.id, tweet, repeat, remark.note, remark.marks)
