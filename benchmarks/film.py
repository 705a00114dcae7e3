"""Remastering two films: wall time beside its parts, memory, steadiness, and stills to look at.

Usage: python benchmarks/film.py VIDEO_FOLDER [--runs 3] [--frames 48] [--only bunny]. Needs oldfilm_432x320.mp4 (made
four times as large, a sixth and the whole) and bunny_480p_audio.mp4 (made twice as large). Writes results/film.json
and results/film/*.jpg; --only renews one film's part of them. Decode, model and encode are timed alone on the same
frames, in turn with the whole, so that other work on the machine meets all of them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from common import RESULTS, median, store, timed
from PIL import Image
from skimage import data

from acutance.files.video_reading import Account, Frame, Span, read_frames
from acutance.files.video_writing import converter, segment_writer
from acutance.imaging.bicubic import downscale
from acutance.measuring.metrics.flicker import flicker
from acutance.measuring.metrics.psnr import psnr
from acutance.models import dial
from acutance.pipelines.film import FilmSettings, draw_up
from acutance.pipelines.frames import enlarge_frames
from acutance.pipelines.preparation import steadied
from acutance.pipelines.remaster import remaster
from acutance.pipelines.strips import Layout
from acutance.pipelines.upscale import Upscaler

FILMS = {"oldfilm_432x320.mp4": {"scale": None, "start": 6.0}, "bunny_480p_audio.mp4": {"scale": 2.0, "start": 5.0}}
GRAIN = 4.0  # levels
CLI = [sys.executable, "-m", "acutance"]


def clocked(work: Callable[[], object]) -> dict[str, float]:
    """Wall and CPU seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}


def parts(source: Path, frames: int, runs: int, folder: Path, **options) -> dict:
    """Decode, model and encode alone and the whole, seconds for an excerpt of ``frames`` frames."""
    upscaler = Upscaler(dial.load(scale=options["scale"], film=True))
    times = upscaler.model.geometry.scale
    probe = draw_up(source, folder / "probe.mp4", upscaler, FilmSettings(**options))
    end = options["start"] + frames / float(probe.film.rate)
    settings = FilmSettings(**options, end=end, overwrite=True)
    project = draw_up(source, folder / "out.mp4", upscaler, settings)
    span = Span(first=project.plan.first, stop=project.plan.stop)

    def decode() -> list[np.ndarray]:
        return [f.rgb for f, _ in read_frames(project.film, span, Account())]

    read, grid, layout = decode(), project.grids[0], Layout(3, np.dtype(np.uint8), 255.0)
    engine = upscaler.engine(grid, layout.depth)
    enlarged = list(enlarge_frames(read[:12], layout, grid, times, engine))

    def model() -> None:
        for _ in enlarge_frames(read, layout, grid, times, engine):
            pass

    def encode() -> None:
        convert = converter(project.film, project.encoding)
        with segment_writer(folder / "alone.nut", project.film, project.encoding, convert) as write:
            for number in range(len(read)):
                at = number % 22  # there and back: the motion stays that of the film
                write(enlarged[at if at < 12 else 22 - at])

    def whole() -> None:
        (folder / "out.mp4").unlink(missing_ok=True)  # what the journal knows to be done would be kept
        remaster(source, folder / "out.mp4", upscaler, settings)

    ways = {"decode": decode, "model": model, "encode": encode, "whole": whole}
    rows: dict[str, list] = {name: [] for name in ways}
    for _ in range(runs):
        for name, work in ways.items():
            rows[name].append(clocked(work))
    result: dict = {name: median(each) for name, each in rows.items()}
    for clock in ("wall_s", "cpu_s"):
        alone = [sum(rows[n][i][clock] for n in ("decode", "model", "encode")) for i in range(runs)]
        ratios = sorted(rows["whole"][i][clock] / alone[i] for i in range(runs))
        result[f"whole_over_parts_{clock}"] = [round(r, 3) for r in ratios]
    encoding = project.encoding
    return {"frames": len(read), "to": list(encoding.size), "codec": encoding.codec, "crf": encoding.crf,
            "preset": encoding.preset, **result}  # fmt: skip


def whole_films(folder: Path, out: Path, only: str) -> dict:
    """One command each; the old film also a sixth of it, to compare memory."""
    old, bunny = folder / "oldfilm_432x320.mp4", folder / "bunny_480p_audio.mp4"
    ways = {
        "oldfilm_60_frames": [old, "--end", str(60 / 29)],
        "oldfilm_whole": [old],
        "bunny_whole": [bunny, "--scale", "2"],
    }
    rows: dict = {}
    for name, arguments in ways.items():
        if not name.startswith(only):
            continue
        target = out / f"{name}.mp4"
        target.unlink(missing_ok=True)
        row = timed([*CLI, "remaster", *map(str, arguments), "-o", str(target), "--overwrite"])
        with av.open(str(target)) as film:
            count = sum(1 for _ in film.decode(video=0))
        with av.open(str(target)) as film:
            sound = sum(1 for p in film.demux(audio=0) if p.size) if film.streams.audio else 0
        rows[name] = {**{k: round(v, 2) for k, v in row.items()}, "frames": count, "sound_packets": sound,
                      "bytes": target.stat().st_size}  # fmt: skip
    return rows


