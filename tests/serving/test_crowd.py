"""More clients than descriptors: who asks is answered, who only sits there makes room, and the log stays short."""

from __future__ import annotations

import contextlib
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter, HTTPException

from acutance.serving import app as stack
from acutance.serving import complaints, connection
from acutance.serving.complaints import Complaints

REQUEST = b"GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
routes = APIRouter()
gate = threading.Event()


@routes.get("/hello")
async def hello() -> dict[str, str]:
    return {"hello": "you"}


@routes.get("/slow")
def slow() -> dict[str, str]:
    gate.wait(10)
    return {"slow": "done"}


@routes.get("/later")
async def later() -> None:
    raise HTTPException(503, "not now")


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server with room for four connections."""
    monkeypatch.setattr(connection, "room", lambda: 4)
    gate.clear()
    listener, stopped = stack.listen("127.0.0.1", 0), [0]
    thread = threading.Thread(target=stack.run, args=(stack.create([routes]), listener, lambda: stopped[0]))
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        gate.set()
        stopped[0] = 2
        thread.join(10)
        assert not thread.is_alive()


def open_line(port: int, lines: contextlib.ExitStack) -> socket.socket:
    return lines.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))


def answer(port: int, request: bytes = REQUEST) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        line.sendall(request)
        found = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := line.recv(65536):
                found += piece
        return found


def test_the_one_idle_longest_makes_room(port: int) -> None:
    with contextlib.ExitStack() as lines:
        first, *others = [open_line(port, lines) for _ in range(4)]
        begin = time.monotonic()
        assert b"200 OK" in answer(port) and time.monotonic() - begin < 2
        with contextlib.suppress(ConnectionResetError):
            assert first.recv(1) == b""
        others[-1].sendall(REQUEST)  # it came last and is still there
        assert b"200 OK" in others[-1].recv(65536)


def test_who_is_at_work_is_not_cut_off(port: int) -> None:
    with contextlib.ExitStack() as lines:
        busy = [open_line(port, lines) for _ in range(4)]
        for line in busy:
            line.sendall(REQUEST.replace(b"hello", b"slow"))
        time.sleep(0.3)
        refused = answer(port, b"")
        assert b" 503 " in refused and b"retry-after: 5" in refused
        gate.set()
        assert all(b"200 OK" in line.recv(65536) for line in busy)
        time.sleep(0.3)
        assert b"200 OK" in answer(port)


def test_an_answer_that_may_pass_says_when_to_come_again(port: int) -> None:
    assert b"retry-after: 10" in answer(port, REQUEST.replace(b"hello", b"later"))


SERVER = """
import sys
from acutance.serving import app as stack
sys.path.insert(0, {folder!r})
from test_crowd import routes
listener = stack.listen("127.0.0.1", 0)
print(listener.getsockname()[1], flush=True)
stack.run(stack.create([routes]), listener, lambda: 0)
"""


def test_more_idle_sockets_than_descriptors(tmp_path: Path) -> None:
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))

    code = SERVER.format(folder=str(Path(__file__).parent))
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=log, preexec_fn=few)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        with contextlib.ExitStack() as lines:
            for _ in range(400):
                open_line(port, lines)
            begin = time.monotonic()
            assert b"200 OK" in answer(port) and time.monotonic() - begin < 2
    finally:
        server.terminate()
        server.wait(10)
        if server.stdout is not None:
            server.stdout.close()
    assert (tmp_path / "log").stat().st_size < 1000


def test_one_line_a_minute(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    log = Complaints()
    for _ in range(1000):
        log.say("full", "no socket left")
    log.say("other", "something else")
    monkeypatch.setattr(complaints, "SECONDS", 0.0)
    log.say("full", "no socket left")
    said = capsys.readouterr().err.splitlines()
    assert said[:2] == ["no socket left", "something else"]
    assert "999" in said[2] and len(said) == 3


def test_kinds_are_bounded(capsys: pytest.CaptureFixture[str]) -> None:
    log = Complaints()
    for number in range(2 * complaints.KINDS):
        log.say(str(number), "x")
    assert len(log._said) == complaints.KINDS
