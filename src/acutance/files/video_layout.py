"""What a new film's header says of its picture, its chapters and itself, also of an excerpt."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from acutance.files.video_colour import Colour
from acutance.files.video_streams import film_metadata, is_timecode_track, stream_metadata
from acutance.files.videos import Film

QUICKTIME = ("mp4", "mov")


def lay_out_picture(
    target: Any, template: Any, old: Any, film: Film, colour: Colour, first: int | None
) -> Any:  # fmt: skip
    """The picture's stream in ``target``: the encoder's header of ``template``, and what segments do not keep."""
    video = target.add_stream_from_template(template, opaque=True)
    context = video.codec_context
    if target.format.name in QUICKTIME and context.name == "hevc":
        context.codec_tag = "hvc1"  # Apple's players know H.265 by this name only
    context.color_range = 2 if colour.full else 1
    context.colorspace, context.color_primaries, context.color_trc = colour.matrix, colour.primaries, colour.transfer
    context.sample_aspect_ratio = film.aspect
    video.time_base = film.time_base
    video.metadata.update(stream_metadata(old))
    if code := timecode(old.container, film, first):
        video.metadata["timecode"] = code
        if target.format.name in QUICKTIME:
            context.framerate = film.rate  # what the track of time codes counts by
    video.disposition = old.disposition
    if film.matrix:
        video.set_display_matrix(film.matrix)
    return video


def timecode(source: Any, film: Film, first: int | None) -> str:
    """The time code of the new film's first frame; empty if the film has none."""
    said = [source.streams[film.stream].metadata, *(s.metadata for s in source.streams if is_timecode_track(s)),
            source.metadata]  # fmt: skip
    code = next((tags["timecode"] for tags in said if "timecode" in tags), "")
    if not code or first is None:
        return code
    return later(code, round((first * film.time_base - Fraction(film.start).limit_denominator(90_000)) * film.rate),
                 round(film.rate))  # fmt: skip


def later(code: str, frames: int, rate: int) -> str:
    """A time code so many frames later, of ``rate`` frames a second (rounded: SMPTE ST 12-1 counts so; with ``;``
    numbers 0 and 1, at 60 a second to 3, of each minute but every tenth are left out). Empty if it is none.

    >>> later("01:00:00:00", 30, 25), later("00:00:59;29", 1, 30), later("00:09:59;29", 1, 30), later("x", 1, 25)
    ('01:00:01:05', '00:01:00;02', '00:10:00;00', '')
    """
    parts = code.replace(";", ":").replace(".", ":").split(":")
    if len(parts) != 4 or not all(part.isdigit() for part in parts):
        return ""
    hours, minutes, seconds, count = map(int, parts)
    dropped = rate // 15 if (";" in code or "." in code) and rate % 30 == 0 else 0
    total = ((hours * 60 + minutes) * 60 + seconds) * rate + count + frames
    minute = hours * 60 + minutes
    total -= dropped * (minute - minute // 10)
    if dropped:  # back from real frames to numbers
        tens, rest = divmod(total, rate * 600 - 9 * dropped)
        total += 9 * dropped * tens + dropped * max(0, (rest - dropped) // (rate * 60 - dropped))
    minute, rest = divmod(total, rate * 60)
    mark = ";" if ";" in code else "." if "." in code else ":"
    return f"{minute // 60 % 24:02}:{minute % 60:02}:{rest // rate:02}{mark}{rest % rate:02}"


def moved_metadata(source: Any, film: Film, first: int | None) -> dict[str, str]:
    """The film's metadata; a time code is that of the new film's first frame."""
    kept = film_metadata(source)
    if "timecode" in kept:
        kept["timecode"] = timecode(source, film, first) or kept["timecode"]
    return kept


def moved_chapters(
    source: Any, window: tuple[Fraction | None, Fraction | None], shift: Fraction
) -> Iterator[dict[str, Any]]:
    """Chapters within the excerpt, moved with it and cut to it."""
    low, high = window
    for chapter in source.chapters():
        base = chapter["time_base"]
        start, end = chapter["start"] * base, chapter["end"] * base
        if (high is not None and start >= high) or (low is not None and end <= low):
            continue
        start, end = max(start, low or start), min(end, high or end)
        moved = {"start": round((start - shift) / base), "end": round((end - shift) / base)}
        yield {**chapter, **moved}
