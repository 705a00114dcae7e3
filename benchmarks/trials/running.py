"""Running the real command line, each command in a process of its own or many in a warm one; nothing waits for ever."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

HERE = Path(__file__).parents[1]  # from where the modules of this folder are found
WORKER = Path(__file__).with_name("worker.py")
CODES = {0, 1, 2, 3, 4, 5}  # what the README says a command that was not stopped may end with; 70 is a bug
JOURNAL = ".acutance-journal.jsonl"
STILL = 0.1  # seconds between two looks at a command that runs
IDLE = 12
TICKS = os.sysconf("SC_CLK_TCK")  # of the processor's time, a second
Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Ended:
    """How a command ended. ``code``: its exit code, minus the signal that killed it; ``peak_mb`` and ``space_mb``: the
    most memory it held, and the most address space; ``hung``: it was killed here because nothing happened too long."""

    code: int
    out: str
    err: str
    seconds: float
    peak_mb: float = 0.0
    space_mb: float = 0.0
    hung: bool = False

    @property
    def events(self) -> list[dict[str, Any]]:
        """What it said with ``--json``."""
        found = []
        for line in self.out.splitlines():
            with suppress(ValueError):
                event = json.loads(line)
                found += [event] if isinstance(event, dict) else []
        return found

    @property
    def crashed(self) -> bool:
        """A signal ended it that nobody here sent."""
        return self.code < 0 and not self.hung

    @property
    def traceback(self) -> bool:
        """Python's own report of an error was shown."""
        return "Traceback (most recent call last)" in self.err


