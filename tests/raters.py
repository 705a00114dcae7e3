"""Raters that answer over real HTTP, for tests and for the benchmark: a server process, clients that retry."""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from acutance.files.pixels import write_png
from acutance.measuring.study import Study
from acutance.measuring.study_new import Method, Plan, make


def pictures(folder: Path, names: Sequence[str], side: int = 48, seed: int = 0) -> Path:
    """A folder of small pictures that differ from every other."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        generator = np.random.default_rng([seed, *name.encode(), *folder.name.encode()])
        coarse = generator.integers(0, 255, (side // 4, side // 4, 3), dtype=np.uint8)
        write_png(folder / f"{name}.png", coarse.repeat(4, 0).repeat(4, 1))
    return folder


def paper(folder: Path) -> Study:
    """The set-up of the SRGAN paper: 12 versions of 19 pictures, 9 of 100 more."""
    everywhere = ["nearest", "bicubic", "srcnn", "selfexsr", "drcn", "espcn", "srresnet_mse", "srgan_vgg54"]
    small = ("srresnet_vgg22", "srgan_mse", "srgan_vgg22")
    sets = {"Set5": 5, "Set14": 14, "BSD100": 100}
    one = pictures(folder / "one", ["p"], side=8) / "p.png"
    for name, count in sets.items():
        for inner in ["HR", *everywhere[2:], *(small if name != "BSD100" else ())]:
            (folder / inner / name).mkdir(parents=True)
            for number in range(count):
                (folder / inner / name / f"{number:03}.png").hardlink_to(one)
    methods = [Method(name=name, folder=None if name in ("nearest", "bicubic") else folder / name)
               for name in everywhere]  # fmt: skip
    methods += [Method(name=name, folder=folder / name, sets=("Set5", "Set14")) for name in small]
    references = {name: folder / "HR" / name for name in sets}
    return make(folder / "study", Plan(references=references, methods=methods, sessions=6))[0]


@dataclass
class Server:
    """``acutance study serve`` as a process of its own; started again on the same port after ``kill``."""

    study: Path
    raters: int = 1
    port: int = 0
    links: list[str] = field(default_factory=list)
    process: Any = None
    cpu_s: float = 0.0

    def start(self) -> Server:
        command = [sys.executable, "-m", "acutance", "study", "serve", str(self.study), "--raters", str(self.raters)]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        lines = [self.process.stdout.readline() for _ in range(self.raters)]
        if not all("http" in line for line in lines):
            raise AssertionError(f"the server did not start: {self.process.stderr.read()}")
        self.links = [re.search(r"http\S+", line).group() for line in lines]  # type: ignore[union-attr]
        self.port = urlsplit(self.links[0]).port or 0
        return self

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal, wait, return the exit code and what was said."""
        try:
            with open(f"/proc/{self.process.pid}/stat") as file:
                ticks = file.read().rsplit(")", 1)[1].split()[11:13]
            self.cpu_s += sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
        except OSError:  # no such table on this system
            pass
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop(signal.SIGKILL)
        self.process.stdout.close()
        self.process.stderr.close()


class Client:
    """One rater's line: kept open, opened anew when it breaks. ``patience``: seconds until it gives up."""

    def __init__(self, link: str, patience: float = 60) -> None:
        parts = urlsplit(link)
        self.path, self.patience = parts.path, patience
        self.line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)

    def __del__(self) -> None:
        self.line.close()

    def ask(self, place: str, body: dict | None = None) -> tuple[int, bytes]:
        """The status and body of an answer; a broken line is tried again."""
        data = json.dumps(body).encode() if body is not None else None
        headers = {"content-type": "application/json"} if data else {}
        until = time.monotonic() + self.patience
        while True:
            try:
                self.line.request("POST" if data else "GET", self.path + place, data, headers)
                answer = self.line.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException):
                self.line.close()
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)


def work(link: str, opinion: Callable[[int, int], int], told: Callable[[str, int], None], look: bool = True) -> None:
    """Answer a whole study as one rater. ``opinion(position, shared)``: the score, ``shared`` a number that the
    same picture file has for every rater; ``told(attempt, answer)`` after each acknowledgement."""
    client, position = Client(link), 0
    while (state := json.loads(client.ask("/state")[1]))["items"]:
        for item in state["items"]:
            shared = 0
            for name in item["pictures"] if look else ():
                status, data = client.ask(f"/picture/{name}")
                assert status == 200 and data[:4] == b"\x89PNG", status
                shared = shared * 31 + int.from_bytes(data[-24:-16], "big")
            answer, attempt = opinion(position, shared), secrets.token_hex(8)
            status, _ = client.ask("/answer", {"item": item["item"], "answer": answer, "attempt": attempt,
                                               "seconds": 0.5, "zoom": 1})  # fmt: skip
            assert status == 200, status
            told(attempt, answer)
            position += 1
    client.line.close()


def crowd(server: Server, kill_after: int | None, opinion: Callable[[int, int, int], int]) -> dict[str, int]:
    """Let every rater of ``server`` answer at once; kill -9 and restart it after so many acknowledged answers.

    Returns what was acknowledged: attempt -> answer. ``opinion(rater, position, shared)``.
    """
    acknowledged: dict[str, int] = {}
    reached, errors = threading.Event(), []

    def told(attempt: str, answer: int) -> None:
        acknowledged[attempt] = answer
        if kill_after is not None and len(acknowledged) >= kill_after:
            reached.set()

    def one(number: int, link: str) -> None:
        try:
            work(link, lambda position, shared: opinion(number, position, shared), told)
        except BaseException as error:
            errors.append(error)
            reached.set()
            raise

    threads = [threading.Thread(target=one, args=(n, link), daemon=True) for n, link in enumerate(server.links)]
    for thread in threads:
        thread.start()
    if kill_after is not None:
        assert reached.wait(300) and not errors, errors
        server.stop(signal.SIGKILL)
        server.start()
    for thread in threads:
        thread.join()
    assert not errors, errors
    return acknowledged
