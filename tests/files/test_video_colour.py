"""Colours of film: known colours through every matrix and range, against the formulas of H.273."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import Clip, make

from acutance.errors import BadInput
from acutance.files.video_colour import (
    BT709,
    BT2020,
    FCC,
    RGB,
    SMPTE170M,
    SMPTE240M,
    Colour,
    FromRgb,
    read_colour,
    resized,
    to_rgb,
    white,
)
from acutance.files.videos import inspect

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128), (200, 30, 90)]
WEIGHTS = {BT709: (0.2126, 0.0722), SMPTE170M: (0.299, 0.114), BT2020: (0.2627, 0.0593)}  # H.273, table 4


def colour(matrix: int, full: bool) -> Colour:
    return Colour(matrix=matrix, full=full, primaries=2, transfer=2, assumed=False)


def formula(rgb: tuple[int, ...], matrix: int, full: bool, bits: int) -> list[float]:
    """Y, Cb, Cr of H.273, equations 19-27, in code values."""
    kr, kb = WEIGHTS[matrix]
    r, g, b = (v / 255 for v in rgb)
    y = kr * r + (1 - kr - kb) * g + kb * b
    cb, cr = (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))
    step, peak = 2 ** (bits - 8), 2**bits - 1
    if full:
        return [y * peak, min(cb * peak + 2 ** (bits - 1), peak), min(cr * peak + 2 ** (bits - 1), peak)]
    return [(219 * y + 16) * step, (224 * cb + 128) * step, (224 * cr + 128) * step]


@pytest.mark.parametrize("matrix", WEIGHTS)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("bits", [8, 10])
def test_known_colours(matrix: int, full: bool, bits: int) -> None:
    kind = np.dtype(np.uint8 if bits == 8 else np.uint16)
    depth = white(kind, colour(matrix, full)) / 255
    convert = FromRgb("yuv420p" if bits == 8 else "yuv420p10le", colour(matrix, full), (16, 16))
    for rgb in COLOURS:
        flat = np.rint(np.full((16, 16, 3), rgb) * depth).astype(kind)
        frame = convert(flat)
        got = [int(np.frombuffer(plane, kind)[0]) for plane in frame.planes]
        slack = 1 if bits == 8 else 1.5
        assert np.abs(np.array(got) - formula(rgb, matrix, full, bits)).max() <= slack
        back = to_rgb(frame, colour(matrix, full), bits > 8, (16, 16))
        assert np.abs(back[8, 8].astype(int) - flat[8, 8]).max() <= (1.01 if bits == 8 else 256)


ALL_WEIGHTS = {**WEIGHTS, FCC: (0.30, 0.11), SMPTE240M: (0.212, 0.087)}


@pytest.mark.parametrize("matrix", ALL_WEIGHTS)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p", "yuv420p10le", "yuv444p12le"])
def test_rounding_has_no_bias(matrix: int, full: bool, pixels: str) -> None:
    """Grey stays grey, and what is rounded is rounded up as often as down, on a ramp and on random colours."""
    kr, kb = ALL_WEIGHTS[matrix]
    bits = int(pixels.partition("p")[2].removesuffix("le") or 8)
    kind = np.dtype(np.uint8 if bits == 8 else np.uint16)
    top, what = white(kind, colour(matrix, full)), colour(matrix, full)
    rng = np.random.default_rng(0)
    for grey, cells in ((True, np.linspace(0, 1, 256)[:, None] * [1, 1, 1]), (False, rng.random((1024, 3)))):
        values = np.rint(cells * top)
        rgb = values.astype(kind).reshape(16, -1, 3).repeat(8, 0).repeat(8, 1)
        frame = FromRgb(pixels, what, (rgb.shape[1], rgb.shape[0]))(rgb)
        r, g, b = (values / top).T
        y = kr * r + (1 - kr - kb) * g + kb * b
        exact = [y, (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))]
        for number, plane in enumerate(frame.planes):
            step, peak = 2 ** (bits - 8), 2**bits - 1
            scale, zero = (peak, 0) if full else (219 * step, 16 * step)
            if number:
                scale, zero = (peak if full else 224 * step), 2 ** (bits - 1)
            cell = 8 // (rgb.shape[1] // plane.width)
            samples = np.frombuffer(plane, kind).reshape(plane.height, -1)[:, : plane.width]
            off = samples[cell // 2 :: cell, cell // 2 :: cell].ravel() - np.clip(exact[number] * scale + zero, 0, peak)
            assert abs(off.mean()) < 0.12, (number, off.mean())
            if grey:
                assert np.abs(off).max() <= (0.7 if number == 0 else 0.01)
        back = to_rgb(frame, what, bits > 8, (rgb.shape[1], rgb.shape[0]))[4::8, 4::8].reshape(-1, 3)
        assert np.abs((back - values).mean(0)).max() / (top / 255) < 0.1


def test_chroma_lies_at_the_left() -> None:
    """A slope of colour shows where chroma is sited: H.273's type 0, which decoders assume."""
    slope = np.zeros((16, 128, 3), np.uint8)
    slope[:, :, 0] = np.rint(np.linspace(40, 200, 128))
    slope[:, :, 1:] = 90
    frame = FromRgb("yuv420p", colour(BT709, False), (128, 16))(slope)
    red = np.frombuffer(frame.planes[2], np.uint8).reshape(8, -1)[4, 4:60].astype(float)
    exact = np.array([formula((int(r), 90, 90), BT709, False, 8)[2] for r in slope[0, :, 0]])
    assert abs(float((red - exact[0::2][4:60]).mean())) < 0.1 < float(((exact[1::2] - exact[0::2]) / 2)[4:60].mean())


