"""An HTTP connection that must not dawdle: uvicorn's own waits for ever on half a request head."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10
TAKING_SECONDS = 20  # in which at least some of an answer must be taken


class Connection(H11Protocol):
    """Closes when a request's head is not complete after ``HEAD_SECONDS``, or nothing of an answer is taken within
    ``TAKING_SECONDS``."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unwatch()

    def on_response_complete(self) -> None:
        """An answer that is not taken is not kept for ever."""
        super().on_response_complete()
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
