"""The only door for torch's pickled files: tensors come out, code never runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from acutance.errors import BadModel

MAX_BYTES = 2 << 30


def read_pickle(path: Path) -> dict[str, Any]:
    """The dictionary in a ``.pth`` file, unpickled with torch's allow-list of types. Raises ``BadModel``.

    Needs torch; there is no fall-back to an unrestricted reader.
    """
    import torch

    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadModel(f"{path}: is larger than {MAX_BYTES >> 30} GB; refused")
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise BadModel(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:
        raise BadModel(
            f"{path}: is damaged, or holds more than tensors and was refused ({type(error).__name__})"
        ) from error
    if not isinstance(stored, dict):
        raise BadModel(f"{path}: holds a {type(stored).__name__}, not a dictionary of tensors")
    return stored
