"""acutance: make photographs sharp again.

>>> import acutance, numpy as np
>>> acutance.upscale(np.zeros((8, 12, 3), np.uint8)).shape
(32, 48, 3)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["AcutanceError", "Stylizer", "Upscaler", "__version__", "upscale"]

if TYPE_CHECKING:
    from acutance.api import Stylizer, Upscaler, upscale
    from acutance.errors import AcutanceError


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: importing acutance itself costs nothing."""
    if name in ("Stylizer", "Upscaler", "upscale"):
        from acutance import api

        return getattr(api, name)
    if name == "AcutanceError":
        from acutance.errors import AcutanceError

        return AcutanceError
    raise AttributeError(f"module 'acutance' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, for those who look."""
    return __all__
