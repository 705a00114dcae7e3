"""F8: every file operation of a command fails once, or is where it is killed.

What stood there before stays, one line says what happened, and the same command makes the same result afterwards.

A small library loaded before the C library's own lets the n-th operation below the folder of results fail.
"""

from __future__ import annotations

import errno
import random
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from trials.figures import Bar, Figure, tally
from trials.films import Kind, made
from trials.kills import frames_of, weights_of
from trials.pictures import seed
from trials.running import JOURNAL, Bench, Ended, Warm, lines, short
from trials.trained import RECIPE, dataset

SOURCE = Path(__file__).with_name("fault.c")
KILLED = 0
ERRORS = {errno.ENOSPC: "ENOSPC", errno.EIO: "EIO", errno.EPERM: "EPERM", KILLED: "kill -9"}
FILM = Kind("libx264", "matroska", "aac", frames=10)
OLD = b"what was there before"
MOST_LINES = 3


@dataclass(frozen=True)
class Job:
    """A command that writes. ``result``: what it makes, below its folder; ``digest`` of that; ``errors``: which to try;
    ``old``: whether something may lie there before, to be replaced."""

    name: str
    arguments: tuple[object, ...]
    result: str
    digest: Callable[[Path], str]
    old: bool = True
    every: int = 1  # of its operations in a quick run


@dataclass(frozen=True)
class Point:
    """One operation of a job and what happens there."""

    job: Job
    number: int
    error: int
    what: str
    wanted: str


@dataclass
class Outcome:
    """A word, and what was wrong."""

    word: str
    faults: list[tuple[str, str]] = field(default_factory=list)


def measure(bench: Bench) -> Figure:
    """The figure."""
    library = _library(bench)
    if library is None:
        return Figure([], {"tried": 0}, limits=["this machine has no C compiler, which the faults need"])
    points: list[Point] = []
    operations: dict[str, int] = {}
    jobs = _jobs(bench)
    counted = bench.each(_operations, [(bench, job) for job in jobs], LD_PRELOAD=str(library))
    for job, (found, wanted) in zip(jobs, counted, strict=True):
        operations[job.name] = len(found)
        points += [Point(job, number, error, what, wanted) for number, what in enumerate(found, 1) for error in ERRORS]
    if bench.quick:
        points = random.Random(bench.seed).sample(points, min(len(points), bench.amount(40, 0)))
    outcomes = bench.each(_struck, [(bench, point) for point in points], LD_PRELOAD=str(library))
    faults = [fault for outcome in outcomes for fault in outcome.faults]
    names = (
        "old file harmed",
        "partial result",
        "another result afterwards",
        "failed afterwards",
        "done on a failure",
        "exit 70",
        "traceback",
        "hang",
        "crash",
        "stray file",
        "nothing named",
        "too many lines",
    )
    bars = [Bar(name, sum(kind == name for kind, _ in faults)) for name in names]
    counts = {
        "points": len(points),
        "operations": operations,
        "outcomes": tally(outcome.word for outcome in outcomes),
        "errors": tally(ERRORS[point.error] for point in points),
    }
    return Figure(
        bars,
        counts,
        [f"{kind}: {text}" for kind, text in faults],
        ["operations of programs that call the kernel without the C library"],
    )


def _library(bench: Bench) -> Path | None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    library = bench.folder / "fault.so"
    if compiler is None:
        return None
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True, capture_output=True
    )
    return library


def _jobs(bench: Bench) -> list[Job]:
    picture, tagged, film = (bench.folder / name for name in ("one.png", "one.jpg", "film.mkv"))
    picture.write_bytes(seed("png_rgb8.png"))
    tagged.write_bytes(seed("jpg_tagged.jpg"))
    film.write_bytes(made(FILM))
    small = ("--model", bench.model)
    jobs = [
        Job("picture as PNG", ("upscale", picture, "-o", "w/out.png", "--overwrite", *small), "out.png", _bytes),
        Job("picture as TIFF", ("upscale", picture, "-o", "w/out.tif", "--overwrite", *small), "out.tif", _bytes),
        Job("picture as JPEG", ("upscale", tagged, "-o", "w/out.jpg", "--overwrite", *small), "out.jpg", _bytes),
        Job(
            "film",
            ("remaster", film, "-o", "w/out.mkv", "--overwrite", "--preset", "ultrafast", *small),
            "out.mkv",
            lambda path: frames_of(path.parent),
        ),
    ]
    if bench.quick:
        return jobs
    checkpoint = bench.folder / "tiny.pth"
    train = ("train", RECIPE, "--data", dataset(bench), "--out", "w/run", "--steps", 4)
    return [
        *jobs,
        Job(
            "import",
            ("models", "import", checkpoint, "-o", "w/made.safetensors", "--overwrite"),
            "made.safetensors",
            _bytes,
        ),
        Job("prepare", ("prepare", bench.folder / "photos", "-o", "w/set"), "set", _tree, old=False),
        Job("training", train, "run", lambda path: weights_of(path.parent), old=False),
    ]


