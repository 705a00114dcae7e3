"""F11: values that are not finite, of a picture, a network or a training, reach no result and no checkpoint."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from safetensors.numpy import load_file
from trials.figures import Bar, Figure
from trials.pictures import saved, scene, seed, vips
from trials.running import Bench, Warm, environment, run, short
from trials.trained import SPOILED, dataset

ODD = (float("nan"), float("inf"), float("-inf"), 3.4e38, -3.4e38, 1e30, -1e30, 1e20, -1e15, 6.6e4, 1e-45, -0.0)
FACTORS = (1e3, 1e5, 1e8, 1e12, 1e20, 1e30, 1e37)  # by which one layer of a healthy network is made too strong
STEPS = (12, 50)


def measure(bench: Bench) -> Figure:
    """The figure."""
    assert bench.model.is_file()
    pictures = bench.each(_picture, [(bench, number) for number in range(bench.amount(12, 100))])
    networks = bench.each(_network, [(bench, number) for number in range(bench.amount(1, 20))])
    (trained,) = bench.each(_training, [bench])
    faults = [fault for found in [*pictures, *networks, trained] for fault in found]
    kinds = (
        "not finite in a result",
        "model blamed for a picture",
        "batch broken off",
        "black tile",
        "failed",
        "poisoned checkpoint",
        "exit 70",
    )
    counts = {"pictures": len(pictures), "networks": len(networks), "training steps": STEPS[not bench.quick]}
    return Figure(
        [Bar(kind, sum(kind == each for each, _ in faults)) for kind in kinds],
        counts,
        [f"{kind}: {text}" for kind, text in faults],
    )


def _picture(warm: Warm, task: tuple[Bench, int]) -> list[tuple[str, str]]:
    """A floating-point picture with some odd samples, and a healthy one behind it."""
    bench, number = task
    dice = random.Random(f"{bench.seed} odd {number}")
    pixels = (scene() / 255).astype(np.float32)[:, :, : dice.choice((1, 3))]
    odd = ODD[number % len(ODD)]
    for _ in range(dice.choice((1, 3, 40))):
        pixels[dice.randrange(48), dice.randrange(64), dice.randrange(pixels.shape[2])] = odd
    suffix = (".tif", ".png")[number % 2]
    with bench.place("odd") as place:
        (place / "odd.tif").write_bytes(vips(pixels).tiffsave_buffer())
        (place / "z.png").write_bytes(seed("png_rgb8.png"))
        command = ["upscale", "odd.tif", "z.png", "-o", "out", "--format", suffix[1:], "--model", bench.model, "--json"]
        ended = warm.run(command, place)
        where = f"{odd} in a picture, number {number} of seed {bench.seed}: {short(ended.err)}"
        faults = [("not finite in a result", where) for path in place.glob(f"out/*{suffix}") if not _finite(path)]
        failed = [event["exit_code"] for event in ended.events if event["event"] == "failed"]
        faults += [("model blamed for a picture", where)] if 4 in failed else []
        faults += [("exit 70", where)] if 70 in failed or ended.code == 70 else []
        faults += [] if (place / "out" / f"z{suffix}").is_file() else [("batch broken off", where)]
    return faults


def _finite(path: Path) -> bool:
    image: Any = pyvips.Image.new_from_file(str(path))
    return bool(np.isfinite(image.numpy()).all())


def _network(warm: Warm, task: tuple[Bench, int]) -> list[tuple[str, str]]:
    """A network that is finite itself and whose results are not, or hardly: a right result or none."""
    bench, number = task
    factor = FACTORS[(number + 5) % len(FACTORS)]
    with bench.place("strong") as place:
        command = [sys.executable, "-m", "trials.models", "strong.pth", str(factor)]
        run(command, place, environment(bench.folder), 120)
        made = warm.run(["models", "import", "strong.pth", "-o", "strong.safetensors"], place, patience=120)
        if made.code not in (0, 4):
            return [("failed", f"import of weights times {factor:g}: exit {made.code} {short(made.err)}")]
        (place / "in.png").write_bytes(saved(_large(), "PNG"))
        ended = warm.run(["upscale", "in.png", "-o", "out.png", "--model", "strong.safetensors"], place)
        where = f"weights times {factor:g}: exit {ended.code} {short(ended.err)}"
        if ended.code == 0 and _black(place / "out.png"):
            return [("black tile", where)]
        right = ended.code == 0 or (ended.code in (2, 4) and not (place / "out.png").exists())
        return [] if right else [("failed", where)]


def _large() -> Any:
    from PIL import Image

    return Image.fromarray(scene(640, 400))


def _black(path: Path) -> bool:
    """Whether any part of the result is black where the picture is not."""
    image: Any = pyvips.Image.new_from_file(str(path))
    parts = image.numpy()[: 800 // 80 * 80].reshape(-1, 80, image.width // 80, 80, 3)
    return bool((parts.max(axis=(1, 3, 4)) == 0).any())


def _training(warm: Warm, bench: Bench) -> list[tuple[str, str]]:
    """Losses that are infinite or no numbers every so often: no checkpoint holds such weights."""
    with bench.place("spoiled") as place:
        steps = STEPS[not bench.quick]
        command = ["train", SPOILED, "--data", dataset(bench), "--out", "run", "--steps", steps, "--json"]
        ended = warm.run(command, place, patience=120)
        faults = []
        for path in (place / "run").rglob("*.safetensors"):
            weights = load_file(path)
            if not all(np.isfinite(each).all() for each in weights.values() if each.dtype.kind == "f"):
                faults.append(("poisoned checkpoint", str(path.relative_to(place))))
        if ended.code not in (0, 1, 5) or not list((place / "run").rglob("*.safetensors")):
            faults.append(("failed", f"training: exit {ended.code} {short(ended.err)}"))
        return faults
