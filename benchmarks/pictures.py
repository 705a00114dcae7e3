"""The README's picture pair: a photograph reduced by four, enlarged by bicubic and by a model.

Usage: python benchmarks/pictures.py OUT.png  (the photograph is scikit-image's astronaut: NASA, public domain)
"""

from __future__ import annotations

import sys

import numpy as np
import pyvips
from skimage import data

from acutance import upscale
from acutance.imaging import bicubic


def main() -> None:
    """Write the crops side by side: bicubic left, ours right, a white line between."""
    photo = data.astronaut()
    small = bicubic.downscale(photo, 4)
    crop = np.s_[30:286, 96:352]
    left, right = bicubic.upscale(small, 4)[crop], upscale(small)[crop]
    pair = np.concatenate([left, np.full((256, 4, 3), 255, np.uint8), right], axis=1)
    pyvips.Image.new_from_array(np.ascontiguousarray(pair.repeat(2, 0).repeat(2, 1))).write_to_file(sys.argv[1])


if __name__ == "__main__":
    main()