def _bytes(path: Path) -> str:
    return str(hash(path.read_bytes()))


def _tree(path: Path) -> str:
    return str([(each.name, hash(each.read_bytes())) for each in sorted(path.iterdir())])


def _environment(place: Path, number: int, error: int) -> dict[str, str]:
    return {
        "FAULT_FOLDER": str(place / "w"),
        "FAULT_LOG": str(place / "log"),
        "FAULT_NTH": str(number),
        "FAULT_ERRNO": str(error),
    }


def _operations(warm: Warm, task: tuple[Bench, Job]) -> tuple[list[str], str]:
    """What the undisturbed command does to files, in order, and the digest of its result."""
    bench, job = task
    with bench.place("count") as place:
        _lay(job, place)
        ended = warm.run(job.arguments, place, patience=300, **_environment(place, 0, 0))
        if ended.code != 0:
            raise SystemExit(f"{job.name}: does not run undisturbed: {ended.err}")
        found = [line.split(" ", 1)[1].replace(str(place), "") for line in (place / "log").read_text().splitlines()]
        return found, job.digest(place / "w" / job.result)


def _lay(job: Job, place: Path) -> None:
    (place / "w").mkdir()
    if job.old:
        (place / "w" / job.result).write_bytes(OLD)


def _struck(warm: Warm, task: tuple[Bench, Point]) -> Outcome:
    """What one failure led to."""
    bench, point = task
    job = point.job
    where = f"{job.name}: {ERRORS[point.error]} at operation {point.number}, {point.what}"
    with bench.place("struck") as place:
        _lay(job, place)
        ended = warm.run(job.arguments, place, patience=120, **_environment(place, point.number, point.error))
        outcome = Outcome("failed" if ended.code else "done", _faults(ended, point, place, where))
        again = warm.run(job.arguments, place, patience=300)
        if again.code != 0:
            outcome.faults.append(("failed afterwards", f"{where}: {short(again.err)}"))
        elif job.digest(place / "w" / job.result) != point.wanted:
            outcome.faults.append(("another result afterwards", where))
        left = [str(each.relative_to(place)) for each in (place / "w").rglob("*")]
        outcome.faults += [
            ("stray file", f"{where}: {name} after the second run") for name in left if _stray(job, name)
        ]
    return outcome


def _stray(job: Job, name: str) -> bool:
    inside = Path(name).relative_to("w").parts
    if ".part" in name or name.endswith(".tmp"):
        return True
    return inside[0] not in (job.result, JOURNAL) and not inside[0].endswith((".graph", ".lock"))


def _faults(ended: Ended, point: Point, place: Path, where: str) -> list[tuple[str, str]]:
    """What was wrong with the command that was struck."""
    job, said = point.job, f"{where}: exit {ended.code} {short(ended.err)}"
    if ended.hung:
        return [("hang", said)]
    found: list[tuple[str, str]] = []
    result = place / "w" / job.result
    if job.old and result.is_file() and result.read_bytes() != OLD and not _whole(job, result, point.wanted):
        found.append(("partial result", said))
    if job.old and not result.exists():
        found.append(("old file harmed", said))
    if point.error == KILLED:
        return found
    if ended.crashed:
        return [*found, ("crash", said)]
    if ended.traceback:
        found.append(("traceback", said))
    if ended.code == 0 and job.old and not _whole(job, result, point.wanted):
        found.append(("done on a failure", said))
    if ended.code not in (0, 1, 5):
        found.append(("exit 70", said))
    if ended.code and not any(word in ended.err for word in (job.result, "w/", "w:", str(place))):
        found.append(("nothing named", said))
    if ended.code and len(lines(ended.err)) > MOST_LINES:
        found.append(("too many lines", said))
    if any(".part" in each.name for each in (place / "w").rglob("*")):
        found.append(("stray file", f"{where}: a temporary file after a failure"))
    return found


def _whole(job: Job, result: Path, wanted: str) -> bool:
    try:
        return job.digest(result) == wanted
    except Exception:  # whatever a reader says of half a file
        return False