@pytest.mark.parametrize(
    ("codec", "pixels"),
    [("libx264", "yuv420p"), ("mpeg2video", "yuv420p"), ("libvpx-vp9", "yuv420p"), ("libvpx", "yuv420p"),
     ("ffv1", "yuv420p"), ("ffv1", "yuv422p"), ("rawvideo", "yuv420p"), ("prores_ks", "yuv422p10le")],
)  # fmt: skip
def test_colour_stays_in_its_place_whatever_the_coding(tmp_path: Path, codec: str, pixels: str) -> None:
    """An edge of colour alone, made with chroma at the left: it comes back where it was."""
    rgb = np.zeros((64, 128, 3), np.uint8)
    rgb[:, :64], rgb[:, 64:] = (150, 90, 90), (90, 115, 150)
    path = tmp_path / ("a.mov" if codec == "prores_ks" else "a.nut")
    with av.open(str(path), "w") as target:
        options = {"crf": "4", "b": "9M"} if codec.startswith("lib") else {}
        stream = target.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 128, 64, pixels
        frame = FromRgb(pixels, colour(SMPTE170M, False), (128, 64))(rgb)
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        target.mux([*stream.encode(frame), *stream.encode(None)])
    film = inspect(path)
    with av.open(str(path)) as source:
        found = to_rgb(next(source.decode(video=0)), film.colour, False, (128, 64))
    blue = found[16:48, 48:80, 2].astype(float).mean(0)
    place = 48 + float((150 - blue).sum() / (150 - 90))  # of an edge from 90 to 150, by its area
    exact = 48 + float((150 - to_rgb(frame, film.colour, False, (128, 64))[16:48, 48:80, 2].mean(0)).sum() / 60)
    assert abs(place - 64) < 0.3, (place, exact)


