"""Excerpts and damage through the whole of remaster."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import Clip, content, make
from toy_film import ToyUpscaler

from acutance.pipelines.film import FilmSettings
from acutance.pipelines.remaster import remaster

GOP = {"crf": "20", "preset": "veryfast", "g": "24"}


def run(source: Path, target: Path, **settings) -> dict:
    return remaster(source, target, ToyUpscaler(), FilmSettings(preset="ultrafast", crf=30, segment=20, **settings))


@pytest.mark.parametrize("name", ["a.ts", "a.mkv", "a.mp4", "a.mpg", "late.mkv"])
@pytest.mark.parametrize(("start", "end"), [(0.5, 1.25), (1.0, None), (0, 0.75), (1.9, 2.1)])
def test_an_excerpt_is_exact_to_the_frame(tmp_path: Path, name: str, start: float, end: float | None) -> None:
    """By the clock of a player, which begins where the film does."""
    late = range(2400, 2472) if name == "late.mkv" else None
    codec, base = ("mpeg2video", None) if name == "a.mpg" else ("libx264", Fraction(1, 24))
    options = {"g": "24"} if codec == "mpeg2video" else GOP
    rate = Fraction(25 if codec == "mpeg2video" else 24)
    clip = Clip(frames=72, base=base, pts=late, codec=codec, options=options, rate=rate, b_frames=2)
    source, target = make(tmp_path / name, clip), tmp_path / "out.mkv"
    facts = run(source, target, start=start, end=end)
    whole, part = content(source), content(target)
    shown = [time - whole.times[0] for time in whole.times]
    inside = [n for n, time in enumerate(shown) if time >= start - 1e-4 and (end is None or time < end - 1e-4)]
    assert not facts["damage"] and len(part.frames) == len(inside)
    for frame, number in zip(part.frames[:: len(inside) - 1], (inside[0], inside[-1]), strict=True):
        assert np.abs(frame[1::4, 1::4].astype(int) - whole.frames[number]).mean() < 12


def test_the_sound_of_an_excerpt_keeps_its_time_however_coarse_its_clock(tmp_path: Path) -> None:
    """MP3 in AVI counts in packets of 24 ms, and an excerpt need not begin with one."""
    source = make(tmp_path / "a.avi", Clip(frames=40, codec="mpeg4", options={}, sound=("libmp3lame",)))
    with av.open(str(source)) as container:
        assert container.streams.audio[0].time_base > Fraction(1, 100)
    run(source, tmp_path / "out.mkv", start=0.5)
    whole, part = content(source), content(tmp_path / "out.mkv")
    (before,), (after,) = whole.other_times.values(), part.other_times.values()
    wanted = np.array([time for time in before if time >= 0.5]) - 0.5
    assert len(after) == len(wanted) and np.abs(np.array(after) - wanted).max() <= 0.0011


def test_damage_comes_out_as_damage(tmp_path: Path) -> None:
    """Counted over all segments, again when the same command finds its result, and with what was made kept."""
    source = make(tmp_path / "a.mp4", Clip(frames=70, options={**GOP, "g": "1"}))
    with av.open(str(source)) as container:
        found = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(source.read_bytes())
    for place, size in (*found[8:11], *found[50:54]):
        data[place : place + size] = b"\x55" * size
    source.write_bytes(data)
    facts = run(source, tmp_path / "out.mkv")
    assert facts["frames"] == 63 and "7 of 70 frames could not be decoded" in facts["damage"]
    again = run(source, tmp_path / "out.mkv")
    assert again["status"] == "kept" and again["damage"] == facts["damage"]


def test_an_extra_stream_in_the_middle_does_not_stop_the_work(tmp_path: Path) -> None:
    parts = [
        make(tmp_path / f"{n}.ts", Clip(frames=40, base=Fraction(1, 24), pts=range(40 * n, 40 * n + 40), sound=sound))
        for n, sound in enumerate(((), ("mp2",)))
    ]
    source = tmp_path / "a.ts"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert run(source, tmp_path / "out.mkv")["frames"] == 80
