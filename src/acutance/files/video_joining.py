"""From finished segments to a film: packets written one by one beside everything else."""

from __future__ import annotations

import io
import math
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from acutance.files.pyav import FAULTS, open_film, open_output, writing
from acutance.files.video_carriers import Carrier, carrier, written
from acutance.files.video_colour import Colour
from acutance.files.video_layout import lay_out_picture, moved_chapters, moved_metadata
from acutance.files.video_streams import Companions, beginning, packet_duration, packet_time
from acutance.files.video_writing import read_segment
from acutance.files.videos import Film

FINE = 48_000  # ticks a second, at least, of packets that are moved


@dataclass(frozen=True)
class Piece:
    """A finished segment: its file or itself, its frames' times in ticks of the film, how far decoding runs ahead."""

    path: Path | bytes
    pts: tuple[int, ...]
    delay: int


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """What a film is joined from. ``colour``: of the encoded frames; ``first``, ``stop``: ticks of an excerpt; ``end``:
    where the last frame ends; ``enough``: packets of each other stream, if a trial needs no more."""

    film: Film
    pieces: tuple[Piece, ...]
    companions: Companions
    container: str
    colour: Colour
    first: int | None
    stop: int | None
    end: int
    enough: int | None = None

    @property
    def shift(self) -> Fraction:
        """Seconds by which everything moves towards the beginning."""
        return beginning(self.film, self.first)

    @property
    def window(self) -> tuple[Fraction | None, Fraction | None]:
        """The excerpt in seconds of the film's clock."""
        base = self.film.time_base
        return (None if self.first is None else self.first * base, None if self.stop is None else self.stop * base)


def join(assembly: Assembly, path: Path | io.BytesIO) -> list[Carrier]:
    """Write the film to ``path``, or to memory; what was written of every other stream, in their order."""
    film = assembly.film
    with writing(f"{film.path}: the finished film"), ExitStack() as stack:
        source = stack.enter_context(open_film(film.path))
        target = stack.enter_context(open_output(path, assembly.container, **dict(assembly.companions.options)))
        video, carriers = _lay_out(assembly, source, target, stack)
        others = written(source, carriers, assembly.window, assembly.enough)
        waiting = next(others, None)  # the next packet of another stream, with its carrier
        for packet in video_packets(assembly):
            time = packet.dts * packet.time_base
            packet.stream = video
            while waiting is not None and _time(waiting[1]) - assembly.shift <= time:
                _write(target, *waiting, assembly.shift)
                waiting = next(others, None)
            target.mux(packet)
        while waiting is not None:
            _write(target, *waiting, assembly.shift)
            waiting = next(others, None)
    return carriers


def _lay_out(assembly: Assembly, source: Any, target: Any, stack: ExitStack) -> tuple[Any, list[Carrier]]:
    """The streams of the new film in the order of the old one, chapters and metadata; writes the header."""
    film, video, carriers = assembly.film, None, []
    ways = {way.index: way for way in assembly.companions.ways}
    template = stack.enter_context(open_film(assembly.pieces[0].path)).streams.video[0]
    for stream in source.streams:
        if stream.index == film.stream:
            video = lay_out_picture(target, template, stream, film, assembly.colour, assembly.first)
        elif stream.index in ways:
            carriers.append(carrier(target, stream, ways[stream.index]))
    target.metadata.update(moved_metadata(source, film, assembly.first))
    target.set_chapters(list(moved_chapters(source, assembly.window, assembly.shift)))
    target.start_encoding()
    return video, carriers


def _time(packet: Any) -> Fraction:
    if packet is None:
        return Fraction(0)
    ticks = packet.dts if packet.dts is not None else packet.pts
    return Fraction(0) if ticks is None else ticks * packet.time_base


def _write(target: Any, each: Carrier, packet: Any, shift: Fraction) -> None:
    """Write one packet; one that is damaged (or ``None``), so that no container takes it, is counted."""
    if packet is None:
        each.tally.refused += 1
        return
    data, time, duration = bytes(packet), packet_time(packet, shift), packet_duration(packet)
    _move(packet, shift)
    if each.kind == "audio" and not packet.duration and each.tally.step > 0:  # or MP4 cuts the last one off
        packet.duration = round(each.tally.step / packet.time_base)
    packet.stream = each.stream
    try:
        target.mux(packet)
    except OSError:
        raise
    except FAULTS:
        each.tally.refused += 1
    else:
        each.tally.add(data, time, duration)


def _move(packet: Any, shift: Fraction) -> None:
    """Move a packet ``shift`` seconds towards the beginning, in ticks fine enough for that."""
    base = packet.time_base
    parts = 1 if (shift / base).denominator == 1 else math.ceil(base * FINE)
    ticks = round(shift / base * parts)
    packet.time_base = base / parts
    if packet.pts is not None:
        packet.pts = packet.pts * parts - ticks
    if packet.dts is not None:
        packet.dts = packet.dts * parts - ticks
    if packet.duration:
        packet.duration *= parts


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
