"""F5: damaged and hostile weight files: nothing of them is loaded, nothing in them runs."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file
from trials.figures import Bar, Figure, tally
from trials.payloads import payloads
from trials.pictures import seed
from trials.running import Bench, Ended, Warm, lines, short
from trials.trained import RECIPE, dataset

PATIENCE = 120.0
CODES = (2, 3, 4)  # refused: by its name, as no such file, or as a bad model
MOST_LINES = 2


@dataclass(frozen=True)
class Door:
    """A way by which a file of weights comes in: the file it is damaged from, and the command's arguments, in which
    FILE stands for it. ``result``: the model file that a success writes."""

    name: str
    file: Path
    arguments: tuple[object, ...]
    result: str = ""


def measure(bench: Bench) -> Figure:
    """The figure."""
    doors = _doors(bench)
    tried = bench.amount(40, 200)
    damaged = bench.each(_damaged, [(bench, doors[n % len(doors)], n) for n in range(tried)])
    hostile = payloads(bench.folder)
    hostile = hostile[:: max(1, len(hostile) // bench.amount(12, len(hostile)))]
    attacked = bench.each(_attacked, [(bench, *each, n) for n, each in enumerate(hostile)])
    faults = [fault for faults in [*(found for _, found in damaged), *attacked] for fault in faults]
    kinds = tally(kind for kind, _ in faults)
    names = (
        "damaged file loaded",
        "payload executed",
        "hostile file accepted",
        "exit 70",
        "traceback",
        "hang",
        "crash",
        "stray file",
        "too many lines",
    )
    counts = {
        "damaged": len(damaged),
        "outcomes": tally(word for word, _ in damaged),
        "hostile": len(hostile),
        "doors": [door.name for door in doors],
        "faults": kinds,
        "meaning": MEANING,
    }
    failures = [f"{kind}: {text}" for kind, text in faults]
    return Figure([Bar(name, kinds.get(name, 0)) for name in names], counts, failures)


MEANING = {
    "refused": "one line, no result",
    "loaded": "accepted, though its tensors or facts differ",
    "harmless": "accepted, and every tensor is as it was (a byte that nothing reads)",
}


def _doors(bench: Bench) -> list[Door]:
    """The ways in; each file is healthy."""
    model, checkpoint = bench.model, bench.folder / "tiny.pth"
    picture = bench.folder / "picture.png"
    picture.write_bytes(seed("png_rgb8.png"))
    (graph,) = bench.folder.glob("*.graph")
    train = ("train", RECIPE, "--data", dataset(bench), "--out", "run", "--steps", "1", "--from", "FILE")
    return [
        Door("models import", checkpoint, ("models", "import", "FILE", "-o", "made.safetensors"), "made.safetensors"),
        Door("upscale --model", model, ("upscale", picture, "-o", "out.png", "--model", "FILE")),
        Door("the graph beside it", graph, ("upscale", picture, "-o", "out.png", "--model", model.name)),
        Door("train --from", model, train),
    ]


def _damage(data: bytes, dice: random.Random) -> tuple[bytes, str]:
    """A flipped bit or byte, a cut, a zeroed block."""
    at, kind = dice.randrange(len(data)), dice.choice(("flip", "flip", "flip", "byte", "cut", "zero"))
    if kind == "cut":
        return data[:at], f"cut at {at} of {len(data)}"
    changed = bytearray(data)
    if kind == "zero":
        changed[at : at + 64] = bytes(len(changed[at : at + 64]))
    else:
        changed[at] ^= 1 << dice.randrange(8) if kind == "flip" else dice.randrange(1, 256)
    return (bytes(changed), f"{kind} at {at}") if changed != data else _damage(data, dice)


def _damaged(warm: Warm, task: tuple[Bench, Door, int]) -> tuple[str, list[tuple[str, str]]]:
    """The word for one damaged file, and its faults."""
    bench, door, number = task
    data, how = _damage(door.file.read_bytes(), random.Random(f"{bench.seed} {door.name} {number}"))
    where = f"{door.name}: {how} of {door.file.name}, number {number} of seed {bench.seed}"
    with bench.place("weights") as place:
        for each in (bench.model, *bench.folder.glob("*.graph")):
            (place / each.name).write_bytes(each.read_bytes())
        path = place / door.file.name
        path.write_bytes(data)
        ended = warm.run([path.name if each == "FILE" else each for each in door.arguments], place, patience=PATIENCE)
        faults = _faults(ended, where)
        if ended.code != 0:
            return "refused", faults
        if _same(bench, door, place / (door.result or path.name), path):
            return "harmless", faults
        bench.keep_file(path, f"loaded-{number}-{path.name}")
        return "loaded", [*faults, ("damaged file loaded", where)]


def _same(bench: Bench, door: Door, result: Path, path: Path) -> bool:
    """Whether what was loaded is the healthy file after all: the tensors, and of a model file all it says."""
    if path.suffix == ".graph":
        return False
    try:
        one, other = load_file(result), load_file(bench.model)
    except (SafetensorError, OSError):
        return False
    equal = one.keys() == other.keys() and all(np.array_equal(one[key], other[key]) for key in one)
    return equal and (bool(door.result) or _facts(result) == _facts(bench.model))


def _facts(path: Path) -> bytes:
    data = path.read_bytes()
    return data[8 : 8 + int.from_bytes(data[:8], "little")]


def _attacked(warm: Warm, task: tuple[Bench, str, bytes, Path, int]) -> list[tuple[str, str]]:
    """The faults of one hostile file at every door; training takes seconds, so only every fifth is tried there."""
    bench, name, data, canary, number = task
    faults: list[tuple[str, str]] = []
    with bench.place("hostile") as place:
        (place / name).write_bytes(data)
        picture, out = bench.folder / "picture.png", "out.png"
        commands: list[list[object]] = [
            ["models", "import", name, "-o", "made.safetensors"],
            ["upscale", picture, "-o", out, "--model", name],
        ]
        if number % 5 == 0:
            commands.append(["train", RECIPE, "--data", dataset(bench), "--out", "run", "--steps", "1", "--from", name])
        for command in commands:
            ended = warm.run(command, place, patience=PATIENCE)
            where = f"{' '.join(map(str, command[:2]))}: {name}"
            faults += _faults(ended, where)
            if canary.exists():
                faults.append(("payload executed", where))
                canary.rmdir() if canary.is_dir() else canary.unlink()
            if ended.code == 0:
                faults.append(("hostile file accepted", where))
        faults += [("stray file", f"{path.name} {name}") for path in place.iterdir() if path.name != name]
    return faults


def _faults(ended: Ended, where: str) -> list[tuple[str, str]]:
    said = f"{where}: {short(ended.err)}"
    if ended.hung:
        return [("hang", said)]
    if ended.crashed:
        return [("crash", f"signal {-ended.code} {said}")]
    found = [("traceback", said)] if ended.traceback else []
    if ended.code not in (0, *CODES):
        found.append(("exit 70", f"exit {ended.code} {said}"))
    if ended.code and len(lines(ended.err)) > MOST_LINES:
        found.append(("too many lines", said))
    return found
