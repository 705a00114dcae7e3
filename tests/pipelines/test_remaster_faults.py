"""Films killed, starved and damaged: what was finished stays, and the rerun gives the same frames."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import Clip, content, make
from faults import Killed, killing_at
from helpers import stray_files
from toy_film import ToyUpscaler

from acutance.errors import BadInput, DiskFull, OverLimit, ResourceError, UsageError
from acutance.files.video_codecs import CODECS
from acutance.pipelines.film import FilmSettings
from acutance.pipelines.remaster import remaster

SETTINGS = {"crf": 12, "preset": "ultrafast", "segment": 5, "stabilise_time": 1.0}
PROGRAM = Path(__file__).parents[1] / "toy_film.py"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    clip = Clip(frames=33, b_frames=2, sound=("aac",), options={"crf": "15", "g": "8"})
    return make(folder / "in.mp4", clip)


@pytest.fixture(scope="module")
def expected(film: Path) -> list[str]:
    """Frame hashes of an uninterrupted run."""
    target = film.with_name("ref.mp4")
    remaster(film, target, ToyUpscaler(), FilmSettings(**SETTINGS))
    return content(target).hashes


def segments(folder: Path) -> int:
    return len([p for p in folder.rglob("*.nut") if ".part" not in p.name])


def test_killed_at_every_file_operation(tmp_path: Path) -> None:
    """Of all segments, of joining and of naming: whatever the operation, the rerun ends at the same frames."""
    settings = FilmSettings(**SETTINGS)
    film = make(tmp_path / "in.mp4", Clip(frames=8, b_frames=2, sound=("aac",), options={"crf": "15", "g": "4"}))
    remaster(film, tmp_path / "ref.mp4", ToyUpscaler(), settings)
    expected = content(tmp_path / "ref.mp4").hashes
    operation, struck = 0, []
    while True:
        operation += 1
        folder = tmp_path / str(operation)
        folder.mkdir()
        target = folder / "out.mp4"
        with killing_at(operation, folder) as fired, contextlib.suppress(Killed):
            remaster(film, target, ToyUpscaler(), settings)
        if not fired:
            break
        struck += fired
        if target.exists():
            assert content(target).hashes == expected, f"a final name held something else after {fired}"
        whole = segments(folder)
        again = ToyUpscaler()
        facts = remaster(film, target, again, settings)
        assert content(target).hashes == expected, fired
        if facts["status"] == "done":
            assert again.toy.tiles <= 8 - 5 * max(0, min(whole, 2) - 1), f"more than a segment redone after {fired}"
        assert stray_files(folder) == [] or os.name == "nt", fired
        assert [p for p in folder.iterdir() if p.is_dir()] == [], fired
    kinds = {line.split()[0] for line in struck}
    assert {"open", "os.rename", "os.mkdir", "os.remove"} <= kinds and len(struck) > 20


def killed_run(film: Path, target: Path, after: float, environment: dict[str, str]) -> tuple[int, int]:
    """Start, kill -9 after some seconds; the exit status and the frames the network ran for."""
    command = [sys.executable, str(PROGRAM), str(film), str(target), json.dumps(SETTINGS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            out, _ = process.communicate(timeout=after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            out, _ = process.communicate()
    return process.returncode, sum('"progress"' in line for line in out.splitlines())


def kill_at_random(tmp_path: Path, film: Path, expected: list[str], kills: int, seed: int) -> None:
    environment = {**os.environ, "TOY_SECONDS": "0.03"}
    begin = time.monotonic()
    assert killed_run(film, tmp_path / "free.mp4", 120, environment)[0] == 0
    whole = time.monotonic() - begin
    moments = random.Random(seed)
    done, round_ = 0, 0
    while done < kills:
        round_ += 1
        target, ran, status, here = tmp_path / f"out{round_}.mp4", 0, -9, 0
        while status == -9:
            later = whole * moments.uniform(0.15, 1.1) if here < 6 else 120
            status, frames = killed_run(film, target, later, environment)
            ran += frames
            here += status == -9
            assert target.exists() == (status == 0) or content(target).hashes == expected
        assert status == 0 and content(target).hashes == expected
        assert ran <= 33 + 5 * here, "a kill costs one segment at most"
        assert stray_files(tmp_path) == [] and not [p for p in tmp_path.iterdir() if p.is_dir()]
        done += here


def test_kill_minus_nine_at_random_moments(tmp_path: Path, film: Path, expected: list[str]) -> None:
    kill_at_random(tmp_path, film, expected, 3, 1)


@pytest.mark.slow
def test_kill_minus_nine_at_thirty_random_moments(tmp_path: Path, film: Path, expected: list[str]) -> None:
    kill_at_random(tmp_path, film, expected, 30, 2)


def test_a_damaged_film_is_delivered_as_far_as_it_goes(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mkv", Clip(frames=60, sound=("aac",)))
    source.write_bytes(source.read_bytes()[:-4000])
    facts = remaster(source, tmp_path / "out.mkv", ToyUpscaler(), FilmSettings(**SETTINGS))
    assert "ends at" in facts["damage"] and 20 < facts["frames"] < 60
    assert len(content(tmp_path / "out.mkv").frames) == facts["frames"]
    kept = remaster(source, tmp_path / "out.mkv", ToyUpscaler(), FilmSettings(**SETTINGS))
    assert kept["status"] == "kept" and kept["damage"] == facts["damage"], "damage is not forgotten"


def refused(source: Path, kind: type[Exception], words: str, target: str = "out.mkv", **settings) -> None:
    with pytest.raises(kind, match=words) as caught:
        remaster(source, source.with_name(target), ToyUpscaler(), FilmSettings(**settings))
    assert "\n" not in str(caught.value)
    assert not source.with_name(target).exists()
    assert not [p for p in source.parent.iterdir() if p.is_dir()], "refused before any work"


@pytest.mark.parametrize("name", ["list.m3u8", "list.ffconcat", "list.mp4"])
def test_playlists_are_refused_whatever_they_are_called(tmp_path: Path, name: str) -> None:
    make(tmp_path / "secret.ts")
    text = "ffconcat version 1.0\nfile secret.ts\n" if "concat" in name else "#EXTM3U\n#EXTINF:1,\nsecret.ts\n"
    (tmp_path / name).write_text(text)
    refused(tmp_path / name, BadInput, "playlist")


def test_names_are_never_read_as_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "a.ts")
    monkeypatch.chdir(tmp_path)
    for name in ("concat:a.ts|a.ts", "http://127.0.0.1:9/a.ts", "subfile,,start,0,end,9,,:a.ts"):
        with pytest.raises((UsageError, BadInput)):
            remaster(Path(name), tmp_path / "out.mkv", ToyUpscaler())


def test_other_bad_inputs(tmp_path: Path) -> None:
    refused(tmp_path / "none.mp4", UsageError, "no such file")
    (tmp_path / "empty.mp4").touch()
    refused(tmp_path / "empty.mp4", BadInput, "empty")
    (tmp_path / "text.mp4").write_text("<html>404</html>" * 100)
    refused(tmp_path / "text.mp4", BadInput, "no film")
    whole = make(tmp_path / "whole.mp4", Clip(frames=30))
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[:2000])
    refused(cut, BadInput, "cut.mp4")
    refused(whole, UsageError, "use one of .mp4", "out.wmv")
    refused(whole, UsageError, "use .mkv", codec="ffv1", target="out.mp4")
    refused(whole, UsageError, "expected one of", codec="vhs")
    refused(whole, UsageError, "0 .best. to 51", crf=99)
    refused(whole, UsageError, "takes medium", preset="fastest")
    refused(whole, UsageError, "begins at 64", scale=1, codec="h265")
    refused(whole, OverLimit, "megapixels", max_megapixels=0.0001)


def test_sound_alone_and_covers_are_no_film(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as target:
        stream = target.add_stream("aac", rate=48_000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    refused(path, BadInput, "no video")


def test_no_frames_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        target.start_encoding()
    refused(path, BadInput, "no frames|no film")


def test_an_absurd_header(tmp_path: Path) -> None:
    """Matroska's PixelWidth and PixelHeight (elements B0 and BA) set to 65535."""
    path = make(tmp_path / "a.mkv", Clip(codec="ffv1", pixels="bgr0", options={}, size=(48, 32)))
    data = path.read_bytes()
    for element, value in ((0xB0, 48), (0xBA, 32)):
        old = bytes([element, 0x81, value])
        assert data.count(old) == 1
        data = data.replace(old, bytes([element, 0x82, 255, 255]))
    path.write_bytes(data)
    with pytest.raises(BadInput):
        remaster(path, tmp_path / "out.mkv", ToyUpscaler())


