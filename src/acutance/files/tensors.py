"""The door for other people's ``.safetensors``: arrays and what the header says of them. Nothing in it can run."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, deserialize

from acutance.errors import BadModel

MAX_BYTES = 2 << 30
DTYPES = {
    "F64": np.dtype("<f8"), "F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"), "I16": np.dtype("<i2"), "I8": np.dtype("i1"), "U8": np.dtype("u1"), "BOOL": np.dtype("?"),
}  # fmt: skip


def is_safetensors(path: Path) -> bool:
    """Whether a file begins like one; False where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(9)[8:] == b"{"
    except OSError:
        return False


def read_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays of a file by name (bfloat16 as float32) and its metadata. Raises ``BadModel``."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadModel(f"{path}: is larger than {MAX_BYTES >> 30} GB; refused")
        data = path.read_bytes()
        stored = deserialize(data)  # checks that tensors fill the file, without gap or overlap
        header = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])
    except OSError as error:
        raise BadModel(f"{path}: cannot be read ({error.strerror or error})") from error
    except (SafetensorError, ValueError, struct.error, RecursionError) as error:
        raise BadModel(f"{path}: is cut short or damaged, or no .safetensors file; get it again") from error
    arrays = {}
    for name, entry in stored:
        if entry["dtype"] not in (*DTYPES, "BF16"):
            raise BadModel(f"{path}: {name} holds numbers of the type {entry['dtype']}, which is not read here")
        arrays[name] = _array(entry["dtype"], bytes(entry["data"])).reshape(entry["shape"])
    return arrays, header.get("__metadata__", {})


def _array(dtype: str, data: bytes) -> np.ndarray:
    if dtype == "BF16":
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
    return np.frombuffer(data, DTYPES[dtype])
