"""A model hub on this machine: serves folders as repositories, and answers with its errors."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"

ERRORS: Mapping[str, tuple[int, dict[str, str]]] = {
    "missing": (404, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}),
    "hidden": (401, {"X-Error-Message": "Invalid username or password."}),
    "gated": (
        403,
        {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to model is restricted"},
    ),
    "gated-unknown": (
        401,
        {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to model is restricted"},
    ),
    "forbidden": (403, {"X-Error-Message": "your token has no rights"}),
    "broken": (500, {}),
}
"""What the hub answers for repositories of these names, as seen on the real one."""


class FakeHub:
    """Serves while it is entered.

    Args:
        repositories: Folders by id; each has the revisions ``main``, ``v1`` and its commit.
    """

    def __init__(self, repositories: Mapping[str, Path]) -> None:
        hub = self
        self.requests: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, headers, body = hub._answer(self.path, repositories)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, *_: Any) -> None:
                hub.requests.append(f"{self.command} {self.path}")

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def address(self) -> str:
        """What HF_ENDPOINT names."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> FakeHub:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """From now on nothing answers at its address."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(
        self, address: str, repositories: Mapping[str, Path]
    ) -> tuple[int, dict[str, str], bytes]:
        parts = unquote(urlsplit(address).path).strip("/").split("/")
        is_api = parts[:2] == ["api", "models"]
        owner, name, *rest = parts[2:] if is_api else parts
        if name in ERRORS:
            return (*ERRORS[name], b"")
        if f"{owner}/{name}" not in repositories:
            return (*ERRORS["missing"], b"")
        folder = repositories[f"{owner}/{name}"]
        revision = rest[1] if len(rest) > 1 else "main"
        if revision not in ("main", "v1", COMMIT):
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        if not is_api:
            return _file(folder / "/".join(rest[2:]))
        files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        names = [file.relative_to(folder).as_posix() for file in files]
        if rest[:1] == ["tree"]:
            tree = [
                {"type": "file", "path": path, "size": file.stat().st_size, "oid": _etag(file)}
                for path, file in zip(names, files, strict=True)
            ]
            return 200, {"Content-Type": "application/json"}, json.dumps(tree).encode()
        info = {
            "id": f"{owner}/{name}",
            "sha": COMMIT,
            "private": False,
            "tags": [],
            "downloads": 0,
            "likes": 0,
            "siblings": [{"rfilename": path} for path in names],
        }
        return 200, {"Content-Type": "application/json"}, json.dumps(info).encode()


def _file(file: Path) -> tuple[int, dict[str, str], bytes]:
    if not file.is_file():
        return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}, b""
    headers = {"ETag": f'"{_etag(file)}"', "X-Repo-Commit": COMMIT}
    return 200, headers, file.read_bytes()


def _etag(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest()
