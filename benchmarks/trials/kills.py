"""F6 and F7: kill -9 at random moments, then the same command again: the same result, and little done twice."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import safe_open
from trials.figures import Bar, Figure
from trials.film_judge import shown
from trials.films import Kind, made
from trials.pictures import SEEDS, seed
from trials.running import JOURNAL, Bench, Ended, environment, short
from trials.trained import RECIPE, dataset

PATIENCE = 300.0
LOOK = 0.005  # seconds between two looks at what was said
SEGMENT = 96  # frames of a film that a kill may cost
SAVED = 2  # steps between two checkpoints
MOST_QUICK, MOST = 2, 6  # kills of one run
FILM = Kind("libx264", "matroska", "aac", frames=230, b_frames=2)
STEPS, PICTURES = 60, 18


@dataclass(frozen=True)
class Job:
    """A command to kill. ``begun``: what it says when the work begins; ``result``: a digest of what it makes;
    ``done``: how far it says to have come; ``lost``: how much of that a kill may cost."""

    name: str
    arguments: tuple[object, ...]
    begun: str
    result: Callable[[Path], str]
    done: Callable[[Ended], list[int]]
    lost: int
    known: Callable[[str], bool]


@dataclass
class Count:
    """What a job's kills came to."""

    kills: int = 0
    runs: int = 0
    faults: list[tuple[str, str]] = field(default_factory=list)


def measure_training(bench: Bench) -> Figure:
    """F6."""
    arguments = ("train", RECIPE, "--data", dataset(bench), "--out", "run", "--steps", STEPS, "--json")
    job = Job("training", arguments, '"step"', weights_of, _steps, SAVED, lambda name: name.startswith("run"))
    return _figure(bench, [(job, bench.amount(2, 50))])


def measure_films(bench: Bench) -> Figure:
    """F7, and folders of pictures beside it."""
    (bench.folder / "film.mkv").write_bytes(made(FILM))
    folder = bench.folder / "pictures"
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(list(SEEDS)[:PICTURES]):
        (folder / f"{number:02d}{Path(name).suffix}").write_bytes(seed(name))
    film = (
        "remaster",
        bench.folder / "film.mkv",
        "-o",
        "out.mkv",
        "--model",
        bench.model,
        "--preset",
        "ultrafast",
        "--json",
    )
    batch = ("upscale", folder, "-o", "out", "--model", bench.model, "--json")
    return _figure(
        bench,
        [
            (
                Job("film", film, '"progress"', frames_of, _progress, SEGMENT, lambda name: name == "out.mkv"),
                bench.amount(2, 50),
            ),
            (
                Job(
                    "folder",
                    batch,
                    '"progress"',
                    _files,
                    _progress,
                    1,
                    lambda name: name == "out" or name.startswith("out/"),
                ),
                bench.amount(2, 30),
            ),
        ],
    )


def _figure(bench: Bench, jobs: list[tuple[Job, int]]) -> Figure:
    counts = {job.name: _killed(bench, job, kills) for job, kills in jobs}
    faults = [fault for count in counts.values() for fault in count.faults]
    names = ("another result", "partial result", "stray file", "too much done twice", "failed")
    bars = [Bar(name, sum(kind == name for kind, _ in faults)) for name in names]
    facts: dict[str, Any] = {name: {"kills": count.kills, "runs": count.runs} for name, count in counts.items()}
    return Figure(bars, facts, [f"{kind}: {text}" for kind, text in faults])


def _killed(bench: Bench, job: Job, kills: int) -> Count:
    """Run undisturbed once, then kill until there were as many kills as wanted."""
    dice, count = random.Random(f"{bench.seed} {job.name}"), Count()
    with bench.place(job.name) as place:
        ended, window = _watched(bench, job, place, None)
        if ended.code != 0:
            return Count(faults=[("failed", f"{job.name}, undisturbed: {short(ended.err)}")])
        wanted = job.result(place)
    while count.kills < kills:
        count.runs += 1
        with bench.place(job.name) as place:
            _one(bench, job, place, dice, window, wanted, count)
    return count


