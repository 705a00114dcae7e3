"""Whether a model keeps brightness and grey: python benchmarks/brightness.py MODEL...

A photograph (scikit-image's astronaut, NASA) at several strengths, and flat greys, in and out: mean levels of 255.
"""

from __future__ import annotations

import sys

import numpy as np
from common import store
from skimage import data

from acutance import Upscaler

STRENGTHS, GREYS = (1.0, 0.4, 0.2, 0.08), (32, 48, 128, 220)


def main() -> None:
    """Measure and store."""
    photo, found = data.astronaut()[::2, ::2], {}
    for name in sys.argv[1:]:
        run = Upscaler(name)
        dimmed = [np.rint(photo * strength).astype(np.uint8) for strength in STRENGTHS]
        flat = {grey: run(np.full((64, 64, 3), grey, np.uint8)).mean((0, 1)) for grey in GREYS}
        found[name] = {
            "photograph, in and out": [[round(float(p.mean()), 1) for p in (each, run(each))] for each in dimmed],
            "grey, out in red, green and blue": {grey: [round(float(v), 1) for v in rgb] for grey, rgb in flat.items()},
        }
    store("brightness", {"models": found})


if __name__ == "__main__":
    main()
