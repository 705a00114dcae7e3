"""PyAV opened safely: films are plain files in known containers, and errors are one line."""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from acutance.errors import BadInput, ResourceError, UsageError
from acutance.files.memory import is_short, out_of_memory
from acutance.files.video_sizes import boxes

os.environ.setdefault("SVT_LOG", "1")  # errors only; SVT-AV1 otherwise prints its settings on every start

try:
    import av as _av
except ImportError:
    raise UsageError('film needs PyAV; install it with: pip install "acutance[film]"') from None

av: Any = _av  # its stubs leave out much of what it has
FAULTS = (av.error.FFmpegError, ValueError)  # what libav raises for bytes it cannot use

DEMUXERS = ",".join((
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,flv,asf,mxf,ogg,nut,dv,rm,gxf,wtv,nsv,nuv,pva,vivo",
    "h261,h263,h264,hevc,vvc,m4v,mpegvideo,vc1,vc1test,cavsvideo,dirac,dnxhd,mjpeg,yuv4mpegpipe,ivf,obu,av1",
    "gif,apng,bink,smk,roq,flic,film_cpk,idcin,ea,thp,4xm,wc3movie,vmd,mtv,amv",
))  # fmt: skip
"""Containers, streams without one, moving pictures, old games. No playlist among them, and none that reads a second
file: those name other files and hosts."""
SAFE = {"format_whitelist": DEMUXERS, "protocol_whitelist": "file"}

InputContainer = Any  # av.container.InputContainer: its stubs want every stream's kind spelled out
OutputContainer = Any

__all__ = [
    "FAULTS",
    "av",
    "blame_memory",
    "decoded",
    "demux",
    "open_film",
    "open_output",
    "reason",
    "version",
    "writing",
]


def version() -> str:
    """PyAV's version, which stands for those of all encoders in it."""
    return f"av {av.__version__}"


def open_film(path: Path | bytes) -> InputContainer:
    """Open ``path``, or a film in memory, for reading. Raises ``UsageError``, ``BadInput`` or ``ResourceError``; never
    opens another file or host, and never waits for one that somebody else must fill."""
    if isinstance(path, bytes):
        return av.open(io.BytesIO(path), options={"format_whitelist": DEMUXERS}, metadata_errors="replace")
    try:
        if not stat.S_ISREG(mode := os.stat(path).st_mode) and not stat.S_ISDIR(mode):
            raise UsageError(f"{path}: is a pipe, a socket or a device; save the film as a file and name that")
        return av.open(_url(path), options=dict(SAFE), metadata_errors="replace")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UsageError(f"{path}: is a folder; name a film") from None
    except PermissionError as error:
        raise ResourceError(f"{path}: cannot be read ({error.strerror}); give yourself permission") from None
    except (*FAULTS, OSError) as error:
        raise BadInput(f"{path}: {_no_film(path, error)}") from None


def _no_film(path: Path, error: BaseException) -> str:
    """Why ``path`` cannot be opened, as far as its first bytes tell."""
    with contextlib.suppress(OSError):
        if path.stat().st_size == 0:
            return "the file is empty; get it again"
        with path.open("rb") as file:
            found = {name for name, *_ in boxes(file)}
            file.seek(0)
            start = file.read(16)
        if b"mdat" in found and b"moov" not in found:
            return ("is an unfinished recording: it ends before its index (moov) was written. Copy it again; if that "
                    "is all there is, untrunc can rebuild it beside a whole film of the same camera")  # fmt: skip
        if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
            return "is WebP, which libav does not read as a film; convert it to GIF or APNG (stills: acutance upscale)"
    if isinstance(error, av.error.ArgumentError):  # what libav says of a format that is not on the list
        return (
            "is no film of an accepted format: a playlist, a still picture (acutance upscale), sound, text or a rarity"
        )
    return f"is no film that can be read ({reason(error)}); it is damaged or unknown (pictures: acutance upscale)"


TOO_LITTLE = "there is too little memory for a film of this size; close other programs"
ENCODER, DECODER = 256 << 20, 64 << 20  # bytes that one may ask for
MOST_STREAMS = 64  # that may turn up in the middle


def demux(container: InputContainer, *streams: Any, strange: Callable[[], None] = lambda: None) -> Iterator[Any]:
    """The packets of ``streams``, then an empty one for each; calls ``strange`` when others turn up in the middle.
    Raises ``FAULTS`` where the file cannot be read on."""
    for _ in range(MOST_STREAMS):
        try:
            yield from container.demux(*streams)
        except IndexError:  # a stream that turned up in the middle, which PyAV has no place for; libav is past it
            strange()
        else:
            return


def decoded(container: InputContainer, stream: Any) -> Iterator[Any]:
    """The frames of ``stream`` for a look at them; what is damaged is passed over."""
    with contextlib.suppress(*FAULTS):
        for packet in demux(container, stream):
            with contextlib.suppress(*FAULTS):
                yield from stream.decode(packet)


def open_output(path: Path | io.BytesIO, file_format: str, **options: str) -> OutputContainer:
    """Open ``path``, or memory, for writing as ``file_format`` (libavformat's name)."""
    return av.open(_url(path) if isinstance(path, Path) else path, "w", format=file_format, options=options)


def _url(path: Path) -> str:
    """With a protocol and a root, so that no name is read as an address, an option or a pattern."""
    return f"file:{Path(os.path.abspath(path))}"


def reason(error: BaseException) -> str:
    """The telling part of a libav error, on one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0].strip().rstrip(".").lower()


def blame_memory(error: BaseException, what: object, room: int = DECODER) -> None:
    """Raise ``ResourceError`` if a failure of libav comes of too little memory: by its word, or because ``room`` bytes
    cannot be had, for few of its libraries say so."""
    if isinstance(error, MemoryError) or out_of_memory(reason(error)) or is_short(room):
        raise ResourceError(f"{what}: {TOO_LITTLE}") from error


@contextlib.contextmanager
def writing(what: str) -> Iterator[None]:
    """Turn libav's failures to write ``what`` into one line; those of the disk pass, for who knows the final name."""
    try:
        yield
    except MemoryError as error:
        raise ResourceError(f"{what}: {TOO_LITTLE}") from error
    except OSError:
        raise
    except FAULTS as error:
        blame_memory(error, what, ENCODER)
        raise ResourceError(
            f"{what}: cannot be written ({reason(error)}); choose another --codec or container"
        ) from error
