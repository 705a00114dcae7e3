"""What people and machines read: text and progress on stderr, JSON lines on stdout."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from acutance.errors import AcutanceError, ResourceError

DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def shown(text: str) -> str:
    r"""``text`` as it may go to a terminal: file names can hold line breaks, escape codes that repaint the screen,
    characters that turn writing round, and bytes that are no text; each is written as its code.

    >>> print(shown("a\x1b[2Jb\nc\udcff.png"))
    a\x1b[2Jb\nc\udcff.png
    """
    if text.isprintable():
        return text
    return "".join(_plain_code(each) if _unfit(each) else each for each in text)


def _unfit(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in DIRECTIONS


def _plain_code(character: str) -> str:
    return character.encode("unicode_escape").decode()


def say(text: str) -> None:
    """One line for people, on stderr."""
    with suppress(OSError, ValueError, AttributeError):  # a closed stderr must not stop the work
        print(shown(text), file=sys.stderr, flush=True)


def tell(text: str) -> None:
    """What was asked for, on stdout: one line, or more of our own making."""
    for line in text.split("\n"):
        print(shown(line), flush=True)


def fail(error: AcutanceError) -> None:
    """The one line of an expected failure."""
    say(f"acutance: {error}")


def emit(event: dict[str, Any]) -> None:
    """One line for machines; values JSON cannot hold become strings."""
    try:
        print(json.dumps(_plain(event), default=str, allow_nan=False), flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ResourceError(f"stdout cannot be written ({error.strerror})") from error


def _plain(value: Any) -> Any:
    """Infinities and NaN as words, at any depth."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def silence() -> None:
    """After a closed pipe, keep the interpreter from complaining when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


STOPPING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Progress:
    """A progress line that redraws itself on a terminal and stays silent elsewhere."""

    def __init__(self) -> None:
        self.live = sys.stderr is not None and sys.stderr.isatty()
        self.drawn = 0.0

    def show(self, share: float | None, text: str, eta_s: float | None = None) -> None:
        """Draw ``share`` in [0, 1], ``None`` if unknown, a text and the seconds left; at most ten times a second."""
        if not self.live or (time.monotonic() - self.drawn < 0.1 and (share is None or share < 1)):
            return
        self.drawn = time.monotonic()
        line = text if share is None else f"{_bar(share)}{'' if eta_s is None else f'  {clock(eta_s)} left'}  {text}"
        with contextlib.suppress(OSError):
            line = line[: os.get_terminal_size(2).columns - 1]
        self._print(shown(line))

    def clear(self) -> None:
        """Remove the line, so that other text can be printed."""
        if self.live:
            self._print("")

    def _print(self, line: str) -> None:
        try:
            print(f"\r\x1b[2K{line}", end="", file=sys.stderr, flush=True)
        except (OSError, ValueError):  # the terminal is gone; the work goes on
            self.live = False


def _bar(share: float, width: int = 24) -> str:
    """
    >>> _bar(0.5, 4)
    '[##..]  50%'
    """
    filled = round(min(max(share, 0), 1) * width)
    return f"[{'#' * filled}{'.' * (width - filled)}] {share:4.0%}"


def clock(seconds: float) -> str:
    """Seconds as people read them.

    >>> clock(5), clock(125), clock(7300)
    ('5 s', '2:05 min', '2:01 h')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


@contextmanager
def stoppable() -> Iterator[Callable[[], int]]:
    """Turn the first SIGINT or SIGTERM into a flag: yields a function that returns its number or 0.

    A second signal acts at once, as usual.
    """
    caught = 0
    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return

    def handler(number: int, frame: Any) -> None:
        nonlocal caught
        caught = number
        for each, old in before.items():
            signal.signal(each, old)

    heeded = [each for each in STOPPING if signal.getsignal(each) is not signal.SIG_IGN]  # nohup ignores SIGHUP
    before = {each: signal.signal(each, handler) for each in heeded}
    try:
        yield lambda: caught
    finally:
        for each, old in before.items():
            signal.signal(each, old)
