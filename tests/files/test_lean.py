"""Metadata too large for memory is left out, and said; the picture is what it was."""

from __future__ import annotations

import functools
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import metadata_files as made
import numpy as np
import pytest
import pyvips

from acutance.files import lean, vips
from acutance.files.images import open_picture

MB = 1 << 20
BIG = b"<x xmlns='a'>" + b" " * (20 * MB) + b"</x>"


def big_avif() -> bytes:
    image = pyvips.Image.new_from_array(np.asarray(made.picture())).copy(interpretation="srgb")
    image.set_type(pyvips.GValue.blob_type, "xmp-data", BIG)
    return image.heifsave_buffer(compression="av1", lossless=True)


@functools.cache
def heavy() -> dict[str, bytes]:
    piece = made.EXTENDED_HEAD + b"A" * 32 + struct.pack(">II", 0, 0) + b" " * 60_000
    text = zlib.compress(bytes(MB))
    return {
        "a.jpg": made.jpeg(*[(0xE1, piece)] * 400),
        "comments.jpg": made.jpeg(*[(0xFE, b" " * 60_000)] * 400),
        "a.png": made.png(made.png_xmp(BIG)),
        "zipped.png": made.png((b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(BIG, 1))),
        "texts.png": made.png(*[(b"tEXt", b"key\0value")] * 10_000),
        "behind.png": made.png(behind=((b"tEXt", b"key\0value"),) * 10_000),
        "bombs.png": made.png(*[(b"zTXt", b"key\0\0" + text)] * 1200),
        "a.webp": made.webp((b"XMP ", BIG)),
        "a.tif": made.tiff("<", {700: made.field("<", 7, BIG)}),
        "private.tif": made.tiff(">", {51000: made.field(">", 7, BIG)}),
        "a.avif": big_avif(),
    }


def test_the_picture_is_read_and_what_is_too_large_is_said(tmp_path: Path) -> None:
    expected = np.asarray(made.picture())
    for name, data in heavy().items():
        (tmp_path / name).write_bytes(data)
        with open_picture(tmp_path / name, scratch=tmp_path / "b") as picture:
            rows = picture.rows(0, picture.height).astype(int)
        assert np.abs(rows - expected).max() < 40, name
        assert len(picture.notes) == 1, name
        found = picture.fields.found
        assert len(found.xmp) + sum(map(len, found.comments)) + sum(len(d) for _, d in found.texts) < 17 * MB, name


def test_memory_stays_what_it_is_without(tmp_path: Path) -> None:
    """In a process of its own, which tells how much its highest use grew."""
    lines = "\n".join([
        "import resource, sys", "from pathlib import Path", "from acutance.files.images import open_picture",
        "for name in sys.argv[1:]:",
        "    with open_picture(Path(name), scratch=Path(name + '.b')) as picture: picture.rows(0, picture.height)",
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)",
    ])  # fmt: skip
    names = []
    for name, data in heavy().items():
        plain, full = tmp_path / f"plain{Path(name).suffix}", tmp_path / name
        plain.write_bytes(made.encoded({".jpg": "jpeg", ".tif": "tiff"}.get(full.suffix, full.suffix[1:])))
        full.write_bytes(data)
        names = [plain, *names, full]  # all plain ones first
    command = [sys.executable, "-c", lines, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    highest = list(map(int, done.stdout.split()))
    assert highest[-1] - highest[len(names) // 2 - 1] < 80, highest


@pytest.mark.parametrize("changes", [[], [(0, 3, b"")], [(2, 4, b"xyz"), (7, 10, b"")], [(3, 3, b"!"), (4, 8, b"")]])
def test_a_lean_file_reads_as_if_it_were_edited(tmp_path: Path, changes: list[lean.Edit]) -> None:
    data, expected, at = b"0123456789", b"", 0
    for begin, end, new in changes:
        expected += data[at:begin] + new
        at = end
    expected += data[at:]
    (tmp_path / "a").write_bytes(data)
    with open(tmp_path / "a", "rb") as file:
        view = lean.Lean(file, changes)
        for start in range(len(expected) + 1):
            assert view.seek(start) == start
            read = b""
            while more := view.read(3):
                read += more
            assert read == expected[start:]
        assert view.seek(0, 2) == len(expected)


def test_ordinary_pictures_are_read_as_they_are(tmp_path: Path) -> None:
    packet, block = made.xmp(), made.exif_block()
    for data in (made.jpeg((0xE1, made.XMP_HEAD + packet)), made.png(made.png_xmp(packet), (b"zTXt", b"k\0\0abc")),
                 made.webp((b"EXIF", block)), made.tiff("<", {700: made.field("<", 7, packet)})):  # fmt: skip
        (tmp_path / "a").write_bytes(data)
        with open(tmp_path / "a", "rb") as file:
            assert lean.edits(file) == []
        assert vips.load(tmp_path / "a").width == 40
