"""A study as large as real ones become: a million made-up tweets in 13 languages, some thousand of them labelled.

The tweets are put together from the sentences of the sample study, with handles, hashtags, links and emoji, so that
every script is there. SQLite is written in bulk and without indexes first: a minute, not an hour.
"""

import contextlib
import csv
import hashlib
import io
import json
import random
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import resources
from app.study.study import Study
from db import labels

SEED = 1
_CHUNK = 20_000
_EMOJI = ("😂", "🤔", "👩‍👩‍👧‍👦", "🇩🇪", "❤️", "🙏🏽", "😡", "✊")
_TAGS = {"ar": "#الهجرة", "hi": "#प्रवासन", "ko": "#이민"}


def make_large_study(path: Path, tweets: int, labelled: int, coder: str) -> None:
    """Write a study of `tweets` tweets; `coder` has labelled `labelled` of them."""
    with Study.create(path):
        pass
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'tweets' AND sql IS NOT NULL"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        connection.execute(
            "INSERT INTO imports (file_name, sha256, started, ended, status, accepted, duplicates, rejected, labels, "
            "report) VALUES ('made-up.csv', '', '', '', 'complete', ?, 0, 0, 0, '{}')",
            (tweets,),
        )
        rows = _rows(tweets)
        while chunk := [row for _, row in zip(range(_CHUNK), rows, strict=False)]:
            connection.executemany(
                "INSERT INTO tweets (id, tweet_id, text, lang, author, created_at, extra, import_id, source_row, "
                "text_hash, shuffle, labelled, locked, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, 0, 0, 0)",
                chunk,
            )
        for _, sql in indexes:
            connection.execute(sql)
        connection.commit()
    with Study.open(path) as study:
        _label(study, tweets, labelled, coder)


def _rows(tweets: int) -> Iterator[tuple[Any, ...]]:
    by_language: dict[str, list[str]] = {}
    for row in csv.DictReader(io.StringIO(resources.sample_study_bytes().decode("utf-8"))):
        by_language.setdefault(row["lang"], []).append(row["text"])
    languages = sorted(by_language)
    chance = random.Random(SEED)
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    for number in range(1, tweets + 1):
        language = languages[number % len(languages)]
        parts = chance.sample(by_language[language], 2)
        if chance.random() < 0.3:
            parts.insert(0, f"@user_{number % 9973}")
        if chance.random() < 0.3:
            parts.append(_TAGS.get(language, "#migration"))
        if chance.random() < 0.3:
            parts.append(chance.choice(_EMOJI))
        parts.append(f"https://t.co/{number:x}")
        text = " ".join(parts)
        tweet_id = str(1_700_000_000_000_000_000 + 7919 * number)
        yield (
            number,
            tweet_id,
            text,
            language,
            f"@author_{number % 50_021}",
            (begin + timedelta(seconds=23 * number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            json.dumps({"place": "", "retweets": str(number % 40)}),
            number,
            hashlib.blake2b(text.encode(), digest_size=16).digest(),
            int.from_bytes(hashlib.blake2b(tweet_id.encode(), digest_size=8).digest(), "big", signed=True),
        )


def _label(study: Study, tweets: int, labelled: int, coder: str) -> None:
    who = study.coder(coder)
    chosen = random.Random(SEED).sample(range(1, tweets + 1), labelled)
    leaves = study.codebook.leaf_codes
    begin = datetime(2025, 1, 1, tzinfo=UTC)
    events = [
        {
            "coder_id": who.id,
            "tweet_id": tweet,
            "codebook_version_id": study.codebook_version,
            "leaf": leaves[number % len(leaves)],
            "given": (begin + timedelta(seconds=6 * number)).isoformat(timespec="microseconds"),
            "seconds": 6.0,
            "import_id": None,
        }
        for number, tweet in enumerate(chosen)
    ]
    with study.writing() as session:
        labels.add_first_labels(session, events)
