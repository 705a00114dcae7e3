"""F13 and F15: the study's server under slow clients, payloads and many requests."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image
from trials.figures import Bar, Figure, tally
from trials.pictures import saved, scene
from trials.running import Bench, environment

DESCRIPTORS = 160  # of the server
SLOW = 220  # clients that send half a request and wait
CLOSED_WITHIN = 15.0  # seconds
GOOD_WITHIN = 1.0
LOG_BYTES = 20_000
START_SECONDS = 120.0
SECRET = b"acutance-secret"


@dataclass
class Server:
    """A study that is being served: where, one rater's path, its process, and the file of what it says."""

    port: int
    page: str
    process: subprocess.Popen[bytes]
    log: Path
    folder: Path
    answers: list[str] = field(default_factory=list)

    def rss_mb(self) -> float:
        """Resident memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e6

    def descriptors(self) -> int:
        """Open files and sockets."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


@contextmanager
def serving(bench: Bench, descriptors: int) -> Iterator[Server]:
    """Make a study of two pictures and serve it on a free port."""
    with bench.place("study") as place:
        for kind in ("HR", "made"):
            (place / kind).mkdir()
            for number in range(2):
                (place / kind / f"{number}.png").write_bytes(saved(Image.fromarray(scene(96, 96, number)), "PNG"))
        (place / "secret.txt").write_bytes(SECRET)
        made = bench.run(["study", "new", "s", "--reference", "HR", "--method", "a=made", "--method", "bicubic"], place)
        if made.code != 0:
            raise SystemExit(f"no study could be made: {made.err}")
        log = place / "log"
        command = [sys.executable, "-m", "acutance", "study", "serve", "s", "--port", "0", "--json"]
        with open(log, "wb") as errors:
            process = subprocess.Popen(
                command,
                cwd=place,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment(bench.folder),
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors)),
            )
        try:
            assert process.stdout
            address = urlsplit(json.loads(process.stdout.readline())["url"])
            server = Server(address.port or 0, address.path, process, log, place)
            _wait(server)
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.communicate()


def _wait(server: Server) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if _get(server, server.page)[0] == 200:
                return
        time.sleep(0.1)
    raise SystemExit("the server does not answer")


def _get(server: Server, path: str, timeout: float = 20) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def measure_attacks(bench: Bench) -> Figure:
    """F13."""
    with serving(bench, DESCRIPTORS) as server:
        waits, closed = _besieged(server)
        answers = [_sent(server, payload) for payload in payloads(server.page)[:: 5 if bench.quick else 1]]
        alive = _get(server, server.page)[0] == 200
        log = server.log.stat().st_size
    late = sum(not ok or seconds > GOOD_WITHIN for ok, seconds in waits)
    bars = [
        Bar("good requests not answered within a second", late),
        Bar("slow clients not closed in 15 s", closed.count(False)),
        Bar("answers with a file from elsewhere", sum(SECRET in body or b"root:" in body for _, body in answers)),
        Bar("answers 5xx", sum(status >= 500 for status, _ in answers)),
        Bar("server gone", int(not alive)),
        Bar("log, bytes", log, LOG_BYTES),
    ]
    counts = {
        "slow clients": len(closed),
        "good requests": len(waits),
        "payloads": len(answers),
        "slowest good answer, s": round(max(seconds for _, seconds in waits), 3),
        "log, bytes": log,
        "answers": tally(str(status) for status, _ in answers),
    }
    return Figure(bars, counts, limits=["outbound connections are not watched (no network namespace is assumed)"])


def _besieged(server: Server) -> tuple[list[tuple[bool, float]], list[bool]]:
    """Whether and when a good client got its answers while slow ones held on, and which of those were closed."""
    slow = []
    for _ in range(SLOW):
        with contextlib.suppress(OSError):
            client = socket.create_connection(("127.0.0.1", server.port), timeout=5)
            client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            client.setblocking(False)
            slow.append(client)
    begin, waits = time.monotonic(), []
    while time.monotonic() - begin < CLOSED_WITHIN:
        start, right = time.monotonic(), False
        with contextlib.suppress(OSError, http.client.HTTPException):
            status, headers, _ = _get(server, server.page)
            right = status == 200 or (status == 503 and "retry-after" in headers)
        waits.append((right, time.monotonic() - start))
        time.sleep(0.4)
    closed = [_is_closed(client) for client in slow]
    for client in slow:
        client.close()
    return waits, closed


def _is_closed(client: socket.socket) -> bool:
    try:
        while True:
            if not client.recv(4096):
                return True
    except BlockingIOError:
        return False
    except OSError:
        return True


