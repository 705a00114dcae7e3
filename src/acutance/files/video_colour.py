"""The colours of film: which matrix and range its samples are in, and the way to RGB and back.

libswscale does the arithmetic, told the matrix, the range and the place of chroma explicitly: left to itself
it takes everything for BT.601.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from acutance.errors import BadInput
from acutance.files.pyav import av

RGB, BT709, UNSPECIFIED, FCC, BT470BG, SMPTE170M, SMPTE240M, BT2020 = 0, 1, 2, 4, 5, 6, 7, 9  # H.273, table 4
SWSCALE = {BT709: 1, FCC: 4, BT470BG: 5, SMPTE170M: 5, SMPTE240M: 7, BT2020: 9}  # libswscale's numbers
NAMES = {BT709: "bt709", FCC: "fcc", BT470BG: "bt470bg", SMPTE170M: "smpte170m", SMPTE240M: "smpte240m",
         BT2020: "bt2020"}  # fmt: skip
HDR = (16, 18)  # transfers PQ and HLG (H.273, table 3)
WIDE = 9  # primaries of BT.2020 (H.273, table 2)
LIMITED, FULL = 1, 2  # libav's numbers of ranges
WHITE16 = 255 << 8  # of RGB in 16 bits as libswscale reads and writes it
SD_LINES = 576  # up to here a film that does not say is taken to be in BT.601, above in BT.709
EXACT = "accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"


@dataclass(frozen=True, kw_only=True)
class Colour:
    """What H.273 numbers say of a film's colours. ``matrix`` is never unspecified: ``assumed`` tells that the
    file does not name it."""

    matrix: int
    full: bool
    primaries: int
    transfer: int
    assumed: bool


def white(depth: np.dtype) -> float:
    """The value of white in frames of ``depth``.

    >>> white(np.dtype(np.uint8)), white(np.dtype(np.uint16))
    (255.0, 65280.0)
    """
    return float(WHITE16) if depth == np.uint16 else 255.0


def read_colour(path: Path, frame: Any) -> Colour:
    """The colours of a decoded frame. Raises ``BadInput`` for a matrix that cannot be converted faithfully."""
    matrix, assumed = int(frame.colorspace), False
    if frame.format.is_rgb or frame.format.has_palette:
        matrix = RGB
    elif matrix in (UNSPECIFIED, 3, RGB):
        assumed = True
        wide = frame.color_primaries == WIDE or frame.color_trc in HDR
        matrix = BT2020 if wide else BT709 if frame.height > SD_LINES or frame.width > 1024 else SMPTE170M
    elif matrix not in SWSCALE:
        raise BadInput(f"{path}: its colours are coded by matrix {matrix} of H.273, which cannot be converted; "
                       "convert it to BT.709 or BT.2020 first")  # fmt: skip
    full = frame.color_range == FULL or frame.format.name.startswith("yuvj") or matrix == RGB
    return Colour(
        matrix=matrix, full=full, primaries=int(frame.color_primaries), transfer=int(frame.color_trc), assumed=assumed
    )


def to_rgb(frame: Any, colour: Colour, deep: bool, size: tuple[int, int]) -> np.ndarray:
    """A decoded frame as RGB ``(H, W, 3)``, uint8 or, if ``deep``, uint16 whose white is ``WHITE16``.

    ``size``: width and height; a frame of another size is resized to it.
    """
    I = av.video.reformatter.Interpolation  # noqa: E741
    exact = I.BICUBIC | I.ACCURATE_RND | I.FULL_CHR_H_INT | I.FULL_CHR_H_INP | I.BITEXACT
    matrix = SWSCALE.get(colour.matrix)
    rgb = frame.reformat(
        width=size[0], height=size[1], format="rgb48le" if deep else "rgb24", interpolation=exact, threads=1,
        src_colorspace=matrix, src_color_range=FULL if colour.full else LIMITED, dst_color_range=FULL,
    )  # fmt: skip
    return np.ascontiguousarray(rgb.to_ndarray())


def resized(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """RGB ``(H, W, 3)``, uint8 or uint16, at another ``size`` (width, height): bicubic, or Lanczos if smaller."""
    I = av.video.reformatter.Interpolation  # noqa: E741
    name = "rgb48le" if rgb.dtype == np.uint16 else "rgb24"
    smooth = (I.LANCZOS if size[0] < rgb.shape[1] else I.BICUBIC) | I.ACCURATE_RND | I.BITEXACT
    frame = av.VideoFrame.from_ndarray(rgb, format=name)
    return frame.reformat(width=size[0], height=size[1], format=name, interpolation=smooth, threads=1).to_ndarray()


class FromRgb:
    """RGB ``(H, W, 3)`` uint8, or uint16 with white at ``WHITE16``, to frames of ``pixel_format`` and ``size``
    (width, height), in ``colour``.

    A smaller size is an antialiased reduction (Lanczos); chroma is sited at the left, as decoders assume.
    """

    def __init__(self, pixel_format: str, colour: Colour, size: tuple[int, int]) -> None:
        self.pixel_format, self.colour, self.size = pixel_format, colour, size
        self._graph: Any = None
        self._shape: tuple[int, ...] = ()

    def __call__(self, rgb: np.ndarray) -> Any:
        """The frame; it carries no time yet."""
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb48le" if rgb.dtype == np.uint16 else "rgb24")
        frame.pts, frame.time_base = 0, Fraction(1, 1000)
        if self._graph is None or self._shape != rgb.shape:
            self._graph, self._shape = self._build(frame), rgb.shape
        self._graph.push(frame)
        return self._graph.pull()

    def _build(self, frame: Any) -> Any:
        width, height = self.size
        smaller = width < frame.width or height < frame.height
        options = [f"{width}:{height}:flags={'lanczos' if smaller else 'bicubic'}+{EXACT}", "in_range=pc"]
        if self.colour.matrix != RGB:
            options.append(f"out_color_matrix={NAMES[self.colour.matrix]}")
            options.append(f"out_range={'pc' if self.colour.full else 'tv'}:out_chroma_loc=left")
        graph = av.filter.Graph()
        graph.threads = 1
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        nodes = [graph.add("scale", ":".join(options)), graph.add("format", self.pixel_format)]
        graph.link_nodes(source, *nodes, graph.add("buffersink")).configure()
        return graph
