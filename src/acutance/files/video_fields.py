"""Fields: whether a film's frames are woven of two, or are film carried to 30 a second, and which comes first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np

from acutance.files.pyav import FAULTS, decoded, open_film
from acutance.files.video_filters import graph_of, through

PLACES = (0.0, 0.25, 0.5, 0.75)  # of the film, looked at
LOOK = 24  # frames at each place
HIGHEST = 1088  # lines; no standard weaves fields into more
WITH_FIELDS = (
    "h264", "hevc", "mpeg2video", "mpeg4", "vc1", "wmv3", "cavs", "avs2", "dvvideo", "prores", "dnxhd", "rawvideo",
    "v210", "huffyuv", "ffvhuff", "utvideo", "hq_hqa", "hqx", "cfhd",
)  # fmt: skip
"""Codecs whose films may hide fields; of all others only those that say so themselves."""
NEVER = ("vp8", "vp9", "av1", "png", "apng", "gif", "webp", "theora")

SURE = 2  # times as many frames of one kind as of the other
REFUTED = 20  # times as many whole blocks as woven ones, and a flag is wrong
LEAST = 0.25  # share of combed frames from which on unflagged film is suspected
PURE = 0.88  # share of woven blocks that agree on which field comes first; patterns and noise disagree
WOVEN = 0.35  # share of moving blocks that are woven; slow motion leaves half of them whole
SOME, FEW = 0.2, 0.05  # enough where every frame is combed; the latter only with one woven block a frame at least
EVERY = 0.9  # share of frames
COMB = 1.0  # times as rough across the lines of both fields as within one
BLOCK = (8, 16)  # lines of a field, pixels
MOVES = (0.2, 4.0)  # how much more two frames' fields must comb than one frame's: share, levels
TELEVISION = (Fraction(239, 10), Fraction(301, 10))  # frames a second of woven fields
CARRIED = (Fraction(299, 10), Fraction(301, 10))  # frames a second of film carried to television
CYCLE = 5  # frames, of which two repeat a field
CYCLIC, PAIRED = 0.6, 0.85  # share of repeated fields that keep the beat, of woven frames that come in twos
OFTEN = 0.1  # of the frames must have been on the beat; two in five would be all

Kind = Literal["progressive", "interlaced", "telecined"]


@dataclass(frozen=True)
class Fields:
    """What a film's frames are made of, and whether the upper field comes first; ``None``: its own flags say so."""

    kind: Kind = "progressive"
    top_first: bool | None = None


PROGRESSIVE = Fields()


def find_fields(path: Path, index: int, duration: float, codec: str, rate: Fraction) -> Fields:
    """What the frames of stream ``index`` are made of.

    The stream's own flags count, and so does what is seen (libavfilter's idet, each frame judged by itself) at four
    places. Where they disagree, combed lines must be in a moving picture and agree on the order of the fields.
    """
    if codec in NEVER:
        return PROGRESSIVE
    seen = _Seen()
    with open_film(path) as container:
        stream = container.streams[index]
        if stream.height > HIGHEST:
            return PROGRESSIVE
        stream.thread_type = "AUTO"
        short = duration <= len(PLACES) * LOOK / 24
        for place in PLACES[:1] if short else PLACES:
            start = stream.start_time or 0  # clocks need not begin at 0
            with suppress(*FAULTS):
                if place:
                    container.seek(start + int(place * duration / stream.time_base), stream=stream)
                seen.look(stream, decoded(container, stream), LOOK * (len(PLACES) if short else 1))
            if not seen.flagged and codec not in WITH_FIELDS:
                return PROGRESSIVE
    return seen.judge(rate)