def sheets(folder: Path, out: Path, only: str) -> None:
    """Left the film by bicubic, right the result, whole and a piece at full size."""
    (RESULTS / "film").mkdir(parents=True, exist_ok=True)
    for name, source, offset, moments in (
        ("oldfilm_whole", "oldfilm_432x320.mp4", 0, (20, 180, 320)),
        ("bunny_whole", "bunny_480p_audio.mp4", 0, (60, 250, 420, 640)),
    ):
        if not name.startswith(only):
            continue
        before, after = _frames(folder / source, [m + offset for m in moments]), _frames(out / f"{name}.mp4", moments)
        rows = []
        for small, large in zip(before, after, strict=True):
            plain = small.resize(large.size, Image.Resampling.BICUBIC)
            w, h = large.size
            box = (w // 2 - 300, h // 2 - 200, w // 2 + 300, h // 2 + 200)
            rows.append(np.concatenate([np.asarray(plain.crop(box)), np.asarray(large.crop(box))], axis=1))
        Image.fromarray(np.concatenate(rows)).save(RESULTS / "film" / f"{name}.jpg", quality=82)


def _frames(path: Path, numbers: list[int] | tuple[int, ...]) -> list[Image.Image]:
    with av.open(str(path)) as film:
        return [frame.to_image() for n, frame in enumerate(film.decode(video=0)) if n in numbers]


def steadiness(folder: Path) -> dict:
    """A still scene with grain, and a shot of the old film, without and with the stabiliser."""
    upscaler, random = Upscaler(dial.load()), np.random.default_rng(0)
    clean = downscale(data.astronaut()[:384, :480], 4)
    grains = [random.normal(0, GRAIN, clean.shape[:2])[:, :, None] for _ in range(10)]
    noisy = [np.clip(np.rint(clean + g), 0, 255).astype(np.uint8) for g in grains]
    result: dict = {"grain_levels": GRAIN}
    guide = [clean.repeat(1, 0)] * len(noisy)
    for strength in (0.0, 0.5, 1.0):
        frames = _steadied(noisy, strength)
        large = [upscaler.array(frame) for frame in frames]
        back = [downscale(frame, 4) for frame in large]
        result[f"still_scene_{strength:g}"] = {
            "flicker_in": round(flicker(frames, guide), 3),
            "flicker_out": round(flicker(large, guide), 3),
            "reduced_to_the_scene_psnr": round(float(np.mean([psnr(b, clean) for b in back])), 2),
        }
    film = draw_up(folder / "oldfilm_432x320.mp4", folder / "x.mp4", upscaler, FilmSettings()).film
    shot = [f.rgb for f, _ in read_frames(film, Span(), Account())][150:210]
    for strength in (0.0, 0.5, 1.0):
        frames = _steadied(shot, strength)
        brightness = np.diff([float(f.mean()) for f in frames])
        result[f"oldfilm_150_to_210_{strength:g}"] = {
            "flicker_in": round(flicker(frames, shot), 3),
            "brightness_steps_levels": round(float(brightness.std()), 3),
        }
    return result


def _steadied(frames: list[np.ndarray], strength: float) -> list[np.ndarray]:
    if not strength:
        return frames
    return [f.rgb for f in steadied(((Frame(i, f, 0, 0), True) for i, f in enumerate(frames)), strength)]


def main() -> None:
    """Measure everything and store it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument(
        "--only", choices=("", "oldfilm", "bunny"), default="", help="oldfilm or bunny: the rest stays as it is stored"
    )
    given = parser.parse_args()
    kept = ("steady", "films", "note")
    stored = json.loads((RESULTS / "film.json").read_text()) if given.only else {"films": {}}
    result = {key: value for key, value in stored.items() if key in kept or key.startswith("parts_")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not given.only:
            result["steady"] = steadiness(given.videos)
            store("film", result)  # after each part: the whole takes long
        for film, options in FILMS.items():
            if film.startswith(given.only):
                result[f"parts_{film}"] = parts(given.videos / film, given.frames, given.runs, folder, **options)
                store("film", result)
        result["films"] |= whole_films(given.videos, folder, given.only)
        store("film", result)
        sheets(given.videos, folder, given.only)


if __name__ == "__main__":
    main()
