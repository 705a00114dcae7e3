"""A first look at a remastered film: a few seconds of its middle, before and after, as a clip and as stills."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from acutance.errors import BadInput, Interrupted, UsageError
from acutance.files import vips
from acutance.files.atomic import atomic_path
from acutance.files.video_codecs import check_quality, choose_codec, even, pixel_format
from acutance.files.video_colour import resized, white
from acutance.files.video_reading import Account, Frame, Span, read_frames
from acutance.files.video_writing import Encoding, converter, segment_writer
from acutance.files.videos import Film, inspect
from acutance.models.model import Model
from acutance.pipelines.conveyor import ahead
from acutance.pipelines.film import SEGMENT, FilmSettings, result_size
from acutance.pipelines.frames import enlarge_frames
from acutance.pipelines.preparation import prepared
from acutance.pipelines.strips import Layout
from acutance.pipelines.tiles import frame_grids, work
from acutance.pipelines.upscale import Event, Upscaler

AREA = 320 * 240  # pixels of the film that are shown at most, cut from the middle
PATIENCE = 30.0  # seconds after which the clip is cut short
STILLS = 3
MARK = "_preview"  # the end of a preview's default name
BORDER = 4  # pixels between before and after


def preview(
    source: Path,
    clip: Path,
    upscaler: Upscaler,
    settings: FilmSettings,
    *,
    at: float = 0.0,
    seconds: float = 3.0,
    on_event: Event = lambda event: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Write ``clip`` (MP4) and the sheet of stills beside it (JPEG): left bicubic, right what remaster makes.

    Shown are ``seconds`` from ``at``, a cut-out of ``AREA`` pixels. Returns what was made and how long the whole
    film would take, ``None`` if it does not tell its length. Files that are there are replaced if their name is a
    preview's, or ``settings.overwrite``. Raises an ``AcutanceError``.
    """
    begin = time.perf_counter()
    sheet = clip.with_suffix(".jpg")
    _check_free((clip, sheet), settings.overwrite)
    film = inspect(source, max_megapixels=settings.max_megapixels).read_as(settings.deinterlace)
    size = result_size(film, upscaler.model.geometry.scale, settings)
    region = cut_out(film.width, film.height)
    large = tuple(max(2, round(n * r / s / 2) * 2) for n, r, s in zip(
        size, (region[2], region[3]), (film.width, film.height), strict=True))  # fmt: skip
    upright = large[::-1] if _turns(film) % 2 else large
    encoding = _encoding(film, clip, (2 * upright[0] + BORDER, upright[1]))
    stills: list[np.ndarray] = []
    count, expected, cut_short, started = 0, max(1, round(seconds * film.rate)), False, 0.0
    keep = {round((n + 0.5) / STILLS * expected) for n in range(STILLS)} | {0}
    with atomic_path(clip) as temporary:
        with (
            segment_writer(temporary, film, encoding, converter(film, encoding), "mp4") as write,
            closing(_pairs(film, upscaler, settings, region, large, at, seconds, cancelled)) as pairs,
        ):
            for before, after in pairs:
                both = _side_by_side(before, after, film)
                write(both)
                started = started or time.perf_counter()
                stills += [both] if count in keep else []
                count += 1
                on_event({"event": "progress", "input": str(source), "done": count, "total": max(expected, count)})
                ended = time.perf_counter()
                if cut_short := ended - begin > PATIENCE and count < expected:
                    break
        if not count:
            raise BadInput(f"{source}: has no frames at {at:g} s; choose another --at")
    with atomic_path(sheet) as temporary:
        temporary.write_bytes(vips.jpeg(_eight_bits(np.concatenate(stills[-STILLS:]))))
    spent = time.perf_counter() - begin
    each = (ended - started) / (count - 1) if count > 1 else spent  # seconds; starting up happens once
    share = _share(film, size, region, (large[0], large[1]), upscaler.model)
    return {
        "input": str(source), "output": str(clip), "sheet": str(sheet), "frames": count,
        "of": expected if cut_short else count, "region": list(region),
        "seconds": round(spent, 3), "size": list(size),
        "whole_film_s": round(each * share * film.frames, 1) if film.frames else None,
    }  # fmt: skip


