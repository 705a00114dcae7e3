"""The Python API: an upscaler for arrays and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from acutance.models import dial, store
from acutance.pipelines import upscale as pipeline


class Upscaler:
    """A model, ready to enlarge arrays and files.

    ``model``: a built-in name, a model file or a run folder. ``texture``: from 0, faithful, to 1, most
    texture. ``engine``: auto, cpu or torch. ``precision``: auto, fp32 or bf16 (auto: bf16 for 8-bit
    pictures where the processor has it). ``tile``: side in pixels, 0 chooses.
    """

    def __init__(self, model: str = store.DEFAULT, *, texture: float = 0.0, **settings: Any) -> None:
        self._pipeline = pipeline.Upscaler(dial.load(str(model), texture), pipeline.Settings(**settings))

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Enlarge ``(H, W)`` or ``(H, W, C)``, C 1 to 4 (grey, grey + alpha, RGB, RGB + alpha), of uint8,
        uint16 or float32 in [0, 1] by the model's scale; type and bands stay. Raises ``UsageError``."""
        return self._pipeline.array(np.asarray(image))

    def file(self, source: str | Path, target: str | Path) -> dict[str, Any]:
        """Enlarge a picture file in bounded memory; returns what was done. Raises ``AcutanceError``."""
        return self._pipeline.file(Path(source), Path(target))


def upscale(image: np.ndarray, model: str = store.DEFAULT) -> np.ndarray:
    """Enlarge one array; for several, make an ``Upscaler`` once."""
    return Upscaler(model)(image)
