"""What to make of a film: the settings, and the plan that follows from them and from the film."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from acutance.engines import EngineName, Precision
from acutance.errors import BadInput, UsageError
from acutance.files import images
from acutance.files.pyav import version
from acutance.files.video_codecs import CHROMA, check_quality, choose_codec, container_of, even, pixel_format
from acutance.files.video_colour import Colour
from acutance.files.video_filters import FINER
from acutance.files.video_streams import Companions
from acutance.files.video_trial import companions
from acutance.files.video_writing import Encoding, converter
from acutance.files.videos import MAX_MEGAPIXELS, Film, inspect
from acutance.imaging.tiling import Grid
from acutance.pipelines.plan import FilmPlan
from acutance.pipelines.tiles import frame_grids
from acutance.pipelines.upscale import Settings, Upscaler, final_size

NEARLY = 1e-6  # of a tick or a frame: what rounding of decimal times may be off
SEGMENT = 96  # frames: what a stop loses at most, and the longest group of pictures
MOST_THREADS = 16  # of an encoder
READ_AS = {
    "on": "it is interlaced: fields are made into whole frames, {:.5g} a second (--deinterlace bob: twice as many)",
    "bob": "it is interlaced: every field becomes a frame, {:.5g} a second",
    "ivtc": "it is film carried to television: its own frames are put together again, {:.5g} a second",
}


@dataclass(frozen=True, kw_only=True)
class FilmSettings:
    """What to make of a film. Of ``scale``, ``width`` and ``height`` (pixels, as shown) at most one. ``deinterlace``:
    "auto" or a mode of ``video_filters``. ``pixels``: "420", "422", "444", "same" or what suits the codec.
    ``denoise_grain`` and ``stabilise_time``: 0 (off) to 1. ``start``, ``end``: seconds, as a player counts them."""

    scale: float | None = None
    width: int | None = None
    height: int | None = None
    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    pixels: str | None = None
    deinterlace: str = "auto"
    denoise_grain: float = 0.0
    stabilise_time: float = 0.0
    start: float | None = None
    end: float | None = None
    engine: EngineName = "auto"
    precision: Precision = "auto"
    overwrite: bool = False
    segment: int = SEGMENT
    max_megapixels: float = MAX_MEGAPIXELS

    def __post_init__(self) -> None:
        """Refuse contradictions before any work."""
        self.still()
        if self.deinterlace not in ("auto", *FINER):
            raise UsageError(f"--deinterlace {self.deinterlace}: expected auto, {', '.join(FINER)}")
        if self.pixels not in (None, *CHROMA, "same"):
            raise UsageError(f"--pixels {self.pixels}: expected {', '.join(CHROMA)} or same")
        for name in ("denoise_grain", "stabilise_time"):
            if not 0 <= getattr(self, name) <= 1:
                option = name.replace("_", "-")
                raise UsageError(f"--{option} {getattr(self, name):g}: expected a number from 0 (off) to 1")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise UsageError("--end must be later than --start")

    def still(self) -> Settings:
        """The part that a still picture knows too."""
        return Settings(
            scale=self.scale, width=self.width, height=self.height, engine=self.engine, precision=self.precision
        )


@dataclass(frozen=True, kw_only=True)
class Project:
    """A film and everything decided about it. ``notes``: what will not be as it was."""

    film: Film
    target: Path
    container: str
    settings: FilmSettings
    plan: FilmPlan
    encoding: Encoding
    grids: tuple[Grid, ...]
    companions: Companions
    notes: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where the finished segments wait: hidden, beside the result, one folder a plan. Neither the result's name
        nor its container matters, so that another one can use them too."""
        name = os.fsencode(self.film.path.name)[:180].decode(errors="ignore")
        return self.target.with_name(f".{name}.{self.plan.sha256[:12]}")

    @property
    def colour(self) -> Colour:
        """The colours of the encoded frames."""
        return converter(self.film, self.encoding).colour

    @property
    def frames(self) -> int:
        """How many frames are to be expected, 0 if nobody knows."""
        film, plan = self.film, self.plan
        if plan.first is None and plan.stop is None:
            return film.frames
        whole = round(film.start / film.time_base), round((film.start + film.duration) / film.time_base)
        ticks = (plan.stop or whole[1]) - (plan.first or whole[0])
        return max(0, math.ceil(ticks * film.time_base * film.rate - NEARLY))


