"""A film read back: every frame at its time, every packet as it was written, and what its header keeps."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acutance.errors import AcutanceError
from acutance.files.pyav import open_film
from acutance.files.video_carriers import EMPTY_WORDS, Carrier
from acutance.files.video_joining import Assembly, video_packets
from acutance.files.video_layout import moved_chapters, moved_metadata, timecode
from acutance.files.video_streams import (
    ROLES,
    Tally,
    is_cover,
    kind_of,
    name_of,
    packet_duration,
    packet_time,
    stream_metadata,
)
from acutance.files.videos import packets

TOLERANCE = 0.001  # seconds: Matroska counts in milliseconds


@dataclass(frozen=True, kw_only=True)
class Joined:
    """A finished film, as read back: frames, written packets of other streams, seconds, and remarks; ``refused``:
    packets of other streams that were too damaged to be written."""

    refused: int
    frames: int
    packets: int
    duration: float
    notes: tuple[str, ...]


@dataclass
class Found:
    """What a film holds: frames, where they end, by how many seconds all is later than was meant, what is wrong with
    streams, by their number in the old film, and what of the header is lost."""

    frames: int = 0
    end: float = 0.0
    offset: float | None = None
    wrong: dict[int, str] = field(default_factory=dict)
    lost: tuple[str, ...] = ()


def summary(found: Found, carriers: Sequence[Carrier]) -> Joined:
    """What is to be told of a film that was read back."""
    notes = list(found.lost)
    if found.offset is not None and abs(found.offset) > TOLERANCE:
        notes.append(f"everything begins {found.offset * 1000:.0f} ms later: the container has no times before zero")
    return Joined(
        refused=sum(each.tally.refused for each in carriers), frames=found.frames,
        packets=sum(each.tally.count for each in carriers), duration=found.end, notes=tuple(notes),
    )  # fmt: skip


def read_back(assembly: Assembly, path: Path | bytes, carriers: Sequence[Carrier]) -> Found:
    """What the film at ``path`` holds, compared with what was put in. Raises an ``AcutanceError`` if its picture is not
    as it was written; what else is wrong is told."""
    found = Found()
    with open_film(path) as container, open_film(assembly.film.path) as source:
        picture, pairs = _pairs(container, assembly, carriers)
        if picture is None:
            raise _mismatch(path, "there is no picture in its place")
        _read(assembly, path, container, picture, found, {number: tally for number, (_, tally) in pairs.items()})
        found.lost = tuple(_lost(assembly, container, source, picture, pairs))
    met = {each.way.index: tally for each, tally in pairs.values()}
    for each in carriers:
        tally = met.get(each.way.index)
        what = "nothing of it" if tally is None else each.tally.difference(tally, found.offset or 0.0, 2 * TOLERANCE)
        if what:
            found.wrong[each.way.index] = what
    return found


def _pairs(
    container: Any, assembly: Assembly, carriers: Sequence[Carrier]
) -> tuple[int | None, dict[int, tuple[Carrier, Tally]]]:
    """The number of the picture in ``container``, and of each other stream what was written and a tally for it.

    They are matched by kind and order: containers number streams anew, and add some for chapters and time codes.
    """
    before = [each for each in carriers if each.way.index < assembly.film.stream]
    waiting: dict[str, deque[Carrier | None]] = defaultdict(deque)
    for each in (*before, None, *carriers[len(before) :]):
        waiting["video" if each is None else each.kind].append(each)
    picture, pairs = None, {}
    for stream in container.streams:
        queue = waiting[kind_of(stream)]
        if not queue:
            continue
        each = queue.popleft()
        if each is None:
            picture = stream.index
            continue
        tally = Tally(samples=each.tally.samples)
        if stream.type == "attachment":
            tally.add(stream.data, None, None)
        pairs[stream.index] = (each, tally)
    return picture, pairs


def _read(
    assembly: Assembly, path: Path | bytes, container: Any, picture: int, found: Found, tallies: dict[int, Tally]
) -> None:
    """Take all packets: frames are compared at once."""
    expected = video_packets(assembly)
    words = {s.index for s in container.streams if s.type == "subtitle" and s.codec_context.name == "mov_text"}
    for packet in packets(container, *container.streams):
        number = packet.stream.index
        if number in tallies and packet.size and not (number in words and bytes(packet) == EMPTY_WORDS):
            time = None if is_cover(packet.stream) else packet_time(packet)
            tallies[number].add(bytes(packet), time, packet_duration(packet))
        if number != picture or not packet.size:
            continue
        wanted = next(expected, None)
        if wanted is None:
            raise _mismatch(path, f"more than {found.frames} frames")
        off = float(packet.pts * packet.time_base - wanted.pts * wanted.time_base)
        found.offset = off if found.offset is None else found.offset
        if abs(off - found.offset) > TOLERANCE:
            raise _mismatch(path, f"frame {found.frames} is {off - found.offset:.4f} s off")
        found.frames += 1
        found.end = max(found.end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    if next(expected, None) is not None:
        raise _mismatch(path, f"only {found.frames} frames")


def _lost(
    assembly: Assembly, container: Any, source: Any, picture: int, pairs: dict[int, tuple[Carrier, Tally]]
) -> Iterator[str]:
    """A line on everything that headers say and the new one does not."""
    film, name = assembly.film, assembly.container
    kept = {key.lower() for key in container.metadata}
    code = timecode(source, film, assembly.first)
    tags = (container.metadata, *(stream.metadata for stream in container.streams))
    codes = {each.get("timecode", each.get("TIMECODE")) for each in tags}
    if code and code not in codes:
        yield f"the time code is dropped: {name} does not hold it"
    for key in moved_metadata(source, film, assembly.first):
        if key.lower() not in kept and key.lower() != "timecode":
            yield f"the metadata {key} is dropped: {name} holds no such entry"
    chapters = list(moved_chapters(source, assembly.window, assembly.shift))
    titles = [[c["metadata"].get("title", "") for c in each] for each in (chapters, container.chapters())]
    if titles[0] != titles[1]:
        yield f"{len(chapters)} chapters are dropped: {name} does not hold them"
    for number, index in ((picture, film.stream), *((number, each.way.index) for number, (each, _) in pairs.items())):
        yield from _lost_of_stream(source.streams[index], container.streams[number], name)


def _lost_of_stream(old: Any, new: Any, container: str) -> Iterator[str]:
    """Its title, its language and its roles."""
    tags = {key.lower() for key in stream_metadata(new)}
    title = stream_metadata(old).get("title", stream_metadata(old).get("TITLE"))
    lost = [f'title "{title}"'] if title and "title" not in tags else []
    if (old.language or "und") != "und" and (new.language or "und") == "und":
        lost.append(f'language "{old.language}"')
    gone = old.disposition & ~new.disposition
    lost += [f'mark "{role}"' for role in ROLES if gone & getattr(type(gone), role)]
    for each in lost if old.type != "attachment" else []:
        yield f"{name_of(old)} loses its {each}: {container} does not hold it"


def _mismatch(path: Path | bytes, what: str) -> AcutanceError:
    name = "the trial" if isinstance(path, bytes) else path
    return AcutanceError(
        f"{name}: the finished film was read back and is not what was put in ({what}); a bug of ours or of libav. "
        "The finished segments are kept; try another container with -o"
    )
