"""Fields: progressive film is left alone, interlaced is found, film carried to television becomes film again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import fields
import numpy as np
import pytest
from fields import noisy, pan, source, telecined, woven, write

from acutance.files.video_reading import Account, Span, read_frames
from acutance.files.videos import Film, inspect

NTSC = Fraction(30_000, 1001)
LOW = {"crf": "30", "preset": "veryfast"}
QUICK = {"deadline": "realtime", "cpu-used": "8"}


@pytest.fixture(scope="module")
def wide(photo: np.ndarray) -> np.ndarray:
    return np.concatenate([photo, photo[:, ::-1]], axis=1)


def kind(path: Path) -> str:
    return inspect(path).fields.kind


def read(film: Film, span: Span | None = None, **options) -> list[tuple[int, int, np.ndarray]]:
    return [(f.pts, f.crc, f.rgb) for f, new in read_frames(film, span or Span(), Account(), **options) if new]


def nearest(frames: list[tuple[int, int, np.ndarray]], pictures: list[np.ndarray]) -> list[int]:
    """Which of ``pictures`` each frame shows."""
    small = [p[:, :, 1].astype(int) for p in pictures]
    return [int(np.argmin([np.abs(rgb[:, :, 1].astype(int) - p).mean() for p in small])) for *_, rgb in frames]


def progressive(wide: np.ndarray, count: int) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Pictures that idet takes for fields, and others."""
    size = f"s={fields.SIZE[0]}x{fields.SIZE[1]}"
    y, x = np.mgrid[: fields.SIZE[1], : fields.SIZE[0]]
    yield "pattern", source("testsrc2", f"{size}:r=25", count)
    yield "slower", source("testsrc2", f"{size}:r=16", count)
    yield "bars", source("smptebars", size, count)
    yield "zoom", source("mandelbrot", f"{size}:r=25", count)
    yield "cells", source("life", f"{size}:r=25", count)
    yield "triangles", source("sierpinski", size, count)
    yield "gradients", source("gradients", f"{size}:speed=0.1", count)
    yield "still", pan(wide, count, 0)
    yield "still grain", noisy(pan(wide, count, 0), 12)
    yield "grain", noisy(pan(wide, count, 1), 25)
    yield "rings", [(np.sin(((x - 80) ** 2 + (y - 60) ** 2) / 90 + n / 3) * 99 + 120).astype(np.uint8)[..., None]
                    .repeat(3, 2) for n in range(count)]  # fmt: skip
    for lines in (4, 8):
        yield f"lines {lines}", [np.repeat((((y + n) % lines < lines // 2) * 255).astype(np.uint8)[..., None], 3, 2)
                                 for n in range(count)]  # fmt: skip
    for across, down in ((1, 0), (3, 0), (0, 1), (0, 2), (2, 1), (8, 0)):
        yield f"pan {across} {down}", pan(wide, count, across, down)


def interlaced(wide: np.ndarray, count: int) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Twice as many pictures, to be woven."""
    yield "pan", pan(wide, 2 * count, 1.5)
    yield "slant", pan(wide, 2 * count, 2, 1)
    yield "grain", noisy(pan(wide, 2 * count, 1), 8)
    yield "pattern", source("testsrc2", f"s={fields.SIZE[0]}x{fields.SIZE[1]}:r=50", 2 * count)
    yield "zoom", source("mandelbrot", f"s={fields.SIZE[0]}x{fields.SIZE[1]}:r=50", 2 * count)


def test_test_patterns_and_slow_clips_are_not_interlaced(tmp_path: Path, wide: np.ndarray) -> None:
    for name, pictures in progressive(wide, 36):
        if name in ("pattern", "slower", "triangles", "lines 4", "pan 0 2", "still grain"):
            rate = Fraction(16 if name == "slower" else 25)
            assert kind(write(tmp_path / f"{name}.mkv", pictures, rate=rate)) == "progressive", name


@pytest.mark.parametrize(
    ("codec", "name", "pixels"),
    [("libvpx", "a.webm", "yuv420p"), ("libvpx-vp9", "b.webm", "yuv420p"), ("mjpeg", "a.avi", "yuvj420p"),
     ("ffv1", "a.mkv", "yuv420p"), ("png", "a.mov", "rgb24")],
)  # fmt: skip
def test_codecs_without_fields_are_left_alone(
    tmp_path: Path, wide: np.ndarray, codec: str, name: str, pixels: str
) -> None:
    """Woven pictures in them stay as they are: a codec that has no fields cannot say which comes first."""
    options = QUICK if codec.startswith("libvpx") else {}
    pictures = woven(pan(wide, 48, 2), True)
    assert kind(write(tmp_path / name, pictures, codec, pixels=pixels, options=options)) == "progressive"


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
@pytest.mark.parametrize("top_first", [True, False])
@pytest.mark.parametrize("flagged", [True, False])
def test_interlaced_film_is_found_with_and_without_its_flag(
    tmp_path: Path, wide: np.ndarray, codec: str, top_first: bool, flagged: bool
) -> None:
    pictures = woven(pan(wide, 80, 2), top_first)
    path = write(tmp_path / "a.mkv", pictures, codec, flagged=top_first if flagged else None)
    found = inspect(path).fields
    assert found.kind == "interlaced" and found.top_first == (None if flagged else top_first)


def test_film_on_a_disc_that_flags_everything_is_not_interlaced(tmp_path: Path, wide: np.ndarray) -> None:
    assert kind(write(tmp_path / "a.mkv", pan(wide, 60, 2), flagged=True)) == "progressive"
    assert kind(write(tmp_path / "b.mkv", pan(wide, 60, 0), flagged=True)) == "interlaced", "nothing speaks against it"


@pytest.mark.parametrize("top_first", [True, False])
def test_bob_makes_a_frame_of_every_field(tmp_path: Path, wide: np.ndarray, top_first: bool) -> None:
    pictures = pan(wide, 80, 2)
    film = inspect(write(tmp_path / "a.mkv", woven(pictures, top_first))).read_as("bob")
    frames = read(film)
    assert film.rate == 50 and len(frames) == film.frames == 80
    times = [float(pts * film.time_base) for pts, *_ in frames]
    np.testing.assert_allclose(np.diff(times), 0.02, atol=0.001)
    off = np.abs(np.array(nearest(frames, pictures)) - np.arange(80))
    assert off[2:-2].max() <= 1 and off.mean() < 0.3, "each shows its own moment"
    assert [f[:2] for f in read(film, after=frames[40][:2])] == [f[:2] for f in frames[41:]]


@pytest.mark.parametrize("phase", range(5))
def test_film_carried_to_television_becomes_film_again(tmp_path: Path, wide: np.ndarray, phase: int) -> None:
    pictures, top_first = pan(wide, 60, 2), phase % 2 == 0
    suffix, flagged = (("ts", top_first), ("mkv", None))[phase % 2]
    path = write(tmp_path / f"a.{suffix}", telecined(pictures, phase, top_first), rate=NTSC, flagged=flagged)
    film = inspect(path).read_as("auto")
    frames = read(film)
    assert film.deinterlace == "ivtc" and film.rate == Fraction(24_000, 1001)
    steps = set(np.diff(nearest(frames, pictures)[:-4]))
    assert steps == {1}, "every picture once, none woven of two"
    assert max(np.abs(np.diff([float(pts * film.time_base) for pts, *_ in frames]) - 1001 / 24_000)) < 0.0015
    for done in (7, 30):
        assert [f[:2] for f in read(film, after=frames[done][:2])] == [f[:2] for f in frames[done + 1 :]]
    part = Span(first=frames[22][0], stop=frames[40][0])
    assert [f[:2] for f in read(film, part)] == [f[:2] for f in frames[22:40]]


def test_film_carried_to_television_does_not_drift(tmp_path: Path, wide: np.ndarray) -> None:
    """At 30 frames a second by the header and 29.9 by the clock, the last frame is where it belongs."""
    from clips import Clip, make

    pictures = telecined(pan(wide, 100, 2))
    pts = [round(n * 1000 / 29.9) for n in range(len(pictures))]
    clip = Clip(size=fields.SIZE, rate=Fraction(30), base=Fraction(1, 1000), pts=pts)
    film = inspect(make(tmp_path / "a.mkv", clip, pictures)).read_as("ivtc")
    assert abs(float(read(film)[-1][0] * film.time_base) - pts[-1] / 1000) < 0.03


@pytest.mark.slow
def test_the_bars(tmp_path: Path, wide: np.ndarray) -> None:
    """Progressive clips of many kinds: none is taken for interlaced; interlaced and telecined ones: all are found."""
    many = {
        "a.mkv": ("libx264", "yuv420p", None), "b.mp4": ("libx264", "yuv420p", LOW),
        "c.mpg": ("mpeg2video", "yuv420p", None), "d.webm": ("libvpx", "yuv420p", QUICK),
        "e.webm": ("libvpx-vp9", "yuv420p", QUICK), "f.avi": ("mjpeg", "yuvj420p", None),
    }  # fmt: skip
    clips = list(progressive(wide, 64))
    tried = 0
    for (name, pictures), (suffix, (codec, pixels, options)) in itertools.product(clips, many.items()):
        rate = Fraction(16) if name == "slower" and codec != "mpeg2video" else Fraction(25)
        path = write(tmp_path / f"{name} {suffix}", pictures, codec, rate, pixels=pixels, options=options)
        assert kind(path) == "progressive", path.name
        tried += 1
    assert tried >= 60
    for (name, pictures), top_first, codec, flagged in itertools.product(
        interlaced(wide, 64), (True, False), ("libx264", "mpeg2video"), (True, False)
    ):
        path = tmp_path / f"{name} {top_first} {flagged}.mkv"
        write(path, woven(pictures, top_first), codec, flagged=top_first if flagged else None)
        assert kind(path) == "interlaced", path.name
    for (name, pictures), phase in itertools.product(interlaced(wide, 40), range(5)):
        path = write(tmp_path / f"{name} {phase}.mkv", telecined(pictures, phase, phase % 2 == 0), rate=NTSC)
        assert kind(path) == "telecined", path.name
