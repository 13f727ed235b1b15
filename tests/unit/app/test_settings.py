"""Settings: what is written, what is read back, and what is dropped."""

import json
import logging
from pathlib import Path

import pytest

from app import paths
from app.settings import MOST_RECENT, Settings


def _file() -> Path:
    return paths.config_folder() / "settings.json"


def test_a_new_user_has_the_defaults() -> None:
    assert Settings.load() == Settings()


def test_only_what_differs_is_written_and_read_back() -> None:
    settings = Settings(theme="dark", coder="अना", recent_studies=["/a/b.stancedesk"])
    settings.save()
    assert json.loads(_file().read_text(encoding="utf-8")) == {
        "theme": "dark",
        "coder": "अना",
        "recent_studies": ["/a/b.stancedesk"],
    }
    assert Settings.load() == settings
    assert [p.name for p in _file().parent.iterdir()] == ["settings.json"]


def test_what_a_million_tweets_cost_is_remembered() -> None:
    settings = Settings(costs={"watts": 120.0, "currency": "EUR"}, tweets_per_second=20.7)
    settings.save()
    assert Settings.load() == settings


def test_what_is_not_known_is_dropped_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    _file().parent.mkdir(parents=True)
    _file().write_text('{"theme": "dark", "colour": "red", "coder": 5}', encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        assert Settings.load() == Settings(theme="dark")
    assert "colour" in caplog.text and "coder" in caplog.text


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[1, 2]",
        '"dark"',
        '{"theme": "pink"}',
        '{"recent_studies": [1]}',
        '{"label_keys": {"skip": 1, "back": ""}}',
        '{"costs": {"watts": -5, "currency": ""}, "tweets_per_second": NaN}',
        '{"tweets_per_second": -1.0}',
    ],
)  # fmt: skip
def test_a_broken_file_gives_the_defaults(content: str) -> None:
    _file().parent.mkdir(parents=True)
    _file().write_text(content, encoding="utf-8")
    assert Settings.load() == Settings()


def test_a_folder_that_cannot_be_written_harms_nothing(
    stancedesk_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (stancedesk_home / "config").write_text("a file where the folder should be", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        Settings(theme="dark").save()
    assert "cannot be written" in caplog.text
    assert Settings.load() == Settings()


def test_recent_studies_are_few_and_each_once(tmp_path: Path) -> None:
    settings = Settings()
    for number in [*range(12), 3]:
        settings.remember_study(tmp_path / f"{number}.stancedesk")
    assert len(settings.recent_studies) == MOST_RECENT
    assert settings.recent_studies[0] == str(tmp_path / "3.stancedesk")
    assert settings.recent_studies.count(settings.recent_studies[0]) == 1
