"""What travels with a film: kept by every container that can hold it, else converted with a note, or named."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import Clip, content, make, picture
from toy_film import ToyUpscaler

from acutance.errors import Interrupted
from acutance.files.video_layout import later
from acutance.pipelines.film import FilmSettings
from acutance.pipelines.remaster import remaster

# Coding: what holds it in the test, samples a second; then how it gets into .mp4, .mov and .mkv ("": as it is).
SOUNDS = {
    "aac": ("mkv", 48_000, "", "", ""), "ac3": ("mkv", 48_000, "", "", ""), "eac3": ("mkv", 48_000, "", "", ""),
    "libmp3lame": ("avi", 48_000, "", "", ""), "mp2": ("mkv", 48_000, "", "", ""),
    "flac": ("mkv", 48_000, "", "pcm", ""), "alac": ("mkv", 48_000, "", "", ""),
    "libopus": ("mkv", 48_000, "", "pcm", ""), "tta": ("mkv", 48_000, "flac", "pcm", ""),
    "wavpack": ("mkv", 48_000, "flac", "pcm", ""), "wmav2": ("wmv", 48_000, "flac", "", ""),
    "libopencore_amrnb": ("3gp", 8_000, "flac", "", ""),
    "adpcm_ima_wav": ("avi", 48_000, "flac", "pcm", ""), "adpcm_ms": ("avi", 48_000, "flac", "pcm", ""),
    "adpcm_ima_qt": ("mov", 44_100, "flac", "", "flac"), "pcm_alaw": ("avi", 48_000, "flac", "", ""),
    "pcm_mulaw": ("avi", 48_000, "flac", "", ""), "pcm_u8": ("avi", 48_000, "flac", "", ""),
    "pcm_s8": ("mov", 48_000, "flac", "", "flac"), "pcm_s16le": ("avi", 48_000, "", "", ""),
    "pcm_s16be": ("mov", 48_000, "", "", ""), "pcm_s24le": ("mxf", 48_000, "", "", ""),
    "pcm_s24be": ("mov", 48_000, "", "", ""), "pcm_s32le": ("mkv", 48_000, "", "", ""),
    "pcm_s32be": ("mov", 48_000, "", "", ""), "pcm_f32le": ("mkv", 48_000, "", "", ""),
    "pcm_f32be": ("mov", 48_000, "", "", "pcm"), "pcm_f64le": ("mkv", 48_000, "", "", ""),
    "pcm_f64be": ("mov", 48_000, "", "", "pcm"),
}  # fmt: skip
STEREO = ("wmav2", "pcm_s16le")  # the others are mono


def run(source: Path, target: Path, **settings: Any) -> dict[str, Any]:
    quick = {"preset": "12"} if target.suffix == ".webm" else {"crf": 30, "preset": "ultrafast"}
    return remaster(source, target, ToyUpscaler(), FilmSettings(**{**quick, "segment": 5, "scale": 2, **settings}))


def tone(rate: int, channels: int, seconds: float) -> np.ndarray:
    wave = (np.sin(np.arange(int(rate * seconds)) / 20) * 0.3).astype(np.float32)
    return np.stack([wave] * channels)


def film(path: Path, codec: str, rate: int, seconds: float = 0.4) -> Path:
    """Ten small frames and a tone in ``codec``."""
    layout = "stereo" if codec in STEREO else "mono"
    with av.open(str(path), "w") as target:
        mpeg2 = path.suffix == ".mxf"
        video: Any = target.add_stream("mpeg2video" if mpeg2 else "h263" if path.suffix == ".3gp" else "mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = (
            (176, 144, "yuv420p") if path.suffix == ".3gp" else (64, 48, "yuv420p")
        )
        sound: Any = target.add_stream(codec, rate=rate)
        sound.layout = layout
        sound.bit_rate = 12_200 if codec == "libopencore_amrnb" else 64_000
        for number in range(round(seconds * 25)):
            frame = av.VideoFrame.from_ndarray(picture(number, video.width, video.height))
            frame.pts, frame.time_base = number, Fraction(1, 25)
            target.mux(video.encode(frame))
        target.mux(video.encode(None))
        wave = tone(rate, 2 if codec in STEREO else 1, seconds)
        for start in range(0, wave.shape[1], rate // 10):
            block = np.ascontiguousarray(wave[:, start : start + rate // 10])
            samples = av.AudioFrame.from_ndarray(block, "fltp", layout)
            samples.sample_rate, samples.pts, samples.time_base = rate, start, Fraction(1, rate)
            target.mux(sound.encode(samples))
        target.mux(sound.encode(None))
    return path


def heard(path: Path) -> np.ndarray:
    """All sound of a film, mixed to one channel."""
    with av.open(str(path)) as source:
        mono = av.AudioResampler(format="fltp", layout="mono")
        frames = [each for frame in source.decode(audio=0) for each in mono.resample(frame)]
        return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def bytes_of(path: Path, kind: str = "audio") -> tuple[str, str]:
    """The coding of the first stream of ``kind``, and a hash of all its bytes."""
    with av.open(str(path)) as source:
        stream = next(s for s in source.streams if s.type == kind)
        data = b"".join(bytes(p) for p in source.demux(stream) if p.size)
        return stream.codec_context.name, hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("codec", SOUNDS)
def test_sound_is_copied_or_converted_with_a_note(tmp_path: Path, codec: str) -> None:
    suffix, rate, *ways = SOUNDS[codec]
    source = film(tmp_path / f"in.{suffix}", codec, rate)
    before = heard(source)
    for target, way in zip(("mp4", "mov", "mkv"), ways, strict=True):
        facts = run(source, tmp_path / f"out.{target}")
        notes = [note for note in facts["notes"] if "audio stream 1" in note]
        if not way:
            assert bytes_of(tmp_path / f"out.{target}")[1] == bytes_of(source)[1] and not notes, target
            continue
        name, _ = bytes_of(tmp_path / f"out.{target}")
        assert name.startswith(way) and len(notes) == 1 and "converted" in notes[0], target
        after = heard(tmp_path / f"out.{target}")
        common = min(len(after), len(before))
        assert abs(len(after) - len(before)) <= 0.02 * rate and common > 0.3 * rate
        assert np.abs(after[:common] - before[:common]).max() < 2e-4, "without loss"


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le", "libopus"])
def test_webm_gets_opus(tmp_path: Path, codec: str) -> None:
    source = film(tmp_path / "in.mkv", codec, 48_000)
    notes = run(source, tmp_path / "out.webm")["notes"]
    assert bytes_of(tmp_path / "out.webm")[0] == "opus" and abs(len(heard(tmp_path / "out.webm")) - 19_200) < 1_000
    assert any("converted" in note and ".mkv" in note for note in notes) == (codec != "libopus")


@pytest.mark.parametrize(("suffix", "target", "coding"), [("mkv", "mp4", "mov_text"), ("mkv", "mov", "mov_text"),
                                                          ("mp4", "mkv", "srt"), ("mp4", "webm", "webvtt"),
                                                          ("mp4", "mp4", "mov_text")])  # fmt: skip
def test_subtitles_get_the_notation_of_the_container(tmp_path: Path, suffix: str, target: str, coding: str) -> None:
    source, result = tmp_path / f"in.{suffix}", tmp_path / f"out.{target}"
    texts = ["first <i>line</i>", "second"]
    with av.open(str(source), "w") as film_:
        video: Any = film_.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        words: Any = film_.add_mux_stream("subrip" if suffix == "mkv" else "mov_text")
        words.time_base, words.metadata["language"] = Fraction(1, 1000), "deu"
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(picture(number, 64, 48))
            frame.pts, frame.time_base = number, Fraction(1, 25)
            film_.mux(video.encode(frame))
        film_.mux(video.encode(None))
        for number, text in enumerate(texts):
            data = text.encode() if suffix == "mkv" else len(text).to_bytes(2, "big") + text.encode()
            packet = av.Packet(data)
            packet.stream, packet.time_base = words, Fraction(1, 1000)
            packet.pts = packet.dts = 50 + 200 * number
            packet.duration = 120
            film_.mux(packet)
    notes = run(source, result)["notes"]
    assert any("subtitle stream 1" in note and "converted" in note for note in notes) == (suffix != target)
    with av.open(str(result)) as film_:
        stream = film_.streams.subtitles[0]
        assert stream.codec_context.name == coding and stream.language in ("deu", "ger")
        found = [(p.pts * p.time_base, p.duration * p.time_base, bytes(p)) for p in film_.demux(stream) if p.size > 2]
    assert [round(float(t), 3) for t, _, _ in found] == [0.05, 0.25] and all(float(d) == 0.12 for _, d, _ in found)
    assert b"line" in found[0][2] and b"second" in found[1][2]
    if suffix != target:
        assert (b"<i>" in found[0][2]) == (coding != "mov_text"), "slanted by what the notation has for it"


def with_cover(path: Path) -> Path:
    """A film with chapters, a sound, a cover and a title."""
    with av.open(str(path), "w") as target:
        video: Any = target.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound: Any = target.add_stream("aac", rate=48_000)
        sound.layout = "mono"
        cover: Any = target.add_stream("mjpeg", rate=25)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        base = Fraction(1, 1000)
        target.set_chapters([
            {"id": n, "start": 200 * n, "end": 200 * n + 200, "time_base": base, "metadata": {"title": f"part {n}"}}
            for n in range(2)
        ])  # fmt: skip
        target.metadata["title"] = "With cover"
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(picture(number, 64, 48))
            frame.pts, frame.time_base = number, Fraction(1, 25)
            target.mux(video.encode(frame))
        small = av.VideoFrame.from_ndarray(picture(0, 32, 32))
        small.pts, small.time_base = 0, Fraction(1, 25)
        samples = av.AudioFrame.from_ndarray(tone(48_000, 1, 0.4), "fltp", "mono")
        samples.sample_rate, samples.pts, samples.time_base = 48_000, 0, Fraction(1, 48_000)
        target.mux([*video.encode(None), *cover.encode(small), *cover.encode(None)])
        target.mux([*sound.encode(samples), *sound.encode(None)])
    return path


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_chapters_and_cover_go_along(tmp_path: Path, suffix: str) -> None:
    """MP4 counts the track of chapters among the streams, so nothing may be found again by its number."""
    source, result = with_cover(tmp_path / "in.mp4"), tmp_path / f"out.{suffix}"
    facts = run(source, result)
    assert not [note for note in facts["notes"] if "dropped" in note]
    with av.open(str(source)) as a, av.open(str(result)) as b:
        assert [c["metadata"]["title"] for c in b.chapters()] == ["part 0", "part 1"]
        assert b.metadata["title"] == "With cover"
        covers = [
            next(bytes(p) for s in film_.streams.video if s.disposition & av.stream.Disposition.attached_pic
                 for p in film_.demux(s) if p.size)
            for film_ in (a, b)
        ]  # fmt: skip
    assert covers[0] == covers[1]
    notes = run(source, tmp_path / "out.mov")["notes"]
    assert any("cover" in note and "dropped" in note and ".mkv" in note for note in notes)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_what_a_phone_says_is_kept(tmp_path: Path, suffix: str) -> None:
    said = {"com.apple.quicktime.location.ISO6709": "+48.0+011.0+500/", "com.apple.quicktime.model": "Phone"}
    plain, source = make(tmp_path / "a.mov"), tmp_path / "in.mov"
    with av.open(str(plain)) as a, av.open(str(source), "w", options={"movflags": "use_metadata_tags"}) as b:
        stream = b.add_stream_from_template(a.streams.video[0])
        b.metadata.update(said)
        for packet in a.demux(video=0):
            if packet.size:
                packet.stream = stream
                b.mux(packet)
    notes = run(source, tmp_path / f"out.{suffix}")["notes"]
    with av.open(str(tmp_path / f"out.{suffix}")) as result:
        found = {key.lower(): value for key, value in result.metadata.items()}
    assert {key.lower(): value for key, value in said.items()}.items() <= found.items() and not notes


def test_ordinary_tags_stay_where_players_look_for_them(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", Clip(title="A film"))
    run(source, tmp_path / "out.mp4")
    assert b"\xa9nam" in (tmp_path / "out.mp4").read_bytes()


def with_timecode(path: Path) -> Path:
    plain = make(path.with_name("plain.mov"), Clip(rate=Fraction(25), frames=25))
    with av.open(str(plain)) as a, av.open(str(path), "w") as b:
        stream: Any = b.add_stream_from_template(a.streams.video[0])
        stream.codec_context.framerate = 25
        stream.metadata["timecode"] = "01:00:59:20"
        for packet in a.demux(video=0):
            if packet.size:
                packet.stream = stream
                b.mux(packet)
    return path


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_time_code_is_kept_and_moves_with_an_excerpt(tmp_path: Path, suffix: str) -> None:
    source = with_timecode(tmp_path / "in.mov")
    with av.open(str(source)) as film_:
        assert any(s.type == "data" for s in film_.streams)
    for settings, code in (({}, "01:00:59:20"), ({"start": 0.4}, "01:01:00:05")):
        facts = run(source, tmp_path / f"out.{suffix}", overwrite=True, **settings)
        assert not [note for note in facts["notes"] if "code" in note or "data" in note]
        with av.open(str(tmp_path / f"out.{suffix}")) as film_:
            tags = {k.lower(): v for k, v in film_.streams.video[0].metadata.items()}
        assert tags["timecode"] == code


def test_numbers_of_frames_that_time_code_leaves_out() -> None:
    """Counted one by one, as SMPTE ST 12-1 says."""
    code, here = [0, 0, 0, 0], "00:00:00;00"
    for number in range(18_500):
        if number % 37 == 0:
            assert later("00:00:00;00", number, 30) == here
        code[3] += 1
        for place, limit in ((3, 30), (2, 60), (1, 60)):
            if code[place] == limit:
                code[place], code[place - 1] = 0, code[place - 1] + 1
        if code[3] == 0 and code[2] == 0 and code[1] % 10:
            code[3] = 2
        here = "{:02}:{:02}:{:02};{:02}".format(*code)


def test_plain_samples_with_a_gap_are_not_pulled_together(tmp_path: Path) -> None:
    """QuickTime counts samples and knows no gaps; the beginning, which is tried, has none."""
    whole, source = film(tmp_path / "a.mkv", "pcm_s16le", 48_000, 2.0), tmp_path / "in.mkv"
    with av.open(str(whole)) as a, av.open(str(source), "w") as b:
        streams = [b.add_stream_from_template(s, opaque=True) for s in a.streams]
        for packet in a.demux():
            if packet.size:
                late = packet.stream.type == "audio" and packet.pts * packet.time_base > 1
                packet.stream = streams[packet.stream.index]
                packet.pts, packet.dts = packet.pts + 500 * late, packet.dts + 500 * late
                b.mux(packet)
    facts = run(source, tmp_path / "out.mov")
    assert any("audio stream 1" in note and "converted" in note for note in facts["notes"])
    assert abs(len(heard(tmp_path / "out.mov")) - 2.5 * 48_000) < 2_500, "the gap is silence"


def test_a_film_of_many_sounds_keeps_their_order_names_and_marks(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mkv", Clip(sound=("aac", "libmp3lame", "flac"), attachment=True))
    marked = tmp_path / "marked.mkv"
    with av.open(str(source)) as a, av.open(str(marked), "w") as b:
        streams = []
        for number, old in enumerate(a.streams):
            new = b.add_stream_from_template(old, opaque=True) if old.type != "attachment" else None
            if new is not None:
                new.metadata.update({k: v for k, v in old.metadata.items() if k in ("language", "title")})
                new.disposition = av.stream.Disposition.comment if number == 2 else av.stream.Disposition.default
            streams.append(new)
        b.add_attachment("font.ttf", "application/x-truetype-font", b"a font")
        for packet in a.demux():
            if packet.size and streams[packet.stream.index] is not None:
                packet.stream = streams[packet.stream.index]
                b.mux(packet)
    run(marked, tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as result:
        assert [(s.language, s.metadata["title"]) for s in result.streams.audio] == [
            ("eng", "sound 0"), ("deu", "sound 1"), ("fra", "sound 2"),
        ]  # fmt: skip
        assert result.streams.audio[1].disposition & av.stream.Disposition.comment
        assert result.streams.attachments[0].data == b"a font"
    notes = run(marked, tmp_path / "out.mp4")["notes"]
    assert any("font" in note or "attachment" in note for note in notes)
    with av.open(str(tmp_path / "out.mp4")) as result:
        assert result.streams.audio[1].disposition & av.stream.Disposition.comment


def test_another_container_uses_the_same_segments(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mkv", Clip(frames=23, sound=("aac",)))
    settings, made = FilmSettings(crf=12, preset="ultrafast", segment=5), [0]
    with pytest.raises(Interrupted):
        remaster(source, tmp_path / "out.mkv", ToyUpscaler(), settings, cancelled=lambda: max(made) >= 12,
                 on_event=lambda event: made.append(event.get("done", 0)))  # fmt: skip
    facts = remaster(source, tmp_path / "b.mp4", ToyUpscaler(), settings)
    assert facts["run"] <= 13 and len(content(tmp_path / "b.mp4").frames) == 23


def test_transparency_kept_apart_is_said_and_no_longer_promised(tmp_path: Path) -> None:
    plain, source = (
        make(tmp_path / "a.mkv", Clip(codec="libvpx-vp9", options={"deadline": "realtime"})),
        tmp_path / "in.mkv",
    )
    with av.open(str(plain)) as a, av.open(str(source), "w") as b:
        stream = b.add_stream_from_template(a.streams.video[0], opaque=True)
        stream.metadata["alpha_mode"] = "1"
        for packet in a.demux(video=0):
            if packet.size:
                packet.stream = stream
                b.mux(packet)
    facts = run(source, tmp_path / "out.mkv")
    assert any("transparency" in note for note in facts["notes"])
    with av.open(str(tmp_path / "out.mkv")) as result:
        assert "alpha_mode" not in {key.lower() for key in result.streams.video[0].metadata}