def draw_up(source: Path, target: Path, upscaler: Upscaler, settings: FilmSettings) -> Project:
    """Look at a film and decide everything, before any work. Raises an ``AcutanceError`` for what cannot be."""
    container = container_of(target)
    _check_target(source, target)
    film = inspect(source, max_megapixels=settings.max_megapixels).read_as(settings.deinterlace)
    scale = upscaler.model.geometry.scale
    size = result_size(film, scale, settings)
    codec = choose_codec(film, target, settings.codec, size)
    crf, preset = check_quality(codec, settings.crf, settings.preset)
    pixels, losses = pixel_format(film, codec, preset, settings.pixels, size)
    size = _fitting(film, size, pixels, settings)
    choose_codec(film, target, settings.codec, size)
    grids = frame_grids(film.width, film.height, size, upscaler.model, film.deep)
    depth = np.dtype(np.uint16 if film.deep else np.uint8)
    engine, precision = upscaler.settle(depth)
    encoding = Encoding(codec=codec, pixel_format=pixels, size=size, crf=crf, preset=preset, gop=settings.segment,
                        threads=min(os.cpu_count() or 1, MOST_THREADS))  # fmt: skip
    first, stop = _excerpt(film, settings)
    plan = FilmPlan(
        input=images.sha256(source), stream=film.stream, model=upscaler.model.sha256,
        passes=tuple(grid.tile for grid in grids), halo=upscaler.model.geometry.halo, engine=engine,
        precision=precision, encoding=asdict(encoding), segment=settings.segment, deinterlace=film.deinterlace,
        denoise_grain=settings.denoise_grain, stabilise_time=settings.stabilise_time, first=first, stop=stop,
        libraries=version(),
    )  # fmt: skip
    others = companions(film, container, encoding)
    notes = tuple(_notes(film, plan, container, losses, others))
    return Project(film=film, target=target, container=container, settings=settings, plan=plan, encoding=encoding,
                   grids=grids, companions=others, notes=notes)  # fmt: skip


def result_size(film: Film, scale: int, settings: FilmSettings) -> tuple[int, int]:
    """Width and height of the stored frames of the result; ``--width`` and ``--height`` are meant as shown."""
    still = settings.still()
    if turned(film):
        still = replace(still, width=settings.height, height=settings.width)
    return final_size(film.width, film.height, scale, still)


def turned(film: Film) -> bool:
    """Whether the film is shown rotated by a quarter turn."""
    return bool(film.matrix) and film.matrix[0] == 0 and film.matrix[1] != 0


def _fitting(film: Film, size: tuple[int, int], pixels: str, settings: FilmSettings) -> tuple[int, int]:
    """Made even where chroma needs it; a side that was asked for is not changed behind anybody's back."""
    fitting = even(size, pixels)
    asked = settings.width or settings.height
    if asked and asked in size and asked not in fitting:
        option = "--width" if settings.width else "--height"
        raise UsageError(f"{option} {asked}: {pixels} needs an even number of pixels; use {asked + 1}")
    return fitting


def _excerpt(film: Film, settings: FilmSettings) -> tuple[int | None, int | None]:
    """Start and end in ticks of the film's own clock. Raises ``UsageError`` beyond the film's end."""
    if settings.start is not None and film.duration and settings.start >= film.duration:
        raise UsageError(f"--start {settings.start:g}: the film is {film.duration:.1f} s long")
    ends_before = settings.end is not None and film.duration and settings.end >= film.duration
    first, stop = (
        None if at is None else math.ceil((at + film.start) / film.time_base - NEARLY)
        for at in (settings.start or None, None if ends_before else settings.end)
    )
    return first, stop


def _notes(film: Film, plan: FilmPlan, container: str, losses: list[str], others: Companions) -> Iterator[str]:
    yield from film.notes
    yield from losses
    yield from others.notes
    if film.deinterlace != "off":
        yield READ_AS[film.deinterlace].format(float(film.rate))
    codec = plan.encoding["codec"]
    if film.aspect != 1 and container in ("matroska", "webm") and codec in ("ffv1", "prores", "av1"):
        yield (f"the shape of its pixels, {film.aspect.numerator}:{film.aspect.denominator}, is not kept by {codec} in "
               f"{container}; use h264 or h265 in .mkv, .mp4 or .mov")  # fmt: skip
    if film.side and codec not in ("h265", "av1"):
        yield f"the static metadata of HDR (mastering display, light levels) is dropped with {codec}; h265, av1 keep it"


def _check_target(source: Path, target: Path) -> None:
    try:
        if target.exists() and source.exists() and target.samefile(source):
            raise UsageError(f"{target}: is the input itself; choose another output with -o")
        if target.is_dir():
            raise UsageError(f"{target}: is a folder; name a file")
    except OSError as error:
        raise UsageError(f"{target}: cannot be a file name here ({error.strerror})") from error
    if source.suffix.lower() in (".m3u8", ".m3u", ".ffconcat", ".pls", ".mpd", ".sdp"):
        raise BadInput(f"{source}: is a playlist, which names other files; name the film itself")
