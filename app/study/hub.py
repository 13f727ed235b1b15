"""The Hugging Face Hub's protocol, as far as a download needs it: what a repository holds, and the bytes of a file.

Nothing is asked of the Hub before somebody asked for a download, and nothing but this: the list of files at a
revision, and the files. A file that comes in goes to `NAME.part`; after a stop or a break the next call goes
on where it ends. It gets its name once its hash is right: for large files the SHA-256 of the Hub's large-file
storage, for the others git's own hash of the content. `HF_ENDPOINT` names another Hub, `HF_HUB_OFFLINE` forbids all.
"""

import contextlib
import errno
import hashlib
import http.client
import json
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from app import __version__
from app.errors import UserError

ENDPOINT = "https://huggingface.co"
TOKEN_PAGE = "https://huggingface.co/settings/tokens"
_BLOCK = 1 << 18
_SILENCE_SECONDS = 30.0
# Breaks in a row, without a byte between them, after which the download gives up.
_TRIES = 4
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Answers that may be others a moment later.
_BUSY = (408, 429, 500, 502, 503, 504)

Progress = Callable[[int], None]


class DownloadStopped(Exception):
    """A download was stopped by its user; what came in is kept."""


@dataclass(frozen=True)
class HubFile:
    """A file of a repository. `sha256` of one in large-file storage; `blob` is git's hash of any other."""

    path: str
    size: int
    sha256: str = ""
    blob: str = ""


class Hub:
    """One repository of the Hub at one revision. `page` is where its licence is accepted."""

    def __init__(self, repository: str, revision: str, token: str = "", *, first_pause: float = 1.0) -> None:
        if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
            raise UserError(
                "HF_HUB_OFFLINE is set, so nothing is fetched from the Hugging Face Hub.",
                "Unset it to download, or add the model from a folder.",
            )
        self.repository = repository
        self.revision = revision
        self.endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or ENDPOINT
        self.page = f"{ENDPOINT}/{repository}"
        self._token = token
        self._first_pause = first_pause
        self._redirects = _Redirects()
        # No other schemes than these: an answer must not lead to a file of this machine.
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
            self._redirects,
        ):
            self._opener.add_handler(handler)

    def files(self) -> list[HubFile]:
        """Return the files of the repository. Raises `UserError` where the Hub does not tell."""
        url = f"{self.endpoint}/api/models/{self.repository}/tree/{self.revision}?recursive=true"
        for tried in range(_TRIES):
            try:
                with self._open(url, {}) as answer:
                    listed = json.load(answer)
                return [_file(entry) for entry in listed if entry.get("type") == "file"]
            except _Broken as error:
                last = error
                self._pause(tried, lambda: False)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise UserError(
                    f"{self.endpoint} does not answer as the Hugging Face Hub does.",
                    "Check HF_ENDPOINT, and whether the network asks for a sign-in.",
                ) from error
        raise self._unreachable(last)

    def fetch(self, file: HubFile, target: Path, progress: Progress, stop: Callable[[], bool]) -> None:
        """Bring a file to `target`. `progress(bytes of it here)`; raises `DownloadStopped` once `stop()`.

        Raises `UserError` where it cannot be had, does not arrive whole, or does not fit on the disk.
        """
        if target.is_file() and target.stat().st_size == file.size:
            progress(file.size)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        sha256, failures = file.sha256, 0
        while _size(part) != file.size or not part.exists():
            before = _size(part)
            try:
                sha256 = self._append(file, part, progress, stop) or sha256
            except _Broken as error:
                failures = 1 if _size(part) > before else failures + 1
                if failures >= _TRIES:
                    raise self._unreachable(error, file, _size(part)) from error
                self._pause(failures, stop)
        progress(file.size)
        self._verify(HubFile(file.path, file.size, sha256, file.blob), part)
        part.replace(target)

    def _append(self, file: HubFile, part: Path, progress: Progress, stop: Callable[[], bool]) -> str:
        """Fetch what is missing of a file; return the SHA-256 that the Hub names for it, "" for none."""
        start = _size(part)
        if start > file.size:
            # Of another file, or what was added was no part of it.
            part.unlink()
            start = 0
        path = urllib.parse.quote(file.path)
        url = f"{self.endpoint}/{self.repository}/resolve/{self.revision}/{path}"
        with self._open(url, {"Range": f"bytes={start}-"} if start else {}) as answer:
            named = self._named_hash(file, answer)
            goes_on = answer.status == 206 and _begins_at(answer, start)
            if not goes_on:
                start = 0
            try:
                with open(part, "ab" if goes_on else "wb") as out:
                    while True:
                        if stop():
                            raise DownloadStopped
                        block = _next_block(answer)
                        if not block:
                            break
                        out.write(block)
                        start += len(block)
                        progress(start)
            except OSError as error:
                raise _disk_error(error, part) from error
        if start > file.size:
            part.unlink()
            raise _Broken("more came than the Hub had announced")
        if start < file.size:
            raise _Broken("the connection broke")
        return named

    def _named_hash(self, file: HubFile, answer: Any) -> str:
        tag = self._redirects.linked_tag or answer.headers.get("X-Linked-Etag") or ""
        tag = tag.removeprefix("W/").strip('"').lower()
        if not _SHA256.fullmatch(tag):
            return ""
        if file.sha256 and tag != file.sha256:
            raise UserError(
                f"The Hub names two different hashes for {file.path}; it is not taken.", "Try again later."
            )
        return tag

    def _verify(self, file: HubFile, part: Path) -> None:
        with open(part, "rb") as read:
            if file.sha256:
                right = hashlib.file_digest(read, "sha256").hexdigest() == file.sha256
            elif file.blob:
                digest = hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)
                while block := read.read(_BLOCK):
                    digest.update(block)
                right = digest.hexdigest() == file.blob
            else:
                raise UserError(f"The Hub names no hash for {file.path}; it is not taken.")
        if not right:
            part.unlink()
            raise UserError(
                f"{file.path} did not arrive as it was sent (its hash differs); it was thrown away.",
                "Download again. If it happens twice, something between here and the Hub changes files.",
            )

    def _open(self, url: str, headers: dict[str, str]) -> Any:
        request = urllib.request.Request(url, headers=headers | {"User-Agent": f"StanceDesk/{__version__}"})
        request.add_header("Accept-Encoding", "identity")
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        self._redirects.linked_tag = ""
        try:
            return self._opener.open(request, timeout=_SILENCE_SECONDS)
        except urllib.error.HTTPError as error:
            with error:
                if error.code in _BUSY:
                    raise _Broken(f"HTTP {error.code}") from error
                if error.code == 416:
                    raise _Broken("the Hub has no such part") from error
                raise self._refusal(error.code) from error
        except (OSError, http.client.HTTPException) as error:
            raise _Broken(_reason(error)) from error

    def _refusal(self, code: int) -> UserError:
        if code == 401 and self._token:
            return UserError(
                "The Hugging Face Hub does not accept this token.",
                f"Make a new one that may read, at {TOKEN_PAGE}, and use that.",
            )
        if code == 401:
            return UserError(
                f"The Hub hands {self.repository} only to those who have accepted its licence there.",
                f"Sign in at {self.page} and accept it, make a token that may read at {TOKEN_PAGE}, and download "
                "again with the token.",
            )
        if code == 403:
            return UserError(
                f"Your account at the Hub may not have {self.repository} yet.",
                f"Ask for access at {self.page}; its publisher answers by e-mail, mostly within the hour. The token "
                "needs the right to read gated repositories. Then download again.",
            )
        if code == 404:
            return UserError(
                f"The Hub has no {self.repository} in the version that StanceDesk knows.",
                "A newer StanceDesk may know where it is; any folder or GGUF file of it can be added as well.",
            )
        return UserError(f"The Hub refused {self.repository} (HTTP {code}).", "Try again later.")

    def _unreachable(self, error: Exception, file: HubFile | None = None, here: int = 0) -> UserError:
        if file is not None and here:
            return UserError(
                f"The download of {file.path} broke off at {here / 1e6:,.0f} of {file.size / 1e6:,.0f} MB ({error}).",
                "Check the network and download again: it goes on from there.",
            )
        return UserError(
            f"The Hub cannot be reached at {self.endpoint} ({error}).",
            "Check the network, then download again.",
        )

    def _pause(self, failures: int, stop: Callable[[], bool]) -> None:
        until = time.monotonic() + self._first_pause * 2.0**failures
        while time.monotonic() < until:
            if stop():
                raise DownloadStopped
            time.sleep(min(0.2, self._first_pause))


