"""Studies and files to import."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from app.study import importing
from app.study.study import Study

LEAVES = ("pro", "anti", "neutral", "unrelated")


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    """Return an empty study."""
    with Study.create(tmp_path / "trial.stancedesk") as opened:
        yield opened


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes bytes, or text in an encoding, to a file."""

    def write(content: str | bytes, name: str = "tweets.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


def add_tweets(study: Study, path: Path, count: int, languages: Sequence[str] = ("en", "de")) -> None:
    """Import so many made-up tweets."""
    lines = [
        f"{1500000000000000000 + n},tweet {n},{languages[n % len(languages)]}" for n in range(1, count + 1)
    ]
    file = path.with_name("made-up.csv")
    file.write_text("\n".join(["id,text,lang", *lines]), encoding="utf-8")
    assert importing.import_file(study, file).accepted == count