class _Seen:
    """What was seen of a film's frames."""

    def __init__(self) -> None:
        self.frames = self.flagged = 0
        self.kinds: Counter[str] = Counter()
        self.blocks = np.zeros(3, int)  # whole, woven with the upper field first, with the lower one
        self.repeats = np.zeros(2, int)  # fields shown again: those on the beat, all
        self.pairs = np.zeros(2, int)  # woven frames: those of which two follow one another in five, all

    def look(self, stream: Any, frames: Iterator[Any], most: int) -> None:
        """Judge up to ``most`` frames that follow one another."""
        graph, before, repeated, woven = None, None, [], np.zeros(CYCLE, int)
        try:
            for number, frame in enumerate(frames):
                graph = graph or graph_of(frame, stream.time_base, Fraction(25), [("idet", None)])
                self.frames, self.flagged = self.frames + 1, self.flagged + bool(frame.interlaced_frame)
                for judged in through(graph, frame):
                    kind = judged.metadata.get("lavfi.idet.single.current_frame", "")
                    self.kinds[kind] += 1
                    repeated.append(judged.metadata.get("lavfi.idet.repeated.current_frame", ""))
                    if kind in ("tff", "bff") and before is not None:
                        whole, *either = blocks = woven_blocks(before, frame)
                        self.blocks += blocks
                        woven[number % CYCLE] += sum(either) > whole
                before = frame
                if number + 1 == most:
                    break
        finally:
            self.repeats += beat(repeated)
            self.pairs += (max(woven + np.roll(woven, 1)), sum(woven))

    def judge(self, rate: Fraction) -> Fields:
        """What it is, at ``rate`` frames a second."""
        top, bottom, whole = self.kinds["tff"], self.kinds["bff"], self.kinds["progressive"]
        combed, flagged = max(top, bottom), self.flagged * 2 > self.frames
        intact, upper, lower = (int(n) for n in self.blocks)
        pure = max(upper, lower) >= PURE * (upper + lower) > 0
        combs = combed >= LEAST * max(self.frames, 1)
        share = (upper + lower) / max(intact + upper + lower, 1)
        every = combed >= EVERY * sum(self.kinds.values())
        woven = pure and (share >= WOVEN or (every and (share >= SOME or (share >= FEW and upper + lower >= combed))))
        first = None if flagged else upper > lower
        if CARRIED[0] < rate < CARRIED[1] and combs and self._on_beat():
            return Fields("telecined", upper > lower)
        if flagged:
            refuted = whole > SURE * combed or intact > REFUTED * (upper + lower)
            return PROGRESSIVE if refuted and whole + intact else Fields("interlaced", first)
        seen = combs and combed > SURE * max(whole, min(top, bottom)) and woven
        seen = seen and TELEVISION[0] < rate < TELEVISION[1]
        return Fields("interlaced", first) if seen else PROGRESSIVE

    def _on_beat(self) -> bool:
        enough = max(1, self.frames * OFTEN)
        return any(
            kept >= enough and kept >= share * whole
            for (kept, whole), share in ((self.repeats, CYCLIC), (self.pairs, PAIRED))
        )


def beat(repeated: list[str]) -> tuple[int, int]:
    """How many of the repeated fields keep the beat of 2:3, and how many there are.

    >>> beat(["neither", "top", "neither", "bottom", "neither"] * 4), beat(["top", "neither"] * 10)
    ((8, 8), (2, 10))
    """
    counts = {kind: np.zeros(CYCLE, int) for kind in ("top", "bottom")}
    for number, kind in enumerate(repeated):
        if kind in counts:
            counts[kind][number % CYCLE] += 1
    top, bottom = counts["top"], counts["bottom"]
    both = (top[n] + bottom[(n + gap) % CYCLE] for n in range(CYCLE) for gap in (2, 3))
    return int(max(both)), int(top.sum() + bottom.sum())


def woven_blocks(before: Any, frame: Any) -> np.ndarray:
    """How many moving blocks of ``before`` are whole, woven with the upper field first, and with the lower one.

    Fields of one moment comb least when woven as they are; fields of two moments comb no more with the next frame's.
    """
    (top, bottom), (later_top, later_bottom) = _fields(before), _fields(frame)
    if top.shape != later_top.shape or min(top.shape) < max(BLOCK):
        return np.zeros(3, int)
    now, upper, lower = _combing(top, bottom), _combing(later_top, bottom), _combing(top, later_bottom)
    most, least = np.maximum(upper, lower), np.minimum(upper, lower)
    moving = most - now > MOVES[0] * now + MOVES[1]
    share = (least - now) / np.maximum(most - now, 1e-6)  # 0: as combed as it is, 1: everything else combs more
    woven = moving & (share < 0.3) & (now > COMB * np.minimum(_roughness(top), _roughness(bottom)))
    return np.array([(moving & (share > 0.6)).sum(), (woven & (upper < lower)).sum(), (woven & (lower < upper)).sum()])


def _fields(frame: Any) -> tuple[np.ndarray, np.ndarray]:
    grey = frame.reformat(format="gray").to_ndarray().astype(np.float32)
    grey = grey[: len(grey) // 2 * 2, :: max(1, grey.shape[1] // 720)]
    return grey[0::2], grey[1::2]


def _combing(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Mean second difference across the lines of a frame woven of two fields, a block each."""
    return _means(np.abs(2 * bottom[:-1] - top[:-1] - top[1:]) + np.abs(2 * top[1:] - bottom[:-1] - bottom[1:]))


def _roughness(field: np.ndarray) -> np.ndarray:
    """The same within one field, whose lines are twice as far apart."""
    lines = 2 * np.abs(2 * field[1:-1] - field[:-2] - field[2:])
    return _means(np.concatenate([lines, lines[-1:]]))


def _means(lines: np.ndarray) -> np.ndarray:
    high, wide = lines.shape[0] // BLOCK[0], lines.shape[1] // BLOCK[1]
    lines = lines[: high * BLOCK[0], : wide * BLOCK[1]]
    return lines.reshape(high, BLOCK[0], wide, BLOCK[1]).mean((1, 3))
