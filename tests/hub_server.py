"""A server on this machine that speaks the Hugging Face Hub's protocol, as far as a download meets it.

It lists a repository's files at a commit, answers for a file with a redirect to another host (which is shown no
token), with `X-Linked-Etag`, `ETag` and parts (`Range`), and misbehaves as it is told to.
"""

import hashlib
import json
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LARGE = (".safetensors", ".gguf", ".bin")


@dataclass
class Repository:
    """What the server has, and how it behaves.

    `token`: what it asks for, "" for an open repository; `may_not`: whoever has the token is refused all the same.
    `breaks`: how many answers with content end after `break_after` bytes. `ranges`: whether it gives parts.
    `spoils`: bytes are changed on the way. `busy`: how many requests get 503 first.
    """

    name: str = "meta-llama/Llama-3.2-1B-Instruct"
    revision: str = "9213176726f574b556790deb65791e0c5aa438b6"
    files: dict[str, bytes] = field(default_factory=dict)
    token: str = ""
    may_not: bool = False
    breaks: int = 0
    break_after: int = 1000
    ranges: bool = True
    spoils: bool = False
    busy: int = 0
    slow: float = 0.0
    lists_hashes: bool = True
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def paths(self, host: str = "hub") -> list[str]:
        """Return the paths that were asked of one of the two hosts, in order."""
        return [path for where, path, _ in self.requests if where == host]


def sha256(content: bytes) -> str:
    """Return a content's SHA-256."""
    return hashlib.sha256(content).hexdigest()


@contextmanager
def serving(repository: Repository) -> Iterator[str]:
    """Serve a repository while the context lasts; its value is what HF_ENDPOINT is set to."""
    storage = _start("storage", repository, "")
    hub = _start("hub", repository, _address(storage))
    try:
        yield _address(hub)
    finally:
        for server in (hub, storage):
            server.shutdown()
            server.server_close()


def _start(host: str, repository: Repository, storage: str) -> ThreadingHTTPServer:
    class Handler(_Handler):
        pass

    Handler.host, Handler.repository, Handler.storage = host, repository, storage
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


def _address(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    host: str
    repository: Repository
    storage: str
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        has = self.repository
        url = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(url.path)
        has.requests.append((self.host, path, dict(self.headers)))
        if has.busy:
            has.busy -= 1
            self._refuse(503)
        elif self.host == "storage":
            self._send_content(has.files[path.removeprefix("/")])
        elif has.token and self.headers.get("Authorization") != f"Bearer {has.token}":
            self._refuse(401)
        elif has.may_not:
            self._refuse(403)
        elif path == f"/api/models/{has.name}/tree/{has.revision}":
            self._list()
        elif path.startswith(f"/{has.name}/resolve/{has.revision}/"):
            self._resolve(path.removeprefix(f"/{has.name}/resolve/{has.revision}/"))
        else:
            self._refuse(404)

    def _list(self) -> None:
        entries: list[dict[str, Any]] = [
            {"type": "directory", "oid": "0" * 40, "size": 0, "path": "original"}
        ]
        for path, content in self.repository.files.items():
            blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
            entry: dict[str, Any] = {"type": "file", "oid": blob, "size": len(content), "path": path}
            if path.endswith(LARGE):
                entry["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 135}
            if not self.repository.lists_hashes:
                entry.pop("lfs", None)
                entry["oid"] = ""
            entries.append(entry)
        self._send(200, json.dumps(entries).encode(), {"Content-Type": "application/json"})

    def _resolve(self, path: str) -> None:
        content = self.repository.files.get(path)
        if content is None:
            self._refuse(404)
        elif path.endswith(LARGE):
            self._send(
                302,
                b"",
                {
                    "Location": f"{self.storage}/{urllib.parse.quote(path)}",
                    "X-Linked-Etag": f'"{sha256(content)}"',
                    "X-Linked-Size": str(len(content)),
                },
            )
        else:
            self._send_content(content)

    def _send_content(self, content: bytes) -> None:
        has = self.repository
        start, status = 0, 200
        asked = self.headers.get("Range", "")
        headers = {"ETag": '"etag"', "Accept-Ranges": "bytes"}
        if asked and has.ranges:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self._refuse(416)
                return
            status = 206
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        left = content[start:]
        if has.spoils and left:
            left = bytes([left[0] ^ 1]) + left[1:]
        breaks = has.breaks > 0 and len(left) > has.break_after
        if not breaks and not has.slow:
            self._send(status, left, headers)
            return
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(left))}).items():
            self.send_header(name, value)
        self.end_headers()
        if breaks:
            has.breaks -= 1
            self.wfile.write(left[: has.break_after])
            self.close_connection = True
            return
        self._send_slowly(left)

    def _send_slowly(self, content: bytes) -> None:
        import time

        step = max(1, len(content) // 50)
        try:
            for place in range(0, len(content), step):
                self.wfile.write(content[place : place + step])
                self.wfile.flush()
                time.sleep(self.repository.slow / 50)
        except OSError:
            self.close_connection = True

    def _refuse(self, code: int) -> None:
        self._send(code, json.dumps({"error": "no"}).encode(), {})

    def _send(self, code: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
