"""Around every request: who may ask, how much, how long, and what the browser is told to forbid."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from acutance.serving.complaints import Complaints

# Nothing is loaded from elsewhere, nothing inline runs, no other page may frame or read ours.
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",  # the address of the page is the rater's key
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "x-robots-tag": "noindex, nofollow",
    "cache-control": "no-store",
}
ENCODED = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
SAFE = ("GET", "HEAD")
PASSING = (429, 503, 507)  # answers that may be another one later
RETRY_AFTER = b"10"  # seconds


@dataclass(frozen=True, kw_only=True)
class Limits:
    """``body_bytes``: the longest request body; ``body_seconds``: until all of it is here; ``seconds``: until
    the answer is with the one who asked."""

    body_bytes: int = 4096
    body_seconds: float = 15
    seconds: float = 120


class Guard:
    """An ASGI application around another. ``names``: host names we answer to, besides addresses of numbers.
    ``public``: host and port of the proxy in front, if there is one: pages come from there."""

    def __init__(self, app: ASGIApp, *, names: frozenset[str], limits: Limits, public: str = "") -> None:
        self.app, self.names, self.limits, self.public = app, names, limits, public.lower()
        self.complaints = Complaints()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing here speaks over a WebSocket
            await send({"type": "websocket.close", "code": 1008})
            return
        began = [False]

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                began[0] = True
                own = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *((n, v) for n, v in ENCODED if n not in own)]
                if message["status"] in PASSING and b"retry-after" not in own:
                    message["headers"].append((b"retry-after", RETRY_AFTER))
                if message["status"] in (408, 413):  # the rest of the body is not waited for
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        headers = dict(scope["headers"])
        if refused := self._refused(scope["method"], headers):
            await _say(answer, *refused)
            return
        try:
            async with asyncio.timeout(self.limits.seconds):
                await self.app(scope, self._counted(receive), answer)
        except ClientDisconnect:
            return  # who asked has gone; nobody waits for an answer
        except Exception as error:
            late = isinstance(error, TimeoutError)
            if not late:
                place = scope.get("route", None)
                where = getattr(place, "path", "an address of ours")  # the route, not the key in the address
                text = f"internal error at {where} ({type(error).__name__}: {error}); this is a bug of ours"
                self.complaints.say(f"{where} {type(error).__name__}", text)
            if not began[0]:
                await _say(answer, 408 if late else 500, "this took too long" if late else "internal error")

    def _refused(self, method: str, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        """Why a request is not let in: a status and a line, or None."""
        host = headers.get(b"host", b"").decode("latin-1")
        if not self.answers_to(host):
            return 421, "this address is not served here"
        if method not in SAFE:
            origin = headers.get(b"origin")
            if origin is not None and _place(origin) not in (host.lower(), self.public):
                return 403, "requests from other pages are refused"
            if headers.get(b"sec-fetch-site", b"same-origin") != b"same-origin":
                return 403, "requests from other pages are refused"
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length[:20]) > self.limits.body_bytes:
            return 413, f"more than {self.limits.body_bytes} bytes"
        return None

    def answers_to(self, host: str) -> bool:
        """Whether a Host header means us: a name of ours, or an address in numbers.

        A page elsewhere can make its own name point here (DNS rebinding), but then the browser sends that
        name; an address in numbers belongs to nobody else.
        """
        try:
            name = "" if "@" in host else urlsplit(f"//{host}").hostname or ""
            return name in self.names or bool(ipaddress.ip_address(name))
        except ValueError:
            return False

    def _counted(self, receive: Receive) -> Receive:
        """Receive no more and no longer than the limits say."""
        loop = asyncio.get_running_loop()
        late, seen, whole = loop.time() + self.limits.body_seconds, 0, False

        async def counted() -> Message:
            nonlocal seen, whole
            if whole:  # what follows the body is only the news that the other side left
                return await receive()
            try:
                async with asyncio.timeout_at(late):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, "the request did not arrive in time") from None
            seen += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if seen > self.limits.body_bytes:
                raise HTTPException(413, f"more than {self.limits.body_bytes} bytes")
            return message

        return counted


def _place(origin: bytes) -> str | None:
    """Host and port of an Origin header; None where it names none."""
    try:
        return urlsplit(origin.decode("latin-1")).netloc.lower() or None
    except ValueError:
        return None


async def _say(send: Send, status: int, text: str) -> None:
    body = json.dumps({"error": text}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