def test_hdr_is_refused_where_it_would_lose_its_bits(tmp_path: Path) -> None:
    source = make(tmp_path / "a.mkv", Clip(codec="ffv1", pixels="yuv420p10le", options={}, colour=(1, 9, 9, 16)))
    refused(source, UsageError, "HDR.*h265", codec="h264")


def test_an_encoder_that_is_missing(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    monkeypatch.setitem(CODECS, "av1", dataclasses.replace(CODECS["av1"], encoder="libnothing"))
    with pytest.raises(UsageError, match="pip install"):
        remaster(film, tmp_path / "out.mkv", ToyUpscaler(), FilmSettings(codec="av1"))


def has_namespaces() -> bool:
    return subprocess.run(["unshare", "-rmn", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not has_namespaces(), reason="this machine gives no user namespaces")
@pytest.mark.parametrize("size", ["30k", "70k", "120k"])
def test_a_full_disk_and_then_room(film: Path, tmp_path: Path, expected: list[str], size: str) -> None:
    """It stops with one line, keeps what is finished, and goes on when there is room."""
    (tmp_path / "disk").mkdir()
    call = f"{sys.executable} {PROGRAM} {film} disk/out.mp4 '{json.dumps(SETTINGS)}'"
    script = (
        f"mount -t tmpfs -o size={size} tmpfs disk && {call} 2>err; echo code $? >&2; tail -1 err >&2; ls -A disk >&2; "
        f"mount -o remount,size=50m disk && {call} >/dev/null 2>err2 && cp disk/out.mp4 out.mp4; cat err2 >&2"
    )
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], cwd=tmp_path, capture_output=True, text=True,
                          check=False)  # fmt: skip
    first = done.stderr.split("code", 1)[1]
    assert first.split()[0] == "1" and "DiskFull" in first, done.stderr
    assert content(tmp_path / "out.mp4").hashes == expected


def test_errors_while_writing_name_the_file(film: Path, tmp_path: Path) -> None:
    with pytest.raises((ResourceError, DiskFull), match=r"cannot be (read|written)"):
        (tmp_path / "file").write_text("x")
        remaster(film, tmp_path / "file" / "nowhere" / "out.mp4", ToyUpscaler())
