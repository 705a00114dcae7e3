"""The ratings of a study in SQLite: acknowledged means on the disk, through kill -9 and power loss.

Write-ahead log with ``synchronous=FULL``: a commit returns after fsync. One thread writes; what comes
while it waits for the disk shares the next commit, so many raters cost few fsyncs.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from acutance.errors import BadInput, ResourceError, UsageError
from acutance.measuring.study import Study

Outcome = Literal["stored", "already"]
TABLES = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS rating (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    rater INTEGER NOT NULL, item INTEGER NOT NULL, again INTEGER NOT NULL,
    answer INTEGER NOT NULL, at REAL NOT NULL, seconds REAL, zoom REAL,
    attempt TEXT NOT NULL, changes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (rater, item, again)
) STRICT;
"""
COLUMNS = "number, rater, item, again, answer, at, seconds, zoom, attempt, changes"
BATCH = 256


@dataclass(frozen=True, kw_only=True)
class Rating:
    """One answer. ``answer``: a score of 1 to 5, or 1 for an item's first version and 2 for its second.
    ``attempt``: the page's own number for it, so that one sent twice is one. ``zoom``: screen dots per
    pixel. ``correct``: it replaces the rater's latest answer."""

    rater: int
    item: int
    answer: int
    attempt: str
    again: bool = False
    seconds: float | None = None
    zoom: float | None = None
    correct: bool = False
    number: int = 0
    at: float = 0.0
    changes: int = 0


class Store:
    """The database of one study; made when missing. ``rate`` may be called from any thread."""

    def __init__(self, study: Study) -> None:
        self.path = study.folder / "ratings.sqlite"
        try:
            self._reader = self._connect()
            self._reader.executescript(TABLES)
            self._claim(study)
            self._writer = self._connect()
        except sqlite3.Error as error:
            raise _explained(error, self.path) from error
        self._waiting: queue.SimpleQueue[tuple[Rating, Future[Outcome]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="ratings", daemon=True)
        self._thread.start()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=30)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA fullfsync=ON")  # macOS: through the drive's own cache
        return connection

    def _claim(self, study: Study) -> None:
        if self.fact("study") is None:
            self._reader.execute("INSERT OR IGNORE INTO fact VALUES ('study', ?)", (study.identity,))
        if self.fact("study") != study.identity:
            raise BadInput(f"{self.path}: belongs to another study; study.json was changed after ratings came in")

    def fact(self, name: str) -> str | None:
        """A stored fact, or None."""
        row = self._reader.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def set_fact(self, name: str, value: str) -> None:
        """Store a fact, on the disk when this returns."""
        try:
            self._reader.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))
        except sqlite3.Error as error:
            raise _explained(error, self.path) from error

    def rate(self, rating: Rating) -> Future[Outcome]:
        """Store a rating. The result comes when it is on the disk: "stored" (also for the same attempt
        sent twice), or "already" where the rater has answered that item before; the first answer stays.

        Raises ``ResourceError`` through the future where the disk fails.
        """
        outcome: Future[Outcome] = Future()
        outcome.set_running_or_notify_cancel()  # a rater who hangs up cannot cancel what was sent
        self._waiting.put((rating, outcome))
        return outcome

    def ratings(self, rater: int | None = None) -> list[Rating]:
        """Every rating, or those of one rater, in the order they came."""
        where, values = ("", ()) if rater is None else (" WHERE rater = ?", (rater,))
        try:
            rows = self._reader.execute(f"SELECT {COLUMNS} FROM rating{where} ORDER BY number", values).fetchall()
        except sqlite3.Error as error:
            raise _explained(error, self.path) from error
        names = COLUMNS.split(", ")
        return [Rating(**{**dict(zip(names, row, strict=True)), "again": bool(row[3])}) for row in rows]

    def close(self) -> None:
        """Store what is waiting, then close."""
        self._waiting.put(None)
        self._thread.join()
        self._writer.close()
        self._reader.close()

    def _write(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, ended = [first], False
            while len(batch) < BATCH and not self._waiting.empty():
                if (more := self._waiting.get()) is None:
                    ended = True
                    break
                batch.append(more)
            self._commit(batch)
            if ended:
                return

    def _commit(self, batch: list[tuple[Rating, Future[Outcome]]]) -> None:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            outcomes: list[Outcome] = [self._apply(rating) for rating, _ in batch]
            self._writer.execute("COMMIT")
        except Exception as error:
            if self._writer.in_transaction:
                self._writer.rollback()
            reason = _explained(error, self.path) if isinstance(error, sqlite3.Error) else error
            for _, future in batch:
                future.set_exception(reason)
            return
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            future.set_result(outcome)

    def _apply(self, rating: Rating) -> Outcome:
        place = (rating.rater, rating.item, int(rating.again))
        before = self._writer.execute(
            "SELECT number, attempt FROM rating WHERE rater = ? AND item = ? AND again = ?", place
        ).fetchone()
        told = (rating.answer, time.time(), rating.seconds, rating.zoom, rating.attempt)
        if before is None:
            self._writer.execute(
                "INSERT INTO rating (rater, item, again, answer, at, seconds, zoom, attempt) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*place, *told),
            )  # fmt: skip
            return "stored"
        if before[1] == rating.attempt:
            return "stored"
        latest = self._writer.execute("SELECT max(number) FROM rating WHERE rater = ?", place[:1]).fetchone()
        if not rating.correct or before[0] != latest[0]:
            return "already"
        self._writer.execute(
            "UPDATE rating SET answer = ?, at = ?, seconds = ?, zoom = ?, attempt = ?, changes = changes + 1 "
            "WHERE number = ?", (*told, before[0]),
        )  # fmt: skip
        return "stored"


def _explained(error: sqlite3.Error, path: Path) -> Exception:
    """A database error as one line."""
    text = str(error)
    if "full" in text:
        return ResourceError(f"{path}: the disk is full; free some space")
    if isinstance(error, sqlite3.OperationalError):
        return ResourceError(f"{path}: cannot be read or written ({text}); see to the folder's disk and permissions")
    if isinstance(error, sqlite3.DatabaseError):
        return BadInput(f"{path}: is damaged or not a database ({text}); restore it from a copy")
    return UsageError(f"{path}: {text}")
