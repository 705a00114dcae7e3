"""F2: pictures that are healthy but not plain: each must come out as the plain picture of the same samples does."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from PIL import Image, ImageOps
from trials.figures import Bar, Figure
from trials.pictures import alpha, deep, exif, saved, scene, seed, vips
from trials.running import Bench, Warm

EXACT, LOSSY = 0, 3  # levels of 255 by which two decoders may differ
QUICK = 3  # every so many of them
STRETCH = 2  # times more after the network, which sharpens


@dataclass(frozen=True)
class Case:
    """A file, the samples it stands for, and by how many levels a decoder may differ. ``keeps``: a libvips field of the
    input that the result must have, byte for byte."""

    data: bytes
    pixels: np.ndarray
    within: int = EXACT
    keeps: str = ""


def _image(data: bytes, mode: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert(mode))


def _turned(orientation: int, kind: str) -> Case:
    plain = Image.fromarray(scene())
    marked = Image.open(io.BytesIO(saved(plain, "PNG", exif=exif(orientation))))
    upright = np.asarray(ImageOps.exif_transpose(marked))
    if kind == "PNG":
        return Case(saved(plain, "PNG", exif=exif(orientation)), upright)
    if kind == "TIFF":
        image = vips(scene())
        image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
        return Case(image.tiffsave_buffer(compression="deflate"), upright)
    data = saved(plain, "JPEG", quality=95, subsampling=0, exif=exif(orientation))
    return Case(data, np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data)))), LOSSY)


def _tif(pixels: np.ndarray, **options: Any) -> Case:
    return Case(vips(pixels).tiffsave_buffer(**options), pixels)


def _seed(name: str, mode: str, within: int = EXACT, keeps: str = "") -> Case:
    return Case(seed(name), _image(seed(name), mode), within, keeps)


def _size(width: int, height: int, kind: str = "PNG") -> Case:
    pixels = scene(width, height)
    return Case(saved(Image.fromarray(pixels), kind), pixels)


def _key() -> Case:
    """RGB with one colour that is transparent; under it the colour does not matter."""
    pixels = scene()
    pixels[:8] = (1, 2, 3)
    data = saved(Image.fromarray(pixels), "PNG", transparency=(1, 2, 3))
    return Case(data, np.asarray(Image.open(io.BytesIO(data)).convert("RGBA")))


def _miniswhite() -> Case:
    grey = scene()[:, :, 1]
    image: Any = vips(255 - grey).copy()
    return Case(image.tiffsave_buffer(miniswhite=True), 255 - grey)


def _bits(bits: int) -> Case:
    steps = 2**bits - 1
    grey = (scene()[:, :, 1].astype(int) * steps // 255 * (255 // steps)).astype(np.uint8)
    return Case(vips(grey).pngsave_buffer(bitdepth=bits), grey)


def _big_endian() -> Case:
    """TIFF as Motorola writes it, by hand."""
    import struct

    pixels = scene()
    height, width, _ = pixels.shape
    entries = [
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 2),
        (273, 200),
        (277, 3),
        (278, height),
        (279, pixels.size),
    ]
    table = b"".join(struct.pack(">HHII", tag, 4, 1, value) for tag, value in entries)
    head = b"MM\0*" + struct.pack(">IH", 8, len(entries)) + table + bytes(4)
    return Case(head.ljust(200, b"\0") + pixels.tobytes(), pixels)


def _planar() -> Case:
    """TIFF with one plane a band, by hand."""
    import struct

    pixels = scene()
    height, width, _ = pixels.shape
    size = width * height
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 3, 180),
        (259, 4, 1, 1),
        (262, 4, 1, 2),
        (273, 4, 3, 160),
        (277, 4, 1, 3),
        (278, 4, 1, height),
        (279, 4, 3, 190),
        (284, 3, 1, 2),
    ]
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = (b"II*\0" + struct.pack("<IH", 8, len(entries)) + table + bytes(4)).ljust(160, b"\0")
    head = (head + struct.pack("<3I", 220, 220 + size, 220 + 2 * size)).ljust(180, b"\0")
    head = (head + struct.pack("<3H", 8, 8, 8)).ljust(190, b"\0") + struct.pack("<3I", size, size, size)
    return Case(head.ljust(220, b"\0") + pixels.transpose(2, 0, 1).tobytes(), pixels)


def _avif() -> Case:
    """With colour at full resolution: decoders differ in how they enlarge it."""
    data = vips(scene()).heifsave_buffer(compression="av1", Q=95, effort=0)
    return Case(data, _image(data, "RGB"), LOSSY)


def _ramp() -> Case:
    """A grey ramp of 1,024 levels of 16 bits."""
    ramp = np.repeat((np.arange(1024, dtype=np.uint16) * 64)[None], 8, axis=0)
    return Case(vips(ramp).pngsave_buffer(), ramp)


GREY16, RGBA16 = deep()[:, :, 1], np.dstack([deep(), alpha().astype(np.uint16) * 257])
RGBA, GREY = np.dstack([scene(), alpha()]), scene()[:, :, 1]
CASES: dict[str, Callable[[], Case]] = {
    **{f"turned{n}.png": lambda n=n: _turned(n, "PNG") for n in range(1, 9)},
    **{f"turned{n}.tif": lambda n=n: _turned(n, "TIFF") for n in (2, 3, 5, 6, 7, 8)},
    **{f"turned{n}.jpg": lambda n=n: _turned(n, "JPEG") for n in (3, 6, 8)},
    "grey.png": lambda: _seed("png_grey8.png", "L"),
    "rgba.png": lambda: _seed("png_rgba8.png", "RGBA"),
    "grey_alpha.png": lambda: _seed("png_grey_alpha.png", "LA"),
    "palette.png": lambda: Case(
        saved(Image.fromarray(scene()).quantize(64), "PNG"),
        np.asarray(Image.fromarray(scene()).quantize(64).convert("RGB")),
    ),
    "palette_alpha.png": lambda: _seed("png_palette.png", "RGBA"),
    "palette4.png": lambda: _seed("png_palette4.png", "RGB"),
    "bits1.png": lambda: _bits(1),
    "bits2.png": lambda: _bits(2),
    "bits4.png": lambda: _bits(4),
    "key.png": _key,
    "deep.png": lambda: Case(vips(deep()).pngsave_buffer(), deep()),
    "deep_grey.png": lambda: Case(vips(GREY16).pngsave_buffer(), GREY16),
    "deep_alpha.png": lambda: Case(vips(RGBA16).pngsave_buffer(), RGBA16),
    "ramp.png": _ramp,
    "interlaced.png": lambda: _seed("png_interlaced.png", "RGB"),
    "animated.png": lambda: _seed("apng.png", "RGB"),
    "profile.png": lambda: _seed("png_tagged.png", "RGB", keeps="icc-profile-data"),
    "profile.jpg": lambda: _seed("jpg_tagged.jpg", "RGB", LOSSY, "icc-profile-data"),
    "grey.jpg": lambda: _seed("jpg_grey.jpg", "L", LOSSY),
    "chroma420.jpg": lambda: _seed("jpg_420.jpg", "RGB", LOSSY),
    "progressive.jpg": lambda: _seed("jpg_progressive.jpg", "RGB", LOSSY),
    "restarts.jpg": lambda: _seed("jpg_restarts.jpg", "RGB", LOSSY),
    "two_pictures.jpg": lambda: _seed("mpo.jpg", "RGB", LOSSY),
    "lossy.webp": lambda: _seed("webp_lossy.webp", "RGB", LOSSY),
    "lossless.webp": lambda: _seed("webp_lossless.webp", "RGB"),
    "alpha.webp": lambda: _seed("webp_alpha.webp", "RGBA", LOSSY),
    "animated.webp": lambda: _seed("webp_animated.webp", "RGB", LOSSY),
    "plain.gif": lambda: _seed("gif_plain.gif", "RGB"),
    "animated.gif": lambda: _seed("gif_animated.gif", "RGB"),
    "transparent.gif": lambda: _seed("gif_transparent.gif", "RGBA"),
    "full_chroma.avif": _avif,
    "plain.tif": lambda: _tif(scene()),
    "lzw.tif": lambda: _tif(scene(), compression="lzw"),
    "deflate.tif": lambda: _tif(scene(), compression="deflate", predictor="horizontal"),
    "packbits.tif": lambda: _tif(scene(), compression="packbits"),
    "big.tif": lambda: _tif(scene(), bigtiff=True),
    "tiled.tif": lambda: _tif(scene(), tile=True, tile_width=16, tile_height=32, compression="deflate"),
    "pyramid.tif": lambda: _tif(scene(320, 240), tile=True, pyramid=True, compression="deflate"),
    "grey.tif": lambda: _tif(GREY),
    "alpha.tif": lambda: _tif(RGBA, compression="lzw"),
    "deep.tif": lambda: _tif(deep()),
    "deep_alpha.tif": lambda: _tif(RGBA16, compression="deflate"),
    "float.tif": lambda: _tif((scene() / 255).astype(np.float32)),
    "pages.tif": lambda: _seed("tif_pages.tif", "RGB"),
    "palette.tif": lambda: _seed("tif_palette.tif", "RGB"),
    "bits1.tif": lambda: _seed("tif_bits1.tif", "L"),
    "miniswhite.tif": _miniswhite,
    "motorola.tif": _big_endian,
    "planar.tif": _planar,
    "one.png": lambda: _size(1, 1),
    "row.png": lambda: _size(97, 1),
    "column.png": lambda: _size(1, 97),
    "three.png": lambda: _size(3, 3),
    "prime.png": lambda: _size(61, 83),
    "odd.tif": lambda: _size(33, 17, "TIFF"),
}


def measure(bench: Bench) -> Figure:
    """The figure: all of them in two commands, the tricky files and the plain ones."""
    assert bench.model.is_file()
    names = list(CASES)[:: QUICK if bench.quick else 1]
    cases = {name: CASES[name]() for name in names}
    (faults,) = bench.each(_compared, [(bench, cases)])
    right = len(cases) - len({name for name, _ in faults})
    return Figure(
        [Bar("shown right", right, len(cases), least=True)],
        {"cases": len(cases), "right": right},
        [f"{name}: {text}" for name, text in faults],
        ["CMYK, Lab and wide integers, whose right samples are a matter of convention"],
    )


def _compared(warm: Warm, task: tuple[Bench, dict[str, Case]]) -> list[tuple[str, str]]:
    bench, cases = task
    faults = []
    with bench.place("tricky") as place:
        plain = {}
        for name, case in cases.items():
            (place / name).write_bytes(case.data)
            plain[name] = place / f"plain_{name.replace('.', '_')}.tif"
            plain[name].write_bytes(vips(case.pixels).tiffsave_buffer())
        made, said = _made(warm, bench, place, list(cases), "tricky")
        wanted, _ = _made(warm, bench, place, [path.name for path in plain.values()], "plain")
        for name, case in cases.items():
            if name not in made or plain[name].name not in wanted:
                faults.append((name, f"not made: {said}"))
            elif problem := _problem(made[name], wanted[plain[name].name], case):
                faults.append((name, problem))
    return faults


def _made(warm: Warm, bench: Bench, place: Path, names: list[str], out: str) -> tuple[dict[str, Path], str]:
    """The results by input, and what was said of failures. One folder each: names differ by suffix only."""
    found: dict[str, Path] = {}
    said = []
    for suffix in sorted({Path(name).suffix for name in names}):
        these = [name for name in names if name.endswith(suffix)]
        command = ["upscale", *these, "-o", f"{out}-{suffix[1:]}", "--format", "tif", "--model", bench.model, "--json"]
        ended = warm.run(command, place, patience=60)
        found |= {event["input"]: place / event["output"] for event in ended.events if event["event"] == "done"}
        said += [event["error"] for event in ended.events if event["event"] == "failed"]
    return found, "; ".join(said)


def _problem(path: Path, plain: Path, case: Case) -> str:
    image: Any = pyvips.Image.new_from_file(str(path))
    wanted: Any = pyvips.Image.new_from_file(str(plain))
    one, other = image.numpy(), wanted.numpy()
    if one.shape[2:] == (4,) and other.shape[2:] == (3,) and (one[:, :, 3] == 255).all():
        one = one[:, :, :3]  # opaque all over is no other picture
    if one.shape != other.shape or one.dtype != other.dtype:
        return f"{one.shape} of {one.dtype}, not {other.shape} of {other.dtype}"
    white = 1.0 if one.dtype.kind == "f" else float(np.iinfo(one.dtype).max)
    off = np.abs(one.astype(np.float64) - other).max() * 255 / white
    if off > STRETCH * case.within:
        return f"{off:.1f} levels off"
    if case.keeps:
        source: Any = pyvips.Image.new_from_buffer(case.data, "")
        if not image.get_typeof(case.keeps) or image.get(case.keeps) != source.get(case.keeps):
            return f"{case.keeps} is not what it was"
    return ""