def payloads(page: str) -> list[bytes]:
    """Requests that nobody sends by accident."""
    up = (
        "../" * 8,
        "..%2f" * 8,
        "%2e%2e/" * 8,
        "..%5c" * 8,
        "....//" * 8,
        "%252e%252e%252f" * 8,
        "/",
        "..;/" * 8,
        "%c0%ae%c0%ae/" * 8,
    )
    targets = ("etc/passwd", "secret.txt", "proc/self/environ", "s/secret", "etc/passwd%00.png")
    paths = [
        f"{base}/{way}{target}" for base in (f"{page}/picture", "/study", page) for way in up for target in targets
    ]
    paths += [
        "/",
        "//",
        "/study/",
        "/" + "a" * 9000,
        f"{page}/picture/%00",
        f"{page}/picture/" + "%ff" * 300,
        "*",
        "http://[::1]:1/",
    ]
    found = [_request("GET", path) for path in paths]
    head = {"Host": "127.0.0.1"}
    found += [
        _request(method, f"{page}/answer", head | more, body)
        for method, more, body in (
            ("POST", {}, b"{}"),
            ("POST", {"Content-Type": "application/json"}, b"[" * 2000),
            ("POST", {"Content-Length": "-1"}, b""),
            ("POST", {"Content-Length": "99999999999999999999"}, b""),
            ("POST", {"Content-Length": "abc"}, b""),
            ("POST", {"Transfer-Encoding": "chunked"}, b"ffffffff\r\n"),
            ("POST", {"Transfer-Encoding": "chunked"}, b"0\r\n\r\n"),
            ("POST", {"Origin": "http://elsewhere.example"}, b"{}"),
            ("POST", {"Host": "elsewhere.example"}, b"{}"),
            ("POST", {"Host": "127.0.0.1@elsewhere.example"}, b"{}"),
            ("POST", {"Content-Type": "multipart/form-data; boundary=" + "b" * 3000}, b"--b"),
            ("PUT", {}, b"x"),
            ("DELETE", {}, b""),
            ("TRACE", {}, b""),
            ("CONNECT", {}, b""),
            ("GET", {"Range": "bytes=" + ",".join(["0-1"] * 900)}, b""),
            ("GET", {"Cookie": "a=b; " * 900}, b""),
            ("GET", {"X": "y" * 70_000}, b""),
            ("POST", {}, b"x" * 9000),
            ("POST", {"Content-Type": "application/json"}, b'{"item": "\xff"}'),
            ("POST", {"Content-Type": "application/json"}, b'{"item": 1e999}'),
            ("POST", {"Content-Type": "application/json"}, b'{"item": {"a": null}, "score": []}'),
            ("POST", {"Expect": "100-continue"}, b""),
            (
                "GET",
                {
                    "Upgrade": "websocket",
                    "Connection": "Upgrade",
                    "Sec-WebSocket-Key": "x",
                    "Sec-WebSocket-Version": "13",
                },
                b"",
            ),
        )
    ]
    return [*found, b"\x16\x03\x01\x02\x00", b"\0" * 200, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 500]


def _request(method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
    fields = {"Host": "127.0.0.1", "Connection": "close", **(headers or {})}
    if body and "Transfer-Encoding" not in fields:
        fields.setdefault("Content-Length", str(len(body)))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def _sent(server: Server, payload: bytes) -> tuple[int, bytes]:
    """The status, 0 where the line was cut or nothing came, and all that came."""
    data = b""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.port), timeout=3) as client:
        client.sendall(payload)
        client.shutdown(socket.SHUT_WR)
        while block := client.recv(65_536):
            data += block
    words = data.split(b" ", 2)
    return (int(words[1]) if len(words) > 1 and words[1].isdigit() else 0), data


def measure_soak(bench: Bench) -> Figure:
    """F15."""
    wanted, clients = bench.amount(600, 10_000), 4
    with serving(bench, 1024) as server:
        for number in range(100):
            _one(server, random.Random(number))
        memory, files, before = server.rss_mb(), server.descriptors(), _files(server)
        threads = [
            threading.Thread(target=_many, args=(server, wanted // clients, bench.seed * 10 + n))
            for n in range(clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(1)
        grown, left = server.rss_mb() - memory, server.descriptors() - files
        new = sorted(_files(server) - before)
        alive = _get(server, server.page)[0] == 200
    bars = [
        Bar("growth of memory, MB", grown, 50),
        Bar("descriptors more", left),
        Bar("files more", len(new)),
        Bar("server gone", int(not alive)),
    ]
    return Figure(bars, {"requests": wanted, "answers": tally(server.answers)}, new)


def _files(server: Server) -> set[str]:
    return {str(path.relative_to(server.folder)) for path in server.folder.rglob("*")}


def _many(server: Server, number: int, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(number):
        _one(server, dice)


def _one(server: Server, dice: random.Random) -> None:
    """One request: of twenty two are bad and one breaks off."""
    kind = dice.randrange(20)
    try:
        if kind == 0:
            with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
                client.sendall(_request("GET", server.page)[: dice.randrange(1, 60)])
            server.answers.append("broken off")
        elif kind < 3:
            server.answers.append(str(_sent(server, dice.choice(payloads(server.page)[:60]))[0]))
        else:
            server.answers.append(str(_get(server, server.page)[0]))
    except (OSError, http.client.HTTPException) as error:
        server.answers.append(type(error).__name__)