class _Broken(Exception):
    """The connection failed or ended early; it is worth another try."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Notes the hash that the Hub names beside a redirect, and shows the token to no other host."""

    linked_tag = ""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        self.linked_tag = headers.get("X-Linked-Etag") or self.linked_tag
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is not None and _origin(newurl) != _origin(req.full_url):
            new.remove_header("Authorization")
        return new


def _origin(url: str) -> tuple[str, str]:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.netloc


def _file(entry: dict[str, Any]) -> HubFile:
    large = entry.get("lfs") or {}
    sha256 = str(large.get("oid", "")).removeprefix("sha256:").lower()
    if large and not _SHA256.fullmatch(sha256):
        raise ValueError("oid")
    blob = "" if large else str(entry["oid"])
    return HubFile(str(entry["path"]), int(large.get("size", entry["size"])), sha256, blob)


def _next_block(answer: Any) -> bytes:
    # What has arrived, at once: a slow line must not keep a stop waiting.
    try:
        return bytes(answer.read1(_BLOCK))
    except (OSError, http.client.HTTPException) as error:
        raise _Broken(_reason(error)) from error


def _begins_at(answer: Any, start: int) -> bool:
    return str(answer.headers.get("Content-Range", "")).startswith(f"bytes {start}-")


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, TimeoutError):
        return "no answer"
    return str(getattr(reason, "strerror", None) or reason) or type(reason).__name__


def _disk_error(error: OSError, part: Path) -> UserError:
    if error.errno in _DISK_FULL:
        return UserError(
            f"The disk is full: {part.stem} came in as far as {_size(part) / 1e6:,.0f} MB, which are kept.",
            f"Free some space on the disk of {part.parent}, then download again: it goes on from there.",
        )
    return UserError(f"{part.name} cannot be written: {error.strerror or error}.", "Check the folder.")
