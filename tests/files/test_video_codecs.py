"""Which encoder, which pixel format: depth and chroma follow the film or are raised, never lowered in silence."""

from __future__ import annotations

import dataclasses
import re
from fractions import Fraction
from pathlib import Path

import pytest

from acutance.errors import OverLimit, UsageError
from acutance.files.video_codecs import check_quality, choose_codec, pixel_format
from acutance.files.video_colour import BT709, Colour
from acutance.files.videos import Film

BASE = Film(
    path=Path("a.mkv"), stream=0, container="matroska,webm", width=640, height=480, pixel_format="yuv420p", bits=8,
    subsampled=(2, 2), grey=False, rgb=False, alpha=False, aspect=Fraction(1), matrix=(),
    colour=Colour(matrix=BT709, full=False, primaries=1, transfer=1, assumed=False),
    time_base=Fraction(1, 1000), rate=Fraction(25), frames=100, duration=4.0, start=0.0,
    side={}, notes=(),
)  # fmt: skip


def film(**changes) -> Film:
    return dataclasses.replace(BASE, **changes)


@pytest.mark.parametrize(
    ("changes", "codec", "format_", "notes"),
    [({}, "h264", "yuv420p", 0), ({"bits": 10}, "h264", "yuv420p10le", 0), ({"bits": 9}, "h265", "yuv420p10le", 0),
     ({"bits": 12}, "h265", "yuv420p12le", 0), ({"bits": 12}, "h264", "yuv420p10le", 1),
     ({"bits": 16}, "h265", "yuv420p12le", 1), ({"bits": 16}, "ffv1", "yuv420p16le", 0),
     ({"subsampled": (2, 1)}, "h264", "yuv422p", 0), ({"subsampled": (1, 1)}, "h264", "yuv444p", 0),
     ({"subsampled": (4, 1)}, "h264", "yuv422p", 0), ({"subsampled": (4, 4)}, "h264", "yuv420p", 0),
     ({"subsampled": (1, 1)}, "av1", "yuv420p", 1), ({}, "prores", "yuv422p10le", 0),
     ({"subsampled": (1, 1)}, "prores", "yuv444p10le", 0), ({"grey": True, "subsampled": (1, 1)}, "h264", "yuv420p", 0),
     ({"rgb": True, "subsampled": (1, 1)}, "ffv1", "bgr0", 0),
     ({"rgb": True, "subsampled": (1, 1)}, "h264", "yuv444p", 1),
     ({"rgb": True, "subsampled": (1, 1), "bits": 16}, "ffv1", "gbrp16le", 0)],
)  # fmt: skip
def test_pixel_formats(changes: dict, codec: str, format_: str, notes: int) -> None:
    preset = "hq" if codec == "prores" else "medium"
    found, said = pixel_format(film(**changes), codec, preset)
    assert found == format_ and len(said) == notes


@pytest.mark.parametrize(
    ("subsampled", "codec", "asked", "size", "format_", "word"),
    [((2, 1), "h264", None, (1280, 960), "yuv420p", "4:2:0"), ((1, 1), "h265", None, (1280, 960), "yuv420p", "4:2:0"),
     ((1, 1), "h264", None, (960, 720), "yuv444p", "--pixels"), ((2, 1), "h264", None, (640, 480), "yuv422p", "play"),
     ((2, 1), "h264", "same", (1280, 960), "yuv422p", "browsers"), ((2, 1), "h264", "420", (640, 480), "yuv420p", ""),
     ((2, 2), "h264", None, (1280, 960), "yuv420p", ""), ((2, 2), "h264", "444", (1280, 960), "yuv444p", ""),
     ((2, 1), "ffv1", None, (1280, 960), "yuv422p", ""), ((1, 1), "prores", None, (1280, 960), "yuv444p10le", "")],
)  # fmt: skip
def test_chroma_of_the_result(
    subsampled: tuple[int, int], codec: str, asked: str | None, size: tuple[int, int], format_: str, word: str
) -> None:
    """Where 4:2:0 holds all colour there is, players get what they can show; else it is kept and said."""
    found, said = pixel_format(film(subsampled=subsampled), codec, "hq" if codec == "prores" else "", asked, size)
    assert found == format_ and len(said) == bool(word) and (not word or re.search(word, said[0]))


def test_chroma_a_codec_does_not_hold_is_refused() -> None:
    with pytest.raises(UsageError, match="av1 takes 420"):
        pixel_format(BASE, "av1", "6", "444", (640, 480))


def test_the_usual_codec() -> None:
    small, large = (1920, 1080), (7680, 4320)
    assert choose_codec(BASE, Path("o.mkv"), None, small) == "h264"
    assert choose_codec(BASE, Path("o.mp4"), None, large) == "h265"
    assert choose_codec(film(bits=10), Path("o.mov"), None, small) == "h265"
    assert choose_codec(BASE, Path("o.webm"), None, small) == "av1"
    assert choose_codec(film(bits=10), Path("o.mkv"), None, (60, 40)) == "h264"


def test_what_does_not_fit_is_refused_with_a_way_out() -> None:
    for target, codec, size, kind, words in (
        ("o.mp4", "prores", (64, 64), UsageError, r"\.mov"), ("o.webm", "h264", (64, 64), UsageError, r"\.mkv"),
        ("o.mkv", "h265", (62, 64), UsageError, "begins at 64"), ("o.mkv", "h264", (20_000, 9), OverLimit, "ffv1"),
    ):  # fmt: skip
        with pytest.raises(kind, match=words):
            choose_codec(BASE, Path(target), codec, size)


def test_quality() -> None:
    assert check_quality("h264", None, None) == (17, "medium")
    assert check_quality("prores", None, None) == (None, "hq") and check_quality("ffv1", None, None) == (None, "")
    for wrong in (("ffv1", 3, None), ("h265", 52, None), ("av1", None, "slow"), ("ffv1", None, "slow")):
        with pytest.raises(UsageError):
            check_quality(*wrong)
