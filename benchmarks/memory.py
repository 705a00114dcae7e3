"""Peak memory of a 100-megapixel and a 1-gigapixel result, each a process of its own.

Usage: python benchmarks/memory.py PHOTO [--format tif]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import pyvips
from common import store, timed


def main() -> None:
    """Upscale a 2500x2500 and an 8192x8192 picture and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--format", default="png")
    given = parser.parse_args()
    result: dict = {"format": given.format}
    with tempfile.TemporaryDirectory() as name:
        for side in (2500, 8192):
            source = Path(name) / f"{side}.jpg"
            photo = pyvips.Image.new_from_file(str(given.photo))
            photo.replicate(side // photo.width + 1, side // photo.height + 1).crop(0, 0, side, side).jpegsave(
                str(source), Q=92
            )
            target = source.with_name(f"out{side}.{given.format}")
            row = timed([sys.executable, "-m", "acutance", "upscale", str(source), "-o", str(target)])
            result[f"{(side * 4) ** 2 / 1e6:.0f}_megapixels"] = {k: round(v, 1) for k, v in row.items()}
            target.unlink()
    small, large = (row["peak_mb"] for key, row in result.items() if key.endswith("megapixels"))
    store(f"memory-{given.format}", {**result, "ratio": round(large / small, 3)})


if __name__ == "__main__":
    main()
