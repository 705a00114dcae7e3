"""The only door for torch's pickled files (``.pth``): arrays come out, code never runs. Needs no torch.

Read are zips, as torch writes them since 1.6, all checksums compared, and the older form of pickles in a row, which
has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from acutance.errors import BadModel
from acutance.files.unpickler import MAX_BYTES as LONGEST_PICKLE
from acutance.files.unpickler import Machine, Name, Opaque
from acutance.files.zips import read_entries

MAX_BYTES = 2 << 30  # of a file, and of all its tensors as they are claimed
MAX_DEPTH = 16
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
BFLOAT16 = np.dtype("V2")  # numpy has none; becomes float32
DTYPES = {
    "FloatStorage": np.dtype("<f4"), "HalfStorage": np.dtype("<f2"), "DoubleStorage": np.dtype("<f8"),
    "BFloat16Storage": BFLOAT16, "LongStorage": np.dtype("<i8"), "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"), "CharStorage": np.dtype("i1"), "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}  # fmt: skip
ODD = "numbers of a type not read here"
REASONS = {
    "_rebuild_qtensor": "quantised tensors", "_rebuild_sparse_tensor": "sparse tensors",
    "_rebuild_sparse_csr_tensor": "sparse tensors", "_rebuild_nested_tensor": "nested tensors",
    "_rebuild_meta_tensor_no_storage": "tensors without values", "_rebuild_tensor_v3": ODD,
    "UntypedStorage": ODD,
    "ComplexFloatStorage": "complex numbers", "ComplexDoubleStorage": "complex numbers",
    **dict.fromkeys(("QInt8Storage", "QUInt8Storage", "QInt32Storage", "QUInt4x2Storage", "QUInt2x4Storage"),
                    "quantised tensors"),
}  # fmt: skip
ADVICE = "import reads floating point: get the checkpoint it was made from"
OPAQUE = {
    ("torch", "Size"), ("torch", "device"), ("torch.serialization", "_get_layout"), ("collections", "Counter"),
    ("collections", "defaultdict"), ("numpy", "dtype"), ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"), ("_codecs", "encode"),
}  # fmt: skip
TYPES = {"float16", "float32", "float64", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "bool", "strided"}


@dataclass(frozen=True)
class Storage:
    """Numbers in a row, by the key under which the file keeps them."""

    key: str
    dtype: np.dtype
    count: int


@dataclass(frozen=True)
class Claim:
    """What a pickle says of one tensor; sizes and steps in numbers."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    steps: tuple[int, ...]


def read_pickle(path: Path) -> dict[str, Any]:
    """The dictionary in a ``.pth`` file: dictionaries, lists, numbers, text, and tensors as arrays.

    bfloat16 becomes float32; what is harmless and no such thing becomes ``Opaque``. Raises ``BadModel``.
    """
    try:
        with path.open("rb") as file:
            return _read(file, path.stat().st_size)
    except OSError as error:
        raise BadModel(f"{path}: cannot be read ({error.strerror or error})") from error
    except BadModel as error:
        raise BadModel(f"{path}: {error}") from error
    except (ValueError, TypeError, OverflowError) as error:
        raise BadModel(f"{path}: is damaged; get it again") from error


