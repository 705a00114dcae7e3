"""Fetch one file over https: resumed where it stopped, checked by size and hash, named only when whole.

A connection that drops is taken up again where it was, with growing pauses; so is the fetch of a
process that was killed. A server that cannot continue, or whose file has changed, is read anew from
the start. Redirects never leave https.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import ssl
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acutance.errors import BadInput, Interrupted, ResourceError, UsageError
from acutance.files.limits import check_room
from acutance.files.partial import Partial
from acutance.files.remote import LABELS, Remote, amount, check_address, opener

CHUNK = 1 << 18
FORWARD = 1 << 16  # new bytes after which a connection was worth having
SPARE = 64 << 20  # bytes to leave free on the disk
PASSING = {408, 425, 429, 500, 502, 503, 504}  # answers that another attempt may change
LONGEST_PAUSE = 60.0


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How to fetch. ``retries``: failures in a row that end it; ``timeout``: seconds of silence that are
    one; ``pause``: seconds before the first retry, doubled for each; ``option``: what the command calls
    the choice of a folder."""

    retries: int = 6
    timeout: float = 20.0
    pause: float = 1.0
    option: str = "-o"
    on_event: Callable[[dict[str, Any]], None] = field(default=lambda event: None)
    cancelled: Callable[[], bool] = field(default=lambda: False)


