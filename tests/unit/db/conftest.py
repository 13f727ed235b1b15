"""A study file with rows, made by the tables' own functions."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from db import tweets
from db.engine import StudyFile, create_study
from db.tables import CodebookVersion, Coder, Import, StudyInfo

WHEN = "2026-11-24T00:00:00.000000+00:00"


def fill(session: Session) -> None:
    """Add what every study has."""
    session.add(StudyInfo(id=1, name="trial", created=WHEN, program_version="0"))
    session.add(CodebookVersion(created=WHEN, toml="", sha256="0"))
    session.add(Import(file_name="a.csv", sha256="0", started=WHEN, status="complete"))
    session.add(Coder(id="00000000-0000-4000-8000-000000000001", name="Ana", created=WHEN))
    session.add(Coder(id="00000000-0000-4000-8000-000000000002", name="Ben", created=WHEN))


def tweet(number: int, **other: Any) -> dict[str, Any]:
    """Return the values of a tweet."""
    return {
        "id": number,
        "tweet_id": f"15000000000000000{number:02}",
        "text": f"tweet number {number}",
        "lang": "en" if number % 2 else "de",
        "author": f"user{number}",
        "created_at": "",
        "extra": {"likes": str(number)},
        "import_id": 1,
        "source_row": number,
        "text_hash": bytes([number]),
        "shuffle": (number * 7919) % 101,
        "labelled": False,
        "agreed_leaf": None,
    } | other


def event(number: int, leaf: str | None, coder: int = 1, **other: Any) -> dict[str, Any]:
    """Return the values of a label event."""
    return {
        "coder_id": f"00000000-0000-4000-8000-00000000000{coder}",
        "tweet_id": number,
        "codebook_version_id": 1,
        "kind": "clear" if leaf is None else "label",
        "leaf": leaf,
        "given": WHEN,
    } | other


@pytest.fixture
def make_study(tmp_path: Path) -> Iterator[Callable[[int], StudyFile]]:
    """Return a function that makes a study with so many tweets."""
    opened: list[StudyFile] = []

    def make(count: int = 10) -> StudyFile:
        file = create_study(tmp_path / f"trial{len(opened)}.stancedesk", fill)
        with file.writing() as session:
            tweets.insert_tweets(session, [tweet(n) for n in range(1, count + 1)])
        opened.append(file)
        return file

    yield make
    for file in opened:
        file.close()
