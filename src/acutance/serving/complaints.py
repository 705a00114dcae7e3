"""What a server says on stderr: each kind of thing once a minute at most, so that no client can fill the disk."""

from __future__ import annotations

import logging
import sys
import threading
import time
from contextlib import suppress

SECONDS = 60.0  # between two lines of one kind
KINDS = 256  # remembered; the oldest is forgotten first


class Complaints(logging.Handler):
    """Lines for people, and a handler for what asyncio logs.

    The first of a kind is said at once; of those that follow within ``SECONDS`` only the number, with the next line.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said: dict[str, tuple[float, int]] = {}  # when, and how many since
        self._mutex = threading.Lock()

    def say(self, kind: str, text: str) -> None:
        """One line, if nothing of this ``kind`` was said within the last minute."""
        now = time.monotonic()
        with self._mutex:
            before, more = self._said.get(kind, (-SECONDS, 0))
            if now - before < SECONDS:
                self._said[kind] = before, more + 1
                return
            self._said.pop(kind, None)
            self._said[kind] = now, 0
            if len(self._said) > KINDS:
                del self._said[next(iter(self._said))]
        again = f" (and {more:,} times more since it was last said)" if more else ""
        with suppress(OSError, ValueError):  # a closed stderr must not stop the server
            print(f"{text}{again}", file=sys.stderr, flush=True)

    def emit(self, record: logging.LogRecord) -> None:
        """A line of asyncio's, without the traceback."""
        line = record.getMessage().partition("\n")[0]
        self.say(line, f"server: {line}")
