"""A network so small that trials measure everything around it: made as another program's checkpoint, and imported.

As a program: python -m trials.models FILE.pth writes that checkpoint.
"""

from __future__ import annotations

import sys
from pathlib import Path

ARGUMENTS = {"scale": 2, "channels": 8, "convolutions": 1}


def write_checkpoint(path: Path, wrapped: bool = True) -> None:
    """An SRVGGNetCompact of those sizes that nearly enlarges by repetition, as Real-ESRGAN stores it."""
    import torch

    from acutance.networks.compact import Compact, start_near_identity

    torch.manual_seed(1)
    weights = start_near_identity(Compact(**ARGUMENTS)).state_dict()
    torch.save({"params": weights} if wrapped else weights, path)


if __name__ == "__main__":
    write_checkpoint(Path(sys.argv[1]))
