"""How far the tiles are from the processor's matrix peak, both measured in turn because machines drift.

Usage: python benchmarks/limits.py PHOTO
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from common import store
from speed import make_input, matrix_peak, parts

from acutance.engines.cpu import has_bf16


def main() -> None:
    """Peak, parts, peak, parts, peak; the best of each counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    given = parser.parse_args()
    precision = "bf16" if has_bf16() else "f32"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = make_input(given.photo, 1024, folder)
        peaks, rows = [matrix_peak(precision)], []
        for _ in range(3):
            rows.append(parts(source, folder))
            peaks.append(matrix_peak(precision))
    tiles = max(row["tflops_with_halo"] for row in rows)
    payload = max(row["tflops_without_halo"] for row in rows)
    store(
        "limits",
        {
            "precision": precision, "matrix_peak_tflops": max(peaks), "all_peaks": peaks,
            "tiles_tflops_with_halo": tiles, "tiles_tflops_without_halo": payload,
            "share_of_peak_with_halo": round(tiles / max(peaks), 3),
            "share_of_peak_without_halo": round(payload / max(peaks), 3), "parts": rows,
        },
    )  # fmt: skip


if __name__ == "__main__":
    main()
