"""The command line as a person meets it: separate processes, real files, every exit code."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import pyvips
from helpers import stray_files


def has_namespaces() -> bool:
    return subprocess.run(["unshare", "-rmn", "true"], capture_output=True, check=False).returncode == 0


@pytest.fixture
def picture(tmp_path: Path, small_photo: np.ndarray) -> Path:
    path = tmp_path / "in" / "photo.png"
    path.parent.mkdir()
    pyvips.Image.new_from_array(small_photo).write_to_file(str(path))
    return path


def one_line(process: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """A failure as promised: its exit code, one line with the words, no traceback."""
    assert process.returncode == code, process.stderr
    lines = [line for line in process.stderr.splitlines() if line]
    assert "Traceback" not in process.stderr and len(lines) <= 2, process.stderr
    for word in words:
        assert word in process.stderr


def test_a_picture_becomes_four_times_larger(acutance, picture: Path) -> None:
    done = acutance("upscale", picture)
    assert done.returncode == 0 and done.stdout == ""
    result = pyvips.Image.new_from_file(str(picture.with_name("photo_x4.png")))
    assert (result.width, result.height) == (332, 244)
    assert "332x244" in done.stderr
    again = acutance("upscale", picture)
    assert again.returncode == 0 and "already there" in again.stderr


def test_json_events(acutance, picture: Path) -> None:
    done = acutance("upscale", picture, "--json", "--tile", "64")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["event"] for e in events][-2:] == ["done", "summary"]
    assert {"progress"} == {e["event"] for e in events[:-2]}
    assert events[-2]["width"] == 332 and len(events[-2]["plan"]) == 64


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing.png"], 2, ["missing.png", "no such file"]),
        (["in/photo.png", "--scale", "99"], 2, ["--scale 99", "16"]),
        (["in/photo.png", "--model", "fidelty"], 2, ["did you mean fidelity"]),
        (["in/photo.png", "--model", "restore", "--precision", "int8"], 2, ["int8"]),
        (["in/photo.png", "--format", "bmp"], 2, ["bmp", "png"]),
        (["in/photo.png", "-o", "x.bmp"], 2, [".bmp"]),
        (["in/photo.png", "-o", "x.jpg", "--format", "png"], 2, ["x.jpg", "make them agree"]),
        (["in/photo.png", "empty.png", "-o", "x.png"], 2, ["x.png", "name a folder"]),
        (["in/photo.png", "--max-megapixels", "nan"], 2, ["--max-megapixels"]),
        (["in/photo.png", "--scal", "3"], 2, ["--scal"]),
        (["/"], 2, ["root of the disk"]),
        (["in/" + "y" * 300 + ".png"], 2, ["yyy"]),
        (["in/photo.png", "-o", "in/photo.png"], 2, ["the input itself"]),
        (["in/photo.png", "--tile", "5"], 2, ["--tile 5"]),
        (["in/photo.png", "--max-megapixels", "0.001"], 3, ["--max-megapixels"]),
        (["in/photo.png", "-o", "/proc/nowhere/x.png"], 5, ["/proc/nowhere"]),
        (["in"], 0, []),
        (["empty.png"], 3, ["empty.png", "0 bytes"]),
        (["text.png"], 3, ["text.png", "not a picture"]),
        (["folder.png"], 2, ["no pictures found"]),
        (["drawing.svg"], 3, ["drawing.svg", "not a picture we read"]),
        (["bomb.png"], 3, ["100000x100000"]),
    ],
)
def test_exit_codes(acutance, tmp_path: Path, picture: Path, arguments: list, code: int, words: list) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("<html>not found</html>")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "drawing.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    import struct
    import zlib

    head = b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    (tmp_path / "bomb.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
        + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    )  # fmt: skip
    done = acutance("upscale", *arguments)
    if code:
        one_line(done, code, *words)
    else:
        assert done.returncode == 0, done.stderr
    assert stray_files(tmp_path) == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("nan", ["NaN or infinite"]),
        ("cut", ["bad.safetensors"]),
        ("empty", ["bad.safetensors"]),
        ("pickle", ["pickle", "models import"]),
        ("graph", ["graph"]),
        ("no graph", ["graph"]),
    ],
)
def test_bad_models_fail_in_one_line(acutance, tmp_path: Path, picture: Path, fault: str, words: list[str]) -> None:
    """Exit code 4, and nothing written."""
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    model = acutance("models", "export", "fidelity", "-o", "mine")
    assert model.returncode == 0, model.stderr
    (good,), (graph,) = (tmp_path / "mine").glob("*.safetensors"), (tmp_path / "mine").glob("*.graph")
    bad = good.with_name("bad.safetensors")
    if fault == "nan":
        with safe_open(good, "numpy") as file:
            metadata = file.metadata()
        weights = load_file(good)
        first = min(weights)
        save_file(weights | {first: np.full_like(weights[first], np.nan)}, bad, metadata)
    elif fault == "pickle":
        bad = bad.with_suffix(".pth")
        bad.write_bytes(b"\x80\x04cos\nsystem\n")
    else:
        bad.write_bytes({"cut": good.read_bytes()[:-1000], "empty": b""}.get(fault, good.read_bytes()))
    if fault == "graph":
        graph.write_bytes(graph.read_bytes().replace(b"PRelu", b"Relu", 1) + b" ")
    if fault == "no graph":
        graph.unlink()
    before = sorted(picture.parent.iterdir())
    one_line(acutance("upscale", picture, "--model", bad), 4, *words)
    assert sorted(p for p in picture.parent.iterdir() if not p.name.startswith(".acutance")) == before
    assert stray_files(tmp_path) == []


def test_a_picture_is_known_by_its_bytes_not_its_name(acutance, tmp_path: Path, small_photo: np.ndarray) -> None:
    pyvips.Image.new_from_array(small_photo).jpegsave(str(tmp_path / "really.jpg"))
    (tmp_path / "really.jpg").rename(tmp_path / "jpeg.png")
    done = acutance("upscale", "jpeg.png")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "jpeg_x4.png").read_bytes().startswith(b"\x89PNG")


def test_a_single_pixel_becomes_sixteen(acutance, tmp_path: Path) -> None:
    pyvips.Image.new_from_array(np.full((1, 1, 3), 77, np.uint8)).write_to_file(str(tmp_path / "dot.png"))
    done = acutance("upscale", "dot.png")
    assert done.returncode == 0, done.stderr
    result = pyvips.Image.new_from_file(str(tmp_path / "dot_x4.png")).numpy()
    assert result.shape == (4, 4, 3) and np.abs(result.astype(int) - 77).max() <= 6


def test_what_a_format_cannot_hold_is_refused_before_work(acutance, tmp_path: Path) -> None:
    pyvips.Image.black(17_000, 4, bands=3).write_to_file(str(tmp_path / "long.png"))
    for suffix, most in (("jpg", "65,535"), ("webp", "16,383"), ("avif", "16,384")):
        one_line(acutance("upscale", "long.png", "-o", f"out.{suffix}"), 3, "68000x16", most, "--format tif")
    assert stray_files(tmp_path) == [] and not list(tmp_path.glob("out.*"))


@pytest.mark.skipif(not has_namespaces(), reason="this machine gives no user namespaces")
def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, picture: Path) -> None:
    """And the others are done. Without the superuser's rights, who may read everything."""
    (tmp_path / "in" / "closed").mkdir(mode=0)
    script = f"{sys.executable} -m acutance upscale in --recursive; echo code $?"
    command = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", "sh", "-c", script]
    done = subprocess.run(["unshare", "-r", *command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "code 1" in done.stdout and "closed" in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert len([p for p in tmp_path.rglob("photo*.png") if p != picture]) == 1


def test_a_folder_mirrors_goes_on_after_failures_and_continues(acutance, tmp_path: Path, picture: Path) -> None:
    (picture.parent / "deep").mkdir()
    (picture.parent / "deep" / "b.png").write_bytes(picture.read_bytes())
    (picture.parent / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0nonsense")
    (picture.parent / "notes.txt").write_text("hello")
    done = acutance("upscale", "in", "-o", "out", "--recursive")
    assert done.returncode == 1
    assert "2 done, 1 failed, left alone: 1 other files" in done.stderr and "bad.jpg" in done.stderr
    assert sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.png")) == [
        "deep/b.png",
        "photo.png",
    ]
    (picture.parent / "link").symlink_to(picture.parent / "deep")
    again = acutance("upscale", "in", "-o", "out", "--recursive", "--json")
    summary = json.loads(again.stdout.splitlines()[-1])
    assert summary["kept"] == 2 and summary["linked_folders"] == 1
    assert stray_files(tmp_path) == []


def test_results_of_earlier_commands_and_subfolders_are_left_alone(acutance, tmp_path: Path, picture: Path) -> None:
    """A shell's ``*`` stands for the results as well; named alone, a result may be enlarged."""
    (tmp_path / "in" / "deep").mkdir()
    assert acutance("upscale", picture).returncode == 0
    again = acutance("upscale", *sorted((tmp_path / "in").glob("*.png")))
    assert again.returncode == 0 and "left alone: 1 results of earlier commands" in again.stderr, again.stderr
    folder = acutance("upscale", "in")
    assert "1 done, left alone: 1 results of earlier commands, 1 subfolders" in folder.stderr, folder.stderr
    assert [p.name for p in (tmp_path / "in_x4").glob("*.png")] == ["photo.png"]
    assert acutance("upscale", "in/photo_x4.png", "--scale", "1").returncode == 0


def test_quality_decides_nothing_where_there_is_none(acutance, picture: Path) -> None:
    assert acutance("upscale", picture, "-o", "a.png").returncode == 0
    assert "already there" in acutance("upscale", picture, "-o", "a.png", "--quality", "50").stderr
    assert acutance("upscale", picture, "-o", "a.jpg").returncode == 0
    one_line(acutance("upscale", picture, "-o", "a.jpg", "--quality", "50"), 2, "made in another way", "-o")


def test_wrong_use_points_the_right_way(acutance, tmp_path: Path, picture: Path) -> None:
    (tmp_path / "-scan.png").write_bytes(picture.read_bytes())
    one_line(acutance("upscale", "-scan.png"), 2, "write ./-scan.png", "acutance upscale --help")
    (tmp_path / "film.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(99))
    one_line(acutance("upscale", "film.mp4"), 3, "films: acutance remaster")
    (tmp_path / "f.onnx").write_bytes(b"\x08\x08" + bytes(99))
    one_line(acutance("upscale", picture, "--model", "f.onnx"), 4, "ONNX files are for other programs")
    for command in ("remaster", "preview"):
        one_line(acutance(command, "."), 2, "is a folder; name a film")


def test_a_missing_input_does_not_stop_the_others(acutance, tmp_path: Path, picture: Path) -> None:
    done = acutance("upscale", "in/photo.png", "gone.png", "-o", "out")
    assert done.returncode == 1 and "gone.png: no such file" in done.stderr
    events = [
        json.loads(line)
        for line in acutance("upscale", "in/photo.png", "gone.png", "-o", "o2", "--json").stdout.splitlines()
    ]
    assert events[0]["event"] == "failed" and "gone.png" in events[0]["error"]
    assert (tmp_path / "out" / "photo.png").is_file()


def test_nohup_is_heeded(tmp_path: Path, photo: np.ndarray) -> None:
    pyvips.Image.new_from_array(np.tile(photo, (2, 2, 1))).write_to_file(str(tmp_path / "a.png"))
    command = ["nohup", sys.executable, "-m", "acutance", "upscale", "a.png", "-o", "b.png", "--tile", "96", "--json"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        process.stdout.read()
    assert process.returncode == 0 and (tmp_path / "b.png").is_file()


def test_two_inputs_for_one_output_are_refused_before_work(acutance, tmp_path: Path, picture: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / picture.name).write_bytes(picture.read_bytes())
    one_line(acutance("upscale", picture, f"more/{picture.name}", "-o", "out"), 2, "would both become")
    assert not (tmp_path / "out").exists()


def test_the_current_folder_and_a_name_that_is_no_text(acutance, tmp_path: Path, picture: Path) -> None:
    (picture.parent / os.fsdecode(b"bad\xff\xfe.png")).write_bytes(picture.read_bytes())
    command = [sys.executable, "-m", "acutance", "upscale", "."]
    done = subprocess.run(command, cwd=picture.parent, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "in_x4").glob("*.png"))) == 2


def test_a_closed_stderr_does_not_stop_the_work(tmp_path: Path, picture: Path) -> None:
    command = f"{sys.executable} -m acutance upscale in/photo.png -o out.png 2>&-"
    assert subprocess.run(command, shell=True, cwd=tmp_path, check=False).returncode == 0
    assert (tmp_path / "out.png").is_file()


NAMES = [
    "with space.png",
    "-dash.png",
    "per%03dcent.png",
    "brackets[Q=1].png",
    "ünï→.png",
    "new\nline.png",
    "x" * 240 + ".png",
]


@pytest.mark.parametrize("name", NAMES)
def test_odd_names(acutance, tmp_path: Path, picture: Path, name: str) -> None:
    (tmp_path / name).write_bytes(picture.read_bytes())
    done = acutance("upscale", "-o", "out", "--", name)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / name).is_file()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_with_nothing_half_done(tmp_path: Path, photo: np.ndarray, number: int, code: int) -> None:
    for name in ("a.png", "b.png"):
        big = pyvips.Image.new_from_array(np.tile(photo, (3, 3, 1)))
        big.write_to_file(str(tmp_path / name))
    process = subprocess.Popen(
        [sys.executable, "-m", "acutance", "upscale", str(tmp_path), "-o", f"{tmp_path}/out", "--json", "--tile=96"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    for _ in range(10):
        process.stdout.readline()
    begin = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=90)
    assert process.returncode == code and "run the same command again" in err and "Traceback" not in err
    assert time.monotonic() - begin < 30
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(("scale", "lines"), [("4", 20), ("5", 40)])
def test_kill_minus_nine_leaves_no_partial_result(tmp_path: Path, photo, acutance, scale: str, lines: int) -> None:
    """Killed while it writes the result, or the unpacked file between two passes: the rerun sweeps up."""
    pyvips.Image.new_from_array(np.tile(photo, (2, 2, 1))[:600, :600].copy()).write_to_file(str(tmp_path / "a.png"))
    arguments = ["upscale", "a.png", "-o", "out.png", "--tile", "96", "--scale", scale]
    command = [sys.executable, "-m", "acutance", *arguments, "--json"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    assert stray_files(tmp_path), "it was killed while it wrote"
    assert not (tmp_path / "out.png").exists()
    done = acutance(*arguments) if scale == "4" else acutance(*arguments[:-1], "1")
    assert done.returncode == 0, done.stderr
    assert stray_files(tmp_path) == [], "what the killed run left behind is swept up"


@pytest.mark.skipif(not has_namespaces(), reason="this machine gives no user namespaces")
@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
def test_a_full_disk(tmp_path: Path, photo: np.ndarray, suffix: str) -> None:
    pyvips.Image.new_from_array(np.tile(photo, (2, 2, 1))).write_to_file(str(tmp_path / "a.png"))
    (tmp_path / "full").mkdir()
    script = (
        f"mount -t tmpfs -o size=500k tmpfs full && {sys.executable} -m acutance upscale a.png -o full/b.{suffix}; "
        "echo code $?; ls -A full"
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["code", "5"], done.stdout + done.stderr
    (line,) = done.stderr.replace("\r", "\n").splitlines()[-1:]
    assert "disk is full" in line and f"b.{suffix}" in line and "Traceback" not in done.stderr


@pytest.mark.skipif(not has_namespaces(), reason="this machine gives no user namespaces")
def test_a_read_only_folder(tmp_path: Path, picture: Path) -> None:
    (tmp_path / "ro").mkdir()
    script = (
        f"mount -t tmpfs tmpfs ro && mount -o remount,ro ro && "
        f"{sys.executable} -m acutance upscale in/photo.png -o ro/b.png; echo code $?"
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["code", "5"] and "ro/b.png" in done.stderr and "Traceback" not in done.stderr


def test_no_torch_and_a_quick_start(acutance, picture: Path) -> None:
    """Neither help nor upscaling imports torch, help is cheap, numpy waits for work."""
    script = (
        "import sys\nfrom acutance.cli import app\n"
        "try: app(args=sys.argv[1:])\nexcept SystemExit: pass\n"
        "print(sorted({'torch', 'openvino', 'pyvips', 'numpy'} & set(sys.modules)))"
    )

    def loaded(*arguments: object) -> str:
        command = [sys.executable, "-c", script, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]

    assert loaded("--help") == "[]"
    assert loaded("upscale", picture) == "['numpy', 'openvino', 'pyvips']"


def test_no_word_leaves_the_machine(tmp_path: Path, picture: Path) -> None:
    """openvino's analytics stay off: no connection is tried through a proxy, and nothing appears in HOME."""
    hits: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        stop = threading.Event()

        def listen() -> None:
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                    hits.append(connection.recv(100))
                    connection.close()
                except TimeoutError:
                    continue

        listener = threading.Thread(target=listen)
        listener.start()
        home = tmp_path / "home"
        home.mkdir()
        proxy = f"http://127.0.0.1:{server.getsockname()[1]}"
        environment = {k: v for k, v in os.environ.items() if k not in ("CI", "no_proxy", "NO_PROXY")}
        environment |= {"HOME": str(home), "http_proxy": proxy, "https_proxy": proxy, "HTTPS_PROXY": proxy}
        script = (
            "import sys; from acutance.engines.openvino import openvino; import acutance, numpy as np; "
            "acutance.upscale(np.zeros((8, 8), np.uint8)); "
            "assert sys.modules.get('openvino_telemetry') is None"
        )
        subprocess.run([sys.executable, "-c", script], check=True, env=environment, cwd=tmp_path)
        time.sleep(0.5)
        stop.set()
        listener.join()
    assert hits == [] and list(home.iterdir()) == []


def test_it_says_its_version(acutance) -> None:
    assert acutance("--version").stdout == f"acutance {version('acutance')}\n"


def test_help_names_what_a_user_needs(acutance) -> None:
    """Commands in our order; arguments, defaults and required options; an option without a default shows none."""
    page = acutance("-h").stdout
    commands = [line.split()[0] for line in page[page.index("Commands:") :].splitlines()[1:]]
    assert commands[:2] == ["upscale", "stylize"] and commands[-1] == "study"
    page = acutance("upscale", "--help").stdout
    for words in ("INPUT...  Pictures or folders.", "-o, --output", "[default: fidelity]", "[default: 300]"):
        assert words in page
    assert "None" not in page and "--json " in page
    assert "[required]" in acutance("prepare", "-h").stdout and '""' not in acutance("reproduce", "-h").stdout


def test_a_closed_pipe_is_quiet(tmp_path: Path, picture: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m acutance upscale in/photo.png --tile 64 --json | head -c 10",
        shell=True, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["models"], ["models", "--json"], ["doctor"]])
def test_a_pipe_closed_from_the_start_is_told_as_elsewhere(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "acutance", *arguments]
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False, env=plain)
    os.close(writing)
    assert done.returncode == 141 and "Error" not in done.stderr and "internal" not in done.stderr, done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_behind_stdout_is_told() -> None:
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "acutance", "models"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=plain)
    assert done.returncode == 5 and "No space left" in done.stderr and "ignored" not in done.stderr, done.stderr


@pytest.mark.parametrize(("error", "code", "word"), [("KeyboardInterrupt", 130, "stopped"), ("EOFError", 70, "bug")])
def test_what_is_raised_outside_the_work(error: str, code: int, word: str) -> None:
    """Ctrl-C where nothing is to be kept, and a bug that click would take for the end of typing."""
    script = (
        "import sys, acutance.cli as c, acutance.models.store as store\n"
        f"def available(): raise {error}\n"
        "store.available = available; sys.argv = ['acutance', 'models']; c.main()"
    )
    one_line(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False), code, word)


def test_models_and_doctor(acutance) -> None:
    rows = [json.loads(line) for line in acutance("models", "--json").stdout.splitlines()]
    row = next(row for row in rows if row["name"] == "fidelity")
    assert row["scale"] == 4
    facts = json.loads(acutance("doctor", "--json").stdout)
    assert facts["cores"] >= 1 and "fidelity" in facts["models"]
    assert "fidelity" in acutance("models").stdout and "engine" in acutance("doctor").stdout


def test_evaluate(acutance, tmp_path: Path, photo: np.ndarray) -> None:
    (tmp_path / "set" / "HR").mkdir(parents=True)
    pyvips.Image.new_from_array(photo[:203, :199]).write_to_file(str(tmp_path / "set" / "HR" / "a.png"))
    done = acutance("evaluate", "--model", "bicubic", "--model", "fidelity", "--bench", "set", "--json")
    scores = {e["method"]: e["mean"] for e in map(json.loads, done.stdout.splitlines()) if e["event"] == "set"}
    assert scores["fidelity"]["psnr_y"] > scores["bicubic"]["psnr_y"] + 1
    one_line(acutance("evaluate", "--bench", "nowhere"), 2, "nowhere")
    twice = acutance("evaluate", "--bench", "set", "--scale", 2, "--json")  # the model for it is found, as by upscale
    assert [e["method"] for e in map(json.loads, twice.stdout.splitlines()) if e["event"] == "set"] == ["fidelity_x2"]
    wrong = acutance("evaluate", "--bench", "set", "--scale", 2, "--model", "srresnet")
    one_line(wrong, 2, "--scale 2: srresnet enlarges 4 times")


def test_many_notes_are_counted_not_listed(acutance, small_photo: np.ndarray, tmp_path: Path) -> None:
    for number in range(8):
        for folder, picture in (("set", small_photo[:60, :80]), ("theirs", small_photo[:61, :80])):
            (tmp_path / folder).mkdir(exist_ok=True)
            pyvips.Image.new_from_array(picture).write_to_file(str(tmp_path / folder / f"{number}.png"))
    done = acutance("evaluate", "--bench", "set", "--images", "theirs", "--scale", 4, "--metrics", "colour")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("both cut to fit") == 5 and "and 3 more notes on theirs, set" in done.stderr


def test_two_models_of_one_name_are_told_apart_by_their_files(acutance, tmp_path: Path, photo: np.ndarray) -> None:
    pyvips.Image.new_from_array(photo[:80, :80]).write_to_file(str(tmp_path / "a.png"))
    for name in ("first", "second"):
        assert acutance("models", "export", "fidelity", "-o", name).returncode == 0
        (tmp_path / name / "fidelity.safetensors").rename(tmp_path / name / f"{name}.safetensors")
    models = [word for name in ("first", "second") for word in ("--model", f"{name}/{name}.safetensors")]
    done = acutance("evaluate", *models, "--bench", ".", "--json")
    sets = [e for e in map(json.loads, done.stdout.splitlines()) if e["event"] == "set"]
    assert [e["method"] for e in sets] == ["first", "second"], done.stderr


def test_prepare_then_train_then_upscale(acutance, tmp_path: Path, picture: Path) -> None:
    """The whole way round: photographs, dataset, run, model, picture."""
    from skimage import data

    (tmp_path / "photos").mkdir()
    for name in ("astronaut", "coffee", "chelsea"):
        pyvips.Image.new_from_array(getattr(data, name)()).write_to_file(str(tmp_path / "photos" / f"{name}.png"))
    assert acutance("prepare", "photos", "-o", "pack").returncode == 0
    recipe = f"{Path(__file__).parents[1] / 'training' / 'tiny_recipe.py'}:tiny"
    trained = acutance("train", recipe, "--data", "pack", "--out", "run", "--steps", "4")
    assert trained.returncode == 0 and "ready" in trained.stderr, trained.stderr
    done = acutance("upscale", picture, "--model", "run", "-o", "out.png")
    assert done.returncode == 0, done.stderr
    one_line(acutance("train", "compcat", "--data", "pack", "--out", "run2"), 2, "compcat")
    listed = acutance("train", "--list")
    assert listed.returncode == 0 and "srresnet_muon " in listed.stdout


def test_perfect_scores_are_words_for_machines(acutance, tmp_path: Path) -> None:
    pyvips.Image.black(80, 80, bands=3).write_to_file(str(tmp_path / "black.png"))
    done = acutance("evaluate", "--model", "bicubic", "--bench", ".", "--json")
    sets = [e for e in map(json.loads, done.stdout.splitlines()) if e["event"] == "set"]
    assert sets[0]["mean"]["psnr_y"] == "inf", done.stderr


def test_evaluate_saves_pictures_side_by_side(acutance, tmp_path: Path, small_photo: np.ndarray) -> None:
    from PIL import Image

    (tmp_path / "set" / "HR").mkdir(parents=True)
    Image.fromarray(small_photo).save(tmp_path / "set" / "HR" / "eye.png")
    done = acutance("evaluate", "--bench", "set", "--model", "fidelity", "--pictures", "out")
    assert done.returncode == 0, done.stderr
    found = {p.name: pyvips.Image.new_from_file(str(p)) for p in (tmp_path / "out" / "set").iterdir()}
    sizes = {name: (picture.width, picture.height) for name, picture in found.items()}
    assert sizes == {"eye-generated.png": (80, 60), "eye-lr.png": (20, 15), "eye-hr.png": (80, 60),
                     "eye-bicubic.png": (80, 60)}  # fmt: skip


def test_inputs_that_cannot_be_opened_are_named_and_counted(acutance, tmp_path: Path, picture: Path) -> None:
    done = acutance("upscale", picture, "missing.png", "-o", "out", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1 and events[0]["event"] == "failed" and events[0]["input"] == "missing.png"
    assert (events[-1]["done"], events[-1]["failed"], events[-1]["not_tried"]) == (1, 1, 0)
    assert "1 done, 1 failed" in done.stderr
    nothing = acutance("upscale", "missing.png", "gone.png", "-o", "out")
    assert nothing.returncode == 2 and "0 done, 2 failed" in nothing.stderr and "--recursive" not in nothing.stderr


def test_overwriting_spares_what_is_itself_to_be_enlarged_and_goes_on(acutance, tmp_path: Path, picture: Path) -> None:
    foreign = picture.with_name("photo_x4.png")  # as other programs name theirs
    foreign.write_bytes(picture.read_bytes())
    one_line(acutance("upscale", picture, foreign, "--overwrite"), 2, "photo_x4.png: is itself to be enlarged")
    assert foreign.read_bytes() == picture.read_bytes()
    for event in ("done", "kept"):
        made = acutance("upscale", picture, "-o", "out", "--overwrite", "--json")
        assert json.loads(made.stdout.splitlines()[-2])["event"] == event, "stopped and started again, it goes on"


def test_links_that_lead_nowhere_are_named(acutance, tmp_path: Path, picture: Path) -> None:
    (picture.parent / "gone.png").symlink_to(tmp_path / "nowhere.png")
    done = acutance("upscale", "in", "-o", "out")
    assert done.returncode == 1 and "gone.png: no such file" in done.stderr and "1 done, 1 failed" in done.stderr


def test_what_cannot_be_had_is_said_once(acutance, tmp_path: Path, picture: Path) -> None:
    picture.with_name("b.png").write_bytes(picture.read_bytes())
    for words, *option in (("engine is one of", "--engine", "foo"), ("--tile 10", "--tile", "10"),
                           ("int8", "--precision", "int8", "--model", "restore")):  # fmt: skip
        one_line(acutance("upscale", "in", "-o", "out", *option), 2, words)


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of another kind")
def test_the_work_goes_on_when_its_terminal_is_closed(tmp_path: Path, picture: Path) -> None:
    import pty

    picture.with_name("b.png").write_bytes(picture.read_bytes())
    terminal, side = pty.openpty()
    command = [sys.executable, "-m", "acutance", "upscale", "in", "-o", "out"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=side, stdin=subprocess.DEVNULL, start_new_session=True)
    os.close(side)
    os.read(terminal, 10)
    os.close(terminal)
    assert process.wait(60) == 0 and len(list((tmp_path / "out").glob("*.png"))) == 2
