"""What a film has lost is counted, whatever the way it was lost; what only looks so is no damage."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from clips import Clip, make

from acutance.files import video_reading
from acutance.files.video_clock import Clock
from acutance.files.video_ledger import Ledger, Verdict, judge, missing
from acutance.files.video_reading import Account, Frame, Span, read_frames
from acutance.files.video_sizes import cut_off
from acutance.files.videos import Film, inspect, usual_rate

GOP = {"crf": "20", "preset": "veryfast", "g": "12"}


def read(film: Film, span: Span | None = None) -> tuple[list[Frame], Verdict]:
    account = Account()
    frames = [frame for frame, _ in read_frames(film, span or Span(), account)]
    step = float(1 / film.rate / film.time_base)
    return frames, judge(account.new, [f.pts for f in frames], step=step, container=film.container)


def places(path: Path, kind: str = "video") -> list[tuple[int, int]]:
    """Where the packets of a film's picture lie: byte and length."""
    with av.open(str(path)) as source:
        return [(p.pos, p.size) for p in source.demux(source.streams.best(kind)) if p.size]


def overwrite(path: Path, ranges: Sequence[tuple[int, int]], value: int) -> Path:
    data = bytearray(path.read_bytes())
    for place, size in ranges:
        data[place : place + size] = bytes([value]) * size
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("lost", [1, 5, 20])
def test_errors_after_the_last_good_frame_are_counted(tmp_path: Path, lost: int) -> None:
    path = make(tmp_path / "a.mp4", Clip(frames=30, b_frames=2, sound=("aac",), options=GOP))
    overwrite(path, places(path)[-lost:], 0x55)
    frames, verdict = read(inspect(path))
    assert 30 - 2 * lost - 2 <= len(frames) <= 30 - lost
    assert f"{30 - len(frames)} of 30 frames could not be decoded" in verdict.damage


@pytest.mark.parametrize("lost", [3, 10, 25])
def test_packets_that_fail_in_the_middle_are_counted(tmp_path: Path, lost: int) -> None:
    path = make(tmp_path / "a.mp4", Clip(frames=60, options={**GOP, "g": "1"}))
    overwrite(path, places(path)[20 : 20 + lost], 0x55)
    frames, verdict = read(inspect(path))
    assert len(frames) == 60 - lost and f"{lost} of 60 frames could not be decoded" in verdict.damage


