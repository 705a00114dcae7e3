"""The web stack over real sockets: who is let in, how much, how long, and what the browser is told."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from acutance.errors import ResourceError, UsageError
from acutance.serving import app as stack
from acutance.serving import connection
from acutance.serving.guard import Guard, Limits

routes = APIRouter()


@routes.get("/hello")
async def hello() -> dict[str, str]:
    return {"hello": "you"}


@routes.post("/echo", response_model=None)
async def echo(request: Request) -> JSONResponse:
    return JSONResponse({"length": len(await request.body())})


@routes.get("/broken")
async def broken() -> None:
    raise RuntimeError("secret path /somewhere")


@contextlib.contextmanager
def serving(**limits: float) -> Iterator[int]:
    """The stack with the routes above, on a free port."""
    listener = stack.listen("127.0.0.1", 0)
    stopped = [0]
    address = "https://study.example.org/"
    site = stack.create([routes], names=stack.names_of(address), address=address, limits=Limits(**limits))  # type: ignore[arg-type]
    thread = threading.Thread(target=stack.run, args=(site, listener, lambda: stopped[0]))
    port = listener.getsockname()[1]
    thread.start()
    try:
        yield port
    finally:
        stopped[0] = 2
        thread.join(10)
        assert not thread.is_alive()


def ask(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict, bytes]:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    line.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = line.getresponse()
    found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    line.close()
    return found


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(body_bytes=100) as number:
        yield number


def test_headers_forbid_everything_from_elsewhere(port: int) -> None:
    for path, status in (("/hello", 200), ("/none", 404)):
        got, headers, _ = ask(port, "GET", path)
        assert got == status
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store" and "server" not in headers


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_no_page_of_the_framework(port: int, path: str) -> None:
    assert ask(port, "GET", path)[0] == 404


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:99", "127.0.0.1:1", "[::1]:1", "192.168.1.7", "Study.Example.org"]
)
def test_our_own_names_are_answered(port: int, host: str) -> None:
    assert ask(port, "GET", "/hello", Host=host)[0] == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "evil@localhost", "[::1", "2130706433"],
)
def test_a_rebound_name_is_refused(port: int, host: str) -> None:
    """DNS rebinding: another page's name points here, and the browser sends that name."""
    status, _, body = ask(port, "GET", "/hello", Host=host)
    assert status == 421 and json.loads(body) == {"error": "this address is not served here"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://127.0.0.1:{port}"}, 200),
        ({"Origin": "http://127.0.0.1:{port}", "Sec_Fetch_Site": "same-origin"}, 200),
        ({"Origin": "https://study.example.org"}, 200),  # through the proxy, which need not pass the name on
        ({"Origin": "https://study.example.org:444"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
    ],
)
def test_other_pages_cannot_post(port: int, headers: dict, status: int) -> None:
    given = {name: value.format(port=port) for name, value in headers.items()}
    assert ask(port, "POST", "/echo", b"x", **given)[0] == status


def raw(port: int, data: bytes, wait: float = 5) -> bytes:
    """Send bytes as they are; everything that comes back until the line closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as line:
        line.sendall(data)
        found = b""
        while piece := line.recv(65536):
            found += piece
        return found


def test_bodies_over_the_limit_are_refused(port: int) -> None:
    assert ask(port, "POST", "/echo", b"x" * 100)[0] == 200
    assert ask(port, "POST", "/echo", b"x" * 101)[0] == 413
    assert b" 413 " in raw(port, b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n")
    pieces = b"40\r\n" + b"x" * 64 + b"\r\n"
    chunked = (
        b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + pieces * 3 + b"0\r\n\r\n"
    )
    assert b" 413 " in raw(port, chunked)


def test_a_body_that_dawdles_is_refused() -> None:
    with serving(body_bytes=100, body_seconds=0.5) as port:
        begin = time.monotonic()
        answer = raw(port, b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\nxx")
        assert b" 408 " in answer and time.monotonic() - begin < 10


def test_a_head_that_dawdles_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 1.0)
    with serving() as port:
        begin = time.monotonic()
        assert raw(port, b"GET /hello HTTP/1.1\r\nHost: local") == b""
        assert raw(port, b"") == b""
        assert 1.5 < time.monotonic() - begin < 10
        with socket.create_connection(("127.0.0.1", port), timeout=5) as second:
            second.sendall(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200 OK" in second.recv(65536)
            second.sendall(b"GET /hel")  # and never ends
            while second.recv(65536):
                pass
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        for _ in range(3):  # a line in use is not cut
            line.request("GET", "/hello")
            assert line.getresponse().read() == b'{"hello":"you"}'
            time.sleep(0.5)
        line.close()


def test_a_line_that_drops_is_no_bug_of_ours(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        line.sendall(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nseven b")
        time.sleep(0.2)
    time.sleep(0.5)
    assert ask(port, "GET", "/hello")[0] == 200 and "internal error" not in capfd.readouterr().err


def test_an_internal_error_tells_nothing(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    said, until = io.StringIO(), time.monotonic() + 5
    monkeypatch.setattr(sys, "stderr", said)  # to be read while it is written, which capfd's file is not fit for
    status, _, body = ask(port, "GET", "/broken")
    assert status == 500 and b"secret" not in body
    while "a bug of ours" not in said.getvalue() and time.monotonic() < until:
        time.sleep(0.01)  # it is said after the answer went out
    assert "internal error at /broken (RuntimeError" in said.getvalue() and "Traceback" not in said.getvalue()


def test_many_slow_lines_do_not_lock_others_out(port: int) -> None:
    with contextlib.ExitStack() as lines:
        for _ in range(100):
            line = lines.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            line.sendall(b"GET /hello HTTP/1.1\r\n")
        assert ask(port, "GET", "/hello")[0] == 200


def test_a_port_that_is_taken_is_told() -> None:
    with contextlib.closing(stack.listen("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ResourceError, match=f"127.0.0.1:{port}: cannot be listened on .*--port"):
            stack.listen("127.0.0.1", port)
    with pytest.raises(UsageError, match=r"--host no\.such\.host\.invalid"):
        stack.listen("no.such.host.invalid", 0)


def test_names_of_a_public_address() -> None:
    assert "study.example.org" in stack.names_of("https://Study.example.org:444/x")
    assert "mypc.lan" in stack.names_of(None, "MyPC.lan")  # what --host was given, whose links are printed
    guard = Guard(None, names=stack.LOCAL, limits=Limits())  # type: ignore[arg-type]
    assert guard.answers_to("localhost") and not guard.answers_to("study.example.org")
