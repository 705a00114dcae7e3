"""F10: too little memory and too few descriptors: named as what they are, exit 5, and the batch goes on.

A batch of a small picture, a large one and a small one gets less address space than the large one needs, but more than
the small ones do.
"""

from __future__ import annotations

import re
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from trials.figures import Bar, Figure, tally
from trials.films import Kind, made
from trials.pictures import saved, scene, seed, vips
from trials.running import JOURNAL, Bench, Ended, Warm, lines, short

LARGE = (2400, 1800)
MEGABYTE = 1 << 20
NAMED, DESCRIPTORS = re.compile(r"memory", re.I), re.compile(r"descriptor|open files|Too many", re.I)
FEWEST = (8, 10, 12, 14, 16, 20, 24, 32)
PATIENCE = 240.0
MOST_LINES = 6
FIRST, LAST = "a_small.png", "z_small.png"
Make = Callable[[], bytes]


def _large() -> np.ndarray:
    return scene(*LARGE)


PICTURES: dict[str, Make] = {
    "large.webp": lambda: vips(_large()).webpsave_buffer(Q=80, effort=0),
    "large_interlaced.png": lambda: vips(_large()).pngsave_buffer(interlace=True, compression=1),
    "large_progressive.jpg": lambda: vips(_large()).jpegsave_buffer(interlace=True),
    "large.gif": lambda: _gif(),
    "large.avif": lambda: vips(_large()).heifsave_buffer(compression="av1", effort=0, Q=50),
}
FILM = Kind("libx264", "matroska", size=(1280, 720), frames=4)


def _gif() -> bytes:
    from PIL import Image

    return saved(Image.fromarray(_large()).quantize(32), "GIF")


@dataclass(frozen=True)
class Start:
    """A command with ``megabytes`` of address space, or so many open ``files``."""

    name: str
    megabytes: int = 0
    files: int = 0


def measure(bench: Bench) -> Figure:
    """The figure."""
    shelf = bench.folder / "shelf"
    shelf.mkdir(exist_ok=True)
    (shelf / "small.png").write_bytes(seed("png_rgb8.png"))
    names = list(PICTURES)[: 1 if bench.quick else None]
    for name in names:
        (shelf / name).write_bytes(PICTURES[name]())
    (shelf / "film.mkv").write_bytes(made(FILM))
    least, needs = _needs(bench, [*names, "film.mkv"])
    each = bench.amount(2, 4)
    starts = [
        Start(name, round(least + (needs[name] - least) * (number + 1) / (each + 2)))
        for name in needs
        for number in range(each)
    ]
    starts += [Start("few files", files=few) for few in FEWEST[:: 4 if bench.quick else 1]]
    outcomes = bench.each(_starved, [(bench, start, needs) for start in starts])
    words = tally(word for word, _ in outcomes)
    faults = [fault for _, found in outcomes for fault in found]
    kinds = (
        "memory not named",
        "descriptors not named",
        "batch broken off",
        "exit 70",
        "traceback",
        "hang",
        "crash",
        "stray file",
        "too many lines",
    )
    counts: dict[str, Any] = {
        "runs": len(starts),
        "starved": len(starts) - words.get("enough", 0),
        "outcomes": words,
        "least_mb": least,
        "needs_mb": needs,
    }
    limits = ["tiles are not made smaller when memory is short, so nothing is said of how often that helps"]
    return Figure(
        [Bar(kind, sum(kind == each for each, _ in faults)) for kind in kinds],
        counts,
        [f"{kind}: {text}" for kind, text in faults],
        limits,
    )


def _needs(bench: Bench, names: list[str]) -> tuple[int, dict[str, int]]:
    """Megabytes of address space that the small picture takes, and each large thing."""
    found = bench.each(_space, [(bench, name) for name in ["small.png", *names]])
    return found[0], dict(zip(names, found[1:], strict=True))


def _space(warm: Warm, task: tuple[Bench, str]) -> int:
    bench, name = task
    warm.close()
    with bench.place("space") as place:
        ended = warm.run(_command(bench, place, name), place, patience=PATIENCE)
        if ended.code != 0:
            raise SystemExit(f"{name}: does not run with all the memory there is: {ended.err}")
        return round(ended.space_mb)


def _command(bench: Bench, place: Path, name: str) -> list[object]:
    shelf = bench.folder / "shelf"
    if name.endswith(".mkv"):
        return ["remaster", shelf / name, "-o", "out.mkv", "--model", bench.model, "--preset", "ultrafast", "--json"]
    large = "small.png" if name == "few files" else name
    for given, source in ((FIRST, "small.png"), (f"m_{large}", large), (LAST, "small.png")):
        (place / given).symlink_to(shelf / source)
    return ["upscale", FIRST, f"m_{large}", LAST, "-o", "out", "--model", bench.model, "--json"]


def _starved(_: Warm, task: tuple[Bench, Start, dict[str, int]]) -> tuple[str, list[tuple[str, str]]]:
    """A word for one starved command, and its faults."""
    bench, start, needs = task
    which, most = (
        (resource.RLIMIT_AS, start.megabytes * MEGABYTE) if start.megabytes else (resource.RLIMIT_NOFILE, start.files)
    )
    with bench.place("starved") as place:
        command = _command(bench, place, start.name)
        ended = bench.run(command, place, timeout=PATIENCE, before=lambda: resource.setrlimit(which, (most, most)))
        amount = f"{start.megabytes} MB of {needs[start.name]}" if start.megabytes else f"{start.files} open files"
        faults = _faults(ended, start, place)
        word = faults[0][0] if faults else "enough" if ended.code == 0 else "named"
        return word, [
            (kind, f"{start.name} with {amount}: exit {ended.code} {short(ended.err)}") for kind in dict(faults)
        ]


def _faults(ended: Ended, start: Start, place: Path) -> list[tuple[str, str]]:
    if ended.hung:
        return [("hang", "")]
    if ended.crashed:
        return [("crash", "")]
    found = [("traceback", "")] if ended.traceback else []
    if ended.code not in (0, 1, 5):
        found.append(("exit 70", ""))
    kind, words = ("memory not named", NAMED) if start.megabytes else ("descriptors not named", DESCRIPTORS)
    if ended.code != 0 and not words.search(ended.err):
        found.append((kind, ""))
    summary = next((event for event in ended.events if event["event"] == "summary"), None)
    if start.name in PICTURES and (summary is None or summary["not_tried"] or _unharmed(ended) < 2):
        found.append(("batch broken off", ""))
    if len(lines(ended.err)) > MOST_LINES:
        found.append(("too many lines", ""))
    for path in place.rglob("*"):
        inside = path.relative_to(place).parts[0]
        if ".part" in path.name or (
            inside not in (FIRST, LAST, "out", "out.mkv", JOURNAL) and not inside.startswith(("m_", ".out"))
        ):
            found.append(("stray file", ""))
    return found


def _unharmed(ended: Ended) -> int:
    """How many of the small pictures were made."""
    return sum(event["event"] == "done" and Path(event["input"]).name in (FIRST, LAST) for event in ended.events)