def has_checksums(path: Path) -> bool:
    """Whether a flipped bit would be noticed: in a zip."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _read(file: IO[bytes], size: int) -> dict[str, Any]:
    if size > MAX_BYTES:
        raise BadModel(f"is larger than {MAX_BYTES >> 30} GB; refused")
    data = memoryview(file.read(MAX_BYTES))
    if not data:
        raise BadModel("is empty; get it again")
    if bytes(data[:2]) == b"PK":
        stored = _zip(file, data)
    elif bytes(data[:1]) == b"\x80":
        stored = _pickles(data)
    else:
        page = bytes(data[:64]).lstrip()[:1] == b"<"
        raise BadModel(f"is {'a web page' if page else 'damaged or'} no checkpoint of torch; get it again")
    if not isinstance(stored, dict):
        raise BadModel(f"holds a {type(stored).__name__}, not a dictionary of tensors")
    return stored


def _zip(file: IO[bytes], data: memoryview) -> Any:
    entries = {name.partition("/")[2]: content for name, content in read_entries(file, data).items()}
    if "constants.pkl" in entries or any(name.startswith("code/") for name in entries):
        raise BadModel("is a TorchScript program, not weights alone; refused. Get the checkpoint it was made from")
    if "data.pkl" not in entries:
        raise BadModel("is a zip, but no checkpoint of torch; unpack it first")
    order = bytes(entries.get("byteorder", b"little"))
    if order not in (b"little", b"big"):
        raise BadModel("is damaged (byte order); get it again")
    value, end = Machine(_named, _storage).run(_checked(entries["data.pkl"]))
    if end != len(entries["data.pkl"]):
        raise BadModel("has something behind its pickle; refused")
    stored = {key.removeprefix("data/"): content for key, content in entries.items() if key.startswith("data/")}
    return _Resolved(stored, order.decode()).value(value)


def _pickles(data: memoryview) -> Any:
    """The older form: magic number, protocol, sizes of types, the value, keys, then each storage with its length."""
    head, values, position = bytes(data[:LONGEST_PICKLE]), [], 0
    sizes: dict[str, Storage] = {}

    def storage(reference: Any) -> Storage:
        found = _storage(reference)
        return sizes.setdefault(found.key, found)

    for _ in range(5):
        value, length = Machine(_named, storage).run(head[position:])
        values.append(value)
        position += length
        if values[0] != MAGIC:
            raise BadModel("is a plain pickle, not a checkpoint as torch writes it; save it anew with torch")
    _, protocol, system, value, keys = values
    if protocol != PROTOCOL or not isinstance(system, dict) or not isinstance(keys, list):
        raise BadModel("is damaged, or of a form not known here; save it anew with torch")
    order = "little" if system.get("little_endian", True) else "big"
    stored = {}
    for key in keys:
        known = sizes[key] if isinstance(key, str) and key in sizes else None
        if known is None or int.from_bytes(data[position : position + 8], order) != known.count:
            raise BadModel("keeps other numbers than its tensors refer to; it is damaged, get it again")
        position += 8
        length = known.count * known.dtype.itemsize
        if length > len(data) - position:
            raise BadModel("is cut short; get it again")
        stored[key] = data[position : position + length]
        position += length
    if position != len(data):
        raise BadModel("is longer than it says; it is damaged, get it again")
    return _Resolved(stored, order).value(value)


def _checked(pickle: memoryview) -> bytes:
    if len(pickle) > LONGEST_PICKLE:
        raise BadModel(f"has a pickle of more than {LONGEST_PICKLE >> 20} MB; refused")
    return bytes(pickle)


def _named(module: str, name: str) -> Name | None:
    """What a checkpoint may name."""
    if name in REASONS and module.startswith("torch"):
        raise BadModel(f"holds {REASONS[name]}; {ADVICE}")
    if module in ("torch", "torch.storage") and name in DTYPES:
        return Name(module, name, partial(Opaque, name))
    if (module, name) == ("collections", "OrderedDict"):
        return Name(module, name, lambda pairs=(): dict(pairs))
    if (module, name) in OPAQUE or (module == "torch" and name in TYPES):
        return Name(module, name, lambda *_: Opaque(name))
    make = {"_rebuild_tensor": _tensor, "_rebuild_tensor_v2": _tensor, "_rebuild_parameter": lambda tensor, *_: tensor,
            "_rebuild_parameter_with_state": lambda tensor, *_: tensor}.get(name)  # fmt: skip
    return Name(module, name, make) if make and module == "torch._utils" else None


def _storage(reference: Any) -> Storage:
    kind, of, key, _, count, *view = reference
    if kind != "storage" or not isinstance(of, Name) or not isinstance(key, str) or type(count) is not int:
        raise TypeError
    if any(each is not None for each in view):
        raise BadModel("is of a form older than is read here; save it anew with torch")
    return Storage(key, DTYPES[of.name], count)


def _tensor(storage: Any, offset: Any, shape: Any, steps: Any, *_: Any) -> Claim:
    numbers = (offset, *shape, *steps)
    if not isinstance(storage, Storage) or len(shape) != len(steps) or len(shape) > 8:
        raise TypeError
    if any(type(number) is not int or number < 0 for number in numbers):
        raise ValueError
    return Claim(storage, offset, tuple(shape), tuple(steps))


class _Resolved:
    """Values with arrays in the places of claims."""

    def __init__(self, stored: dict[str, memoryview], order: str) -> None:
        self.stored, self.order = stored, order
        self.claimed = 0
        self.done: dict[int, Any] = {}  # by what it was; what is referred to a million times is made once

    def value(self, value: Any, depth: int = 0) -> Any:
        """``value`` without claims."""
        if not isinstance(value, Claim | dict | list | tuple):
            return value
        if id(value) not in self.done:
            self.done[id(value)] = Opaque("itself")
            self.done[id(value)] = self._made(value, depth) if depth <= MAX_DEPTH else Opaque("something deep")
        return self.done[id(value)]

    def _made(self, value: Any, depth: int) -> Any:
        if isinstance(value, Claim):
            return self._array(value)
        if isinstance(value, dict):
            return {key: self.value(each, depth + 1) for key, each in value.items()}
        return [self.value(each, depth + 1) for each in value]

    def _array(self, claim: Claim) -> np.ndarray:
        """A copy of its numbers."""
        data, dtype = self.stored.get(claim.storage.key), claim.storage.dtype
        if data is None or len(data) != claim.storage.count * dtype.itemsize:
            raise BadModel("lacks numbers that its tensors refer to; it is damaged, get it again")
        count = int(np.prod([int(side) for side in claim.shape], dtype=object)) if claim.shape else 1
        last = claim.offset + sum((side - 1) * step for side, step in zip(claim.shape, claim.steps, strict=True))
        self.claimed += count * dtype.itemsize
        if count and (last >= claim.storage.count or count > claim.storage.count):
            raise BadModel(f"has a tensor of {claim.shape}, which claims more than is there; refused")
        if self.claimed > MAX_BYTES:
            raise BadModel(f"has tensors that claim more than {MAX_BYTES >> 30} GB; refused")
        if not count:
            return np.zeros(claim.shape, np.float32 if dtype is BFLOAT16 else dtype)
        numbers = np.frombuffer(data, dtype, claim.storage.count)
        if self.order == "big":
            numbers = numbers.byteswap() if dtype is not BFLOAT16 else numbers.view(">u2").astype("<u2").view("V2")
        steps = [step * dtype.itemsize if side > 1 else 0 for side, step in zip(claim.shape, claim.steps, strict=True)]
        array = np.lib.stride_tricks.as_strided(numbers[claim.offset :], claim.shape, steps, writeable=False)
        if dtype is BFLOAT16:
            return (np.ascontiguousarray(array).view("<u2").astype("<u4") << 16).view("<f4").reshape(claim.shape)
        return np.array(array)