def _check_free(paths: tuple[Path, ...], overwrite: bool) -> None:
    """Raises ``UsageError`` if a file that may be no preview would be replaced."""
    for path in paths:
        if path.exists() and not overwrite and not path.stem.endswith(MARK):
            raise UsageError(f"{path}: exists; use --overwrite to replace it, or choose another output with -o")


def cut_out(width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, width and height of the middle, of the film's shape and at most ``AREA`` pixels.

    >>> cut_out(1920, 1080), cut_out(176, 144)
    ((776, 440, 368, 200), (0, 0, 176, 144))
    """
    shrink = min(1.0, math.sqrt(AREA / (width * height)))
    if shrink == 1.0:
        return 0, 0, width, height
    wide, tall = (max(16, int(side * shrink) // 8 * 8) for side in (width, height))
    return (width - wide) // 2, (height - tall) // 2, wide, tall


def _share(
    film: Film, size: tuple[int, int], region: tuple[int, int, int, int], large: tuple[int, int], model: Model
) -> float:
    """How much more a whole frame takes than its ``region``: tiles overlap, and a cut-out has fewer of them."""
    whole = frame_grids(film.width, film.height, size, model, film.deep)
    part = frame_grids(region[2], region[3], large, model, film.deep)
    return sum(map(work, whole)) / max(1, sum(map(work, part))) if whole else math.prod(size) / math.prod(large)


def _pairs(
    film: Film,
    upscaler: Upscaler,
    settings: FilmSettings,
    region: tuple[int, int, int, int],
    large: tuple[int, ...],
    at: float,
    seconds: float,
    cancelled: Callable[[], bool],
) -> Generator[tuple[np.ndarray, np.ndarray], None, None]:
    """Before and after of every frame, both at the size ``large``."""
    begin, end = (round((moment + film.start) / film.time_base) for moment in (at, at + seconds))
    span = Span(first=begin, stop=end)
    left, top, width, height = region
    originals: list[np.ndarray] = []

    def cropped() -> Iterator[tuple[Frame, bool]]:
        for frame, new in read_frames(film, span, Account()):
            if cancelled():
                raise Interrupted("stopped")
            rgb = np.ascontiguousarray(frame.rgb[top : top + height, left : left + width])
            originals.append(rgb)
            yield replace(frame, rgb=rgb), new

    read = ahead(prepared(cropped(), settings.stabilise_time, settings.denoise_grain), 4)
    frames: Iterator[np.ndarray] = (frame.rgb for frame in read)
    depth, scale = np.dtype(np.uint16 if film.deep else np.uint8), upscaler.model.geometry.scale
    layout = Layout(3, depth, white(depth, film.colour))
    for grid in frame_grids(width, height, (large[0], large[1]), upscaler.model, film.deep):
        frames = enlarge_frames(frames, layout, grid, scale, upscaler.engine(grid, depth), cancelled=cancelled)
    with closing(read):
        for after in frames:
            yield resized(originals.pop(0), (large[0], large[1])), resized(after, (large[0], large[1]))


def _encoding(film: Film, clip: Path, size: tuple[int, int]) -> Encoding:
    codec = choose_codec(film, clip, None, size)
    crf, preset = check_quality(codec, 14, "veryfast")
    pixels, _ = pixel_format(film, codec, preset)
    return Encoding(
        codec=codec, pixel_format=pixels, size=even(size, pixels), crf=crf, preset=preset, gop=SEGMENT, threads=2
    )


def _side_by_side(before: np.ndarray, after: np.ndarray, film: Film) -> np.ndarray:
    """Upright, with a white line between them."""
    before, after = (np.rot90(picture, _turns(film)) for picture in (before, after))
    line = np.full((before.shape[0], BORDER, 3), np.iinfo(before.dtype).max, before.dtype)
    return np.ascontiguousarray(np.concatenate([before, line, after], axis=1))


def _turns(film: Film) -> int:
    """Quarter turns, counterclockwise, by which the film is shown rotated."""
    return round(-math.atan2(film.matrix[1], film.matrix[0]) / (math.pi / 2)) % 4 if film.matrix else 0


def _eight_bits(picture: np.ndarray) -> np.ndarray:
    return (picture >> 8).astype(np.uint8) if picture.dtype == np.uint16 else picture
