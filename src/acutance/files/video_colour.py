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
MOST_ASPECT = 1 << 20  # of the numbers of a pixel's shape
ROWS = 64  # of samples at a time, few enough for a processor's cache
WHITE16 = 255 << 8  # of RGB in 16 bits as libswscale reads and writes it
SD_LINES = 576  # up to here a film that does not say is taken to be in BT.601, above in BT.709
EXACT = "accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"
# Their frames do not say where chroma lies. Players take it to lie at the left, libswscale between.
SILENT = {"vp8", "vp9", "av1", "ffv1", "rawvideo", "ffvhuff", "huffyuv", "utvideo", "magicyuv", "theora", "prores",
          "dnxhd", "cfhd", "v210", "v410", "r210"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Colour:
    """What H.273 numbers say of a film's colours. ``matrix`` is never unspecified: ``assumed`` tells that the
    file does not name it. ``left``: chroma lies at the left, though frames do not say so."""

    matrix: int
    full: bool
    primaries: int
    transfer: int
    assumed: bool
    left: bool = False


def white(depth: np.dtype, colour: Colour) -> float:
    """The value of white in frames of ``depth``: in 16 bits the highest one where samples use the whole range.

    >>> film = Colour(matrix=BT709, full=False, primaries=1, transfer=1, assumed=False)
    >>> white(np.dtype(np.uint8), film), white(np.dtype(np.uint16), film)
    (255.0, 65280.0)
    """
    if depth != np.uint16:
        return 255.0
    return 65535.0 if colour.full else float(WHITE16)


def read_colour(path: Path, frame: Any, codec: str = "") -> Colour:
    """The colours of a decoded frame. Raises ``BadInput`` for a matrix that cannot be converted faithfully.

    ``codec``: the coding's canonical name, which tells what frames do not.
    """
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
    left = codec in SILENT and not (codec == "av1" and frame.color_trc in HDR)  # that says so, and often lies above
    return Colour(
        matrix=matrix, full=full, primaries=int(frame.color_primaries), transfer=int(frame.color_trc), assumed=assumed,
        left=left and matrix != RGB and not frame.format.name.startswith("gray"),
    )  # fmt: skip


def to_rgb(frame: Any, colour: Colour, deep: bool, size: tuple[int, int]) -> np.ndarray:
    """A decoded frame as RGB ``(H, W, 3)``, uint8 or, if ``deep``, uint16; its white is ``white()``.

    ``size``: width and height; a frame of another size is resized to it.
    """
    found = (_from_left if colour.left else _from_middle)(frame, colour, deep, size)
    bits = frame.format.components[0].bits
    if deep and colour.full and colour.matrix != RGB and bits < 16:  # libswscale only shifts, so white is grey
        gain = np.float32(65535 / ((2**bits - 1) << (16 - bits)))
        return np.rint(np.arange(1 << 16) * gain).clip(0, 65535).astype(np.uint16)[found]
    return found


def _from_middle(frame: Any, colour: Colour, deep: bool, size: tuple[int, int]) -> np.ndarray:
    """Frames whose chroma lies where libswscale takes it to lie."""
    I = av.video.reformatter.Interpolation  # noqa: E741
    exact = I.BICUBIC | I.ACCURATE_RND | I.FULL_CHR_H_INT | I.FULL_CHR_H_INP | I.BITEXACT
    matrix = SWSCALE.get(colour.matrix)
    rgb = frame.reformat(
        width=size[0], height=size[1], format="rgb48le" if deep else "rgb24", interpolation=exact, threads=1,
        src_colorspace=matrix, src_color_range=FULL if colour.full else LIMITED, dst_color_range=FULL,
    )  # fmt: skip
    found = np.ascontiguousarray(rgb.to_ndarray())
    # libswscale takes grey to use the whole range, whatever it says
    return _stretched(found) if frame.format.name.startswith("gray") and frame.color_range == LIMITED else found


def _from_left(frame: Any, colour: Colour, deep: bool, size: tuple[int, int]) -> np.ndarray:
    """The same for frames that would be taken to hold their chroma elsewhere."""
    options = (
        f"{size[0]}:{size[1]}:flags=bicubic+{EXACT}:in_color_matrix={NAMES[colour.matrix]}:out_range=pc:"
        f"in_range={'pc' if colour.full else 'tv'}:in_chroma_loc=left"
    )
    graph = av.filter.Graph()
    graph.threads = 1
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1, 1000)
    )
    nodes = [graph.add("scale", options), graph.add("format", "rgb48le" if deep else "rgb24")]
    graph.link_nodes(source, *nodes, graph.add("buffersink")).configure()
    graph.push(frame)
    return np.ascontiguousarray(graph.pull().to_ndarray())


def _stretched(grey: np.ndarray) -> np.ndarray:
    """16 to 235 of 255, or the like of 16 bits, to 0 to 255 (``WHITE16``)."""
    step = 256 if grey.dtype == np.uint16 else 1
    levels = (np.arange(np.iinfo(grey.dtype).max + 1) - 16.0 * step) * (255 / 219)
    return np.rint(levels).clip(0, 255 * step).astype(grey.dtype)[grey]


