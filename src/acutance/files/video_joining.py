"""From finished segments to a film: packets copied one by one beside everything else, then read back and compared."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from acutance.errors import AcutanceError
from acutance.files.pyav import FAULTS, open_film, open_output, writing
from acutance.files.video_streams import (
    Companions,
    Tally,
    add_copy,
    beginning,
    copied_packets,
    film_metadata,
    packet_time,
    stream_metadata,
)
from acutance.files.video_writing import read_segment
from acutance.files.videos import Film, packets

TOLERANCE = 0.001  # seconds: Matroska counts in milliseconds
FINE = Fraction(1, 1_000_000)  # seconds


@dataclass(frozen=True)
class Piece:
    """A finished segment: its file, its frames' times in ticks of the film, and how far decoding runs ahead."""

    path: Path
    pts: tuple[int, ...]
    delay: int


@dataclass(frozen=True, kw_only=True)
class Joined:
    """A finished film, as read back: frames, copied packets of other streams, seconds, remarks, and how many damaged
    packets of other streams were left out."""

    refused: int
    frames: int
    packets: int
    duration: float
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """What a film is joined from. ``first``, ``stop``: ticks of an excerpt; ``end``: where the last frame ends."""

    film: Film
    pieces: tuple[Piece, ...]
    companions: Companions
    container: str
    first: int | None
    stop: int | None
    end: int

    @property
    def shift(self) -> Fraction:
        """Seconds by which everything moves towards the beginning."""
        return beginning(self.film, self.first)

    @property
    def window(self) -> tuple[Fraction | None, Fraction | None]:
        """The excerpt in seconds of the film's clock."""
        base = self.film.time_base
        return (None if self.first is None else self.first * base, None if self.stop is None else self.stop * base)


def join(assembly: Assembly, path: Path) -> tuple[int, dict[int, Tally]]:
    """Write the film to ``path``; the number of its picture's stream there, and what was copied of each other one, by
    its number."""
    film = assembly.film
    with writing(f"{film.path}: the finished film"), ExitStack() as stack:
        source = stack.enter_context(open_film(film.path))
        target = stack.enter_context(open_output(path, assembly.container))
        video, others = _lay_out(assembly, source, target, stack)
        tallies = {stream.index: Tally() for stream in others.values()}
        companions = copied_packets(source, tuple(others), assembly.window)
        waiting = next(companions, None)  # the next packet of another stream, with its number
        for packet in video_packets(assembly):
            time = packet.dts * packet.time_base
            packet.stream = video
            while waiting is not None and _time(waiting[1]) - assembly.shift <= time:
                _copy(target, waiting[1], others[waiting[0]], tallies, assembly.shift)
                waiting = next(companions, None)
            target.mux(packet)
        while waiting is not None:
            _copy(target, waiting[1], others[waiting[0]], tallies, assembly.shift)
            waiting = next(companions, None)
    return video.index, tallies


def _lay_out(assembly: Assembly, source: Any, target: Any, stack: ExitStack) -> tuple[Any, dict[int, Any]]:
    """The streams of the new film in the order of the old one, chapters and metadata; writes the header."""
    film, video, others = assembly.film, None, {}
    template = stack.enter_context(open_film(assembly.pieces[0].path)).streams.video[0]
    for stream in source.streams:
        if stream.index == film.stream:
            video = target.add_stream_from_template(template, opaque=True)
            if target.format.name in ("mp4", "mov") and video.codec_context.name == "hevc":
                video.codec_context.codec_tag = "hvc1"  # Apple's players know H.265 by this name only
            video.time_base = film.time_base
            video.metadata.update(stream_metadata(stream))
            video.disposition = stream.disposition
            if film.matrix:
                video.set_display_matrix(film.matrix)
        elif stream.index in assembly.companions.copied:
            copy = add_copy(target, stream)
            if copy.type != "attachment":
                others[stream.index] = copy
    target.metadata.update(film_metadata(source))
    target.set_chapters(list(_chapters(assembly, source)))
    target.start_encoding()
    return video, others


def _chapters(assembly: Assembly, source: Any) -> Iterator[dict[str, Any]]:
    """Chapters within the excerpt, moved with it and cut to it."""
    low, high = assembly.window
    for chapter in source.chapters():
        base = chapter["time_base"]
        start, end = chapter["start"] * base, chapter["end"] * base
        if (high is not None and start >= high) or (low is not None and end <= low):
            continue
        start, end = max(start, low or start), min(end, high or end)
        moved = {"start": round((start - assembly.shift) / base), "end": round((end - assembly.shift) / base)}
        yield {**chapter, **moved}


def _time(packet: Any) -> Fraction:
    if packet is None:
        return Fraction(0)
    ticks = packet.dts if packet.dts is not None else packet.pts
    return Fraction(0) if ticks is None else ticks * packet.time_base


