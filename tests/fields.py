"""Clips to try the recognition of fields on: progressive ones of many kinds, interlaced and telecined ones."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

SIZE = (160, 120)


def pull(graph: Any, count: int) -> Iterator[np.ndarray]:
    """Up to ``count`` frames of a graph, RGB."""
    for _ in range(count):
        try:
            yield graph.vpull().to_ndarray(format="rgb24")
        except (av.error.EOFError, av.error.BlockingIOError):
            return


def source(name: str, options: str, count: int, *filters: tuple[str, str]) -> list[np.ndarray]:
    """Frames of one of libavfilter's sources, such as ``testsrc2``, through ``filters``."""
    graph = av.filter.Graph()
    nodes = [graph.add(name, options), *(graph.add(*each) for each in filters), graph.add("buffersink")]
    graph.link_nodes(*nodes).configure()
    return list(pull(graph, count))


def pan(photo: np.ndarray, count: int, across: float, down: float = 0.0) -> list[np.ndarray]:
    """A photograph moved by so many pixels a frame."""
    width, height = SIZE
    spare = (photo.shape[1] - width, photo.shape[0] - height)
    places = [(round(n * across) % spare[0], round(n * down) % spare[1]) for n in range(count)]
    return [np.ascontiguousarray(photo[y : y + height, x : x + width]) for x, y in places]


def noisy(pictures: list[np.ndarray], sigma: float, seed: int = 1) -> list[np.ndarray]:
    """With fresh grain on every frame."""
    random = np.random.default_rng(seed)
    return [np.clip(p + random.normal(0, sigma, p.shape), 0, 255).astype(np.uint8) for p in pictures]


def woven(pictures: list[np.ndarray], top_first: bool) -> list[np.ndarray]:
    """Half as many frames, each of the lines of two pictures that follow one another."""
    pairs = zip(pictures[::2], pictures[1::2], strict=False)
    return [_weave(a, b) if top_first else _weave(b, a) for a, b in pairs]


def telecined(pictures: list[np.ndarray], phase: int = 0, top_first: bool = True) -> list[np.ndarray]:
    """Four frames shown as five by turning them into fields, 2:3; from field ``2 * phase`` on."""
    fields = [number for number in range(len(pictures)) for _ in range(2 + number % 2)][2 * phase :]
    pairs = zip(fields[::2], fields[1::2], strict=False)
    return [_weave(pictures[a], pictures[b]) if top_first else _weave(pictures[b], pictures[a]) for a, b in pairs]


def _weave(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    lines = np.arange(top.shape[0])[:, None, None]
    return np.where(lines % 2 == 0, top, bottom)


FLAGS = {  # how an encoder is told which field comes first: top, bottom
    "libx264": ({"x264-params": "tff=1:log=-1"}, {"x264-params": "bff=1:log=-1"}),
    "mpeg2video": ({"flags": "+ilme+ildct", "field_order": "tt"}, {"flags": "+ilme+ildct", "field_order": "bb"}),
}


def write(
    path: Path, pictures: list[np.ndarray], codec: str = "libx264", rate: Fraction = Fraction(25), *,
    pixels: str = "yuv420p", flagged: bool | None = None, options: dict[str, str] | None = None,
) -> Path:  # fmt: skip
    """Encode ``pictures``; ``flagged``: marked as interlaced, the top field first (``True``) or the bottom one."""
    with av.open(str(path), "w") as target:
        chosen = dict(options or {"libx264": {"crf": "18", "preset": "ultrafast"}}.get(codec, {}))
        if flagged is not None:
            chosen |= FLAGS[codec][0 if flagged else 1]
        stream = target.add_stream(codec, rate=rate, options=chosen)
        stream.width, stream.height, stream.pix_fmt = pictures[0].shape[1], pictures[0].shape[0], pixels
        if codec in ("mpeg2video", "mpeg4", "libvpx", "libvpx-vp9", "mjpeg", "h263"):
            stream.bit_rate = 4_000_000
        for number, rgb in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = number, 1 / rate
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return path
