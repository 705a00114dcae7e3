"""A frame of an old film by bicubic, fidelity and restore: python benchmarks/old_frame.py FILM -o docs/restore.jpg"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

import av
import numpy as np
from PIL import Image

from acutance import Upscaler
from acutance.imaging.bicubic import upscale

FRAME, TOP, LEFT, HEIGHT, WIDTH = 180, 60, 100, 150, 120  # where two lorries drive off


def main() -> None:
    """Read, enlarge, lay out from left to right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    with av.open(str(given.film)) as film:
        frame = next(islice(film.decode(video=0), FRAME, None)).to_ndarray(format="rgb24")
    small = np.ascontiguousarray(frame[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH])
    large = [upscale(small, 4), *(Upscaler(name)(small) for name in ("fidelity", "restore"))]
    Image.fromarray(np.concatenate(large, 1)).save(given.output, quality=88)


if __name__ == "__main__":
    main()
