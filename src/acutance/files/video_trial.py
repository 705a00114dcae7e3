"""A trial before the work: the beginning of the new film, in memory, with everything that is to go along.

Lists of what a container holds are not to be relied on: only a header, packets and a trailer that were written and read
back tell. What does not come back as it was put in is converted, or named as dropped.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np

from acutance.errors import AcutanceError
from acutance.files.pyav import FAULTS, open_film, reason
from acutance.files.video_checking import Found, read_back
from acutance.files.video_conversion import encoders
from acutance.files.video_joining import Assembly, Piece, join
from acutance.files.video_streams import Companions, Way, is_chapter_track, is_timecode_track, name_of
from acutance.files.video_writing import Encoding, converter, read_segment, segment_writer
from acutance.files.videos import Film

ENOUGH = 24  # packets of each stream
KEYS = (("movflags", "use_metadata_tags"),)  # QuickTime's list of any names and values, instead of a few fixed ones
LOSSY = ("libopus",)


def companions(film: Film, container: str, encoding: Encoding) -> Companions:
    """How every other stream of ``film`` goes along in ``container``, beside the encoder's own header.

    Raises a ``ResourceError`` if the picture alone cannot be written.
    """
    trial = _Trial(film, container, encoding)
    with open_film(film.path) as source:
        others = [s for s in source.streams if s.index != film.stream and not _made_anew(s, source)]
        ways, found = tuple(Way(stream.index) for stream in others), None
        problems: dict[int, str] = {}
        if trial.faults(ways):
            trial(())  # the picture alone must do
            chosen = [_way(trial, stream, problems) for stream in others]
            ways = _together(trial, tuple(way for way in chosen if way), problems)
        found = trial(ways)
        options = _options(trial, ways, found)
        if options:
            found = trial(ways, options)
        converted = {way.index: way.encoder for way in ways if way.encoder}
        notes = [
            _note(stream, container, problems, converted, trial.held_by_matroska(stream.index))
            for stream in others
            if stream.index in problems
        ]
    return Companions(ways, (*notes, *found.lost), options)


def _made_anew(stream: Any, source: Any) -> bool:
    """Whether the new film gets such a stream by itself."""
    return is_chapter_track(stream, source) or is_timecode_track(stream)


def _way(trial: _Trial, stream: Any, problems: dict[int, str]) -> Way | None:
    """The best way that comes back as it was put in, or none; why it is not copied goes to ``problems``."""
    for encoder in ("", *encoders(stream, trial.container)):
        way = Way(stream.index, encoder)
        fault = trial.faults((way,))
        if not fault:
            return way
        problems.setdefault(stream.index, fault)
    return None


def _together(trial: _Trial, ways: tuple[Way, ...], problems: dict[int, str]) -> tuple[Way, ...]:
    """What of ``ways``, each of which does alone, does together: one after the other."""
    if not trial.faults(ways):
        return ways
    kept: tuple[Way, ...] = ()
    for way in ways:
        if fault := trial.faults((*kept, way)):
            problems[way.index] = fault
        else:
            kept = (*kept, way)
    return kept


def _options(trial: _Trial, ways: tuple[Way, ...], found: Found) -> tuple[tuple[str, str], ...]:
    """QuickTime's list of any names, if more is kept with it; players read the fixed ones more often."""
    if trial.container not in ("mp4", "mov") or not found.lost or trial.faults(ways, KEYS):
        return ()
    return KEYS if len(trial(ways, KEYS).lost) < len(found.lost) else ()


def _note(
    stream: Any, container: str, problems: dict[int, str], converted: dict[int, str], matroska: bool = False
) -> str:
    """What became of a stream; ``matroska``: whether that would hold it."""
    problem, encoder = problems[stream.index], converted.get(stream.index)
    hint = "" if container == "matroska" or not matroska else "; use .mkv" + (" to keep it as it is" if encoder else "")
    if encoder:
        loss = ", with a little loss" if encoder in LOSSY else ", without loss" if stream.type == "audio" else ""
        return (
            f"{name_of(stream)} is converted to {encoder.removeprefix('lib')}{loss}: {container} does not hold it{hint}"
        )
    return f"{name_of(stream)} is dropped: {container} does not hold it ({problem}){hint}"


def next_best(film: Film, container: str, before: Companions, wrong: dict[int, str]) -> Companions:
    """``before``, with the next best way for each of the streams that came back ``wrong``, and a note on each."""
    ways, notes = list(before.ways), list(before.notes)
    with open_film(film.path) as source:
        for way in before.ways:
            if way.index in wrong:
                stream = source.streams[way.index]
                following = ("", *encoders(stream, container), None)
                encoder = following[following.index(way.encoder) + 1]
                place = ways.index(way)
                ways[place : place + 1] = [] if encoder is None else [Way(way.index, encoder)]
                notes.append(_note(stream, container, wrong, {} if encoder is None else {way.index: encoder}))
    return Companions(tuple(ways), tuple(notes), before.options)


class _Trial:
    """Writes the beginning of the film, with some of its streams, and reads it back."""

    def __init__(self, film: Film, container: str, encoding: Encoding) -> None:
        self.container = container
        convert, memory = converter(film, encoding), io.BytesIO()
        with segment_writer(memory, film, encoding, convert) as write:
            write(np.full((16, 16, 3), 128, np.uint8) if not film.deep else np.full((16, 16, 3), 1 << 15, np.uint16))
        segment, first = memory.getvalue(), round(film.start / film.time_base)
        self._assembly = Assembly(
            film=film, pieces=(Piece(segment, (first,), read_segment(segment).delay),), companions=Companions(),
            container=container, colour=convert.colour, first=None, stop=None, end=first + film.step, enough=ENOUGH,
        )  # fmt: skip

    def __call__(self, ways: Sequence[Way], options: tuple[tuple[str, str], ...] = ()) -> Found:
        """What comes back. Raises an ``AcutanceError`` or one of ``FAULTS`` if it cannot be written or read."""
        assembly = replace(self._assembly, companions=Companions(tuple(ways), (), options))
        memory = io.BytesIO()
        carriers = join(assembly, memory)
        return read_back(assembly, memory.getvalue(), carriers)

    def held_by_matroska(self, index: int) -> bool:
        """Whether Matroska, which holds most, gives the stream back as it is."""
        if self.container == "matroska":
            return False
        other = copy(self)
        other._assembly = replace(self._assembly, container="matroska")
        return not other.faults((Way(index),))

    def faults(self, ways: Sequence[Way], options: tuple[tuple[str, str], ...] = ()) -> str:
        """What is wrong with a film with these streams, in a few words; empty if nothing."""
        try:
            found = self(ways, options)
        except (AcutanceError, *FAULTS, TypeError, NotImplementedError) as error:
            return reason(error.__cause__ or error)
        return next((f"it comes back with {what}" for what in found.wrong.values()), "")
