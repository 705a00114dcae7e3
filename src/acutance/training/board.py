"""Scores and sheets for TensorBoard, where it is installed; otherwise nothing happens."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np


class Board:
    """Writes event files into ``folder``. A continued run gives its first ``step``: what an interrupted
    one wrote from there on is then not shown."""

    def __init__(self, folder: Path | None, step: int = 0) -> None:
        self._writer = None
        if folder is None or importlib.util.find_spec("tensorboard") is None:
            return
        from torch.utils.tensorboard import SummaryWriter  # 0.2 s beyond torch

        self._writer = SummaryWriter(str(folder), purge_step=step)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """One point of each curve; a value that is not finite is left out."""
        if self._writer is None:
            return
        for name, value in values.items():
            if math.isfinite(value):
                self._writer.add_scalar(name, value, step)

    def picture(self, step: int, rgb: np.ndarray, name: str = "sheet") -> None:
        """A picture, uint8 ``(H, W, 3)``."""
        if self._writer is not None:
            self._writer.add_image(name, rgb, step, dataformats="HWC")

    def close(self) -> None:
        """Write what is waiting."""
        if self._writer is not None:
            self._writer.close()
