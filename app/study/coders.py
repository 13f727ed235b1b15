"""The people who code: their names, the languages that they read, the work that is theirs."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select

from app.errors import UserError
from app.study.import_report import IMPORTED
from app.study.study import Coder, Study, now, now_after
from db import assignments, label_overview
from db.tables import Coder as CoderRow


@dataclass(frozen=True)
class CoderAtWork:
    """A person who codes, and how far. `languages`: those that they read, none: all.

    `labels` counts the tweets that they labelled, `assigned` the tweets assigned to them in the languages that
    they read, `done` those of them with their label.
    """

    id: str
    name: str
    languages: tuple[str, ...]
    labels: int
    done: int
    assigned: int

    @property
    def left(self) -> int:
        """How many assigned tweets wait for their label."""
        return self.assigned - self.done


def people(study: Study) -> list[CoderAtWork]:
    """Return all coders who are people, in the order of their names: not the column of an imported file."""
    found = []
    for coder in study.coders():
        if coder.name != IMPORTED:
            with study.reading() as session:
                done, assigned = assignments.work_of(session, coder.id, coder.reads)
                given = label_overview.count_of_coder(session, coder.id)
            found.append(CoderAtWork(coder.id, coder.name, coder.languages, given, done, assigned))
    return found


def imported_labels(study: Study) -> int:
    """Return how many tweets have a label that came with a file and is no person's."""
    known = {coder.name: coder for coder in study.coders()}
    if IMPORTED not in known:
        return 0
    with study.reading() as session:
        return label_overview.count_of_coder(session, known[IMPORTED].id)


def similar_name(names: Iterable[str], name: str) -> str:
    """Return a name among others that differs in case, spaces, accents or points alone, "" for none.

    A name that is itself among them has none: it is that coder's.
    """
    names = list(names)
    if tidied(name) in names:
        return ""
    return next((other for other in names if _bare(other) == _bare(name)), "")


def tidied(name: str) -> str:
    """Return a name as it is kept: without white space around it, and one space between its parts."""
    return " ".join(name.split())


def _bare(name: str) -> str:
    # Marks that stand over a letter alone: the vowel signs of Hindi are letters of their own.
    apart = unicodedata.normalize("NFKD", name.casefold())
    bare = "".join(
        c for c in apart if not unicodedata.combining(c) and (c.isalnum() or unicodedata.category(c) == "Mc")
    )
    return bare or tidied(name)


def set_languages(study: Study, coder: Coder | str, languages: Iterable[str]) -> Coder:
    """Keep which languages a coder reads; none for all. Where copies merge, what was said last counts."""
    who = study.coder(coder) if isinstance(coder, str) else coder
    wanted = sorted(set(languages))
    with study.writing() as session:
        row = session.get_one(CoderRow, who.id)
        if list(row.languages) != wanted:
            row.languages = wanted
            row.languages_said = now_after(row.languages_said) if row.languages_said else now()
        return Coder(row.id, row.name, tuple(wanted))


def rename(study: Study, coder: Coder, name: str) -> Coder:
    """Correct a coder's name. Labels stay theirs; where copies merge, the name corrected last counts."""
    name = tidied(name)
    if not name:
        raise UserError("A coder needs a name.", "Type the name of the person who labels.")
    with study.writing() as session:
        if (
            session.scalar(select(CoderRow.id).where(CoderRow.name == name, CoderRow.id != coder.id))
            is not None
        ):
            raise UserError(
                f"Another coder is called “{name}”.", "Choose another name: labels of two coders stay apart."
            )
        row = session.get_one(CoderRow, coder.id)
        if row.name != name:
            row.name = name
            row.named = now_after(row.named) if row.named else now()
        return Coder(row.id, name, coder.languages)
