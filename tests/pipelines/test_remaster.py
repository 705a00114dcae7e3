"""Films through the whole pipeline with a toy network: every frame at its time, everything else untouched."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import Clip, content, make, picture
from toy_film import ToyUpscaler

from acutance.errors import BadInput, Interrupted, UsageError
from acutance.files.video_colour import SWSCALE
from acutance.files.videos import inspect
from acutance.pipelines.film import FilmSettings
from acutance.pipelines.journal import Journal
from acutance.pipelines.remaster import remaster

VFR = [0, 33, 66, 400, 433, 900, 1500, 1533, 1566, 3000, 3033, 3100]
QUICK = {"crf": 12, "preset": "ultrafast", "segment": 5}
X265 = {"x265-params": "log-level=none", "preset": "ultrafast"}
CLIPS = {
    "plain.mp4": Clip(),
    "plain.mkv": Clip(),
    "vfr.mkv": Clip(pts=VFR, base=Fraction(1, 1000), b_frames=3),
    "vfr.mp4": Clip(pts=[90 * t for t in VFR], base=Fraction(1, 90_000), b_frames=3),
    "bframes.mp4": Clip(b_frames=3, frames=23, options={"crf": "20", "preset": "medium"}),
    "ntsc.mp4": Clip(rate=Fraction(30_000, 1001)),
    "late.mp4": Clip(pts=range(24_000, 36_000, 1000), base=Fraction(1, 24_000)),
    "deep420.mkv": Clip(codec="libx265", pixels="yuv420p10le", options=X265, size=(64, 48)),
    "deep422.mov": Clip(codec="prores_ks", pixels="yuv422p10le", options={}),
    "deep444.mkv": Clip(codec="ffv1", pixels="yuv444p10le", options={}),
    "c422.mp4": Clip(pixels="yuv422p"),
    "c444.mp4": Clip(pixels="yuv444p"),
    "grey.mkv": Clip(pixels="gray"),
    "rgb.mkv": Clip(codec="ffv1", pixels="bgr0", options={}),
    "rotated.mp4": Clip(rotation=90),
    "rotated.mkv": Clip(rotation=270),
    "odd.mkv": Clip(size=(65, 49), codec="ffv1", options={}),
    "one.mp4": Clip(frames=1),
    "sound.mov": Clip(sound=("pcm_s16le",)),
    "two_sounds.mp4": Clip(sound=("aac", "aac"), chapters=True, title="A film"),
    "everything.mkv": Clip(sound=("aac", "libopus"), subtitles=True, chapters=True, attachment=True, title="A film"),
    "transport.ts": Clip(sound=("mp2",), b_frames=2),
    "old.avi": Clip(codec="mpeg4", options={}, sound=("libmp3lame",)),
    "program.mpg": Clip(codec="mpeg2video", options={}, rate=Fraction(25)),
    "fields.mp4": Clip(interlaced=True, frames=24, size=(96, 64)),
    "wide.mp4": Clip(aspect=Fraction(16, 11)),
    "wide.mkv": Clip(aspect=Fraction(64, 45)),
    "full.mp4": Clip(colour=(2, 1, 1, 1)),
    "hdr.mkv": Clip(codec="libx265", pixels="yuv420p10le", options=X265, colour=(1, 9, 9, 16), size=(64, 48)),
}


def output_of(name: str, folder: Path) -> Path:
    suffix = Path(name).suffix
    return folder / f"out{suffix if suffix in ('.mp4', '.mkv', '.mov') else '.mkv'}"


def run(source: Path, target: Path, **settings) -> dict:
    preset = {} if settings.get("codec") in ("ffv1", "prores") else QUICK
    return remaster(source, target, ToyUpscaler(), FilmSettings(**{**preset, "segment": 5, **settings}))


@pytest.mark.parametrize("name", CLIPS)
def test_every_frame_at_its_time_and_everything_else_untouched(tmp_path: Path, name: str) -> None:
    source, target = make(tmp_path / name, CLIPS[name]), output_of(name, tmp_path)
    options = {"codec": "prores", "preset": "hq", "crf": None} if name == "deep422.mov" else {}
    facts = run(source, target, pixels="same", **options)
    before, after, film, result = content(source), content(target), inspect(source), inspect(target)
    assert facts["damage"] == "" and facts["frames"] == len(before.times) == len(after.times) > 0
    shift = after.times[0] - before.times[0]
    assert max(abs(b - a - shift) for a, b in zip(before.times, after.times, strict=True)) <= 0.001
    assert {k: v for k, v in before.others.items() if k != "audio None"}.items() <= after.others.items()
    for key in before.others.keys() & after.others.keys():
        drift = [b - a - shift for a, b in zip(before.other_times[key], after.other_times[key], strict=True)]
        assert max(map(abs, drift)) <= 0.0015, "sound stays with the picture, within a millisecond of either"
    assert (result.width, result.height) == (4 * film.width, 4 * film.height)
    assert (result.bits, result.matrix) == (film.bits, film.matrix)
    if name != "deep422.mov":
        assert result.aspect == film.aspect
    if not film.rgb:
        assert result.subsampled == (film.subsampled if not film.grey else (2, 2))
        assert SWSCALE[result.colour.matrix] == SWSCALE[film.colour.matrix]
        same = ("full", "primaries", "transfer")
        assert [getattr(result.colour, k) for k in same] == [getattr(film.colour, k) for k in same] or film.grey
    if not film.interlaced:
        reduced = [frame[1::4, 1::4].astype(int) for frame in after.frames]
        far = np.mean([np.abs(a - b).mean() for a, b in zip(before.frames, reduced, strict=True)])
        assert far < 4, "the pictures are those of the film, in its colours"
    assert not [p for p in tmp_path.iterdir() if p.is_dir()], "the segments are gone"


def test_streams_keep_names_chapters_and_attachments(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mkv", CLIPS["everything.mkv"])
    run(source, tmp_path / "out.mkv")
    with av.open(str(source)) as a, av.open(str(tmp_path / "out.mkv")) as b:
        assert a.metadata["title"] == b.metadata["title"] == "A film"
        assert [c["metadata"] for c in b.chapters()] == [{"title": "one"}, {"title": "two"}]
        assert [(c["start"] * c["time_base"]) for c in a.chapters()] == [
            c["start"] * c["time_base"] for c in b.chapters()
        ]
        kinds = [(s.type, s.metadata.get("title"), s.language) for s in b.streams]
        assert kinds == [(s.type, s.metadata.get("title"), s.language) for s in a.streams]
        assert b.streams.attachments[0].data == a.streams.attachments[0].data


def test_what_a_container_cannot_hold_is_said_before_the_work(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mkv", CLIPS["everything.mkv"])
    events: list[dict] = []
    remaster(source, tmp_path / "out.mp4", ToyUpscaler(), FilmSettings(**QUICK), on_event=events.append)
    assert events[0]["event"] == "plan"
    assert [n for n in events[0]["notes"] if "converted" in n and "use .mkv" in n and "subtitle" in n]
    assert [n for n in events[0]["notes"] if "dropped" in n and "use .mkv" in n and "attachment" in n]
    assert len(content(tmp_path / "out.mp4").others) == 3, "both sounds are there, and the subtitles"


def test_a_sound_before_zero_moves_everything_alike_in_matroska(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", Clip(sound=("aac",)))
    facts = run(source, tmp_path / "out.mkv")
    a, b = content(source), content(tmp_path / "out.mkv")
    moved = b.times[0] - a.times[0]
    assert moved > 0.01 and any("later" in note for note in facts["notes"])
    assert abs(b.other_times["audio eng"][0] - a.other_times["audio eng"][0] - moved) <= 0.001
    assert a.others == b.others


@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "ffv1", "prores"])
def test_every_codec_in_segments(tmp_path: Path, codec: str) -> None:
    source = make(tmp_path / "in.mp4", Clip(size=(64, 64), frames=13))
    presets = {"h264": "ultrafast", "h265": "ultrafast", "av1": "12"}
    target = tmp_path / ("out.mov" if codec == "prores" else "out.mkv")
    facts = run(source, target, codec=codec, crf=None, preset=presets.get(codec))
    after = content(target)
    assert facts["segments"] == 3 and len(after.frames) == 13 and facts["codec"] == codec
    for number, frame in enumerate(after.frames):
        assert np.abs(frame[1::4, 1::4].astype(int) - picture(number, 64, 64)).mean() < 5


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_h265_is_named_as_every_player_knows_it(tmp_path: Path, suffix: str) -> None:
    source = make(tmp_path / "in.mp4", Clip(size=(64, 64), frames=6))
    run(source, tmp_path / f"out{suffix}", codec="h265", crf=None, preset="ultrafast")
    with av.open(str(tmp_path / f"out{suffix}")) as result:
        assert result.streams.video[0].codec_context.codec_tag == "hvc1"
        assert len(list(result.decode(video=0))) == 6


def test_sizes(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", Clip(size=(48, 32), rotation=90, frames=2))
    for settings, size in (({"scale": 2}, (96, 64)), ({"scale": 1.4}, (68, 46)), ({"scale": 6}, (288, 192)),
                           ({"width": 64}, (96, 64)), ({"height": 96}, (96, 64))):  # fmt: skip
        run(source, tmp_path / "out.mp4", **settings, overwrite=True)
        result = inspect(tmp_path / "out.mp4")
        assert (result.width, result.height) == size, "width and height are meant as shown: it is turned"
    with pytest.raises(UsageError, match="use 66"):
        run(source, tmp_path / "out.mp4", width=65, overwrite=True)


def test_equal_frames_are_run_once_and_give_the_same(tmp_path: Path) -> None:
    pictures = [picture(n // 3, 48, 32) for n in range(12)]
    source = make(tmp_path / "in.mkv", Clip(codec="ffv1", pixels="bgr0", options={}), pictures)
    upscaler = ToyUpscaler()
    facts = remaster(source, tmp_path / "out.mkv", upscaler, FilmSettings(codec="ffv1", segment=5))
    assert facts["run"] == 4 == upscaler.toy.tiles and facts["frames"] == 12
    for frame, shown in zip(content(tmp_path / "out.mkv").frames, pictures, strict=True):
        np.testing.assert_array_equal(frame, shown.repeat(4, 0).repeat(4, 1))


def test_an_excerpt(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", Clip(frames=48, sound=("aac",), chapters=True, b_frames=2))
    run(source, tmp_path / "out.mp4", start=0.5, end=1.25)
    whole, part = content(source), content(tmp_path / "out.mp4")
    inside = [t for t in whole.times if 0.5 <= t < 1.25]
    assert len(part.times) == len(inside) == 18
    assert max(abs(b - (a - 0.5)) for a, b in zip(inside, part.times, strict=True)) < 1e-4
    sound = [t for t in whole.other_times["audio eng"] if 0.5 <= t < 1.25]
    assert np.allclose(part.other_times["audio eng"], np.array(sound) - 0.5, atol=1e-4)
    with pytest.raises(UsageError, match="long"):
        run(source, tmp_path / "no.mp4", start=9)
    with pytest.raises(BadInput, match="no frames between"):
        run(source, tmp_path / "no.mp4", start=0.501, end=0.502)


def test_interlaced_film_becomes_whole_frames(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", Clip(interlaced=True, frames=24, size=(96, 64)))

    def comb(frames: list[np.ndarray]) -> float:
        """How much neighbouring lines differ more than lines two apart."""
        x = np.stack([f[1::4, 1::4, 1] if f.shape[0] > 64 else f[:, :, 1] for f in frames]).astype(int)
        return float(np.abs(x[:, 1:-1] - x[:, 2:]).mean() - np.abs(x[:, :-2] - x[:, 2:]).mean() / 2)

    facts = run(source, tmp_path / "auto.mp4")
    assert any("interlaced" in note for note in facts["notes"])
    run(source, tmp_path / "off.mp4", deinterlace="off")
    woven, whole = content(tmp_path / "off.mp4"), content(tmp_path / "auto.mp4")
    assert comb(whole.frames) < 0.5 * comb(woven.frames) and whole.times == woven.times
    plain = make(tmp_path / "plain.mp4", Clip(frames=24))
    assert not any("interlaced" in note for note in run(plain, tmp_path / "plain_x4.mp4")["notes"])


def test_a_second_run_keeps_what_the_same_plan_made(tmp_path: Path) -> None:
    source, target = make(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    assert run(source, target)["status"] == "done"
    before = target.stat().st_mtime_ns
    assert run(source, target)["status"] == "kept" and target.stat().st_mtime_ns == before
    with pytest.raises(UsageError, match="--overwrite"):
        run(source, target, crf=30)
    assert run(source, target, crf=30, overwrite=True)["status"] == "done"


def test_stopping_keeps_segments_and_going_on_gives_the_same_frames(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", Clip(frames=23, b_frames=2, sound=("aac",)))
    settings = FilmSettings(**{**QUICK, "stabilise_time": 1.0})
    remaster(source, tmp_path / "ref.mp4", ToyUpscaler(), settings)
    upscaler = ToyUpscaler()
    answers = itertools.chain([False] * 40, itertools.repeat(True))
    with pytest.raises(Interrupted, match="frames are kept"):
        remaster(source, tmp_path / "out.mp4", upscaler, settings, cancelled=lambda: next(answers))
    assert not (tmp_path / "out.mp4").exists()
    folder = next(p for p in tmp_path.iterdir() if p.is_dir())
    kept = len(list(folder.glob("*.nut")))
    again = ToyUpscaler()
    facts = remaster(source, tmp_path / "out.mp4", again, settings)
    assert 1 <= kept <= 4 and facts["run"] == 23 - 5 * kept == again.toy.tiles
    assert content(tmp_path / "out.mp4").hashes == content(tmp_path / "ref.mp4").hashes


def test_a_damaged_segment_is_made_again(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", Clip(frames=23))
    answers = itertools.chain([False] * 45, itertools.repeat(True))
    with pytest.raises(Interrupted):
        remaster(source, tmp_path / "out.mp4", ToyUpscaler(), FilmSettings(**QUICK), cancelled=lambda: next(answers))
    folder = next(p for p in tmp_path.iterdir() if p.is_dir())
    second = sorted(folder.glob("*.nut"))[0]
    data = bytearray(second.read_bytes())
    data[-40] ^= 255
    second.write_bytes(data)
    assert remaster(source, tmp_path / "out.mp4", ToyUpscaler(), FilmSettings(**QUICK))["run"] == 23
    assert len(content(tmp_path / "out.mp4").frames) == 23


def test_two_processes_do_not_work_on_one_film(tmp_path: Path) -> None:
    from acutance.errors import ResourceError

    source = make(tmp_path / "in.mp4")
    inner: list[Exception] = []

    def second(event: dict) -> None:
        if event["event"] == "progress" and not inner:
            with pytest.raises(ResourceError, match="another process") as caught:
                run(source, tmp_path / "out.mp4")
            inner.append(caught.value)

    remaster(source, tmp_path / "out.mp4", ToyUpscaler(), FilmSettings(**QUICK), on_event=second)
    assert inner


def test_hdr_keeps_its_static_metadata(tmp_path: Path) -> None:
    """Mastering display (SMPTE ST 2086) and light levels (CTA-861.3) come out as they went in."""
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    params = f"log-level=none:hdr10=1:master-display={display}:max-cll=1000,400"
    clip = dataclasses.replace(CLIPS["hdr.mkv"], options={"preset": "ultrafast", "x265-params": params})
    source = make(tmp_path / "in.mkv", clip)
    before = inspect(source)
    assert before.hdr and set(before.side) == {"mastering", "light"}
    run(source, tmp_path / "out.mkv")
    after = inspect(tmp_path / "out.mkv")
    assert after.hdr and after.bits == 10 and after.side["light"][:8] == before.side["light"][:8]
    values = [
        [n / d for n, d in np.frombuffer(film.side["mastering"][:80], "<i4").reshape(-1, 2)] for film in (before, after)
    ]
    np.testing.assert_allclose(values[0], values[1], rtol=1e-4)


def test_the_journal_knows_the_segments(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", Clip(frames=12))
    found: list[dict] = []

    def look(event: dict) -> None:
        if event["event"] == "progress" and event["done"] == 12:
            folder = next(p for p in tmp_path.iterdir() if p.is_dir())
            found.append(Journal(folder).facts(folder / "000000.nut"))

    remaster(source, tmp_path / "out.mp4", ToyUpscaler(), FilmSettings(**QUICK), on_event=look)
    base = inspect(source).time_base
    assert [round(t * base * 24) for t in found[0]["pts"]] == [0, 1, 2, 3, 4] and not found[0]["last"]
    assert len(found[0]["sha256"]) == len(hashlib.sha256().hexdigest())


def test_settings_refuse_contradictions() -> None:
    for wrong in ({"deinterlace": "maybe"}, {"stabilise_time": 2}, {"start": 3, "end": 2}, {"scale": 2, "width": 9}):
        with pytest.raises(UsageError):
            FilmSettings(**wrong)
    assert dataclasses.replace(FilmSettings(), scale=2).scale == 2


def test_the_real_model(tmp_path: Path) -> None:
    """With ``fidelity``: closer to the scene than bicubic, on frames that were reduced."""
    from skimage import data

    from acutance.imaging.bicubic import downscale, upscale
    from acutance.measuring.metrics.psnr import psnr_y
    from acutance.models import store
    from acutance.pipelines.upscale import Upscaler

    scene = data.astronaut()
    large = [scene[100 + 4 * n : 292 + 4 * n, 150:406] for n in range(4)]
    small = [downscale(frame, 4) for frame in large]
    source = make(tmp_path / "in.mkv", Clip(size=(64, 48), codec="ffv1", pixels="bgr0", options={}), small * 3)
    remaster(source, tmp_path / "out.mkv", Upscaler(store.load()), FilmSettings(codec="ffv1"))
    made = content(tmp_path / "out.mkv").frames[:4]
    gain = [psnr_y(m, h) - psnr_y(upscale(s, 4), h) for m, h, s in zip(made, large, small, strict=True)]
    assert min(gain) > 1
