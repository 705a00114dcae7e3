"""Which built-in models a wish stands for: the dial between faithful and textured, and the size that is wanted.

Two models of one network are mixed as they are loaded; for up to twice the size some have a faster sibling.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from acutance.errors import UsageError
from acutance.models import store
from acutance.models.interpolate import interpolate
from acutance.models.model import Model

TEXTURED = {"fidelity": ("fidelity_compact", "texture"), "fidelity_compact": ("fidelity_compact", "texture")}
"""Between which two models the dial turns: the second was trained on from the first, against a discriminator."""


TWICE = {"fidelity": "fidelity_x2", "restore": "restore_x2"}
"""What does the work of a model for up to twice the size: a sibling for x2, a third to three quarters of the time."""


TWICE_IN_FILM = TWICE | {"fidelity": "fidelity_x2_fast"}
"""The same for film, which has many frames: there a network that folds 2x2 pixels, at a quarter of the arithmetic."""


MIXTURES = 8
"""So many settings of the dial are kept mixed, some two megabytes each."""

_mixed: dict[str, dict[str, np.ndarray]] = {}


def load(name: str = store.DEFAULT, texture: float = 0.0, scale: float | None = None, *, film: bool = False) -> Model:
    """The model ``name``, with the share ``texture`` (0 to 1) of its textured partner. Raises ``UsageError``.

    ``scale``: how many times as large the result is to be, if that is known; without texture a sibling may fit better,
    for ``film`` a faster one.
    """
    texture = float(texture)
    if scale is not None and scale <= 2 and texture == 0 and store.is_builtin(name):
        name = (TWICE_IN_FILM if film else TWICE).get(name, name)
    model = store.load(name)
    if not 0 <= texture <= 1:
        raise UsageError(f"--texture {texture:g}: expected a number from 0 (faithful) to 1 (most texture)")
    if texture == 0:
        return model
    if model.name not in TEXTURED:
        raise UsageError(
            f"--texture {texture:g}: {model.name} has no textured partner, only {', '.join(TEXTURED)} has; leave it out"
        )
    faithful, textured = TEXTURED[model.name]
    model = store.load(faithful) if model.path.parent == store.BUILTIN else model
    partner = store.load(textured)
    pairs = zip(model.int8, partner.int8, strict=False)
    widest = tuple((min(a[0], b[0]), max(a[1], b[1])) if a and b else None for a, b in pairs)
    sha256 = hashlib.sha256(f"{model.sha256} {partner.sha256} {texture!r}".encode()).hexdigest()
    weights = _mixed.get(sha256) or interpolate(model, partner, texture)
    if len(_mixed) >= MIXTURES and sha256 not in _mixed:
        _mixed.clear()
    _mixed[sha256] = weights  # threads may do the same twice
    return replace(
        model,
        int8=widest if model.int8 and partner.int8 else (),
        name=f"{model.name} with {texture:g} {partner.name}",
        weights=weights,
        sha256=sha256,
    )
