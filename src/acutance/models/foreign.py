"""Checkpoints of other programs: recognised by their tensors' names and shapes, never by what they claim.

Everything is checked: checksums where the file has them, that all tensors of the network are there in their shapes and
none besides, that every weight is a finite number. Nothing in a file can run, and no torch is needed to read it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from acutance.errors import BadModel, UsageError
from acutance.files.pickles import read_pickle
from acutance.files.tensors import is_safetensors, read_tensors
from acutance.models import namings, plksr_naming, span_naming
from acutance.models.architecture import Shapes, architecture, words
from acutance.models.model import LARGEST_ARGUMENT, METADATA_KEY
from acutance.models.namings import Foreign, Weights

WRAPPERS = ("params_ema", "params", "state_dict", "model", "generator", "net_g_ema", "net_g", "netG", "ema", "weights")
PREFIXES = ("module.", "_orig_mod.", "generator.", "net_g.", "netG.")
MAX_DEPTH = 4
KNOWN = (
    "RRDBNet (ESRGAN, Real-ESRGAN), SRVGGNetCompact, MSRResNet, SPAN, PLKSR and RealPLKSR, RGB, of scale 1 to 4 (in "
    "ESRGAN's naming of 2018: 4)"
)


class UnknownNetwork(BadModel):
    """A sound checkpoint of a network that is not known here. ``tensors``: as they are stored."""

    def __init__(self, message: str, tensors: dict[str, np.ndarray]) -> None:
        super().__init__(message)
        self.tensors = tensors


def read_foreign(path: Path) -> Foreign:
    """Read a checkpoint, ``.pth`` or ``.safetensors``.

    Raises ``BadModel`` for one that is damaged or unsafe, ``UnknownNetwork`` for one of another network, ``UsageError``
    where checking it needs torch and there is none.
    """
    tensors = read_tensors_of(path)
    weights = {key: tensor.astype(np.float32) for key, tensor in tensors.items() if _floats(tensor)}
    try:
        found = recognise(weights)
        wrong = _difference(found)
    except (BadModel, UsageError) as error:
        raise type(error)(f"{path}: {error}") from None
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        message = f"{path}: is of no network known here ({_sample(weights)}); import reads {KNOWN}"
        raise UnknownNetwork(message, tensors) from error
    wrong = wrong or next((f"{key} is one too many" for key, tensor in tensors.items() if not _floats(tensor)), "")
    if wrong:
        raise BadModel(f"{path}: looks like {found.network} {words(found.arguments)}, but {wrong}; it reads {KNOWN}")
    return found


def recognise(weights: Weights) -> Foreign:
    """The network whose tensors these are. Raises ``KeyError``, ``ValueError`` and their like if none is known,
    ``BadModel`` (without the file's name) for a variant that is known and not read."""
    for naming in (span_naming, plksr_naming):
        if naming.fits(weights):
            return naming.recognise(weights)
    return namings.classic(weights)


def read_tensors_of(path: Path) -> dict[str, np.ndarray]:
    """A checkpoint's tensors by name, as they are stored, without wrappers, prefixes and counters: floating point, and
    whole numbers that are no weights. Raises ``BadModel``."""
    if is_safetensors(path):
        stored, metadata = read_tensors(path)
        if METADATA_KEY in metadata:
            raise BadModel(f"{path}: is a model of acutance already; use it with --model")
    else:
        stored = read_pickle(path)
    try:
        return _sound(_unwrapped(stored))
    except BadModel as error:
        raise BadModel(f"{path}: {error}; import reads checkpoints of {KNOWN}") from None


def _unwrapped(stored: dict[str, Any], depth: int = 0) -> dict[str, np.ndarray]:
    """The tensors by name, however they are wrapped: under a known name, or under the only one that holds any."""
    tensors = {str(key): value for key, value in stored.items() if isinstance(value, np.ndarray)}
    inner = {str(key): value for key, value in stored.items() if isinstance(value, dict) and _tensors_in(value)}
    known = next((inner[wrapper] for wrapper in WRAPPERS if wrapper in inner), None)
    if known is not None and depth < MAX_DEPTH:
        return _unwrapped(known, depth + 1)
    if tensors:
        for prefix in PREFIXES:
            if all(key.startswith(prefix) for key in tensors):
                tensors = {key.removeprefix(prefix): tensor for key, tensor in tensors.items()}
        return tensors
    if len(inner) == 1 and depth < MAX_DEPTH:
        return _unwrapped(next(iter(inner.values())), depth + 1)
    if inner:
        raise BadModel(f"holds several sets of tensors ({', '.join(sorted(inner)[:4])}), none of which is known")
    raise BadModel("holds no tensors by name")


def _tensors_in(value: dict[str, Any], depth: int = 0) -> bool:
    if any(isinstance(each, np.ndarray) for each in value.values()):
        return True
    inner = [each for each in value.values() if isinstance(each, dict)]
    return depth < MAX_DEPTH and len(inner) <= 64 and any(_tensors_in(each, depth + 1) for each in inner)


def _sound(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Refuse weights in whole numbers, and what is no finite number as float32."""
    kept = {key: tensor for key, tensor in tensors.items() if not key.endswith("num_batches_tracked")}
    for key, tensor in kept.items():
        if tensor.dtype in (np.int8, np.uint8):
            raise BadModel(f"{key} holds {tensor.dtype} numbers, not floating point (a quantised checkpoint?)")
        with np.errstate(over="ignore"):
            if _floats(tensor) and not np.isfinite(tensor.astype(np.float32)).all():
                raise BadModel(f"{key} holds NaN or infinite weights; the file is damaged")
    return kept


def _floats(tensor: np.ndarray) -> bool:
    return np.issubdtype(tensor.dtype, np.floating)


def _difference(found: Foreign) -> str:
    """The first difference between the tensors and those of the network they look like, or nothing."""
    if max(found.arguments.values()) > LARGEST_ARGUMENT or min(found.arguments.values()) < 0:
        return "its sizes are out of all bounds"
    expected: Shapes = architecture(found.network, found.arguments).shapes
    for key in [*expected, *found.weights]:
        have, want = found.weights.get(key), expected.get(key)
        if have is None or want is None:
            return f"{key} is {'missing' if have is None else 'one too many'}"
        if have.shape != want:
            return f"{key} has the shape {have.shape}, not {want}"
    return ""


def _sample(weights: Weights) -> str:
    return ", ".join([*sorted(weights)[:2], "..."])
