"""Every picture as the pipeline wants it: upright, grey or RGB with or without alpha, 8 or 16 bits or float.

All of it is lazy: applied to a header it says what will come, applied to a decoder it does it.
"""

from __future__ import annotations

import numpy as np
import pyvips

from acutance.files.vips import VipsImage

DEPTHS = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}
WIDE = {"short": ("signed 16-bit", 32767), "int": ("signed 32-bit", 2**31 - 1), "uint": ("32-bit", 2**32 - 1)}
FOREIGN = ("cmyk", "lab", "labs", "labq", "xyz", "lch")
BLEED_SIGMA = 4.0  # pixels that colour creeps under transparent ones


def standard(image: VipsImage, orientation: int) -> VipsImage:
    """``image`` upright, in standard bands and depth, with colour under its transparent pixels."""
    image = _fitting(_upright(image, orientation))
    return bled(image) if _has_opacity(image) else image


def notes(image: VipsImage) -> list[str]:
    """What ``standard`` changes of ``image`` that the user should know."""
    said = []
    if image.interpretation in FOREIGN:
        depth = "" if image.format == "uchar" else " of 16 bits"
        said.append(f"is {image.interpretation.upper()}; the result is sRGB{depth}")
    elif image.format in WIDE:
        said.append(f"has {WIDE[image.format][0]} samples; the result has 16 bits")
    if image.bands > 4 and image.interpretation not in FOREIGN:
        said.append(f"has {image.bands} bands; the first three are used")
    return said


def _has_opacity(image: VipsImage) -> bool:
    """As everywhere here: the second band of two, the fourth of four, whatever the file calls them."""
    return image.bands in (2, 4)


def _upright(image: VipsImage, orientation: int) -> VipsImage:
    """Apply EXIF orientation 2..8, once."""
    turns = {3: "d180", 4: "d180", 5: "d90", 6: "d90", 7: "d270", 8: "d270"}
    if orientation in turns:
        image = image.rot(turns[orientation])
    return image.fliphor() if orientation in (2, 4, 5, 7) else image


def _fitting(image: VipsImage) -> VipsImage:
    """Grey or RGB, with or without alpha, of 8 bits, 16 bits or float."""
    deep = image.format != "uchar"
    if image.interpretation == "cmyk":
        depth = 16 if deep else 8
        image = image.icc_transform("srgb", embedded=True, input_profile="cmyk", intent="relative", depth=depth)
    elif image.interpretation in FOREIGN:
        image = image.colourspace("rgb16" if deep else "srgb")
    if image.format in WIDE:
        image = (image / WIDE[image.format][1] * 65535).rint().cast("ushort")
        image = image.copy(interpretation="grey16" if image.bands <= 2 else "rgb16")
    elif image.format not in DEPTHS:
        image = image.cast("float" if image.format == "double" else "uchar")
    return image[:3] if image.bands > 4 else image


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
    depth, alpha = image.format, _has_opacity(image)
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
