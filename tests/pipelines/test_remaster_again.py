"""Films gone on with, stopped and found there already: nothing is lost, repeated for ever or thrown away unasked."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from clips import Clip, content, make, picture
from toy_film import ToyUpscaler

from acutance.errors import Interrupted, UsageError
from acutance.files.videos import inspect
from acutance.pipelines import frames as frames_module
from acutance.pipelines import remaster as module
from acutance.pipelines.film import FilmSettings
from acutance.pipelines.frames import once_each
from acutance.pipelines.journal import NAME
from acutance.pipelines.remaster import remaster

QUICK = {"crf": 12, "preset": "ultrafast", "segment": 5}
LOSSLESS = Clip(codec="ffv1", pixels="bgr0", options={}, frames=60)


def run(source: Path, target: Path, upscaler: ToyUpscaler | None = None, **options: Any) -> dict[str, Any]:
    keywords = {key: options.pop(key) for key in ("on_event", "cancelled") if key in options}
    return remaster(source, target, upscaler or ToyUpscaler(), FilmSettings(**{**QUICK, **options}), **keywords)


def stop_after(source: Path, target: Path, frames: int, **options: Any) -> Path:
    """The folder of a run that was stopped after so many frames."""
    made: list[int] = [0]
    with pytest.raises(Interrupted):
        run(source, target, on_event=lambda event: made.append(event.get("done", 0)),
            cancelled=lambda: max(made) >= frames, **options)  # fmt: skip
    return next(p for p in target.parent.iterdir() if p.is_dir())


def test_labels_wait_without_pixels_and_a_stop_is_heard_while_frames_repeat(tmp_path: Path, monkeypatch) -> None:
    source = make(tmp_path / "in.mkv", LOSSLESS, [picture(0, 48, 32)] * 60)
    seen: list[int] = []

    def watched(frames: Any, enlarge: Any) -> Any:
        def counted() -> Any:
            for label, rgb in frames:
                seen.append(label.rgb.size)
                yield label, rgb

        return once_each(counted(), enlarge)

    monkeypatch.setattr(module, "once_each", watched)
    answers = itertools.chain([False] * 12, itertools.repeat(True))
    with pytest.raises(Interrupted):
        run(source, tmp_path / "out.mkv", cancelled=lambda: next(answers))
    assert 0 < len(seen) < 20 and not any(seen)


def test_equal_frames_do_not_wait_without_end(monkeypatch) -> None:
    monkeypatch.setattr(frames_module, "MOST_WAITING", 48, raising=False)
    read = 0

    def frames() -> Any:
        nonlocal read
        for read in range(1, 150):
            yield read, picture(0, 8, 8)

    labels = []
    for label, *_ in once_each(frames(), lambda pictures: pictures):
        labels.append(label)
        assert read - label <= 49
    assert labels == list(range(1, 150))


def test_a_last_frame_that_is_not_met_again_costs_what_follows_it(tmp_path: Path) -> None:
    source, target = make(tmp_path / "in.mp4", Clip(frames=23)), tmp_path / "out.mp4"
    run(source, tmp_path / "ref.mp4")
    folder = stop_after(source, target, 17)
    journal = folder / NAME
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert len(lines) >= 2
    lines[-1]["crc"] ^= 1
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    facts = run(source, target)
    assert 23 - 5 * (len(lines) - 1) <= facts["run"] <= 23 and facts["damage"] == ""
    assert content(target).hashes == content(tmp_path / "ref.mp4").hashes


def test_the_remastered_picture_may_be_the_second_one(tmp_path: Path) -> None:
    """A film with two pictures: the best one is enlarged, the other copied."""
    parts = [make(tmp_path / f"{n}.mkv", Clip(size=(n, n), frames=n // 4)) for n in (32, 64)]
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as target, av.open(str(parts[0])) as a, av.open(str(parts[1])) as b:
        streams = [target.add_stream_from_template(part.streams.video[0]) for part in (a, b)]
        streams[0].disposition, streams[1].disposition = 0, av.stream.Disposition.default
        for part, stream in zip((a, b), streams, strict=True):
            for packet in part.demux():
                if packet.size:
                    packet.stream = stream
                    target.mux(packet)
    for name in ("out.mkv", "out.mp4"):
        facts = run(source, tmp_path / name)
        with av.open(str(tmp_path / name)) as result:
            assert [stream.width for stream in result.streams.video] == [32, 256]
        assert facts["frames"] == 16 and facts["damage"] == ""


def test_a_second_process_leaves_the_folder_of_the_first_alone(tmp_path: Path) -> None:
    source, target = make(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    run(source, target)
    finished = target.read_bytes()
    target.unlink()
    second: list[str] = []

    def look(event: dict[str, Any]) -> None:
        if event["event"] == "progress" and event["done"] == 7:
            target.write_bytes(finished)  # the journal knows it
            second.append(run(source, target)["status"])
            target.unlink()

    assert run(source, target, on_event=look)["status"] == "done" and second == ["kept"]
    assert not [p for p in tmp_path.iterdir() if p.is_dir()]


def test_a_file_that_appears_meanwhile_is_not_replaced_unasked(tmp_path: Path) -> None:
    source, target = make(tmp_path / "in.mp4"), tmp_path / "out.mp4"

    def appear(event: dict[str, Any]) -> None:
        if event["event"] == "progress":
            target.write_bytes(b"mine")

    with pytest.raises(UsageError, match="--overwrite"):
        run(source, target, on_event=appear)
    assert target.read_bytes() == b"mine"
    assert run(source, target, overwrite=True)["run"] == 0, "the segments were kept"


def test_a_lock_that_was_removed_meanwhile_is_taken_anew(tmp_path: Path, monkeypatch) -> None:
    from acutance.pipelines import segments

    asked: list[Path] = []

    def claim(file: Any, path: Path) -> bool:
        asked.append(path)
        if len(asked) == 1:  # whoever held it was done and swept up
            path.unlink()
            path.parent.rmdir()
        return len(asked) > 1

    monkeypatch.setattr(segments, "claim", claim)
    assert run(make(tmp_path / "in.mp4"), tmp_path / "out.mp4")["status"] == "done" and len(asked) == 2


def test_a_film_that_is_done_sweeps_up_after_other_plans(tmp_path: Path) -> None:
    source, target = make(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    left = stop_after(source, target, 7, crf=30)
    (tmp_path / "two").mkdir()
    other = stop_after(source, tmp_path / "two" / "out.mp4", 7)
    events: list[dict[str, Any]] = []
    assert remaster(source, target, ToyUpscaler(), FilmSettings(**QUICK), on_event=events.append)["run"] == 12
    assert "another plan" in events[0]["notes"][-1]
    assert not left.exists() and other.exists()


def test_what_a_codec_loses_is_said(tmp_path: Path) -> None:
    params = "log-level=none:hdr10=1:max-cll=1000,400"
    clip = Clip(codec="libx265", pixels="yuv420p10le", colour=(1, 9, 9, 16), size=(64, 48), frames=2,
                options={"preset": "ultrafast", "x265-params": params})  # fmt: skip
    source = make(tmp_path / "in.mkv", clip)
    for codec, preset in (("h265", "ultrafast"), ("ffv1", None), ("av1", "12")):
        target = tmp_path / f"{codec}.mkv"
        facts = run(source, target, codec=codec, crf=None, preset=preset)
        said = any("HDR" in note and "dropped" in note for note in facts["notes"])
        assert said == (not inspect(target).side) == (codec == "ffv1")
    source = make(tmp_path / "wide.mp4", Clip(aspect=Fraction(16, 11), size=(64, 48), frames=2))
    facts = run(source, tmp_path / "wide.webm", crf=None, preset="12")
    assert any("shape of its pixels" in note for note in facts["notes"])


@pytest.mark.parametrize(
    ("codec", "suffix"), [("h264", "mp4"), ("h265", "mkv"), ("av1", "mp4"), ("ffv1", "mkv"), ("prores", "mov")]
)
def test_colours_and_shape_are_kept_by_every_codec(tmp_path: Path, codec: str, suffix: str) -> None:
    clip = Clip(size=(64, 48), frames=2, colour=(2, 1, 1, 1), aspect=Fraction(16, 11))
    source, target = make(tmp_path / "in.mp4", clip), tmp_path / f"out.{suffix}"
    preset = {"h264": "ultrafast", "h265": "ultrafast", "av1": "12"}.get(codec)
    facts = run(source, target, codec=codec, crf=None, preset=preset)
    before, after = inspect(source), inspect(target)
    assert (after.colour.matrix, after.colour.primaries, after.colour.transfer) == (1, 1, 1)
    assert after.colour.full == (codec != "prores"), "samples of ProRes never use the whole range"
    said = any("shape of its pixels" in note for note in facts["notes"])
    assert (after.aspect == before.aspect) != said and said == (codec == "ffv1")
    for old, new in zip(content(source).frames, content(target).frames, strict=True):
        assert abs(float(new.mean()) - float(old.mean())) < 1.5


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_clock_that_begins_anew_is_damage_also_after_a_stop(tmp_path: Path, suffix: str) -> None:
    part = make(tmp_path / "a.ts", Clip(frames=36, sound=("mp2",)))
    source, target = tmp_path / "in.ts", tmp_path / f"out.{suffix}"
    source.write_bytes(part.read_bytes() * 2)
    stop_after(source, target, 57)
    facts = run(source, target)
    assert "clock begins anew" in facts["damage"] and facts["frames"] == 72 and facts["run"] < 20
    times = content(target).times
    assert all(abs(b - a - 1 / 24) < 0.002 for a, b in itertools.pairwise(times))