@pytest.mark.parametrize(("codec", "pixels"), [("ffv1", "gray"), ("libx265", "gray"), ("libx265", "gray10le")])
def test_black_and_white_film_says_its_range(tmp_path: Path, codec: str, pixels: str) -> None:
    """Limited range: what is 16 and 235 of 255 is black and white."""
    options = {"x265-params": "log-level=none:lossless=1"} if codec == "libx265" else {}
    clip = Clip(size=(64, 64), frames=1, codec=codec, pixels=pixels, options=options, colour=(1, 1, 1, 1))
    step = 4 if "10" in pixels else 1
    with av.open(str(tmp_path / "a.mkv"), "w") as target:
        stream = target.add_stream(clip.codec, rate=24, options=clip.options)
        stream.width, stream.height, stream.pix_fmt = 64, 64, pixels
        stream.codec_context.color_range = 1
        levels = np.full((64, 64), 16 * step, np.uint16 if step > 1 else np.uint8)
        levels[:, 32:] = 235 * step
        frame = av.VideoFrame.from_ndarray(levels, format=pixels)
        frame.pts, frame.time_base, frame.color_range = 0, Fraction(1, 24), 1
        target.mux([*stream.encode(frame), *stream.encode(None)])
    film = inspect(tmp_path / "a.mkv")
    with av.open(str(tmp_path / "a.mkv")) as source:
        found = to_rgb(next(source.decode(video=0)), film.colour, film.deep, (64, 64))
    top = white(found.dtype, film.colour)
    assert found[:, :28].max() <= top / 255 and found[:, 36:].min() >= top * 254 / 255


def test_white_of_deep_film_is_whole() -> None:
    """RGB film of 10 bits: white stays white in RGB, and in YUV of limited range."""
    rgb = np.full((16, 16, 3), 65535, np.uint16)
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb48le").reformat(format="gbrp10le")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    what = read_colour(Path("a.mkv"), frame)
    back = to_rgb(frame, what, True, (16, 16))
    assert back.min() == white(back.dtype, what) == 65535
    assert int(np.frombuffer(FromRgb("gbrp10le", what, (16, 16), what)(back).planes[0], np.uint16)[0]) == 1023
    yuv = FromRgb("yuv444p10le", colour(BT709, False), (16, 16), what)(back)
    assert int(np.frombuffer(yuv.planes[0], np.uint16)[0]) == 940


def test_reduction_is_antialiased_and_keeps_colours() -> None:
    fine = np.zeros((64, 64, 3), np.uint8)
    fine[:, ::2] = 255
    for grey in (resized(fine, (16, 16)), None):
        if grey is None:
            frame = FromRgb("yuv444p", colour(BT709, False), (16, 16))(fine)
            grey = to_rgb(frame, colour(BT709, False), False, (16, 16))
        assert np.abs(grey[4:12, 4:12].astype(int) - 127).max() <= 3


def test_what_a_film_does_not_say_is_assumed_by_its_size(tmp_path: Path) -> None:
    def said(clip: Clip) -> Colour:
        path = make(tmp_path / "a.mp4", clip)
        with av.open(str(path)) as film:
            return read_colour(path, next(film.decode(video=0)))

    small, large = said(Clip(frames=1)), said(Clip(frames=1, size=(1280, 720)))
    assert (small.matrix, small.assumed, small.full) == (SMPTE170M, True, False)
    assert (large.matrix, large.assumed) == (BT709, True)
    assert said(Clip(frames=1, colour=(2, 1, 1, 1))) == Colour(
        matrix=BT709, full=True, primaries=1, transfer=1, assumed=False
    )


def test_a_matrix_that_cannot_be_converted_is_refused() -> None:
    frame = av.VideoFrame(16, 16, "yuv420p")
    frame.colorspace = 8  # YCgCo
    with pytest.raises(BadInput, match="matrix 8"):
        read_colour(Path("a.mkv"), frame)


def test_rgb_film_stays_rgb() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="gbrp")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    what = read_colour(Path("a.mkv"), frame)
    assert what.matrix == RGB
    np.testing.assert_array_equal(to_rgb(frame, what, False, (16, 16)), rgb)
