"""Models that many use: where they are published, what they are, and that they are what they claim."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from acutance.errors import UsageError
from acutance.files.remote import Remote

UNFREE = ("-nc", "noncommercial", "non-commercial", "research only")
_REALESRGAN = "https://github.com/xinntao/Real-ESRGAN/releases/download/"


@dataclass(frozen=True, kw_only=True)
class WellKnown:
    """``size``: bytes; ``sha256``: the whole checksum, or where only the beginning is published, that, without ``url``:
    such a file cannot be fetched, but is known when it is imported."""

    name: str
    what: str
    licence: str
    sha256: str = ""
    url: str = ""
    size: int | None = None

    @property
    def remote(self) -> Remote:
        """What is to be fetched."""
        return Remote(url=self.url, size=self.size, sha256=self.sha256 or None)


TABLE = (
    WellKnown(
        name="RealESRGAN_x4plus", what="photographs of all kinds of damage, x4", licence="BSD-3-Clause",
        sha256="4fa0d38905f75ac06eb49a7951b426670021be3018265fd191d2125df9d682f1",
        url=_REALESRGAN + "v0.1.0/RealESRGAN_x4plus.pth", size=67_040_989,
    ),
    WellKnown(
        name="RealESRGAN_x2plus", what="the same, x2", licence="BSD-3-Clause",
        sha256="49fafd45f8fd7aa8d31ab2a22d14d91b536c34494a5cfe31eb5d89c2fa266abb",
        url=_REALESRGAN + "v0.2.1/RealESRGAN_x2plus.pth", size=67_061_725,
    ),
    WellKnown(
        name="RealESRGAN_x4plus_anime_6B", what="drawings, x4", licence="BSD-3-Clause",
        sha256="f872d837d3c90ed2e05227bed711af5671a6fd1c9f7d7e91c911a61f155e99da",
        url=_REALESRGAN + "v0.2.2.4/RealESRGAN_x4plus_anime_6B.pth", size=17_938_799,
    ),
    WellKnown(
        name="realesr-general-x4v3", what="photographs of all kinds of damage, small and fast, x4",
        licence="BSD-3-Clause", sha256="8dc7edb9ac80ccdc30c3a5dca6616509367f05fbc184ad95b731f05bece96292",
        url=_REALESRGAN + "v0.2.5.0/realesr-general-x4v3.pth", size=4_885_111,
    ),
    WellKnown(
        name="realesr-animevideov3", what="animated film, small and fast, x4", licence="BSD-3-Clause",
        sha256="b8a8376811077954d82ca3fcf476f1ac3da3e8a68a4f4d71363008000a18b75d",
        url=_REALESRGAN + "v0.2.5.0/realesr-animevideov3.pth", size=2_504_012,
    ),
    WellKnown(name="spanx4_ch48", what="clean photographs, x4 (SPAN)", licence="Apache-2.0", sha256="28fef8c6c845"),
    WellKnown(name="spanx2_ch48", what="clean photographs, x2 (SPAN)", licence="Apache-2.0", sha256="561fd5cf419a"),
)  # fmt: skip


def find(name: str) -> WellKnown:
    """A row of the table that can be fetched. Raises ``UsageError``."""
    rows = {row.name: row for row in TABLE}
    if name in rows and rows[name].url:
        return rows[name]
    if name in rows:
        raise UsageError(f"{name}: no address of it is known; fetch it by hand, then: acutance models import FILE")
    fetched = [row.name for row in TABLE if row.url]
    near = difflib.get_close_matches(name, fetched, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(fetched)}"
    raise UsageError(f"no well-known model is called {name}; {hint} Or give an address, https://...")


def by_checksum(sha256: str) -> WellKnown | None:
    """The row whose file has this checksum."""
    return next((row for row in TABLE if row.sha256 and sha256.startswith(row.sha256)), None)


def is_unfree(licence: str) -> bool:
    """Whether a licence forbids commercial use.

    >>> is_unfree("CC-BY-NC-SA-4.0"), is_unfree("BSD-3-Clause"), is_unfree("CC BY-NC 4.0")
    (True, False, True)
    """
    return any(word in licence.lower() for word in UNFREE)
