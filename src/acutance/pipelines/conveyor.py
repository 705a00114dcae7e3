"""Work that runs ahead in a thread of its own, by a bounded number of items."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
WAIT = 0.1  # seconds between looks at whether anybody still wants the items


@dataclass(frozen=True)
class _End:
    error: BaseException | None


def ahead(source: Iterator[T], limit: int) -> Generator[T, None, None]:
    """Yield the items of ``source``, produced in a thread at most ``limit`` items ahead.

    An exception in the thread is raised here, after the items before it. When this generator is closed, the thread
    stops at its next item and closes ``source``. Close it rather than dropping it: one that is dropped inside a
    reference cycle is closed by whichever thread collects garbage next, at a moment nobody chose.

    >>> list(ahead(iter(range(5)), 2))
    [0, 1, 2, 3, 4]
    """
    pipe: queue.Queue[Any] = queue.Queue(max(limit, 1))
    unwanted = threading.Event()

    def put(item: Any) -> bool:
        while not unwanted.is_set():
            try:
                pipe.put(item, timeout=WAIT)
                return True
            except queue.Full:
                continue
        return False

    def run() -> None:
        error: BaseException | None = None
        try:
            for item in source:
                if not put(item):
                    break
                del item
        except BaseException as raised:
            error = raised
        finally:
            if isinstance(source, Generator):
                source.close()
            put(_End(error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        while True:
            item = pipe.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
            del item
    finally:
        unwanted.set()
        if thread is not threading.current_thread():  # which it is when that thread collected this generator
            thread.join()
