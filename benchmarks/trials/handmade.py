"""Files and names made by hand for F1: empty, tiny, absurd, mislabelled, no files at all; each in its own process."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyvips
from PIL import Image
from trials.judges import levels
from trials.pictures import SEEDS, saved, scene, seed, vips
from trials.running import CODES, Bench, Ended, Warm, lines, short, strays

Make = Callable[[Path], None]
HANG = 20.0  # seconds; a machine that does much else is slow
PEAK_MB = 1000
MOST_LINES = 4


def chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG chunk with its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, body: bytes, *before: bytes, bits: int = 8, colour: int = 2) -> bytes:
    """A PNG of these raw rows, with chunks ``before`` them."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(before) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def tiff(entries: list[tuple[int, int, int, int]], body: bytes = b"", after: int = 0) -> bytes:
    """A little-endian TIFF of one directory: (tag, type, count, value) each."""
    table = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + table + struct.pack("<I", after) + body


def _rows(width: int, height: int, bands: int = 3) -> bytes:
    return (b"\0" + bytes(width * bands)) * height


def _small(*before: bytes) -> bytes:
    return png(8, 8, _rows(8, 8), *before)


def _baseline(width: int, height: int, **more: int) -> list[tuple[int, int, int, int]]:
    known = {
        256: width,
        257: height,
        258: 8,
        259: 1,
        262: 1,
        273: 8,
        277: 1,
        278: height,
        279: min(width * height, 2**32 - 1),
    }
    known |= {int(tag.removeprefix("t")): value for tag, value in more.items()}
    return [(tag, 4, 1, value) for tag, value in known.items()]


def _gif(frames: int) -> bytes:
    pictures = [Image.new("P", (8, 8), n % 8) for n in range(frames)]
    return saved(pictures[0], "GIF", save_all=True, append_images=pictures[1:])


def _link(to: str) -> Make:
    return lambda path: path.symlink_to(to)


