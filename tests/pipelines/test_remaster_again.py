"""Films gone on with, stopped and found there already: nothing is lost, repeated for ever or thrown away unasked."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from clips import Clip, content, make, picture
from toy_film import ToyUpscaler

from acutance.errors import Interrupted
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