def environment(home: Path, **more: str) -> dict[str, str]:
    """What a command sees: nobody's own models, scores and settings; hidden colours of a terminal neither."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ACUTANCE_", "XDG_"))}
    paths = os.pathsep.join(filter(None, [kept.get("PYTHONPATH", ""), str(HERE)]))
    return {**kept, "HOME": str(home), "ACUTANCE_CACHE": str(home / "cache"), "PYTHONPATH": paths, **more}


@dataclass
class Bench:
    """Where trials happen: a folder that goes, how many at once, which ``share`` of the usual number, and where what
    failed is kept."""

    folder: Path
    jobs: int
    quick: bool
    seed: int
    share: float = 1.0
    keep: Path | None = None
    counted: int = 0

    @contextmanager
    def place(self, name: str) -> Iterator[Path]:
        """A new empty folder, which goes in the end with all that was said there."""
        self.counted += 1
        path = self.folder / f"{name}-{self.counted}"
        path.mkdir(parents=True)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
            for said in (Path(f"{path}.out"), Path(f"{path}.err")):
                said.unlink(missing_ok=True)

    @cached_property
    def model(self) -> Path:
        """The model file of a very small network, made and imported once."""
        checkpoint, model = self.folder / "tiny.pth", self.folder / "tiny.safetensors"
        made = run([sys.executable, "-m", "trials.models", str(checkpoint)], HERE, environment(self.folder), 300)
        done = self.run(["models", "import", checkpoint, "-o", model], self.folder, timeout=300)
        if not model.is_file():
            raise SystemExit(f"no model could be made: {made.err}{done.err}")
        return model

    def amount(self, quick: int, full: int) -> int:
        """How many, at least one."""
        return max(1, round(self.share * (quick if self.quick else full)))

    def run(
        self,
        arguments: Sequence[object],
        folder: Path,
        *,
        timeout: float = 120,
        before: Callable[[], None] | None = None,
        **more: str,
    ) -> Ended:
        """One command in a process of its own. ``before``: run in it first, for limits."""
        command = [sys.executable, "-m", "acutance", *map(str, arguments)]
        return run(command, folder, environment(self.folder, **more), timeout, before)

    def keep_file(self, path: Path, name: str) -> None:
        """Keep what failed, to look at."""
        if self.keep and path.is_file():
            self.keep.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, self.keep / name)

    def each(self, work: Callable[[Warm, Given], Made], items: Sequence[Given], **more: str) -> list[Made]:
        """``work`` on every item, ``jobs`` at once, each with a warm process of its own, which has ``more`` in its
        environment; in order."""
        pool: SimpleQueue[Warm] = SimpleQueue()
        warm = [Warm(self.folder, more) for _ in range(min(self.jobs, len(items)))]
        for worker in warm:
            pool.put(worker)

        def one(item: Given) -> Made:
            worker = pool.get()
            try:
                return work(worker, item)
            finally:
                pool.put(worker)

        try:
            with ThreadPoolExecutor(max(1, len(warm))) as threads:
                return list(threads.map(one, items))
        finally:
            for worker in warm:
                worker.close()


@contextmanager
def bench(jobs: int, quick: bool, seed: int, share: float = 1.0, keep: Path | None = None) -> Iterator[Bench]:
    """A bench whose folder is removed in the end."""
    with tempfile.TemporaryDirectory(prefix="reliability-", ignore_cleanup_errors=True) as name:
        yield Bench(Path(name).resolve(), jobs, quick, seed, share, keep)


def run(
    command: Sequence[str], folder: Path, seen: dict[str, str], timeout: float, before: Callable[[], None] | None = None
) -> Ended:
    """Run to the end or ``timeout`` seconds; then it and all it started are killed."""
    begin = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=seen,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=before,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=timeout)
        hung = False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        hung = True
    said, told = out.decode(errors="replace"), err.decode(errors="replace")
    return Ended(process.returncode, said, told, time.monotonic() - begin, hung=hung)


@dataclass
class Warm:
    """A process that runs commands one after another. It is begun anew after a crash, a hang and ``MOST`` commands."""

    folder: Path
    more: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    served: int = 0
    MOST: int = field(default=400, repr=False)

    def run(self, arguments: Sequence[object], folder: Path, *, patience: float = 30, **more: str) -> Ended:
        """One command, with ``more`` in its environment. It hangs when it has said nothing for ``patience`` seconds of
        the processor's time, or ``IDLE`` times as long by the clock: a busy machine is no finding."""
        process = self._started()
        out, err = (Path(f"{folder}.{name}") for name in ("out", "err"))
        task = {
            "arguments": [str(each) for each in arguments],
            "folder": str(folder),
            "out": str(out),
            "err": str(err),
            "environment": more,
        }
        begin = moved = time.monotonic()
        seen, spent = -1, 0.0
        assert process.stdin and process.stdout
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
        while not select.select([process.stdout], [], [], STILL)[0]:
            now = out.stat().st_size if out.exists() else 0
            if now != seen:
                seen, moved, spent = now, time.monotonic(), cpu_seconds(process.pid)
            if cpu_seconds(process.pid) - spent > patience or time.monotonic() - moved > IDLE * patience:
                self.close()
                return Ended(-9, _text(out), _text(err), time.monotonic() - begin, hung=True)
        line = process.stdout.readline()
        if not line:
            code = process.wait()
            self.close()
            return Ended(code, _text(out), _text(err), time.monotonic() - begin)
        answer = json.loads(line)
        self.served += 1
        return Ended(answer["code"], _text(out), _text(err), answer["seconds"], answer["peak_mb"], answer["space_mb"])

    def _started(self) -> subprocess.Popen[str]:
        if self.process is not None and self.served >= self.MOST:
            self.close()
        if self.process is None:
            self.served = 0
            self.process = subprocess.Popen(
                [sys.executable, str(WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=environment(self.folder, **self.more),
                start_new_session=True,
            )
        return self.process

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe:
                    with suppress(OSError):
                        pipe.close()
            self.process = None


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return ""


def cpu_seconds(process: int) -> float:
    """The processor's time that a process has taken so far; 0 where it is gone."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def strays(folder: Path, known: set[str]) -> list[str]:
    """What lies below ``folder`` and should not: temporary files, half results, locks."""
    names = [str(path.relative_to(folder)) for path in folder.rglob("*")]
    return [name for name in names if name not in known and Path(name).name != JOURNAL]


def lines(text: str) -> list[str]:
    """Lines that are more than a note to a result."""
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("note:")]


def short(text: str, most: int = 240) -> str:
    """The end of a message, for a table of failures."""
    return re.sub(r"\s+", " ", text).strip()[-most:]
