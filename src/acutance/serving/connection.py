"""An HTTP connection that must not dawdle, and never one too many: uvicorn's own waits for ever on half a request
head, and takes connections until the process has no descriptor left."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10
TAKING_SECONDS = 20  # in which at least some of an answer must be taken
RETRY_SECONDS = 5  # told to who comes while all are busy
AT_ONCE = 64  # connections accepted before any of them is looked at
OWN = 64  # descriptors for files, the store and libraries
MOST = 1000  # connections, however many descriptors there are
BUSY = f"HTTP/1.1 503 Service Unavailable\r\nretry-after: {RETRY_SECONDS}\r\ncontent-length: 0\r\n\r\n"


def room() -> int:
    """How many connections may be open at once: fewer than this process has descriptors for."""
    try:
        import resource
    except ImportError:  # Windows counts sockets elsewhere
        return MOST
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if descriptors == resource.RLIM_INFINITY:
        return MOST
    return max(1, min(MOST, descriptors - OWN - AT_ONCE))


class Connection(H11Protocol):
    """Closes when a request's head is not complete after ``HEAD_SECONDS``, or nothing of an answer is taken within
    ``TAKING_SECONDS``. Where there is no ``room`` the one that has been idle longest makes place; if all are at work,
    the new one is told to come again."""

    _late: asyncio.TimerHandle | None = None
    _idle_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self._watch()
        if len(self.connections) > room():
            self._make_room()

    def _make_room(self) -> None:
        others = (each for each in self.connections if isinstance(each, Connection) and each is not self)
        idle = [each for each in others if each.cycle is None or each.cycle.response_complete]
        if not idle:
            self.transport.write(BUSY.encode())
            self._leave()
            self.transport.close()
            return
        longest = min(idle, key=lambda each: each._idle_since)
        longest._leave()
        longest.transport.abort()

    def _leave(self) -> None:
        """Count no more; the descriptor goes in a moment."""
        self._unwatch()
        self.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unwatch()

    def on_response_complete(self) -> None:
        """An answer that is not taken is not kept for ever."""
        super().on_response_complete()
        self._idle_since = self.loop.time()
        if self.transport.get_write_buffer_size() > 0:
            self.loop.call_later(TAKING_SECONDS, self._drop, self.transport.get_write_buffer_size())

    def _drop(self, waiting: int) -> None:
        left = self.transport.get_write_buffer_size()
        if 0 < left < waiting:  # slow, but it is taken
            self.loop.call_later(TAKING_SECONDS, self._drop, left)
        elif left:
            self.transport.abort()

    def _watch(self) -> None:
        """Set the clock while a head is awaited, stop it when one is here."""
        if self.conn.their_state is not h11.IDLE:
            self._unwatch()
        elif self._late is None:
            self._late = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _unwatch(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