def _copy(target: Any, packet: Any, stream: Any, tallies: dict[int, Tally], shift: Fraction) -> None:
    """Copy one packet; one that is damaged (or ``None``), so that no container takes it, is counted."""
    tally = tallies[stream.index]
    if packet is None:
        tally.refused += 1
        return
    data, time = bytes(packet), packet_time(packet, shift)
    _move(packet, shift)
    packet.stream = stream
    try:
        target.mux(packet)
    except OSError:
        raise
    except FAULTS:
        tally.refused += 1
    else:
        tally.add(data, time)


def _move(packet: Any, shift: Fraction) -> None:
    """Make ``packet`` earlier by ``shift`` seconds, in ticks so fine that rounding is not heard."""
    if not shift:
        return
    base = packet.time_base
    pts, dts, length = (None if t is None else t * base for t in (packet.pts, packet.dts, packet.duration))
    packet.time_base = FINE
    packet.pts, packet.dts = (None if t is None else round((t - shift) / FINE) for t in (pts, dts))
    packet.duration = round((length or 0) / FINE)


def video_packets(assembly: Assembly) -> Iterator[Any]:
    """The packets of all segments in the order of decoding, with the film's own times.

    Every segment numbers its frames from zero and its encoder began anew, so decoding times are laid out again over
    the whole film: packet n is decoded at the time of the frame shown as number n - delay.
    """
    film, delay = assembly.film, max(piece.delay for piece in assembly.pieces)
    shift = round(assembly.shift / film.time_base)
    first = assembly.pieces[0].pts[0]
    decoded = deque(first - (delay - n) * film.step for n in range(delay))
    following = [*(piece.pts[0] for piece in assembly.pieces[1:]), assembly.end]
    for piece, after in zip(assembly.pieces, following, strict=True):
        shown = [*piece.pts, after]
        numbers = read_segment(piece.path).numbers
        with open_film(piece.path) as container:
            found = (p for p in container.demux(container.streams.video[0]) if p.size)
            for place, (number, packet) in enumerate(zip(numbers, found, strict=True)):
                decoded.append(shown[place])
                packet.pts, packet.dts = shown[number] - shift, decoded.popleft() - shift
                packet.duration, packet.time_base = shown[number + 1] - shown[number], film.time_base
                yield packet


def verify(assembly: Assembly, path: Path, number: int, tallies: dict[int, Tally]) -> Joined:
    """Read the film at ``path`` back, its picture being stream ``number``: every frame at its time, every copied packet
    unchanged. Raises otherwise."""
    found = {other: Tally() for other in tallies}
    expected, offset, frames, end = video_packets(assembly), None, 0, 0.0
    with open_film(path) as container, open_film(assembly.film.path) as source:
        if number >= len(container.streams) or container.streams[number].type != "video":
            raise _mismatch(path, f"stream {number} is not the picture")
        for packet in packets(container, *container.streams):
            if packet.stream.index in found and packet.size:
                found[packet.stream.index].add(bytes(packet), packet_time(packet))
            if packet.stream.index != number or not packet.size:
                continue
            wanted = next(expected, None)
            if wanted is None:
                raise _mismatch(path, f"more than {frames} frames")
            off = float(packet.pts * packet.time_base - wanted.pts * wanted.time_base)
            offset = off if offset is None else offset
            if abs(off - offset) > TOLERANCE:
                raise _mismatch(path, f"frame {frames} is {off - offset:.4f} s off")
            frames += 1
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if next(expected, None) is not None:
            raise _mismatch(path, f"only {frames} frames")
        kept = {key.lower() for key in container.metadata}
        lost = [key for key in film_metadata(source) if key.lower() not in kept]
        notes = [f"the metadata {key} is dropped: the container holds no such entry" for key in lost]
    for other, tally in tallies.items():
        _same(path, other, tally, found[other], offset or 0.0)
    if offset is not None and abs(offset) > TOLERANCE:
        notes.append(f"everything begins {offset * 1000:.0f} ms later: the container has no times before zero")
    refused = sum(tally.refused for tally in tallies.values())
    return Joined(
        refused=refused, frames=frames, packets=sum(t.count for t in found.values()), duration=end, notes=tuple(notes)
    )


def _same(path: Path, number: int, wanted: Tally, found: Tally, offset: float) -> None:
    if (wanted.count, wanted.digest.digest()) != (found.count, found.digest.digest()):
        raise _mismatch(path, f"stream {number} has other packets ({found.count} of {wanted.count})")
    if wanted.first is not None and found.first is not None:
        drift = max(abs(found.first - wanted.first - offset), abs(found.last - wanted.last - offset))
        if drift > 2 * TOLERANCE:
            raise _mismatch(path, f"stream {number} has moved by {drift:.4f} s against the picture")


def _mismatch(path: Path, what: str) -> AcutanceError:
    return AcutanceError(
        f"{path}: the finished film was read back and is not what was put in ({what}); a bug of ours or of libav. "
        "The finished segments are kept; try another container with -o"
    )
