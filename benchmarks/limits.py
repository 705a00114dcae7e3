"""How far the tiles are from the processor's matrix peak, both measured in turn because machines drift.

Usage: python benchmarks/limits.py PHOTO
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Any

from common import store
from speed import make_input, matrix_peak, parts

from acutance.engines.cpu import has_bf16

ROUNDS = 7


def main() -> None:
    """Peak, parts, peak, parts ... peak; each share is of the mean of the peaks before and after."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    given = parser.parse_args()
    precision = "bf16" if has_bf16() else "f32"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = make_input(given.photo, 1024, folder)
        peaks, rows = [matrix_peak(precision)], []
        for _ in range(ROUNDS):
            rows.append(parts(source, folder))
            peaks.append(matrix_peak(precision))
    result: dict[str, Any] = {"precision": precision, "matrix_peaks_tflops": peaks}
    for halo in ("with_halo", "without_halo"):
        shares = [row[f"tflops_{halo}"] / fmean(pair) for row, pair in zip(rows, pairwise(peaks), strict=True)]
        result[f"share_of_peak_{halo}"] = round(median(shares), 3)
        result[f"shares_{halo}"] = [round(share, 3) for share in shares]
    store("limits", {**result, "parts": rows})


if __name__ == "__main__":
    main()
