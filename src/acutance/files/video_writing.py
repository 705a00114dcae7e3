"""One segment of a film: frames in, encoded packets out, in a file of its own that needs no other."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from acutance.errors import AcutanceError
from acutance.files.pyav import av, open_film, open_output, writing
from acutance.files.video_codecs import CODECS, encoder_options
from acutance.files.video_colour import BT709, RGB, FromRgb
from acutance.files.videos import Film

NUT, MOV = "nut", "mov"
MOST_FRAMES = 240  # a second, that an encoder is told; the times themselves are exact anyhow


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How frames are encoded: everything that decides the bytes, beside the frames themselves.

    ``size``: width and height; ``gop``: the most frames of a group of pictures; ``threads``: of the encoder.
    """

    codec: str
    pixel_format: str
    size: tuple[int, int]
    crf: int | None
    preset: str
    gop: int
    threads: int


def converter(film: Film, encoding: Encoding) -> FromRgb:
    """The way of finished RGB frames to what the encoder takes, reduced to the final size."""
    yuv = encoding.pixel_format.startswith("yuv")
    matrix = film.colour.matrix if film.colour.matrix != RGB or not yuv else BT709
    full = film.colour.full and not (film.rgb and yuv) and CODECS[encoding.codec].full
    colour = replace(film.colour, matrix=matrix, full=full)
    return FromRgb(encoding.pixel_format, colour, encoding.size, film.colour, film.aspect)


def segment_format(encoding: Encoding) -> str:
    """The container of segments, which is also their suffix: NUT keeps any codec but ProRes as it comes."""
    return MOV if encoding.codec == "prores" else NUT


@contextmanager
def segment_writer(
    path: Path | io.BytesIO, film: Film, encoding: Encoding, convert: FromRgb, file_format: str | None = None
) -> Iterator[Any]:
    """Yield ``write(rgb)``. The encoder sees frames numbered from zero at a constant rate, whatever the film's own
    times: those are given back when segments are joined. ``file_format``: of a clip that is no segment."""
    rate = min(film.rate, Fraction(MOST_FRAMES)).limit_denominator(1 << 16)
    number = 0
    what = f"{film.path}: a segment"
    with writing(what):
        container = open_output(path, file_format or segment_format(encoding), avoid_negative_ts="disabled")
    try:
        with writing(what):
            stream = _stream(container, film, encoding, convert, rate)

        def write(rgb: np.ndarray) -> None:
            nonlocal number
            with writing(what):
                frame = convert(rgb)
                frame.pts, frame.time_base = number, 1 / rate
                number += 1
                for packet in stream.encode(frame):
                    container.mux(packet)

        yield write
        with writing(what):
            for packet in stream.encode(None):
                container.mux(packet)
    finally:
        with writing(what):
            container.close()


def _stream(container: Any, film: Film, encoding: Encoding, convert: FromRgb, rate: Fraction) -> Any:
    codec, colour = CODECS[encoding.codec], convert.colour
    options = encoder_options(film, encoding.codec, encoding.crf, encoding.preset, encoding.gop, encoding.threads)
    stream = container.add_stream(codec.encoder, options=options)
    context = stream.codec_context
    context.width, context.height = encoding.size
    context.pix_fmt = encoding.pixel_format
    context.time_base = stream.time_base = 1 / rate
    context.framerate = rate
    context.sample_aspect_ratio = film.aspect
    context.gop_size = 1 if encoding.codec == "ffv1" else encoding.gop
    context.thread_count = encoding.threads
    context.color_range = 2 if colour.full else 1
    context.colorspace, context.color_primaries, context.color_trc = colour.matrix, colour.primaries, colour.transfer
    context.flags |= av.codec.context.Flags.global_header | av.codec.context.Flags.closed_gop
    return stream


@dataclass(frozen=True)
class Written:
    """What a finished segment file holds: for each packet in the order of decoding which frame it is, how far that
    order runs ahead of the order of showing, and the SHA-256 of its packets' bytes."""

    numbers: tuple[int, ...]
    delay: int
    sha256: str


def read_segment(path: Path | bytes) -> Written:
    """Read a segment, a file or in memory, back packet by packet."""
    total = hashlib.sha256()
    times: list[int] = []
    with open_film(path) as container:
        stream = container.streams.video[0]
        total.update(stream.codec_context.extradata or b"")
        for packet in container.demux(stream):
            if packet.size:
                times.append(packet.pts)
                total.update(packet)
    rank = {time: number for number, time in enumerate(sorted(times))}
    if len(rank) != len(times):
        raise AcutanceError(f"{path}: the encoder gave two frames the same time; a bug of ours or of libav")
    numbers = tuple(rank[time] for time in times)
    delay = max((place - number for place, number in enumerate(numbers)), default=0)
    return Written(numbers, delay, total.hexdigest())
