"""A real http server on this machine that misbehaves as told."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Behaviour:
    """``drops``: how many bytes each request in turn gets before the line breaks; then all.
    ``answers``: statuses given instead, in turn; ``pieces``: (bytes, seconds) between two writes."""

    content: bytes = b""
    drops: list[int] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    ranges: bool = True
    etag: str | None = '"one"'
    length: bool = True
    kind: str = "application/zip"
    pieces: tuple[int, float] = (1 << 20, 0.0)
    silent: int = 0
    requests: list[tuple[int, int]] = field(default_factory=list)  # (first byte asked for, bytes sent)


@contextlib.contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    """Serve; yields the address of a file."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            if behaviour.silent:
                behaviour.silent -= 1
                time.sleep(0.6)
                return
            if behaviour.answers:
                status, headers = behaviour.answers.pop(0)
                self._head(status, {"Content-Length": "0", **headers})
                return
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            start = int(asked[1]) if asked and behaviour.ranges else 0
            body, size = behaviour.content[start:], len(behaviour.content)
            if start >= size > 0:
                self._head(416, {"Content-Length": "0"})
                return
            headers = {"Content-Type": behaviour.kind}
            if behaviour.etag:
                headers["ETag"] = behaviour.etag
            if behaviour.length:
                headers["Content-Length"] = str(len(body))
            if start:
                headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
            self._head(206 if start else 200, headers)
            if behaviour.drops:
                body = body[: behaviour.drops.pop(0)]
            self._body(start, body)

        def _head(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def _body(self, start: int, body: bytes) -> None:
            size, pause = behaviour.pieces
            behaviour.requests.append((start, len(body)))
            with contextlib.suppress(OSError):
                for at in range(0, len(body), size):
                    self.wfile.write(body[at : at + size])
                    time.sleep(pause)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/photos.zip"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
