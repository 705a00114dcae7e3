"""What a person may ask of a picture, refused before any work where it contradicts itself."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass

from acutance.engines import EngineName, Precision
from acutance.errors import UsageError
from acutance.files import limits
from acutance.models.model import Verb

MAX_SCALE = 16.0
MAX_ITERATIONS = 100  # of back-projection


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What to make of a picture. One of ``scale``, ``width`` and ``height`` (pixels) at most; the
    model's own scale if none. ``quality``: 1..100 for jpg, webp, avif. ``tile``: 0 chooses.
    ``back_project``: iterations after each pass that make the result shrink to its input again.

    With the ``verb`` "stylize" the picture keeps its size, but is first reduced ``shrink`` times, and the
    result is ``strength`` of what the model paints and the rest of the picture itself."""

    verb: Verb = "upscale"
    scale: float | None = None
    width: int | None = None
    height: int | None = None
    file_format: str | None = None
    quality: int = 90
    engine: EngineName = "auto"
    precision: Precision = "auto"
    tile: int = 0
    back_project: int = 0
    strength: float = 1.0
    shrink: float = 1.0
    overwrite: bool = False
    max_megapixels: float = limits.MAX_MEGAPIXELS

    def __post_init__(self) -> None:
        """Refuse contradictions before any work. Numbers of any kind become Python's own: plans are made of them."""
        for name in ("scale", "strength", "shrink", "max_megapixels"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, float(value))
        for name in ("width", "height", "quality", "tile", "back_project"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, operator.index(value))
        sizes = [v for v in (self.scale, self.width, self.height) if v is not None]
        if len(sizes) > 1:
            raise UsageError("give one of --scale, --width and --height")
        if self.scale is not None and not 0 < self.scale <= MAX_SCALE:
            raise UsageError(f"--scale {self.scale:g}: expected a number above 0 and up to {MAX_SCALE:g}")
        if any(side is not None and side < 1 for side in (self.width, self.height)):
            raise UsageError("--width and --height are in pixels and at least 1")
        if not 1 <= self.quality <= 100:
            raise UsageError(f"--quality {self.quality}: expected 1 to 100")
        if self.file_format is not None and self.file_format not in limits.FORMATS:
            raise UsageError(f"--format {self.file_format}: expected one of {', '.join(limits.FORMATS)}")
        if not self.max_megapixels > 0:
            raise UsageError(f"--max-megapixels {self.max_megapixels:g}: expected a number above 0")
        if self.tile < 0:
            raise UsageError("--tile is in pixels; 0 chooses")
        if not 0 <= self.back_project <= MAX_ITERATIONS:
            raise UsageError(
                f"--back-project {self.back_project}: expected 0 (off) to {MAX_ITERATIONS}; ESRGAN used 20"
            )
        if not 0 <= self.strength <= 1:
            raise UsageError(f"--strength {self.strength:g}: expected 0 (the picture itself) to 1 (all paint)")
        if not 1 <= self.shrink <= MAX_SCALE:
            raise UsageError(f"--shrink {self.shrink:g}: expected 1 (the picture's size) to {MAX_SCALE:g}")
        if self.verb == "stylize" and (sizes or self.back_project):
            raise UsageError("a painted picture keeps its size; only --shrink changes it")


def final_size(width: int, height: int, model_scale: int, settings: Settings) -> tuple[int, int]:
    """Width and height of the result, in pixels.

    >>> final_size(100, 50, 4, Settings()), final_size(100, 50, 4, Settings(width=250))
    ((400, 200), (250, 125))
    """
    scale = settings.scale or float(model_scale)
    if settings.width:
        scale = settings.width / width
    elif settings.height:
        scale = settings.height / height
    if scale > MAX_SCALE:
        raise UsageError(f"a size {scale:.2f} times the input is asked for; the most is {MAX_SCALE:g} times")
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return (settings.width or size[0], settings.height or size[1])


def passes_needed(width: int, height: int, size: tuple[int, int], model_scale: int) -> int:
    """How often the model must run until its result is no smaller than ``size``."""
    ratio = max(size[0] / width, size[1] / height)
    if model_scale == 1 or ratio <= model_scale:
        return 1
    return math.ceil(math.log(ratio, model_scale) - 1e-9)