class _Dropped(Exception):
    """The connection failed in a way that may pass."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


def fetch(remote: Remote, final: Path, terms: Terms | None = None) -> Path:
    """Fetch ``remote`` to ``final``, or make sure that what stands there is it.

    Events: ``progress`` (``done`` and ``total`` bytes, ``bytes_per_s``, ``eta_s``), ``retry``
    (``reason``, ``wait_s``), ``restart`` (``reason``). Raises ``ResourceError`` where the network or the
    disk fails, ``BadInput`` where what comes is not the file, ``Interrupted`` on ``cancelled()``;
    after the first and the last, the same call goes on from where it was.
    """
    terms = terms or Terms()
    check_address(remote.url)
    if final.exists():
        _check_existing(remote, final)
        return final
    with Partial(final, remote.url, tuple(remote.hashes), terms.option) as part:
        _Fetch(remote, part, terms).run()
    return final


def _check_existing(remote: Remote, final: Path) -> None:
    right = final.is_file() and remote.size in (None, final.stat().st_size)
    if not right or any(_digest(final, name) != expected for name, expected in remote.hashes.items()):
        raise UsageError(f"{final}: is there and is not {remote.url}; remove it, then run the same command again")


def _digest(path: Path, algorithm: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


class _Fetch:
    """One fetch: attempts until the part is whole."""

    def __init__(self, remote: Remote, part: Partial, terms: Terms) -> None:
        self.remote, self.part, self.terms = remote, part, terms
        self.total: int | None = part.version.get("total") or remote.size
        self.opener = opener(remote.url)
        self.samples: deque[tuple[float, int]] = deque(maxlen=20)
        self.whole = False

    def run(self) -> None:
        """Attempt, pause, attempt again; then check and name the file."""
        failures, best = 0, self.part.position
        while not self.whole:
            self._heed()
            try:
                self._attempt()
            except (_Dropped, http.client.HTTPException, OSError) as error:
                failures = failures + 1 if self.part.position < best + FORWARD else 1
                best = max(best, self.part.position)
                self._pause(error, failures)
        self._check()
        self.part.finish()

    def _heed(self) -> None:
        if self.terms.cancelled():
            raise Interrupted(f"{self.part.final.name}: stopped, {self._kept()}; run the same command again to go on")

    def _kept(self) -> str:
        of = f" of {amount(self.total)}" if self.total else ""
        return f"{amount(self.part.position)}{of} fetched"

    def _pause(self, error: Exception, failures: int) -> None:
        reason = getattr(error, "reason", None) or error
        text = " ".join(str(getattr(reason, "strerror", None) or reason).split()) or type(error).__name__
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise ResourceError(f"{self.remote.url}: its certificate is not accepted ({text}); nothing was fetched")
        if failures >= self.terms.retries:
            raise ResourceError(
                f"{self.remote.url}: failed {failures} times in a row ({text}), {self._kept()}; "
                "check the network, then run the same command again"
            )
        wait = getattr(error, "pause", None)
        wait = min(self.terms.pause * 2 ** (failures - 1) if wait is None else wait, LONGEST_PAUSE)
        self.terms.on_event({"event": "retry", "reason": text, "failures": failures, "wait_s": wait, **self._state()})
        until = time.monotonic() + wait
        while (left := until - time.monotonic()) > 0:
            self._heed()
            time.sleep(min(left, 0.1))

    def _attempt(self) -> None:
        offset = self.part.position
        if self.total is not None and offset >= self.total:
            if offset > self.total:
                self._restart("more was there than the file has")
            self.whole = offset == self.total
            return
        if offset and not (self.remote.hashes or self.part.version.get("etag") or self.part.version.get("modified")):
            self._restart("nothing tells whether it is still the same file")
            offset = 0
        headers = {"User-Agent": "acutance", "Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        request = urllib.request.Request(self.remote.url, headers=headers)
        try:
            response = self.opener.open(request, timeout=self.terms.timeout)
        except urllib.error.HTTPError as error:
            with error:
                self._refused(error)
        else:
            with response:
                self._accept(response, offset)
                self._receive(response)

    def _refused(self, error: urllib.error.HTTPError) -> None:
        answer = f"the server answers {error.code} {error.reason}"
        if error.code == 416 and self.part.position:
            self._restart("the server cannot continue it")
            raise _Dropped(answer, 0.0)
        if error.code in PASSING:
            after = error.headers.get("Retry-After", "")
            raise _Dropped(answer, float(after) if after.isdecimal() else None)
        raise ResourceError(f"{self.remote.url}: {answer}; open the address in a browser to see what became of it")

    def _accept(self, response: Any, offset: int) -> None:
        """See whether the answer continues what is there; if not, begin anew. Refuse another file."""
        version = {"etag": response.headers.get("ETag"), "modified": response.headers.get("Last-Modified")}
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise BadInput(f"{self.remote.url}: comes in an encoding nobody asked for; nothing was kept")
        if response.status == 206:
            found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
            known = {name: self.part.version.get(name) for name in version}
            if not found or int(found[1]) != offset or int(found[2]) != self.total or known != version:
                self._restart("the file has changed at its source")
                raise _Dropped("the file has changed at its source", 0.0)
        elif response.status == 200:
            if offset:
                self._restart("the server cannot continue it")
            length = response.headers.get("Content-Length", "")
            self._expect(int(length) if length.isdecimal() else None, response.headers.get("Content-Type", ""))
            self.part.begin({**version, "total": self.total})
        else:
            raise ResourceError(f"{self.remote.url}: the server answers {response.status}; try again later")
        needed = (self.total or 0) - self.part.position + SPARE
        check_room(self.part.final.parent, needed, self.part.final.name, self.terms.option)

    def _expect(self, length: int | None, kind: str) -> None:
        if None not in (length, self.remote.size) and length != self.remote.size:
            self.part.discard()
            page = " and is a web page" if "html" in kind else ""
            raise BadInput(
                f"{self.remote.url}: has {length:,} bytes{page}, expected {self.remote.size:,}; it has changed at "
                "its source, or something in between answers for it. Nothing was kept"
            )
        self.total = length or self.remote.size

    def _restart(self, reason: str) -> None:
        self.terms.on_event({"event": "restart", "reason": reason, "file": self.part.final.name})
        self.part.restart()
        self.total = self.remote.size
        self.samples.clear()

    def _receive(self, response: Any) -> None:
        while self.total is None or self.part.position < self.total:
            self._heed()
            block = response.read1(CHUNK)
            if not block:
                break
            self.part.append(block)
            self._progress()
        if self.total is not None and self.part.position < self.total:
            raise _Dropped("the connection closed early")
        self.whole = True

    def _progress(self) -> None:
        now = time.monotonic()
        if not self.samples or now - self.samples[-1][0] >= 0.5:
            self.samples.append((now, self.part.position))
            self.terms.on_event({"event": "progress", **self._state()})

    def _state(self) -> dict[str, Any]:
        """Where it stands; the rate is that of the last seconds."""
        done, rate = self.part.position, 0.0
        if len(self.samples) > 1:
            (begin, before), (end, after) = self.samples[0], self.samples[-1]
            rate = max(0.0, (after - before) / (end - begin))
        eta = (self.total - done) / rate if self.total and rate else None
        return {"file": self.part.final.name, "done": done, "total": self.total,
                "bytes_per_s": round(rate), "eta_s": eta and round(eta)}  # fmt: skip

    def _check(self) -> None:
        problem = None
        if self.remote.size not in (None, self.part.position):
            problem = f"has {self.part.position:,} bytes, expected {self.remote.size:,}"
        for name, expected in self.remote.hashes.items():
            if not problem and self.part.digest(name) != expected:
                problem = f"came with the {LABELS[name]} {self.part.digest(name)}, expected {expected}"
        if problem:
            self.part.discard()
            raise BadInput(
                f"{self.remote.url}: {problem}; it was removed. Run the same command again; if it comes "
                "again like this, the file has changed at its source"
            )
