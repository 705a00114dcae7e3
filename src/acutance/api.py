"""The Python API: an upscaler and a stylizer, for arrays and files."""

from __future__ import annotations

import difflib
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from acutance.models import dial, store
from acutance.pipelines import upscale as pipeline


class Upscaler:
    """A model, ready to enlarge arrays and files.

    ``model``: a built-in name, a model file or a run folder; with a ``scale`` up to 2, ``fidelity_x2`` works for
    ``fidelity``, ``restore_x2`` for ``restore``. ``texture``: from 0, faithful, to 1, most texture. ``engine``: auto,
    cpu or torch. ``precision``: auto, fp32, bf16 or, for models made fit for it, int8 (auto: bf16 for 8-bit pictures
    where the processor has it). ``tile``: side in pixels, 0 chooses. ``back_project``: iterations of correction.

    For files also, as the options of ``acutance upscale``: ``scale`` (arrays take the model's own), ``width`` or
    ``height``, ``file_format``, ``quality``, ``overwrite``, ``max_megapixels``. Raises ``UsageError``, and
    ``TypeError`` for an unknown name.

    Threads may share one; forked processes may not, start them with "spawn". Working on files sets libvips up for the
    whole process: no cache, and no loaders that are not safe with files of strangers (SVG, PDF, ImageMagick).
    """

    def __init__(self, model: str = store.DEFAULT, *, texture: float = 0.0, **settings: Any) -> None:
        chosen = _settings(settings)
        self._pipeline = pipeline.Upscaler(dial.load(str(model), texture, chosen.scale), chosen)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Enlarge ``(H, W)`` or ``(H, W, C)``, C 1 to 4 (grey, grey + alpha, RGB, RGB + alpha), of uint8,
        uint16 or float32 in [0, 1] by the model's scale; type and bands stay. Raises ``UsageError``."""
        return self._pipeline.array(np.asarray(image))

    def file(self, source: str | Path, target: str | Path) -> dict[str, Any]:
        """Enlarge a picture file in bounded memory; returns what was done. Raises ``AcutanceError``."""
        return self._pipeline.file(Path(source), Path(target))


class Stylizer:
    """A style model, ready to paint arrays and files at their own size.

    ``model``: a built-in name, a model file or a run folder. ``strength``: from 0, the picture itself, to 1, all
    paint. ``shrink``: how many times smaller a file becomes first. ``engine``, ``precision`` as for ``Upscaler``.
    """

    def __init__(self, model: str = "vangogh", **settings: Any) -> None:
        chosen = _settings({"verb": "stylize", **settings})
        self._pipeline = pipeline.Upscaler(store.load(str(model)), chosen)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Paint ``(H, W)`` or ``(H, W, C)``, C 1 to 4, uint8, uint16 or float32 in [0, 1]; the same comes out, opacity
        untouched. Raises ``UsageError``."""
        return self._pipeline.array(np.asarray(image))

    def file(self, source: str | Path, target: str | Path) -> dict[str, Any]:
        """Paint a picture file in bounded memory; returns what was done, ``seams`` among it. Raises
        ``AcutanceError``."""
        return self._pipeline.file(Path(source), Path(target))


def _settings(given: dict[str, Any]) -> pipeline.Settings:
    known = [field.name for field in fields(pipeline.Settings)]
    for name in given:
        if name not in known:
            meant = difflib.get_close_matches(name, known, 1)
            raise TypeError(f"no setting {name}" + (f", did you mean {meant[0]}?" if meant else f"; there are {known}"))
    return pipeline.Settings(**given)


def upscale(image: np.ndarray, model: str = store.DEFAULT) -> np.ndarray:
    """Enlarge one array; for several, make an ``Upscaler`` once."""
    return Upscaler(model)(image)