def resized(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """RGB ``(H, W, 3)``, uint8 or uint16, at another ``size`` (width, height): bicubic, or Lanczos if smaller."""
    I = av.video.reformatter.Interpolation  # noqa: E741
    name = "rgb48le" if rgb.dtype == np.uint16 else "rgb24"
    smooth = (I.LANCZOS if size[0] < rgb.shape[1] else I.BICUBIC) | I.ACCURATE_RND | I.BITEXACT
    frame = av.VideoFrame.from_ndarray(rgb, format=name)
    return frame.reformat(width=size[0], height=size[1], format=name, interpolation=smooth, threads=1).to_ndarray()


class FromRgb:
    """RGB ``(H, W, 3)`` uint8, or uint16 with white at ``white()``, to frames of ``pixel_format`` and ``size``
    (width, height), in ``colour``. ``source``: the colours of the film it was, which decide its white; ``aspect``: of
    a pixel, for codings that write it with every frame.

    A smaller size is an antialiased reduction (Lanczos); chroma is sited at the left, as decoders assume. libswscale
    cuts off instead of rounding where samples use the whole range, which makes chroma half a step too low: there it
    makes 16-bit samples of limited range, and the rest is done here.
    """

    def __init__(
        self, pixel_format: str, colour: Colour, size: tuple[int, int], source: Colour | None = None,
        aspect: Fraction = Fraction(1),
    ) -> None:  # fmt: skip
        self.pixel_format, self.colour, self.size, self.aspect = pixel_format, colour, size, aspect
        self._whole = (source or colour).full  # 16 bits have their white at 65535
        self._spread = colour.full and colour.matrix != RGB and pixel_format.startswith("yuv")
        self._graph: Any = None
        self._shape: tuple[int, ...] = ()

    def __call__(self, rgb: np.ndarray) -> Any:
        """The frame; it carries no time yet."""
        deep = rgb.dtype == np.uint16
        if deep and self._whole and not self.colour.full:  # 65535 is to become WHITE16
            rgb = np.rint(rgb * np.float32(WHITE16 / 65535)).astype(np.uint16)
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb48le" if deep else "rgb24")
        frame.pts, frame.time_base = 0, Fraction(1, 1000)
        if self._graph is None or self._shape != rgb.shape:
            self._graph, self._shape = self._build(frame), rgb.shape
        self._graph.push(frame)
        made = self._graph.pull()
        if self._spread:
            made = _spread(made, self.pixel_format, WHITE16 / 65535 if deep else 1.0)
        made.color_range, made.colorspace = FULL if self.colour.full else LIMITED, self.colour.matrix
        made.color_primaries, made.color_trc = self.colour.primaries, self.colour.transfer
        return made

    def _build(self, frame: Any) -> Any:
        width, height = self.size
        smaller = width < frame.width or height < frame.height
        options = [f"{width}:{height}:flags={'lanczos' if smaller else 'bicubic'}+{EXACT}", "in_range=pc"]
        pixels = self.pixel_format
        if self.colour.matrix != RGB:
            whole = self.colour.full and not self._spread
            options.append(f"out_color_matrix={NAMES[self.colour.matrix]}")
            options.append(f"out_range={'pc' if whole else 'tv'}:out_chroma_loc=left")
            pixels = f"{pixels.partition('p')[0]}p16le" if self._spread else pixels
        graph = av.filter.Graph()
        graph.threads = 1
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        nodes = [
            graph.add("scale", ":".join(options)),
            graph.add("format", pixels),
            graph.add("setsar", f"{self.aspect.numerator}/{self.aspect.denominator}:max={MOST_ASPECT}"),
        ]
        graph.link_nodes(source, *nodes, graph.add("buffersink")).configure()
        return graph


def _spread(frame: Any, pixel_format: str, gain: float) -> Any:
    """A frame of 16 bits in limited range as one of ``pixel_format`` in full range, rounded to the nearest.

    ``gain``: by how much white is too high.
    """
    made = av.VideoFrame(frame.width, frame.height, pixel_format)
    bits = made.format.components[0].bits
    peak, kind = 2**bits - 1, np.dtype(np.uint8 if bits == 8 else np.uint16)
    for number, (old, new) in enumerate(zip(frame.planes, made.planes, strict=True)):
        zero, steps, middle = (16, 219, 0) if number == 0 else (128, 224, 1 << (bits - 1))
        scale = np.float32(peak * gain / (steps * 256))
        offset = np.float32(middle - zero * 256 * scale)
        rows = np.frombuffer(old, np.uint16).reshape(old.height, -1)[:, : old.width]
        target = np.frombuffer(new, kind).reshape(new.height, -1)[:, : new.width]
        for top in range(0, old.height, ROWS):
            exact = rows[top : top + ROWS] * scale + offset
            target[top : top + ROWS] = np.rint(exact, out=exact).clip(0, peak, out=exact)
    return made
