"""Whole-process speed against torch and Pillow, side by side; and how far from the machine's limits.

Usage: python benchmarks/speed.py PHOTO [--runs 3]. The photograph is resized and cut to 1024x1024 and
2048x2048 JPEG; everything is read from a warm file cache.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyvips
from common import median, store, timed

from acutance.engines import open_engine
from acutance.engines.cpu import core, has_bf16
from acutance.engines.openvino import openvino as ov
from acutance.files import images, writing
from acutance.models import store as models
from acutance.pipelines.tiles import tile_grid
from acutance.pipelines.upscale import Upscaler

CLI = [sys.executable, "-m", "acutance"]
PEER = [sys.executable, str(Path(__file__).with_name("peer_torch.py"))]


def make_input(photo: Path, side: int, folder: Path) -> Path:
    """``photo`` resized to cover, then cut to ``side`` squared, JPEG 95."""
    path = folder / f"in{side}.jpg"
    pyvips.Image.thumbnail(str(photo), side, height=side, crop="centre").jpegsave(str(path), Q=95)
    return path


def whole_process(source: Path, folder: Path, runs: int) -> dict:
    """Peer and ours in turn, ``runs`` times each."""
    ways = {
        "torch_fp32_pillow_png": [*PEER, str(source), str(folder / "peer.png")],
        "acutance_png": [*CLI, "upscale", str(source), "-o", str(folder / "ours.png"), "--overwrite"],
        "acutance_jpg90": [*CLI, "upscale", str(source), "-o", str(folder / "ours.jpg"), "--overwrite"],
        "acutance_fp32_png": [
            *CLI, "upscale", str(source), "-o", str(folder / "ours32.png"), "--overwrite", "--precision", "fp32"
        ],
        "acutance_int8_png": [
            *CLI, "upscale", str(source), "-o", str(folder / "ours8.png"), "--overwrite", "--precision", "int8"
        ],
        "acutance_int8_jpg90": [
            *CLI, "upscale", str(source), "-o", str(folder / "ours8.jpg"), "--overwrite", "--precision", "int8"
        ],
    }  # fmt: skip
    rows: dict[str, list] = {name: [] for name in ways}
    for _ in range(runs):
        for name, command in ways.items():
            anew(written_by(command))
            rows[name].append(timed(command))
    result = {name: median(each) for name, each in rows.items()}
    peer = result["torch_fp32_pillow_png"]["wall_s"]
    for row in result.values():
        row["times_as_fast"] = round(peer / row["wall_s"], 2)
    outputs = ("peer.png", "ours.png", "ours.jpg")
    result["output_bytes"] = {name: (folder / name).stat().st_size for name in outputs}  # type: ignore[assignment]
    return result


def written_by(command: list[str]) -> Path:
    """The output named in ``command``, ours or the peer's."""
    return Path(command[command.index("-o") + 1] if "-o" in command else command[-1])


def anew(target: Path) -> Path:
    """``target``, which is not there any more: what the journal knows to be done would be kept."""
    target.unlink(missing_ok=True)
    return target


def parts(source: Path, folder: Path) -> dict:
    """Decode alone, tiles alone, encode alone, and the pipeline in one warm process, seconds."""
    upscaler = Upscaler(models.load())
    with images.open_picture(source, scratch=folder / "x.png") as picture:
        pixels = picture.rows(0, picture.height).copy()
    times = {"decode": _best(lambda: _decode(source, folder))}
    grid = tile_grid(pixels.shape[1], pixels.shape[0], upscaler.model)
    engine = upscaler.engine(grid, np.dtype(np.uint8))
    tiles = [pixels[r.start : r.stop, c.start : c.stop] for r, c in grid]
    times["tiles"] = _best(lambda: [None for _ in engine.stream(tiles)])
    whole = open_engine(upscaler.model, grid.tile, "cpu", "int8", deep=False)
    times["tiles_int8"] = _best(lambda: [None for _ in whole.stream(tiles)])
    large = upscaler.array(pixels)
    for suffix in ("png", "jpg"):
        times[f"encode_{suffix}"] = _best(lambda suffix=suffix: _encode(large, folder / f"e.{suffix}"))
        target = folder / f"w.{suffix}"
        times[f"pipeline_{suffix}"] = _best(lambda target=target: upscaler.file(source, anew(target)))
        alone = times["decode"] + times["tiles"] + times[f"encode_{suffix}"]
        times[f"pipeline_over_parts_{suffix}"] = times[f"pipeline_{suffix}"] / alone
    run = sum(t.shape[0] * t.shape[1] for t in tiles)
    times["tflops_with_halo"] = 2 * upscaler.model.parameters * run / times["tiles"] / 1e12
    times["tflops_without_halo"] = 2 * upscaler.model.parameters * pixels[..., 0].size / times["tiles"] / 1e12
    return {name: round(value, 4) for name, value in times.items()}


