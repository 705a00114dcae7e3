"""What happens to frames before the network sees them: steadied over time, freed of grain."""

from __future__ import annotations

from collections.abc import Iterator

from acutance.files.video_reading import Frame


def look_back(stabilise_time: float) -> int:
    """How many frames before the first new one must be read again."""
    return 0


def prepared(frames: Iterator[tuple[Frame, bool]], stabilise_time: float, denoise_grain: float) -> Iterator[Frame]:
    """The new ones of ``frames``, prepared."""
    for frame, new in frames:
        if new:
            yield frame
