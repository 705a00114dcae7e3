"""Reading films: times, going on in the middle, and damage that is counted."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import Clip, make, picture

from acutance.errors import BadInput
from acutance.files.video_ledger import judge
from acutance.files.video_reading import Account, Span, read_frames
from acutance.files.videos import Film, inspect


def read(
    film: Film, account: Account | None = None, span: Span | None = None, **options
) -> list[tuple[int, int, bool]]:
    found = read_frames(film, span or Span(), account or Account(), **options)
    return [(frame.pts, frame.crc, new) for frame, new in found]


def damage_of(film: Film, account: Account, found: list[tuple[int, int, bool]]) -> str:
    step = float(1 / film.rate / film.time_base)
    return judge(account.new, [pts for pts, *_ in found], step=step, container=film.container).damage


CLIPS = {
    "a.mp4": Clip(frames=70, b_frames=3, options={"crf": "20", "preset": "medium", "g": "12"}),
    "a.mkv": Clip(frames=70, b_frames=3, options={"crf": "20", "preset": "medium", "g": "250"}),
    "a.ts": Clip(frames=70, b_frames=2, options={"crf": "20", "g": "10", "x264-params": "open-gop=1:scenecut=0"}),
    "a.mpg": Clip(frames=70, b_frames=2, codec="mpeg2video", options={}, rate=Fraction(25)),
    "fields.mp4": Clip(frames=70, interlaced=True, size=(64, 48)),
}


@pytest.mark.parametrize("name", CLIPS)
def test_going_on_meets_the_same_frames(tmp_path: Path, name: str) -> None:
    film = inspect(make(tmp_path / name, CLIPS[name])).read_as("on" if name.startswith("fields") else "off")
    whole = read(film)
    assert len(whole) == 70 and all(new for *_, new in whole)
    assert len({crc for _, crc, _ in whole}) > 50, "the frames differ, so a mistake would show"
    for done in (0, 1, 5, 33, 60, 69):
        after = whole[done][:2]
        again = read(film, after=after, lead=2)
        assert [x[:2] for x in again if x[2]] == [x[:2] for x in whole[done + 1 :]]
        assert [x[:2] for x in again if not x[2]] == [x[:2] for x in whole[max(0, done - 1) : done + 1]]


@pytest.mark.parametrize("deinterlace", ["off", "on", "bob"])
def test_an_excerpt_does_not_depend_on_where_reading_begins(tmp_path: Path, deinterlace: str) -> None:
    film = inspect(make(tmp_path / "a.mp4", CLIPS["a.mp4"])).read_as(deinterlace)
    whole = read(film)
    span = Span(first=whole[20][0], stop=whole[50][0])
    assert read(film, span=span) == whole[20:50]
    again = read(film, span=span, after=whole[22][:2], lead=5)
    assert [x[:2] for x in again] == [x[:2] for x in whole[20:50]], "no further back than the excerpt begins"


def test_a_frame_that_is_not_met_is_an_error(tmp_path: Path) -> None:
    film = inspect(make(tmp_path / "a.mp4"))
    whole = read(film)
    with pytest.raises(BadInput, match="not met again"):
        read(film, after=(whole[5][0], whole[5][1] ^ 1))


def test_sixteen_bits_arrive(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(20_000, 21_000, 64).astype(np.uint16)[None, :, None], (48, 1, 3))
    clip = Clip(size=(64, 48), frames=1, codec="ffv1", pixels="yuv444p10le", options={})
    film = inspect(make(tmp_path / "a.mkv", clip, [ramp]))
    (frame, _), *_ = read_frames(film, Span(), Account())
    assert film.deep and frame.rgb.dtype == np.uint16 and len(np.unique(frame.rgb[10, :, 1])) > 8
    assert np.abs(frame.rgb.astype(int) - ramp).max() < 80


@pytest.mark.parametrize("share", [0.35, 0.6, 0.9, 0.995])
@pytest.mark.parametrize("suffix", ["mkv", "avi"])
def test_a_file_that_was_cut_short_says_so(tmp_path: Path, suffix: str, share: float) -> None:
    codec = "mpeg4" if suffix == "avi" else "libx264"
    path = make(tmp_path / f"a.{suffix}", Clip(frames=120, codec=codec, options={"g": "12"}))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    account = Account()
    try:
        film = inspect(path)
        found = read(film, account)
    except BadInput:
        assert suffix == "avi", "cut inside a chunk, an AVI is refused as a whole"
        return
    assert damage_of(film, account, found) or len(found) >= 118, f"{len(found)} frames and no word"
    assert found, "what can be read is delivered"


def test_an_mp4_whose_data_ends_early(tmp_path: Path) -> None:
    """The index lies at the front, the pictures are missing at the end."""
    whole = make(tmp_path / "whole.mp4", Clip(frames=60))
    front = tmp_path / "a.mp4"
    with av.open(str(whole)) as source, av.open(str(front), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux():
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    data = front.read_bytes()
    front.write_bytes(data[: int(len(data) * 0.7)])
    account, film = Account(), inspect(front)
    found = read(film, account)
    assert 10 < len(found) < 60 and f"{60 - len(found)} of 60" in damage_of(film, account, found)


def test_flipped_bytes_are_counted(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mkv", Clip(frames=60, options={"crf": "12", "g": "10"}))
    data = bytearray(path.read_bytes())
    random = np.random.default_rng(1)
    for place in random.integers(len(data) // 4, len(data) * 3 // 4, 60):
        data[place] ^= 0xFF
    path.write_bytes(data)
    account, film = Account(), inspect(path)
    found = read(film, account)
    assert account.ledger.undecoded + account.ledger.patched > 0 and len(found) > 20
    assert "decode" in damage_of(film, account, found)
    assert all(b[0] > a[0] for a, b in itertools.pairwise(found))


def test_another_size_in_the_middle_is_resized_and_said(tmp_path: Path) -> None:
    parts = [make(tmp_path / f"{n}.ts", Clip(size=size, frames=10)) for n, size in enumerate([(64, 48), (32, 24)])]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    account = Account()
    frames = [f for f, _ in read_frames(inspect(path), Span(), account)]
    assert len(frames) == 20 and {f.rgb.shape for f in frames} == {(48, 64, 3)}
    assert account.ledger.resized == ("32x24",) and not account.ledger.undecoded
    assert np.abs(frames[-1].rgb[::2, ::2].astype(int) - picture(9, 32, 24)).mean() < 12


def test_times_that_stand_still_are_mended(tmp_path: Path) -> None:
    """Two transport streams joined carelessly: the second one's clock begins anew."""
    part = make(tmp_path / "a.ts", Clip(frames=10))
    path = tmp_path / "both.ts"
    path.write_bytes(part.read_bytes() * 2)
    account = Account()
    found = read(inspect(path), account)
    assert len(found) == 20 and all(b[0] > a[0] for a, b in itertools.pairwise(found))
    assert account.ledger.retimed >= 1


