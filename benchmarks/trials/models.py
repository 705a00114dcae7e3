"""A network so small that trials measure everything around it: made as another program's checkpoint, and imported.

As a program: python -m trials.models FILE.pth [FACTOR] writes that checkpoint, one layer made FACTOR times as strong.
"""

from __future__ import annotations

import sys
from pathlib import Path

ARGUMENTS = {"scale": 2, "channels": 8, "convolutions": 1}


def write_checkpoint(path: Path, factor: float = 1.0) -> None:
    """An SRVGGNetCompact of those sizes that nearly enlarges by repetition, as Real-ESRGAN stores it."""
    import torch

    from acutance.networks.compact import Compact, start_near_identity

    torch.manual_seed(1)
    weights = start_near_identity(Compact(**ARGUMENTS)).state_dict()
    weights["body.0.weight"] *= factor
    torch.save({"params": weights}, path)


if __name__ == "__main__":
    write_checkpoint(Path(sys.argv[1]), *map(float, sys.argv[2:]))
