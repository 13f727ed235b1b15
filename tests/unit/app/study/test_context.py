"""What a tweet answers or quotes, from the columns that files have for it."""

import csv
from pathlib import Path

import pytest

from app.study import tweets
from app.study.context import QUOTE, REPLY, THREAD, Context, context, has_context
from app.study.importing import import_file
from app.study.study import Study

FIRST, SECOND = "1753622733974829193", "1753622733974829194"


def _study(study: Study, folder: Path, **columns: str) -> tuple[Context, ...]:
    """Return the context of a tweet with these columns; another tweet is in the study as `FIRST`."""
    table = folder / "t.csv"
    with open(table, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "lang", "author", *columns])
        writer.writerow([FIRST, "أغلقوا الحدود", "ar", "@anna", *("" for _ in columns)])
        writer.writerow([SECOND, "No", "en", "@ben", *columns.values()])
    import_file(study, table)
    return context(study, tweets.get(study, [2])[0])


@pytest.mark.parametrize(
    "name",
    [
        "in_reply_to_status_id", "In Reply To Status ID Str", "reply_to", "replied_to_id",
        "referenced_tweets.replied_to.id",
    ],
)  # fmt: skip
def test_a_reply_is_found_in_the_study(study: Study, tmp_path: Path, name: str) -> None:
    found = _study(study, tmp_path, **{name: FIRST})
    assert found == (Context(REPLY, "أغلقوا الحدود", "@anna", "", 1),)


@pytest.mark.parametrize(
    "value",
    [
        f'[{{"type": "quoted", "id": "{FIRST}"}}, {{"type": "retweeted", "id": "7"}}]',
        f"[{{'type': 'quoted', 'id': '{FIRST}'}}]",
    ],
)
def test_twitters_list_of_referenced_tweets(study: Study, tmp_path: Path, value: str) -> None:
    (found,) = _study(study, tmp_path, referenced_tweets=value)
    assert (found.kind, found.tweet) == (QUOTE, 1)


def test_a_text_in_a_column_stands_where_the_tweet_is_not_in_the_study(study: Study, tmp_path: Path) -> None:
    found = _study(
        study, tmp_path, quoted_status_id="99", quoted_text="그들은 가야 한다", quoted_screen_name="kim"
    )
    assert found == (Context(QUOTE, "그들은 가야 한다", "kim"),)


def test_whom_a_tweet_answers_is_told_where_its_text_is_not_known(study: Study, tmp_path: Path) -> None:
    assert _study(study, tmp_path, in_reply_to="@ravi") == (Context(REPLY, "", "@ravi"),)


def test_the_start_of_a_thread_comes_first_and_once(study: Study, tmp_path: Path) -> None:
    found = _study(study, tmp_path, conversation_id=FIRST, quoted_text="Out!")
    assert [one.kind for one in found] == [THREAD, QUOTE]


def test_a_tweet_that_begins_its_thread_has_no_context(study: Study, tmp_path: Path) -> None:
    assert _study(study, tmp_path, conversation_id=SECOND) == ()


def test_a_reply_to_the_start_of_the_thread_is_shown_once(study: Study, tmp_path: Path) -> None:
    found = _study(study, tmp_path, conversation_id=FIRST, in_reply_to_status_id=FIRST)
    assert [one.kind for one in found] == [REPLY]


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"place": "Rome", "retweets": "1"},
        {"in_reply_to_status_id": "", "quoted_text": "nan"},
        {"in_reply_to_status_id": "1.75362E+18"},
        {"referenced_tweets": "[{broken"},
        {"referenced_tweets": "[1, 2]"},
        {"quoted_status_id": "None"},
    ],
)
def test_no_context(extra: dict[str, str]) -> None:
    assert not has_context(extra)


def test_an_id_that_passed_through_a_number_without_loss_is_found() -> None:
    assert has_context({"in_reply_to_status_id": "1753622733.0"})
