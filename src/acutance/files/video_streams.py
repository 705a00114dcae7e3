"""What travels with the picture: the other streams of a film, how each goes along, and what it is found again by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from acutance.files.pyav import av
from acutance.files.videos import Film

STATISTICS = ("DURATION", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES", "BPS", "_STATISTICS_")  # of the old file
OF_THE_CONTAINER = {
    "major_brand", "minor_version", "compatible_brands", "encoder", "duration", "software",
    "operational_pattern_ul", "uid", "generation_uid", "product_uid", "company_name", "product_name",
    "product_version", "product_version_num", "application_platform", "modification_date", "material_package_umid",
    "wmfsdkversion", "wmfsdkneeded", "isvbr", "deviceconformancetemplate", "metadatacreator", "hasaudio", "hasvideo",
    "canseektoend",
}  # what the old container says of itself and of the program that wrote it  # fmt: skip
OF_THE_CODING = {"encoder", "alpha_mode", "vendor_id", "file_package_umid", "filename", "mimetype"}
CLOCKS_FROM_ANYWHERE = ("mpegts", "mpeg")  # containers whose times begin anywhere
ROLES = ("dub", "original", "comment", "lyrics", "karaoke", "forced", "hearing_impaired", "visual_impaired",
         "captions", "descriptions")  # fmt: skip


@dataclass(frozen=True)
class Way:
    """How stream ``index`` of a film goes along: converted by libav's ``encoder``, or copied."""

    index: int
    encoder: str = ""


@dataclass(frozen=True)
class Companions:
    """The other streams of a film: how each goes along, ``notes`` on what does not or not as it was, and the
    container's ``options`` they need."""

    ways: tuple[Way, ...] = ()
    notes: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()


@dataclass
class Tally:
    """What was written of one stream: packets, SHA-256 of their bytes, the first time, and the last, seconds.

    ``samples``: plain samples, which are cut into packets anew by whoever reads them, so only their bytes and their end
    count. ``reframed``: packets whose parts containers mark in different ways, so that only number and times do.
    ``refused``: packets too damaged to be written; ``latest``: time of the newest one, ``step``: from the one before.
    """

    samples: bool = False
    reframed: bool = False
    count: int = 0
    refused: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    first: float | None = None
    last: float = 0.0
    latest: float = 0.0
    step: float = 0.0

    def add(self, data: bytes, time: float | None, duration: float | None) -> None:
        """Count one packet by its bytes and its time in the new film."""
        self.count += 1
        self.digest.update(data)
        if time is not None:
            self.step = time - self.latest if self.first is not None else 0.0
            self.latest = time
            self.first = time if self.first is None else min(self.first, time)
            self.last = max(self.last, time + ((duration or 0.0) if self.samples else 0.0))

    def difference(self, found: Tally, offset: float, tolerance: float) -> str:
        """What is not as it was written, in a few words, or empty. ``offset``: seconds by which all is later."""
        changed = not self.reframed and self.digest.digest() != found.digest.digest()
        if changed or (self.count != found.count and not self.samples):
            return f"other packets ({found.count} of {self.count})"
        if self.first is None or found.first is None:
            return ""
        drift = max(abs(found.first - self.first - offset), abs(found.last - self.last - offset))
        return f"a shift of {drift:.4f} s against the picture" if drift > tolerance else ""


def is_cover(stream: Any) -> bool:
    """Whether it is a still picture that stands for the film."""
    return stream.type == "video" and bool(stream.disposition & av.stream.Disposition.attached_pic)


def kind_of(stream: Any) -> str:
    """What a stream is found again as, in order: containers number streams anew."""
    if stream.type == "data":
        return f"data {stream.name or ''}".rstrip()
    return "cover" if is_cover(stream) else stream.type


def name_of(stream: Any) -> str:
    """For people: kind, number, coding and language."""
    codec = stream.codec_context.name if stream.codec_context is not None else getattr(stream, "name", None) or ""
    about = ", ".join(filter(None, [codec, stream.language]))
    return f"{'cover' if is_cover(stream) else stream.type} stream {stream.index}" + (f" ({about})" if about else "")


def packet_time(packet: Any, shift: Fraction = Fraction(0)) -> float | None:
    """When a packet is shown, in seconds, ``shift`` earlier than it says."""
    return None if packet.pts is None else float(packet.pts * packet.time_base - shift)


def packet_duration(packet: Any) -> float | None:
    """For how many seconds, if it says."""
    return float(packet.duration * packet.time_base) if packet.duration else None


def is_chapter_track(stream: Any, container: Any) -> bool:
    """MP4 keeps chapters in a track of their own, which a new file gets by itself."""
    handler = stream.metadata.get("handler_name", "").lower()
    words = any(word in handler for word in ("subtitle", "text", "chapter"))
    return bool(container.chapters()) and stream.type == "data" and words


def is_timecode_track(stream: Any) -> bool:
    """QuickTime keeps the time code in a track, which a new file gets by itself from the picture's metadata."""
    return stream.type == "data" and "timecode" in stream.metadata


def stream_metadata(stream: Any) -> dict[str, str]:
    """A stream's metadata without what described the old file's bytes."""
    kept = {
        key: value for key, value in stream.metadata.items()
        if not key.upper().startswith(STATISTICS) and key.lower() not in OF_THE_CODING
    }  # fmt: skip
    if "name" in kept:  # what MP4 calls a title when it is read, but not when it is written
        kept.setdefault("title", kept.pop("name"))
    return kept


def film_metadata(container: Any) -> dict[str, str]:
    """A film's metadata without what described the old container."""
    return {k: v for k, v in container.metadata.items() if k.lower() not in OF_THE_CONTAINER}


def beginning(film: Film, first: int | None) -> Fraction:
    """Seconds of the film's clock that become zero in the new film: the excerpt's first tick, or where a clock that
    begins anywhere begins."""
    if first is not None:
        return first * film.time_base
    return Fraction(film.start).limit_denominator(90_000) if film.container in CLOCKS_FROM_ANYWHERE else Fraction(0)