def test_no_frame_before_a_cut_is_lost_to_threads(tmp_path: Path) -> None:
    """The index lies in front, and the data ends inside the 21st packet."""
    whole, path = make(tmp_path / "whole.mp4", Clip(frames=36, size=(160, 96), options=GOP)), tmp_path / "a.mp4"
    with av.open(str(whole)) as source, av.open(str(path), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux():
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    place, size = places(path)[20]
    path.write_bytes(path.read_bytes()[: place + size // 2])
    frames, verdict = read(inspect(path))
    assert len(frames) >= 20 and f"{36 - len(frames)} of 36 frames are missing" in verdict.damage


@pytest.mark.parametrize("suffix", ["mkv", "webm", "ts", "flv"])
def test_what_a_container_skips_in_silence_is_counted(tmp_path: Path, suffix: str) -> None:
    """Bytes become zeros from one key frame to another: nothing fails, but there is a hole in the times."""
    clip = Clip(frames=96, size=(64, 48), options=GOP)
    if suffix == "webm":
        clip = Clip(frames=96, size=(64, 48), codec="libvpx", options={"deadline": "realtime", "g": "12"})
    path = make(tmp_path / f"a.{suffix}", clip)
    found = places(path)
    begin, end = found[36][0], found[60][0]
    overwrite(path, [(begin, end - begin)], 0)
    frames, verdict = read(inspect(path))
    lost = 96 - len(frames)
    assert lost >= 20 and f"{lost} of 96 frames" in verdict.damage, (len(frames), verdict)


def test_an_excerpt_of_a_film_that_ends_early_says_so(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mkv", Clip(frames=60, sound=("aac",), options=GOP))
    path.write_bytes(path.read_bytes()[: places(path)[18][0]])
    film = inspect(path)
    first, stop = (round(at / film.time_base) for at in (0.25, 1.5))
    _, verdict = read(film, Span(first=first, stop=stop))
    assert "ends at" in verdict.damage
    _, verdict = read(film, Span(stop=round(0.4 / film.time_base)))
    assert not verdict.damage, "what lies behind the excerpt is not its damage"


def test_null_frames_are_no_damage(tmp_path: Path) -> None:
    """AVI marks a frame that was dropped while recording by an empty packet."""
    pts = [n for n in range(48) if n % 8 < 5]
    path = make(tmp_path / "a.avi", Clip(rate=Fraction(25), pts=pts, codec="mjpeg", pixels="yuvj420p", options={}))
    frames, verdict = read(inspect(path))
    assert [frame.pts for frame in frames] == pts and not verdict.damage
    assert any(str(pts[-1] + 1 - len(pts)) in note for note in verdict.notes)


@pytest.mark.parametrize("suffix", ["mkv", "ts", "mp4"])
def test_a_clock_that_begins_late_is_no_damage(tmp_path: Path, suffix: str) -> None:
    clip = Clip(base=Fraction(1, 24), pts=range(2400, 2448), options=GOP)
    film = inspect(make(tmp_path / f"a.{suffix}", clip))
    frames, verdict = read(film)
    assert len(frames) == 48 and not verdict.damage and abs(film.duration - 2) < 0.05


def test_holes_in_the_sound_are_noted(tmp_path: Path) -> None:
    whole, path = make(tmp_path / "a.mkv", Clip(frames=96, sound=("aac",), options=GOP)), tmp_path / "b.mkv"
    with av.open(str(whole)) as source, av.open(str(path), "w") as target:
        copies = {s.index: target.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.size and not (packet.stream.type == "audio" and 1 < packet.pts * packet.time_base < 2.2):
                packet.stream = copies[packet.stream.index]
                target.mux(packet)
    frames, verdict = read(inspect(path))
    assert len(frames) == 96 and any("sound" in note and "1.2 s" in note for note in verdict.notes)
    assert not read(inspect(whole))[1].notes


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_times_as_people_film_them_are_no_damage(tmp_path: Path, suffix: str) -> None:
    steps = np.random.default_rng(1).choice([33, 34, 40, 66, 100], 79)
    pts = [0, *(int(n) for n in np.cumsum(steps))]
    clip = Clip(base=Fraction(1, 1000), pts=pts, rate=Fraction(25), options=GOP)
    frames, verdict = read(inspect(make(tmp_path / f"a.{suffix}", clip)))
    assert len(frames) == 80 and not verdict.damage


def test_a_recording_that_begins_between_key_frames_is_noted(tmp_path: Path) -> None:
    path = make(tmp_path / "a.ts", Clip(frames=60, codec="mpeg2video", options={"g": "12"}, rate=Fraction(25)))
    data, place = path.read_bytes(), places(path)[5][0] // 188 * 188
    head = data[: 188 * 3]  # the tables
    path.write_bytes(head + data[place:])
    frames, verdict = read(inspect(path))
    assert 40 < len(frames) < 56 and not verdict.damage


def test_a_stream_that_turns_up_in_the_middle_does_no_harm(tmp_path: Path) -> None:
    parts = [make(tmp_path / f"{n}.ts", Clip(frames=30, sound=sound)) for n, sound in enumerate(((), ("mp2", "mp2")))]
    path = tmp_path / "a.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames, _ = read(inspect(path))
    assert len(frames) == 60


def test_a_jump_that_the_file_refuses_is_done_by_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = inspect(make(tmp_path / "a.mkv", Clip(frames=48, options=GOP)))
    span = Span(first=round(1 / film.time_base))
    before = [frame.crc for frame in read(film, span)[0]]

    class Refusing:
        def __init__(self, container: object) -> None:
            self.container = container

        def __enter__(self) -> Refusing:
            return self

        def __exit__(self, *error: object) -> None:
            self.container.close()  # type: ignore[attr-defined]

        def __getattr__(self, name: str) -> object:
            return getattr(self.container, name)

        def seek(self, *_: object, **__: object) -> None:
            raise av.error.PermissionError(1, "Operation not permitted")

    real = video_reading.open_film
    monkeypatch.setattr(video_reading, "open_film", lambda path: Refusing(real(path)))
    assert [frame.crc for frame in read(film, span)[0]] == before and len(before) == 24


@pytest.mark.parametrize("name", ["a.mkv", "a.avi", "a.ts", "a.ogg", "a.wmv", "a.mov"])
def test_a_file_that_was_cut_knows_its_length(tmp_path: Path, name: str) -> None:
    codecs = {"ogg": "libvpx", "wmv": "wmv2", "avi": "mpeg4"}
    clip = Clip(frames=40, codec=codecs.get(name[2:], "libx264"), options={})
    path = make(tmp_path / name, clip)
    container = inspect(path).container
    assert not cut_off(path, container)
    path.write_bytes(path.read_bytes()[:-90])
    assert "cut short" in cut_off(path, container)


def test_times_that_stick_give_way_to_those_of_decoding(tmp_path: Path) -> None:
    film, entered = inspect(make(tmp_path / "a.mkv")), []
    clock = Clock(film)
    frames = [SimpleNamespace(pts=7, dts=42 * n) for n in range(40)]
    times = [clock(frame, lambda **counts: entered.append(counts)) for frame in frames]
    assert set(np.diff(times[4:])) == {42} and len(entered) < 4
    clock = Clock(film)
    stumbling = [SimpleNamespace(pts=42 * n - 60 * (n == 9), dts=42 * n - 80) for n in range(40)]
    times = [clock(frame, lambda **_: None) for frame in stumbling]
    assert times[20:] == [42 * n for n in range(20, 40)], "one stumble does not change the clock"


@pytest.mark.parametrize(
    ("average", "guessed", "base", "timed", "rate"),
    [(60_000, Fraction(30_000, 1001), Fraction(30_000, 1001), True, Fraction(30_000, 1001)),
     (Fraction(2397, 100), 24, 24, True, Fraction(2397, 100)), (None, 100, 100, True, 100), (10, 100, 100, True, 10),
     (25, 24, 48, False, 24), (1000, 1000, 1000, True, 1000), (None, None, None, True, 25)],
)  # fmt: skip
def test_an_average_that_no_camera_has_does_not_win(average, guessed, base, timed: bool, rate) -> None:
    stream = SimpleNamespace(average_rate=average, guessed_rate=guessed, base_rate=base)
    assert usual_rate(stream, timed) == rate


def test_the_more_is_lost_the_more_is_said() -> None:
    times = [*range(0, 4000, 40)]
    said = []
    for lost in (0, 1, 10, 60):
        kept = times[:20] + times[20 + lost :]
        said.append(judge(Ledger(), kept, step=40, container="matroska,webm").damage)
        if lost:
            assert f"{lost} of 100" in said[-1]
    assert not said[0] and len(set(said)) == 4
    assert not judge(Ledger(), times[:20] + times[30:], step=40, container="mov,mp4").damage, "its index lists all"
    both = Ledger(undecoded=4, patched=2) + Ledger(patched=1, end="it ends at 2 s of 3 s")
    assert (
        "3 frames" in judge(both, times, step=40, container="x").damage and both.since(Ledger(patched=3)).patched == 0
    )
    assert Ledger.restored(both.stored()) == both
    assert missing([0, 42, 83, 125, 167, 208, 250, 292, 333, 375, 417, 458, 667], 41.67) == 4
