"""Every picture as the pipeline wants it: upright, grey or RGB with or without alpha, 8 or 16 bits or float.

All of it is lazy: applied to a header it says what will come, applied to a decoder it does it.
"""

from __future__ import annotations

import numpy as np
import pyvips

from acutance.files.vips import VipsImage

DEPTHS = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}
SIGNED = {"char": 7, "short": 15}  # bits beside the sign
WIDE = {"char": "signed 8-bit", "short": "signed 16-bit", "int": "signed 32-bit", "uint": "32-bit"}
FOREIGN = ("cmyk", "lab", "labs", "labq", "xyz", "lch")
BLEED_SIGMA = 4.0  # pixels that colour creeps under transparent ones
NOTES = "acutance-notes"  # a field of pictures that another library read: what to say of them
DATA_BAND = "acutance-data-band"  # set where the band after the colours is not opacity
Span = tuple[int, int]  # samples that become black and white


def standard(image: VipsImage, orientation: int, levels: Span | None = None) -> VipsImage:
    """``image`` upright, in standard bands and depth, with colour under its transparent pixels.

    ``levels``: of samples of unusual widths, see ``measured``."""
    image = fitted(image, orientation, levels)
    return bled(image) if has_opacity(image) else image


def fitted(image: VipsImage, orientation: int, levels: Span | None = None) -> VipsImage:
    """As ``standard``, but transparent pixels keep the colours they have."""
    return _fitting(_upright(image if levels is None else _levelled(image, levels), orientation))


def span(bits: int, least: int, most: int) -> Span:
    """Which samples become black and white, of integers from ``least`` to ``most``.

    ``bits``: of a signed type, beside the sign. 0 for wide types, of which files rarely use all: the next power of two.
    Zero is black unless samples are negative; then it is grey.

    >>> span(7, -128, 127), span(7, 0, 99), span(0, 0, 60_000)
    ((-128, 127), (0, 127), (0, 65535))
    """
    bits = bits or max(most, -least - 1, 1).bit_length()
    return -(1 << bits) if least < 0 else 0, (1 << bits) - 1


def measured(image: VipsImage) -> Span | None:
    """The levels of a picture whose samples are integers of unusual width, by a pass over it; ``None`` for others."""
    if image.format not in WIDE or image.interpretation in FOREIGN[1:]:
        return None
    least, most = image.stats().numpy()[0, :2]
    return span(SIGNED.get(image.format, 0), int(least), int(most))


def notes(image: VipsImage, levels: Span | None = None) -> list[str]:
    """What ``standard`` changes of ``image`` that the user should know."""
    said = image.get(NOTES).splitlines() if image.get_typeof(NOTES) else []
    if image.interpretation in FOREIGN:
        depth = "" if image.format == "uchar" else " of 16 bits"
        said.append(f"is {image.interpretation.upper()}; the result is sRGB{depth}")
    elif levels is not None:
        bits = 8 if image.format == "char" else 16
        said.append(
            f"has {WIDE[image.format]} samples, {levels[0]} black and {levels[1]} white; the result has {bits} bits"
        )
    if image.bands > 4 and image.interpretation not in FOREIGN:
        said.append(f"has {image.bands} bands; the first three are used")
    return said


def has_opacity(image: VipsImage) -> bool:
    """As everywhere here: the second band of two, the fourth of four, unless the file says that it is other data."""
    return image.bands in (2, 4) and not image.get_typeof(DATA_BAND)


def called_data(image: VipsImage, data: bool) -> VipsImage:
    """``image``, whose band after the colours is ``data`` rather than opacity."""
    if not data:
        return image
    image = image.copy()
    image.set_type(pyvips.GValue.gint_type, DATA_BAND, 1)
    return image


def _upright(image: VipsImage, orientation: int) -> VipsImage:
    """Apply EXIF orientation 2..8, once."""
    turns = {3: "d180", 4: "d180", 5: "d90", 6: "d90", 7: "d270", 8: "d270"}
    if orientation in turns:
        image = image.rot(turns[orientation])
    return image.fliphor() if orientation in (2, 4, 5, 7) else image


def _levelled(image: VipsImage, levels: Span) -> VipsImage:
    """Integers of unusual width as 8 or 16 bits, from black to white."""
    depth, peak = ("uchar", 255) if image.format == "char" else ("ushort", 65535)
    scale = peak / (levels[1] - levels[0])
    fitted = image.cast("double").linear(scale, -levels[0] * scale).rint().cast(depth)
    if image.interpretation == "cmyk":
        return fitted
    grey, colour = ("b-w", "srgb") if depth == "uchar" else ("grey16", "rgb16")
    return fitted.copy(interpretation=grey if image.bands <= 2 else colour)


def _fitting(image: VipsImage) -> VipsImage:
    """Grey or RGB, with or without one band more, of 8 bits, 16 bits or float."""
    deep = image.format != "uchar"
    if image.interpretation == "cmyk":
        image = from_cmyk(image, 16 if deep else 8)
    elif image.interpretation in FOREIGN:
        image = image.colourspace("rgb16" if deep else "srgb")
    if image.format not in DEPTHS:
        image = image.cast("float" if image.format == "double" else "uchar")
    return image[:3] if image.bands > 4 else image


def from_cmyk(image: VipsImage, depth: int) -> VipsImage:
    """Inks as sRGB of ``depth`` bits, by the profile they come with; the darkest ink becomes black."""
    return image.icc_transform(
        "srgb", embedded=True, input_profile="cmyk", intent="relative", depth=depth, black_point_compensation=True
    )


def bled_array(pixels: np.ndarray) -> np.ndarray:
    """``bled`` for an array ``(H, W, 2 or 4)``."""
    return bled(pyvips.Image.new_from_array(np.ascontiguousarray(pixels))).numpy().reshape(pixels.shape)


def bled(image: VipsImage) -> VipsImage:
    """Let colour creep under fully transparent pixels, so that no dark fringe appears at edges."""
    colour, alpha = image[: image.bands - 1], image[image.bands - 1]
    weight = (alpha > 0).ifthenelse(1.0, 0.0).cast("float")
    spread = weight.gaussblur(BLEED_SIGMA, precision="float")
    near = (colour * weight).gaussblur(BLEED_SIGMA, precision="float") / (spread > 1e-6).ifthenelse(spread, 1)
    filled = (alpha == 0).ifthenelse((spread > 1e-6).ifthenelse(near, colour), colour)
    filled = filled.rint() if image.format != "float" else filled
    return filled.cast(image.format).bandjoin(alpha).copy(interpretation=image.interpretation)


def reduced(image: VipsImage, width: int, height: int) -> VipsImage:
    """Antialiased reduction to exactly ``width`` x ``height`` (Lanczos, three lobes)."""
    depth, alpha = image.format, has_opacity(image)
    peak = {"uchar": 255, "ushort": 65535}.get(depth, 1)
    if alpha:
        image = image.premultiply(max_alpha=peak)
    image = image.resize(width / image.width, vscale=height / image.height, kernel="lanczos3")
    if alpha:
        image = image.unpremultiply(max_alpha=peak)
    if image.format == depth:
        return image
    return (image.rint() if depth != "float" else image).cast(depth)


def shrunk(image: VipsImage, factor: float) -> VipsImage:
    """``image`` ``factor`` times smaller, at least one pixel a side."""
    if factor == 1:
        return image
    return reduced(image, max(1, round(image.width / factor)), max(1, round(image.height / factor)))
