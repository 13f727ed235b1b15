"""The Hub's token: where it comes from, who may read it, and that it is not kept unasked."""

import stat
from pathlib import Path

import pytest

from app.errors import UserError
from app.study import hub_token

TOKEN = "hf_AbCdEfGh"


@pytest.fixture(autouse=True)
def no_token_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)


def test_a_file_comes_before_the_environment_and_that_before_the_kept_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hub_token.find() == ""
    hub_token.keep("hf_kept")
    assert hub_token.find() == "hf_kept"
    monkeypatch.setenv("HF_TOKEN", " hf_environment ")
    assert hub_token.find() == "hf_environment"
    (tmp_path / "t").write_text(f"{TOKEN}\n", encoding="utf-8")
    assert hub_token.find(tmp_path / "t") == TOKEN


def test_what_is_kept_is_for_its_user_alone(tmp_path: Path) -> None:
    hub_token.keep(TOKEN)
    assert stat.S_IMODE(hub_token.kept_file().stat().st_mode) == 0o600
    hub_token.forget()
    assert not hub_token.is_kept()
    assert hub_token.find() == ""


def test_what_is_handed_over_is_for_its_user_alone_and_gone_once_read() -> None:
    path = hub_token.hand_over(TOKEN)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert hub_token.take_over(path) == TOKEN
    assert not path.exists()
    assert not hub_token.is_kept()


@pytest.mark.parametrize("content", ["", "two words", "hf_x\nInjected: header", "hf_ü", "hf_\x00"])
def test_what_is_no_token_is_told_without_repeating_it(tmp_path: Path, content: str) -> None:
    path = tmp_path / "t"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match="holds no token") as told:
        hub_token.find(path)
    assert not content or content not in str(told.value)
    with pytest.raises(UserError):
        hub_token.keep(content)
    assert not hub_token.is_kept()


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        hub_token.find(tmp_path / "none")
