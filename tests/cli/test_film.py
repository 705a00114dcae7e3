"""The film commands as people meet them: a process of its own, real files, the real model on tiny clips."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest
import pyvips
from clips import Clip, content, make

TINY = Clip(size=(32, 24), frames=8, sound=("aac",))


def one_line(process: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert process.returncode == code, process.stderr
    lines = process.stderr.strip().splitlines()
    assert len(lines) == 1 and all(word in lines[0] for word in words), process.stderr


def test_a_film_becomes_four_times_larger(acutance, tmp_path: Path) -> None:
    source = make(tmp_path / "a.mp4", TINY)
    done = acutance("remaster", "a.mp4", "--preset", "ultrafast")
    assert done.returncode == 0, done.stderr
    a, b = content(source), content(tmp_path / "a_x4.mp4")
    assert b.frames[0].shape == (96, 128, 3) and b.times == a.times and b.others == a.others
    assert "128x96" in done.stderr and "8 frames" in done.stderr and done.stdout == ""
    again = acutance("remaster", "a.mp4", "--preset", "ultrafast")
    assert again.returncode == 0 and "already there" in again.stderr


def test_json_events(acutance, tmp_path: Path) -> None:
    make(tmp_path / "a.mkv", TINY)
    done = acutance("remaster", "a.mkv", "-o", "b.mp4", "--scale", "2", "--json", "--preset", "ultrafast")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["event"] for e in events] == ["plan", *["progress"] * 8, "done"]
    assert events[-2]["done"] == events[-2]["total"] == 8
    assert events[-1]["frames"] == 8 and (events[-1]["width"], events[-1]["height"]) == (64, 48)


def test_an_excerpt_counts_its_frames_and_ends_with_the_film(acutance, tmp_path: Path) -> None:
    """25 a second: three begin before 0.1 s; an end beyond the film's is the film's."""
    make(tmp_path / "a.mkv", TINY)
    for end, frames in (("0.1", 3), ("0.08", 2), ("9", 8)):
        done = acutance(
            "remaster", "a.mkv", "-o", "b.mkv", "--end", end, "--json", "--preset", "ultrafast", "--overwrite"
        )
        events = [json.loads(line) for line in done.stdout.splitlines()]
        assert (events[0]["frames"], events[-1]["frames"]) == (frames, frames), (end, done.stderr)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [(["none.mp4"], 2, ["none.mp4", "no such file"]), (["junk.mp4"], 3, ["junk.mp4", "no film"]),
     (["a.mp4", "-o", "b.xyz"], 2, [".mkv"]), (["a.mp4", "-o", "a.mp4"], 2, ["input itself"]),
     (["a.mp4", "--start", "soon"], 2, ["--start soon"]), (["a.mp4", "--codec", "vhs"], 2, ["h264"]),
     (["a.mp4", "--texture", "7"], 2, ["--texture 7"]), (["a.mp4", "--stabilise-time", "3"], 2, ["0 (off) to 1"]),
     (["list.m3u8"], 3, ["playlist"])],
)  # fmt: skip
def test_exit_codes(acutance, tmp_path: Path, arguments: list, code: int, words: list) -> None:
    make(tmp_path / "a.mp4", Clip(frames=2, size=(32, 24)))
    (tmp_path / "junk.mp4").write_bytes(b"junk" * 99)
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\na.mp4\n")
    one_line(acutance("remaster", *arguments), code, *words)


def test_a_damaged_film_exits_with_one(acutance, tmp_path: Path) -> None:
    source = make(tmp_path / "a.mkv", Clip(size=(32, 24), frames=40))
    source.write_bytes(source.read_bytes()[:-2500])
    done = acutance("remaster", "a.mkv", "--preset", "ultrafast")
    assert done.returncode == 1 and "damaged" in done.stderr and "delivered" in done.stderr
    assert 5 < len(content(tmp_path / "a_x4.mkv").frames) < 40


def test_a_pause_and_going_on(acutance, tmp_path: Path) -> None:
    make(tmp_path / "a.mp4", Clip(size=(96, 64), frames=190))
    arguments = ["remaster", "a.mp4", "-o", "b.mp4", "--preset", "ultrafast", "--json"]
    command = [sys.executable, "-m", "acutance", *arguments]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if '"done": 97,' in line:
                break
        process.send_signal(signal.SIGINT)
        begin = time.monotonic()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "96 frames are kept; run the same command again" in err
    assert time.monotonic() - begin < 20 and not (tmp_path / "b.mp4").exists()
    done = acutance(*arguments, timeout=240)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and events[1]["done"] == 97, "the first new frame is the one after those kept"
    assert len(content(tmp_path / "b.mp4").frames) == 190


def test_preview(acutance, tmp_path: Path) -> None:
    make(tmp_path / "a.mp4", Clip(size=(64, 48), frames=48, rotation=90))
    done = acutance("preview", "a.mp4", "--at", "0:01", "--seconds", "0.5")
    assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "a_preview.mp4")) as clip:
        frames = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]
    assert len(frames) == 12 and frames[0].shape == (256, 2 * 192 + 4, 3), "upright, before and after side by side"
    sheet = pyvips.Image.new_from_file(str(tmp_path / "a_preview.jpg"))
    assert sheet.width == 388 and sheet.height % 256 == 0
    assert "the whole film to 256x192" in done.stderr
    one_line(acutance("preview", "a.mp4", "--at", "1:00"), 3, "no frames at 60 s")
    one_line(acutance("preview", "a.mp4", "-o", "b.mkv"), 2, ".mp4")


def test_a_preview_replaces_nothing_else_unasked(acutance, tmp_path: Path) -> None:
    make(tmp_path / "a.mp4", Clip(size=(32, 24), frames=4))
    (tmp_path / "mine.jpg").write_text("a photograph")
    one_line(acutance("preview", "a.mp4", "-o", "mine.mp4"), 2, "mine.jpg", "--overwrite")
    assert (tmp_path / "mine.jpg").read_text() == "a photograph" and not (tmp_path / "mine.mp4").exists()
    done = acutance("preview", "a.mp4", "-o", "mine.mp4", "--overwrite")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mine.jpg").read_bytes()[:2] == b"\xff\xd8"


def test_a_reader_that_leaves_ends_it_without_a_word(tmp_path: Path) -> None:
    make(tmp_path / "a.mp4", Clip(size=(32, 24), frames=400))
    command = [sys.executable, "-m", "acutance", "remaster", "a.mp4", "--preset", "ultrafast", "--json"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        assert '"plan"' in process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode and errors.splitlines()[1:] == [], "no disk is to blame"


def test_without_pyav_one_line_says_what_to_install(tmp_path: Path) -> None:
    make(tmp_path / "a.mp4", Clip(frames=1))
    script = "import sys\nsys.modules['av'] = None\nfrom acutance.__main__ import main\nmain()"
    for command in ("remaster", "preview"):
        done = subprocess.run([sys.executable, "-c", script, command, "a.mp4"], cwd=tmp_path, capture_output=True,
                              text=True, check=False, env=dict(os.environ))  # fmt: skip
        one_line(done, 2, 'pip install "acutance[film]"')


def test_help_is_quick_and_loads_no_film_library() -> None:
    script = (
        "import sys\nfrom acutance.cli import app\n"
        "try: app(args=['remaster', '--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'av', 'numpy', 'torch', 'openvino'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]" and "--stabilise-time" in done.stdout


@pytest.mark.slow
def test_memory_does_not_grow_with_the_film(tmp_path: Path) -> None:
    """Peak memory of the whole process on a film and on one four times as long."""
    starter = (
        "import os, subprocess, sys\np = subprocess.Popen(sys.argv[1:])\n"
        "_, s, u = os.wait4(p.pid, 0)\nprint(u.ru_maxrss, s)"
    )
    peaks = []
    for frames in (150, 600):
        make(tmp_path / f"{frames}.mp4", Clip(size=(96, 64), frames=frames, sound=("aac",)))
        command = [sys.executable, "-m", "acutance", "remaster", f"{frames}.mp4", "--preset", "ultrafast"]
        done = subprocess.run([sys.executable, "-S", "-c", starter, *command], cwd=tmp_path, capture_output=True,
                              text=True, check=True)  # fmt: skip
        peak, status = done.stdout.split()
        assert status == "0"
        peaks.append(int(peak) / 1024)
    assert peaks[1] < 1.06 * peaks[0] + 4, peaks


def test_a_film_that_does_not_tell_its_length(acutance, tmp_path: Path) -> None:
    """As a browser records it: nobody knows how much is left, so nobody says so."""
    make(tmp_path / "whole.mkv", TINY)

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    with av.open(str(tmp_path / "whole.mkv")) as source, Pipe() as pipe:
        with av.open(pipe, "w", format="matroska", options={"live": "1"}) as target:
            stream = target.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    target.mux(packet)
        (tmp_path / "live.mkv").write_bytes(pipe.getvalue())
    seen = acutance("preview", "live.mkv", "--json")
    assert seen.returncode == 0, seen.stderr
    assert json.loads(seen.stdout.splitlines()[-1])["whole_film_s"] is None and "not told" in seen.stderr
    done = acutance("remaster", "live.mkv", "--json", "--preset", "ultrafast")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and [e["total"] for e in events if e["event"] == "progress"] == [None] * 8