def _best(work, runs: int = 3) -> float:
    seconds = []
    for _ in range(runs):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def _decode(source: Path, folder: Path) -> None:
    with images.open_picture(source, scratch=folder / "x.png") as picture:
        for top in range(0, picture.height, 256):
            picture.rows(top, min(top + 256, picture.height))


def _encode(image: np.ndarray, target: Path) -> None:
    height, width, bands = image.shape
    how = writing.Target(
        path=target, file_format=target.suffix[1:], peak=255.0, width=width, height=height, bands=bands,
        depth=image.dtype, final_width=width, final_height=height, quality=90, fields={},
    )  # fmt: skip
    with writing.picture_writer(how) as write:
        for top in range(0, height, 1024):
            write(image[top : top + 1024])


def matrix_peak(precision: str) -> float:
    """TFLOP/s of a plain square matrix product on all cores: the best of OpenVINO's and torch's, 2048 and 4096 wide."""
    return round(max(way(side, precision) for side in (2048, 4096) for way in (_openvino_peak, _torch_peak)), 3)


def _torch_peak(side: int, precision: str) -> float:
    import torch

    a, b = torch.randn(2, side, side).to(torch.bfloat16 if precision == "bf16" else torch.float32)
    return 2 * side**3 / _best(lambda: a @ b, 5) / 1e12


def _openvino_peak(side: int, precision: str) -> float:
    from openvino import opset13 as op

    a = op.parameter([side, side], np.float32)
    b = op.constant(np.random.default_rng(0).normal(size=(side, side)).astype(np.float32))
    graph = ov.Model([op.matmul(a, b, False, False)], [a], "peak")
    compiled = core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": precision})
    request, x = compiled.create_infer_request(), np.ones((side, side), np.float32)
    request.infer({0: x})
    return 2 * side**3 / _best(lambda: request.infer({0: x}), 5) / 1e12


def start_up(folder: Path, runs: int) -> dict:
    """Seconds of the shortest commands, and of importing, loading and compiling."""
    small = folder / "small.png"
    pyvips.Image.black(64, 64, bands=3).copy(interpretation="srgb").pngsave(str(small))
    ways = {
        "help": [*CLI, "--help"],
        "upscale_64x64": [*CLI, "upscale", str(small), "-o", str(folder / "small_out.png"), "--overwrite"],
    }
    result = {}
    for way, command in ways.items():
        rows = []
        for _ in range(runs):
            anew(folder / "small_out.png")
            rows.append(timed(command))
        result[way] = median(rows)["wall_s"]
    probe = str(Path(__file__).with_name("start_probe.py"))
    seconds = [float(subprocess.check_output([sys.executable, probe], text=True)) for _ in range(runs)]
    return result | {"import_load_compile": round(sorted(seconds)[runs // 2], 3)}


def main() -> None:
    """Measure everything and store it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    result: dict = {"bf16": has_bf16(), "photo": given.photo.name}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result["matrix_peak_tflops"] = {"f32": matrix_peak("f32")}
        if has_bf16():
            result["matrix_peak_tflops"]["bf16"] = matrix_peak("bf16")
        result["start_up_s"] = start_up(folder, given.runs)
        for side in (1024, 2048):
            source = make_input(given.photo, side, folder)
            result[f"whole_process_{side}"] = whole_process(source, folder, given.runs)
            result[f"parts_{side}_s"] = parts(source, folder)
    best = result["matrix_peak_tflops"]["bf16" if has_bf16() else "f32"]
    for side in (1024, 2048):
        row = result[f"parts_{side}_s"]
        row["share_of_peak_with_halo"] = round(row["tflops_with_halo"] / best, 3)
        row["share_of_peak_without_halo"] = round(row["tflops_without_halo"] / best, 3)
    store("speed", result)


if __name__ == "__main__":
    main()
