"""A frame of an old film by bicubic and by models, four times as large: python benchmarks/old_frame.py FILM -o OUT.jpg

docs/restore.jpg: fidelity and restore, the default; docs/unet.jpg: --models restore_x2 unet_srgan.
"""

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
    parser.add_argument("--models", nargs="+", default=["fidelity", "restore"])
    given = parser.parse_args()
    with av.open(str(given.film)) as film:
        frame = next(islice(film.decode(video=0), FRAME, None)).to_ndarray(format="rgb24")
    small = np.ascontiguousarray(frame[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH])
    large = [upscale(small, 4)]
    for name in given.models:
        result = Upscaler(name)(small)
        large.append(upscale(result, 4 * HEIGHT // result.shape[0]) if len(result) < 4 * HEIGHT else result)
    Image.fromarray(np.concatenate(large, 1)).save(given.output, quality=88)


if __name__ == "__main__":
    main()
