"""Which films are read: containers, streams without one, moving pictures; what is not is refused with one true line."""

from __future__ import annotations

import itertools
import os
import socket
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import Clip, content, make, picture
from fields import write
from toy_film import ToyUpscaler

from acutance.errors import BadInput, ResourceError, UsageError
from acutance.files.pyav import blame_memory, writing
from acutance.files.video_ledger import judge
from acutance.files.video_reading import Account, Span, read_frames
from acutance.files.videos import inspect
from acutance.pipelines.film import FilmSettings
from acutance.pipelines.remaster import remaster

RATE = Fraction(24)
H264 = {"crf": "20", "preset": "ultrafast", "g": "12", "bf": "0"}
INPUTS = {
    "a.h264": Clip(frames=20, options=H264),
    "a.hevc": Clip(
        size=(64, 64), frames=20, codec="libx265", options={"preset": "ultrafast", "x265-params": "log-level=none"}
    ),
    "a.m2v": Clip(frames=20, codec="mpeg2video", options={}, rate=RATE),
    "a.ivf": Clip(frames=20, codec="libvpx", options={"deadline": "realtime", "cpu-used": "8"}),
    "a.rm": Clip(frames=20, codec="rv20", options={}, size=(64, 48)),
    "a.gif": Clip(frames=20, codec="gif", pixels="bgr8", options={}, base=Fraction(1, 100), pts=range(0, 80, 4)),
    "a.apng": Clip(frames=20, codec="apng", pixels="rgb24", options={}),
    "a.roq": Clip(frames=10, codec="roqvideo", pixels="yuvj444p", options={}, size=(64, 64), rate=Fraction(30)),
}


@pytest.mark.parametrize("name", INPUTS)
def test_films_of_many_kinds_are_read(tmp_path: Path, name: str) -> None:
    clip = INPUTS[name]
    film = inspect(make(tmp_path / name, clip))
    account = Account()
    frames = [frame for frame, _ in read_frames(film, Span(), account)]
    count = len(clip.pts or range(clip.frames))
    step = float(1 / film.rate / film.time_base)
    verdict = judge(account.new, [f.pts for f in frames], step=step, container=film.container)
    assert len(frames) == count and not verdict.damage and film.rate in (25 if name == "a.gif" else clip.rate, RATE)
    seconds = [float((b.pts - a.pts) * film.time_base) for a, b in itertools.pairwise(frames)]
    np.testing.assert_allclose(seconds, 0.04 if name == "a.gif" else float(1 / clip.rate), atol=0.0011)
    for number in (0, count - 1):
        assert np.abs(frames[number].rgb.astype(int) - picture(number, *clip.size)).mean() < 20
    part = Span(first=frames[count // 2].pts, stop=frames[count - 2].pts)
    excerpt = [frame.crc for frame, _ in read_frames(film, part, Account())]
    assert excerpt == [frame.crc for frame in frames[count // 2 : count - 2]]


def test_raw_pictures_in_a_stream_are_read(tmp_path: Path) -> None:
    """YUV4MPEG2 is a line of text and planes; libav writes it from frames only."""
    path = tmp_path / "a.y4m"
    planes = [np.full(48 * 32 * 3 // 2, 16 + 9 * n, np.uint8).tobytes() for n in range(6)]
    path.write_bytes(b"YUV4MPEG2 W48 H32 F24:1 Ip A1:1 C420jpeg\n" + b"".join(b"FRAME\n" + p for p in planes))
    film = inspect(path)
    assert film.rate == 24 and len(list(read_frames(film, Span(), Account()))) == 6


@pytest.mark.parametrize("name", ["a.gif", "a.apng"])
def test_moving_pictures_become_films(tmp_path: Path, name: str) -> None:
    facts = remaster(make(tmp_path / name, INPUTS[name]), tmp_path / "out.mp4", ToyUpscaler(),
                     FilmSettings(preset="ultrafast"))  # fmt: skip
    assert facts["frames"] == 20 and not facts["damage"] and len(content(tmp_path / "out.mp4").frames) == 20


def refused(path: Path, error: type, match: str) -> None:
    with pytest.raises(error, match=match) as caught:
        inspect(path)
    assert path.name in str(caught.value) and "\n" not in str(caught.value)


def test_an_unfinished_recording_is_called_so(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Clip(frames=20))
    path.write_bytes(path.read_bytes()[:900])
    refused(path, BadInput, "unfinished recording")


def test_a_moving_webp_and_other_formats_are_named(tmp_path: Path) -> None:
    from PIL import Image

    stills = [Image.fromarray(picture(n, 48, 32)) for n in range(4)]
    stills[0].save(tmp_path / "a.webp", save_all=True, append_images=stills[1:], duration=100)
    refused(tmp_path / "a.webp", BadInput, "WebP")
    stills[0].save(tmp_path / "a.png")
    refused(tmp_path / "a.png", BadInput, "still")
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\na.ts\n")
    refused(tmp_path / "list.m3u8", BadInput, "film")
    (tmp_path / "a.txt").write_text("no film at all\n" * 99)
    refused(tmp_path / "a.txt", BadInput, "film")


@pytest.mark.skipif(os.name == "nt", reason="has no such files")
@pytest.mark.parametrize("kind", ["fifo", "socket", "device", "link"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.mp4"
    if kind == "socket":
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(path))
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        os.mkfifo(tmp_path / "pipe")
        path = tmp_path / "pipe" if kind == "fifo" else path
        path.symlink_to("pipe") if kind == "link" else None
    found: list[BaseException] = []

    def look() -> None:
        try:
            inspect(path)
        except UsageError as error:
            found.append(error)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(10)
    server.close() if kind == "socket" else None
    assert found and path.name in str(found[0]), "it waits for somebody to write"


def test_no_camera_has_the_average_of_some_containers(tmp_path: Path) -> None:
    """DV counts in ticks that libav takes for frames."""
    path = write(tmp_path / "a.dv", [picture(n, 720, 576) for n in range(3)], "dvvideo", pixels="yuv420p")
    assert inspect(path).rate == 25


def test_too_little_memory_is_no_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libav's libraries fail in many words; where no room is left, that is what is said, of reading and of writing."""
    monkeypatch.setattr("acutance.files.pyav.is_short", lambda room: True)
    with pytest.raises(ResourceError, match=r"a\.mkv.*memory"), writing("a.mkv"):
        raise av.error.ExternalError(1, "generic error in an external library", "")
    with pytest.raises(ResourceError, match=r"a\.mkv.*memory"):
        blame_memory(ValueError("bad data"), "a.mkv")
    monkeypatch.setattr("acutance.files.pyav.is_short", lambda room: False)
    blame_memory(ValueError("bad data"), "a.mkv")
    with pytest.raises(ResourceError, match="memory"):
        blame_memory(MemoryError(), "a.mkv")