@pytest.mark.parametrize("suffix", ["mp4", "avi"])
def test_a_whole_film_that_is_gone_on_with_far_inside_is_not_damaged(tmp_path: Path, suffix: str) -> None:
    codec = "mpeg4" if suffix == "avi" else "libx264"
    film = inspect(make(tmp_path / f"a.{suffix}", Clip(frames=200, codec=codec, options={"g": "12"})))
    whole, account = read(film), Account()
    again = read(film, account, after=whole[180][:2], lead=2)
    assert len(again) == 21 and damage_of(film, account, again) == ""


def test_an_excerpt_of_a_transport_stream_with_few_key_frames_is_whole(tmp_path: Path) -> None:
    """A jump ends between two key frames; what follows it comes only from the next one on."""
    options = {"crf": "20", "preset": "ultrafast", "g": "120", "x264-params": "scenecut=0"}
    film = inspect(make(tmp_path / "a.ts", Clip(frames=200, options=options)))
    whole = read(film)
    for first, stop in ((96, 168), (130, 140), (196, 200)):
        span = Span(first=whole[first][0], stop=whole[stop][0] if stop < 200 else None)
        assert read(film, span=span) == whole[first:stop]


def test_a_clock_that_begins_anew_goes_on_and_is_reported(tmp_path: Path) -> None:
    part = make(tmp_path / "a.ts", Clip(frames=48))
    path = tmp_path / "both.ts"
    path.write_bytes(part.read_bytes() * 2)
    account, film = Account(), inspect(path)
    found = read(film, account)
    assert len(found) == 96 and {b[0] - a[0] for a, b in itertools.pairwise(found)} == {film.step}
    assert account.ledger.set_back == 1 and not account.ledger.retimed and "clock" in damage_of(film, account, found)
    again = read(film, after=found[70][:2], lead=2)
    assert [x[:2] for x in again if x[2]] == [x[:2] for x in found[71:]]


def test_combs_are_seen_and_flags_alone_are_not_believed(tmp_path: Path, photo: np.ndarray) -> None:
    """Captures that lost their flag are interlaced all the same, and film on a disc that flags everything is not."""
    size, frames = (160, 96), 130
    plain = [photo[100:196, number : number + 160] for number in range(2 * frames)]  # a slow pan
    woven = [np.where(np.arange(size[1])[:, None, None] % 2, plain[n + 1], plain[n]) for n in range(0, 2 * frames, 2)]
    for codec in ("libx264", "mpeg2video"):
        kind = Clip(frames=frames, size=size, codec=codec, options={}, rate=Fraction(25))
        assert inspect(make(tmp_path / f"{codec}.mkv", kind, woven)).interlaced
    # a clock that begins far from 0: the later places are found there too
    kind = Clip(size=size, options={"g": "12"}, base=Fraction(1, 24), pts=range(240_000, 240_000 + frames))
    half = [*plain[: frames // 4], *woven[frames // 4 :]]
    assert inspect(make(tmp_path / "late.ts", kind, half)).interlaced
    flagged = make(tmp_path / "flagged.mp4", Clip(frames=frames, size=size, options={}, interlaced=True), plain)
    assert not inspect(flagged).interlaced


def test_another_pixel_format_in_the_middle_keeps_its_colours_when_deinterlaced(tmp_path: Path) -> None:
    parts = [make(tmp_path / f"{p}.ts", Clip(size=(64, 48), frames=10, pixels=p)) for p in ("yuv420p", "yuv422p")]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = [f for f, _ in read_frames(inspect(path).read_as("on"), Span(), Account())]
    assert len(frames) == 20
    assert max(np.abs(frames[n].rgb.astype(int) - picture(n % 10, 64, 48)).mean() for n in range(20)) < 12
