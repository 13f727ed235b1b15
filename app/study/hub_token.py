"""The user's token for the Hugging Face Hub: where it comes from, and where it is kept if the user asks.

It goes to the Hub and nowhere else: into no log, no event, no list of processes. What is kept lies in a file of
its own that only the user may read.
"""

import contextlib
import os
import tempfile
from pathlib import Path

from app import paths
from app.errors import UserError

_MOST_BYTES = 4096


def find(file: Path | None = None) -> str:
    """Return the token: of this file, else of HF_TOKEN, else the kept one; "" for none."""
    if file is not None:
        return _read(file)
    from_environment = os.environ.get("HF_TOKEN", "").strip()
    if from_environment:
        return _checked(from_environment, "HF_TOKEN")
    return _read(kept_file()) if is_kept() else ""


def kept_file() -> Path:
    """Return where a token is kept."""
    return paths.config_folder() / "hub-token"


def is_kept() -> bool:
    """Tell whether a token is kept."""
    return kept_file().is_file()


def keep(token: str) -> None:
    """Keep a token for later downloads. Raises `UserError` for what is none."""
    path = kept_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        _write(partial, _checked(token, "What was typed"))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def forget() -> None:
    """Delete the kept token."""
    kept_file().unlink(missing_ok=True)


def hand_over(token: str) -> Path:
    """Write a token for a child process, which deletes the file (`take_over`); return the file."""
    number, name = tempfile.mkstemp(prefix="stancedesk-", suffix=".token")
    os.close(number)
    path = Path(name)
    try:
        _write(path, _checked(token, "What was typed"))
    except UserError:
        path.unlink()
        raise
    return path


def take_over(path: Path) -> str:
    """Read a token that was handed over, and delete its file."""
    try:
        return _read(path)
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def _read(path: Path) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return _checked(file.read(_MOST_BYTES).strip(), path.name)
    except OSError as error:
        raise UserError(
            f"The token in {path} cannot be read: {error.strerror or error}.", "Check the path."
        ) from error


def _checked(token: str, where: str) -> str:
    token = token.strip()
    # It becomes a line of a request: one word of plain characters, as the Hub's tokens are.
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise UserError(
            f"{where} holds no token of the Hugging Face Hub: one word that begins with “hf_”.",
            "Copy it again from https://huggingface.co/settings/tokens.",
        )
    return token


def _write(path: Path, token: str) -> None:
    # Nobody else may read it at any moment: the file is the user's alone before it holds anything.
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(number, "w", encoding="utf-8") as file:
        if hasattr(os, "fchmod"):
            os.fchmod(file.fileno(), 0o600)
        file.write(token + "\n")
