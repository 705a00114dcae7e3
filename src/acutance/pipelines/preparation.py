"""What happens to frames before the network sees them: steadied over time, freed of grain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from acutance.files.video_reading import Frame
from acutance.imaging.cuts import is_cut, thumbnail
from acutance.imaging.grain import less_grain
from acutance.imaging.steady import RADIUS, steady


def look_back(stabilise_time: float) -> int:
    """How many frames before the first new one must be read again, so that it comes out as if nothing had stopped."""
    return RADIUS if stabilise_time else 0


def prepared(frames: Iterator[tuple[Frame, bool]], stabilise_time: float, denoise_grain: float) -> Iterator[Frame]:
    """The new ones of ``frames``, prepared; all others only help."""
    chosen = steadied(frames, stabilise_time) if stabilise_time else (frame for frame, new in frames if new)
    for frame in chosen:
        yield replace(frame, rgb=less_grain(frame.rgb, denoise_grain)) if denoise_grain else frame


@dataclass(frozen=True)
class _Held:
    frame: Frame
    new: bool
    look: np.ndarray
    shot: int


def steadied(frames: Iterator[tuple[Frame, bool]], strength: float) -> Iterator[Frame]:
    """Every new frame, steadied by up to ``RADIUS`` frames on either side that belong to its shot."""
    window: list[_Held] = []
    place = 0  # in the window, of the next frame to give
    for frame, new in frames:
        look = thumbnail(frame.rgb)
        shot = window[-1].shot + is_cut(window[-1].look, look) if window else 0
        window.append(_Held(frame, new, look, shot))
        if len(window) > place + RADIUS:
            yield from _given(window, place, strength)
            place += 1
        if place > RADIUS:
            del window[0]
            place -= 1
    for last in range(place, len(window)):
        yield from _given(window, last, strength)


def _given(window: list[_Held], place: int, strength: float) -> Iterator[Frame]:
    """The frame at ``place``, if it is new."""
    held = window[place]
    if held.new:
        first = max(0, place - RADIUS)
        near = [h for h in window[first : place + RADIUS + 1] if h.shot == held.shot]
        middle = sum(h.shot == held.shot for h in window[first:place])
        yield replace(held.frame, rgb=steady([h.frame.rgb for h in near], middle, strength))
