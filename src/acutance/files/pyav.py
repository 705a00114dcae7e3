"""PyAV opened safely: films are plain files in known containers, and errors are one line."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from acutance.errors import BadInput, ResourceError, UsageError

os.environ.setdefault("SVT_LOG", "1")  # errors only; SVT-AV1 otherwise prints its settings on every start

try:
    import av as _av
except ImportError:
    raise UsageError('film needs PyAV; install it with: pip install "acutance[film]"') from None

av: Any = _av  # its stubs leave out much of what it has
FAULTS = (av.error.FFmpegError, ValueError)  # what libav raises for bytes it cannot use

DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,flv,asf,mxf,ogg,nut,dv"
"""No playlist among them: those name other files and hosts."""
SAFE = {"format_whitelist": DEMUXERS, "protocol_whitelist": "file"}

InputContainer = Any  # av.container.InputContainer: its stubs want every stream's kind spelled out
OutputContainer = Any

__all__ = ["FAULTS", "av", "open_film", "open_output", "reason", "version", "writing"]


def version() -> str:
    """PyAV's version, which stands for those of all encoders in it."""
    return f"av {av.__version__}"


def open_film(path: Path | bytes) -> InputContainer:
    """Open ``path``, or a film in memory, for reading. Raises ``UsageError`` or ``BadInput``; never opens another file
    or host."""
    if isinstance(path, bytes):
        return av.open(io.BytesIO(path), options={"format_whitelist": DEMUXERS}, metadata_errors="replace")
    try:
        return av.open(_url(path), options=dict(SAFE), metadata_errors="replace")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UsageError(f"{path}: is a folder; name a film") from None
    except PermissionError as error:
        raise ResourceError(f"{path}: cannot be read ({error.strerror}); give yourself permission") from None
    except (*FAULTS, OSError) as error:
        if path.is_file() and path.stat().st_size == 0:
            raise BadInput(f"{path}: the file is empty; get it again") from None
        raise BadInput(
            f"{path}: is no film that can be read ({reason(error)}); accepted are MP4, MOV, MKV, WebM, AVI, MPEG, TS "
            "and their like, no playlists (pictures: acutance upscale)"
        ) from None


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


@contextlib.contextmanager
def writing(what: str) -> Iterator[None]:
    """Turn libav's failures to write ``what`` into one line; those of the disk pass, for who knows the final name."""
    try:
        yield
    except OSError:
        raise
    except FAULTS as error:
        raise ResourceError(
            f"{what}: cannot be written ({reason(error)}); choose another --codec or container"
        ) from error