BYTES: dict[str, Callable[[], bytes]] = {
    "empty.png": lambda: b"",
    "empty.jpg": lambda: b"",
    "empty.tif": lambda: b"",
    "one_byte.png": lambda: b"\x89",
    "two_bytes.jpg": lambda: b"\xff\xd8",
    "magic_only.gif": lambda: b"GIF89a",
    "magic_only.webp": lambda: b"RIFF\0\0\0\0WEBP",
    "magic_only.tif": lambda: b"II*\0",
    "zeros.png": lambda: bytes(5000),
    "zeros.jpg": lambda: bytes(5000),
    "text.png": lambda: b"not a picture\n" * 40,
    "page.jpg": lambda: b"<!DOCTYPE html><html><body>404</body></html>",
    "program.webp": lambda: b"\x7fELF" + bytes(99),
    "drawing.png": lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "document.jpg": lambda: b"%PDF-1.7\n%%EOF",
    "postscript.tif": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "matlab.png": lambda: b"MATLAB 5.0 MAT-file" + bytes(200),
    "fits.tif": lambda: b"SIMPLE  =  T".ljust(2880),
    "archive.png": lambda: b"PK\x03\x04" + bytes(60),
    "jpeg_called.png": lambda: seed("jpg_444.jpg"),
    "png_called.jpg": lambda: seed("png_rgb8.png"),
    "gif_called.tif": lambda: seed("gif_plain.gif"),
    "webp_called.jpeg": lambda: seed("webp_lossy.webp"),
    "tif_called.png": lambda: seed("tif_plain.tif"),
    "one_pixel.png": lambda: saved(Image.new("RGB", (1, 1), (9, 99, 200)), "PNG"),
    "one_row.png": lambda: vips(scene(64, 1)).pngsave_buffer(),
    "one_column.tif": lambda: vips(scene(1, 64)).tiffsave_buffer(),
    "three.jpg": lambda: vips(scene(3, 3)).jpegsave_buffer(),
    "prime.webp": lambda: vips(scene(61, 37)).webpsave_buffer(),
    "wide.png": lambda: png(200_000, 2, _rows(200_000, 2)),
    "high.png": lambda: png(2, 200_000, _rows(2, 200_000)),
    "wider.png": lambda: png(1_000_000, 1, _rows(1_000_000, 1)),
    "huge_header.png": lambda: png(2**31 - 1, 2**31 - 1, b"\0"),
    "huge_line.png": lambda: png(2**31 - 1, 1, b"\0"),
    "bomb.png": lambda: png(20_000, 20_000, bytes(20_000 * 200)),
    "short_rows.png": lambda: png(64, 48, b"\0" * 40),
    "no_size.png": lambda: png(0, 8, b""),
    "bits3.png": lambda: png(8, 8, _rows(8, 8), bits=3),
    "colour9.png": lambda: png(8, 8, _rows(8, 8), colour=9),
    "filter9.png": lambda: png(8, 8, (b"\x09" + bytes(24)) * 8),
    "palette_missing.png": lambda: png(8, 8, _rows(8, 8, 1), colour=3),
    "key_empty.png": lambda: _small(chunk(b"tEXt", b"\0value")),
    "key_latin1.png": lambda: _small(chunk(b"tEXt", b"Gr\xf6\xdfe\0x")),
    "key_long.png": lambda: _small(chunk(b"tEXt", b"k" * 200 + b"\0x")),
    "key_only.png": lambda: _small(chunk(b"tEXt", b"Title")),
    "key_control.png": lambda: _small(chunk(b"tEXt", b"a\x1b[2J\n\0x")),
    "key_utf8.png": lambda: _small(chunk(b"iTXt", "名\0\0\0\0\0名".encode())),
    "itxt_short.png": lambda: _small(chunk(b"iTXt", b"a\0")),
    "ztxt_bad.png": lambda: _small(chunk(b"zTXt", b"a\0\0garbage")),
    "ztxt_bomb.png": lambda: _small(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(100 << 20)))),
    "icc_bad.png": lambda: _small(chunk(b"iCCP", b"p\0\0" + zlib.compress(b"not a profile"))),
    "icc_bomb.png": lambda: _small(chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(100 << 20)))),
    "exif_bad.png": lambda: _small(chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff")),
    "exif_empty.png": lambda: _small(chunk(b"eXIf", b"")),
    "cicp_short.png": lambda: _small(chunk(b"cICP", b"\x09")),
    "cicp_empty.png": lambda: _small(chunk(b"cICP", b"")),
    "cicp_odd.png": lambda: _small(chunk(b"cICP", b"\xff\xff\xff\xff")),
    "phys_zero.png": lambda: _small(chunk(b"pHYs", bytes(9))),
    "phys_huge.png": lambda: _small(chunk(b"pHYs", b"\xff" * 8 + b"\1")),
    "gama_zero.png": lambda: _small(chunk(b"gAMA", bytes(4))),
    "chrm_zero.png": lambda: _small(chunk(b"cHRM", bytes(32))),
    "trns_long.png": lambda: _small(chunk(b"tRNS", bytes(99))),
    "time_odd.png": lambda: _small(chunk(b"tIME", b"\xff" * 7)),
    "chunk_huge.png": lambda: _small()[:33] + b"\x7f\xff\xff\xfftEXt",
    "unknown_chunk.png": lambda: _small(chunk(b"XyZz", b"?")),
    "no_end.png": lambda: _small()[:-12],
    "twice_ihdr.png": lambda: _small(chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 9, 8, 2, 0, 0, 0))),
    "trailing.png": lambda: _small() + b"x" * 4000,
    "trailing.jpg": lambda: seed("jpg_444.jpg") + b"x" * 4000,
    "segment0.jpg": lambda: _jpeg_with(b"\xff\xe1\0\0"),
    "segment1.jpg": lambda: _jpeg_with(b"\xff\xe1\0\1"),
    "segment2.jpg": lambda: _jpeg_with(b"\xff\xe1\0\2"),
    "segment_long.jpg": lambda: _jpeg_with(b"\xff\xe1\xff\xff"),
    "exif_short.jpg": lambda: _jpeg_with(_segment(0xE1, b"Exif\0\0II*\0")),
    "exif_loop.jpg": lambda: _jpeg_with(_segment(0xE1, b"Exif\0\0" + tiff([(0x8769, 4, 1, 8)], after=8))),
    "exif_far.jpg": lambda: _jpeg_with(_segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\x7f")),
    "exif_many.jpg": lambda: _jpeg_with(_segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(60))),
    "exif_count.jpg": lambda: _jpeg_with(_segment(0xE1, b"Exif\0\0" + tiff([(0x010F, 2, 2**32 - 1, 26)]))),
    "exif_type.jpg": lambda: _jpeg_with(_segment(0xE1, b"Exif\0\0" + tiff([(0x0112, 99, 1, 6)]))),
    "orientation9.jpg": lambda: _jpeg_with(_segment(0xE1, b"Exif\0\0" + tiff([(0x0112, 3, 1, 9)]))),
    "orientation0.jpg": lambda: _jpeg_with(_segment(0xE1, b"Exif\0\0" + tiff([(0x0112, 3, 1, 0)]))),
    "iptc_bad.jpg": lambda: _jpeg_with(_segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\xff\xff\xff\xff\xff")),
    "iptc_empty.jpg": lambda: _jpeg_with(_segment(0xED, b"")),
    "xmp_bad.jpg": lambda: _jpeg_with(_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta <<")),
    "xmp_entities.jpg": lambda: _jpeg_with(_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + ENTITIES)),
    "icc_part.jpg": lambda: _jpeg_with(_segment(0xE2, b"ICC_PROFILE\0\x02\x05part")),
    "icc_empty.jpg": lambda: _jpeg_with(_segment(0xE2, b"ICC_PROFILE\0")),
    "mpf_bad.jpg": lambda: _jpeg_with(_segment(0xE2, b"MPF\0II*\0\xff\xff\xff\xff")),
    "adobe_short.jpg": lambda: _jpeg_with(_segment(0xEE, b"Adobe")),
    "bits12.jpg": lambda: seed("jpg_444.jpg").replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"),
    "arithmetic.jpg": lambda: seed("jpg_444.jpg").replace(b"\xff\xc0\0\x11", b"\xff\xc9\0\x11"),
    "lossless.jpg": lambda: seed("jpg_444.jpg").replace(b"\xff\xc0\0\x11", b"\xff\xc3\0\x11"),
    "huge.jpg": lambda: seed("jpg_444.jpg").replace(struct.pack(">HH", 48, 64), b"\xff\xff\xff\xff", 1),
    "loop.tif": lambda: tiff(_baseline(8, 8), bytes(64), after=8),
    "loop_sub.tif": lambda: tiff([*_baseline(8, 8), (330, 4, 1, 8)], bytes(64)),
    "no_entries.tif": lambda: tiff([]),
    "far.tif": lambda: b"II*\0\xff\xff\xff\x7f",
    "strips_far.tif": lambda: tiff(_baseline(8, 8, t273=2**31)),
    "strip_huge.tif": lambda: tiff(_baseline(8, 8, t279=2**32 - 1)),
    "bits0.tif": lambda: tiff(_baseline(8, 8, t258=0), bytes(64)),
    "bits64.tif": lambda: tiff(_baseline(8, 8, t258=64), bytes(999)),
    "bands0.tif": lambda: tiff(_baseline(8, 8, t277=0), bytes(64)),
    "bands999.tif": lambda: tiff(_baseline(8, 8, t277=999), bytes(64)),
    "codec.tif": lambda: tiff(_baseline(8, 8, t259=34712), bytes(64)),
    "meaning.tif": lambda: tiff(_baseline(8, 8, t262=32844), bytes(64)),
    "huge.tif": lambda: tiff(_baseline(2**31, 2**31)),
    "wide.tif": lambda: tiff(_baseline(1_000_000, 1), bytes(1_000_000)),
    "rows0.tif": lambda: tiff(_baseline(8, 8, t278=0), bytes(64)),
    "int8.tif": lambda: tiff(_baseline(8, 8, t339=2), bytes(64)),
    "complex.tif": lambda: tiff(_baseline(8, 8, t339=6, t258=64), bytes(512)),
    "nan.tif": lambda: _floats(float("nan")),
    "infinite.tif": lambda: _floats(float("inf")),
    "below.tif": lambda: _floats(-3.4e38),
    "above.tif": lambda: _floats(3.4e38),
    "negative.tif": lambda: _floats(-5.0),
    "bright.tif": lambda: _floats(1e6),
    "tiny.tif": lambda: _floats(1e-45),
    "double.tif": lambda: vips(scene()).cast("double").tiffsave_buffer(),
    "int32.tif": lambda: vips(scene()).cast("int").tiffsave_buffer(),
    "bands5.tif": lambda: _bands(5),
    "bands2.tif": lambda: _bands(2),
    "many_frames.gif": lambda: _gif(3000),
    "no_frames.gif": lambda: b"GIF89a\x08\0\x08\0\0\0\0;",
    "frame_outside.gif": lambda: (
        b"GIF89a\x08\0\x08\0\x80\0\0\0\0\0\xff\xff\xff,\xff\xff\xff\xff\x08\0\x08\0\0\2\2L\1\0;"
    ),
    "huge.gif": lambda: b"GIF89a\xff\xff\xff\xff" + seed("gif_plain.gif")[10:],
    "riff_short.webp": lambda: seed("webp_lossy.webp")[:30],
    "riff_huge.webp": lambda: b"RIFF\xff\xff\xff\xffWEBP" + seed("webp_lossy.webp")[12:],
    "boxes.avif": lambda: b"\0\0\0\x1cftypavif" + bytes(16),
    "box_loop.avif": lambda: b"\0\0\0\0ftypavif" + bytes(40),
    "heic.heic": lambda: b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(80),
    "raw.cr2": lambda: b"II*\0\x10\0\0\0CR\x02\0" + bytes(60),
    "plain.bmp": lambda: seed("bmp_24.bmp"),
    "edge.jfif": lambda: seed("jpg_444.jpg"),
    "film.png": lambda: b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(60),
}
ENTITIES = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "' + b"&a;" * 20 + b'">]><x>&b;</x>'
NAMES = (
    "with space.png",
    "new\nline.png",
    "-x.png",
    "%03d.png",
    "a;b.png",
    "$(touch x).png",
    "[n=-1].png",
    "ü名.png",
    "file:a.png",
    "http:a.png",
    "x" * 240 + ".png",
    "UPPER.PNG",
    ".hidden.png",
    "two.dots.png",
    "\x1b[31mred.png",
    "tab\t.png",
    "quote'\".png",
    "back\\slash.png",
    "a[page=1].png",
    "nosuffix",
)
NODES: dict[str, Make] = {
    "folder.png": lambda path: path.mkdir(),
    "fifo.png": lambda path: os.mkfifo(path),
    "loop.png": lambda path: path.symlink_to(path.name),
    "dangling.png": _link("nowhere.png"),
    "endless.png": _link("/dev/zero"),
    "null.png": _link("/dev/null"),
    "status.png": _link("/proc/self/status"),
}
QUICK = 24  # of them


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def _jpeg_with(segment: bytes) -> bytes:
    jpeg = seed("jpg_444.jpg")
    return jpeg[:2] + segment + jpeg[2:]