def _one(bench: Bench, job: Job, place: Path, dice: random.Random, window: float, wanted: str, count: Count) -> None:
    """One run with a few kills, then to its end."""
    here, reached, most = 0, -1, MOST_QUICK if bench.quick else MOST
    for number in range(most + 1):
        moment = dice.uniform(0, window) if number < most else None
        ended, _ = _watched(bench, job, place, moment)
        done = job.done(ended)
        if reached >= 0 and done and done[0] < reached - job.lost:
            count.faults.append(("too much done twice", f"{job.name}: {reached} were done, went on at {done[0]}"))
        reached = max([reached, *done])
        if ended.code != -signal.SIGKILL:
            break
        here += 1
    count.kills += here
    where = f"{job.name}, run {count.runs} of seed {bench.seed}, after {here} kills"
    if ended.code != 0:
        count.faults.append(("failed", f"{where}: exit {ended.code} {short(ended.err)}"))
    elif job.result(place) != wanted:
        count.faults.append(("another result", where))
    for path in place.rglob("*"):
        name = str(path.relative_to(place))
        if path.name != JOURNAL and (not job.known(name) or ".part" in name or name.endswith(".tmp")):
            count.faults.append(("stray file", f"{where}: {name}"))


def _watched(bench: Bench, job: Job, place: Path, moment: float | None) -> tuple[Ended, float]:
    """Run; with a ``moment``, kill so many seconds after the work began. Returns how long it worked as well."""
    said, err = Path(f"{place}.out"), Path(f"{place}.err")
    command = [sys.executable, "-m", "acutance", *map(str, job.arguments)]
    begin, begun, hung = time.monotonic(), 0.0, False
    with open(said, "wb") as out, open(err, "wb") as errors:
        process = subprocess.Popen(
            command,
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            env=environment(bench.folder),
            start_new_session=True,
        )
        while process.poll() is None:
            now = time.monotonic()
            if not begun and job.begun.encode() in said.read_bytes():
                begun = now
            hung = now - begin > PATIENCE
            if hung or (moment is not None and begun and now - begun >= moment):
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                break
            time.sleep(LOOK)
    end = time.monotonic()
    text, told = (path.read_bytes().decode(errors="replace") for path in (said, err))
    return Ended(process.returncode, text, told, end - begin, hung=hung), end - (begun or end)


def _steps(ended: Ended) -> list[int]:
    """Where it went on, and the last step it spoke of."""
    steps = [event["step"] for event in ended.events if event.get("event") in ("resumed", "step", "train")]
    return [steps[0], max(steps)] if steps else []


def _progress(ended: Ended) -> list[int]:
    """The same of frames, or of pictures that were done."""
    events = [event for event in ended.events if event.get("event") == "progress"]
    if not events:
        return []
    if "picture" in events[0]:
        return [events[0]["picture"], events[-1]["picture"]]
    return [events[0]["done"], events[-1]["done"]]


def weights_of(place: Path) -> str:
    """The digest of the trained weights."""
    digest = hashlib.sha256()
    (path,) = (place / "run").glob("*.safetensors")
    with safe_open(path, "numpy") as file:
        for name in sorted(file.keys()):
            digest.update(name.encode() + file.get_tensor(name).tobytes())
    return digest.hexdigest()


def frames_of(place: Path) -> str:
    """The digest of every frame, its time and the sound's sizes."""
    film = shown(place / "out.mkv")
    return hashlib.sha256(film.pictures.tobytes() + repr((film.times, film.sound)).encode()).hexdigest()


def _files(place: Path) -> str:
    """The digest of all results."""
    files = sorted(path for path in (place / "out").iterdir() if path.name != JOURNAL)
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()
