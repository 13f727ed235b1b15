"""What coders typed and marked and no label has saved yet. Writes need the write lock."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from db.tables import Draft

_DRAFTS: Any = Draft.__table__


def of_coder(session: Session, coder_id: str) -> list[Any]:
    """Return (tweet_id, repeat, note, marks) of all that a coder has."""
    columns = (_DRAFTS.c.tweet_id, _DRAFTS.c.repeat, _DRAFTS.c.note, _DRAFTS.c.marks)
    return list(session.execute(select(*columns).where(_DRAFTS.c.coder_id == coder_id)))


def keep(session: Session, coder_id: str, tweet: int, repeat: bool, note: str, marks: Sequence[str]) -> None:
    """Keep what a coder said beside a tweet, in the place of what is there."""
    said = {"note": note, "marks": list(marks)}
    where = {"coder_id": coder_id, "tweet_id": tweet, "repeat": repeat}
    statement = insert(_DRAFTS).values(**where, **said)
    session.execute(statement.on_conflict_do_update(index_elements=list(where), set_=said))


# Made once: each label asks it, and putting it together takes longer than the answer.
_REMOVE = delete(_DRAFTS).where(
    _DRAFTS.c.coder_id == bindparam("coder"),
    _DRAFTS.c.tweet_id == bindparam("tweet"),
    _DRAFTS.c.repeat == bindparam("repeat"),
)


def remove(session: Session, coder_id: str, tweet: int, repeat: bool) -> None:
    """Remove what was kept, where there is something."""
    session.connection().execute(_REMOVE, {"coder": coder_id, "tweet": tweet, "repeat": repeat})