def _floats(odd: float) -> bytes:
    pixels = (scene() / 255).astype(np.float32)
    pixels[10:14, 20:30] = odd
    return vips(pixels).tiffsave_buffer()


def _bands(count: int) -> bytes:
    grey = scene()[:, :, :1]
    return vips(np.concatenate([grey] * count, axis=2)).tiffsave_buffer()


def _made(path: Path, name: str) -> None:
    if name in NODES:
        NODES[name](path)
    else:
        path.write_bytes(BYTES[name]() if name in BYTES else seed("png_rgb8.png"))


def measure(bench: Bench) -> tuple[int, list[tuple[str, str]]]:
    """Run them all; how many, and what was wrong."""
    names = [*BYTES, *NAMES, *NODES]
    names = names[:: max(1, len(names) // bench.amount(QUICK, len(names)))]
    found = bench.each(_run, [(bench, name) for name in names])
    return len(names), [fault for faults in found for fault in faults]


def _run(warm: Warm, task: tuple[Bench, str]) -> list[tuple[str, str]]:
    """The faults of one, with the limits of the usual command; a result is written as PNG."""
    bench, name = task
    given = name if not name.startswith("-") else f"./{name}"
    if not bench.quick:
        warm.close()  # a process of its own, whose memory is that of this one file
    with bench.place("handmade") as place:
        _made(place / name, name)
        ended = warm.run(["upscale", given, "-o", "out.png", "--scale", "2"], place, patience=HANG)
        return [(kind, f"handmade {name!r}: {text}") for kind, text in _faults(ended, place, name)]


def _faults(ended: Ended, place: Path, name: str) -> list[tuple[str, str]]:
    found = []
    if ended.hung:
        return [("hang", short(ended.err))]
    if ended.crashed:
        return [("crash", f"signal {-ended.code} {short(ended.err)}")]
    if ended.traceback:
        found.append(("traceback", short(ended.err)))
    if ended.code not in CODES:
        found.append(("exit 70", f"exit {ended.code}: {short(ended.err)}"))
    if len(lines(ended.err)) > MOST_LINES:
        found.append(("too many lines", f"{len(lines(ended.err))} lines: {short(ended.err)}"))
    if ended.peak_mb > PEAK_MB:
        found.append(("memory above 1 GB", f"{ended.peak_mb:.0f} MB"))
    if "\x1b" in ended.err:
        found.append(("escape code shown", repr(short(ended.err))))
    allowed = {name} | ({"out.png"} if ended.code == 0 or ended.code == 1 else set())
    found += [("stray file", each) for each in strays(place, allowed) if not name.startswith("folder")]
    if ended.code == 0:
        try:
            levels(str(place / "out.png"))
        except pyvips.Error as error:
            found.append(("partial result", str(error)))
    return found


assert not set(BYTES) & set(SEEDS)
