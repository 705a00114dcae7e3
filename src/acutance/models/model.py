"""A model = network + facts. One ``.safetensors`` file: weights, and one JSON entry of facts.

The compute graph stands beside it, once per architecture and without weights
(``models.graph``), so that weights exist once. Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from acutance.errors import BadModel
from acutance.files.atomic import atomic_path

FORMAT = 1
METADATA_KEY = "acutance"
CHECK_KEY = "acutance_sha256"  # of the facts; files of earlier versions lack it, and are read without
MAX_BYTES = 2 << 30
MAX_HEADER = 4 << 20
FACTS = {"name": str, "network": str, "arguments": dict, "geometry": dict, "graph": dict, "receipt": dict,
         "weights_sha256": str}  # fmt: skip
HALF_ABOVE = 2 << 20  # bytes of float32 weights from which a file stores float16
STYLIZERS = ("tile_unet", "painter")  # networks that paint a picture in a style; the others enlarge
Verb = Literal["upscale", "stylize"]
Argument = int | float  # of a network: a size, a width, a switch
LARGEST_ARGUMENT = 1024
LARGEST_INPUT = 1e9  # of a layer, for int8
Ranges = tuple[tuple[float, float] | None, ...]  # least and largest input of each convolution; None: not in 8 bits
DTYPES = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2")}


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """What tiling must know of a network.

    ``scale``: output pixels per input pixel. ``halo``: receptive radius in input pixels; None means
    global statistics, so the whole image must be run at once. ``multiple``: tile origins and sizes
    are multiples of it. ``tile``: a fixed input size, or None. ``overlap``: input pixels over which
    fixed tiles are blended. ``channels``: bands in and out. ``ground``: levels of 255 of the grain that is
    added to the picture first (``imaging.ground``), so that even areas can be painted.
    """

    scale: int
    halo: int | None = 0
    multiple: int = 1
    tile: int | None = None
    overlap: int = 0
    channels: int = 3
    ground: int = 0

    def __post_init__(self) -> None:
        """Refuse what no network can be."""
        sizes = {"scale": (1, 16), "multiple": (1, 256), "overlap": (0, 1024), "channels": (3, 3), "ground": (0, 64)}
        sizes |= {"halo": (0, 1024)} if self.halo is not None else {}
        sizes |= {"tile": (8, 8192)} if self.tile is not None else {}
        for name, (least, most) in sizes.items():
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= most:
                raise ValueError(f"a {name} between {least} and {most} (it says {value!r})")
        margin = -(-(2 * (self.halo or 0) + self.overlap) // self.multiple) * self.multiple  # as tiles are laid
        if self.tile is not None and (self.tile % self.multiple or self.tile <= margin):
            raise ValueError(f"a tile of {self.tile} that is a multiple of {self.multiple} and holds halo and overlap")


@dataclass(frozen=True, kw_only=True)
class Model:
    """A loaded model. ``weights`` are float32 by name; ``sha256`` is that of the file.

    ``int8``: the ranges it needs to run in 8 bits (``engines.int8``); empty if it was not calibrated.
    """

    name: str
    path: Path
    sha256: str
    network: str
    arguments: dict[str, Argument]
    geometry: Geometry
    graph: Path
    graph_sha256: str
    receipt: dict[str, Any] = field(repr=False)
    weights: dict[str, np.ndarray] = field(repr=False)
    int8: Ranges = field(default=(), repr=False)

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(tensor.size for tensor in self.weights.values())

    @property
    def verb(self) -> Verb:
        """The command it is for."""
        return verb(self.network)


def verb(network: str) -> Verb:
    """The command that a model of ``network`` is for.

    >>> verb("painter"), verb("compact")
    ('stylize', 'upscale')
    """
    return "stylize" if network in STYLIZERS else "upscale"


def read_facts(path: Path) -> dict[str, Any]:
    """The JSON facts of a model file, from its header alone."""
    return _read_header(path)[1]


def read_model(path: Path) -> Model:
    """Read and check a model file. Raises ``BadModel`` with the reason and what to do."""
    header, facts, start = _read_header(path)
    try:
        geometry = Geometry(**facts["geometry"])
        graph_name, graph_sha256 = str(facts["graph"]["file"]), facts["graph"]["sha256"]
    except (KeyError, TypeError, ValueError) as error:
        raise BadModel(f"{path}: its facts lack {error}; it was not written by acutance") from error
    if Path(graph_name).name != graph_name or graph_name in ("", ".", "..") or "\0" in graph_name:
        raise BadModel(f"{path}: names a graph outside its own folder; refused")
    for key, value in facts["arguments"].items():
        if not isinstance(value, Argument) or not 0 <= value <= LARGEST_ARGUMENT:
            raise BadModel(f"{path}: its network has {key} = {str(value)[:20]}, out of all bounds; refused")
    data = path.read_bytes()
    if _claimed(header) > len(data) - start:
        raise BadModel(f"{path}: its tensors claim more than it holds; it was cut short, or is no model")
    if not _filled(header, len(data) - start):
        raise BadModel(f"{path}: its tensors overlap or leave gaps; the file is damaged, get it again")
    stored = {key: _tensor(path, key, entry, data, start) for key, entry in header.items()}
    if digest(stored) != facts["weights_sha256"]:
        raise BadModel(f"{path}: its weights do not match their SHA-256; the file is damaged, get it again")
    weights = {key: tensor.astype(np.float32) for key, tensor in stored.items()}
    return Model(
        name=facts["name"], path=path, sha256=hashlib.sha256(data).hexdigest(), network=facts["network"],
        arguments=facts["arguments"], geometry=geometry, graph=path.with_name(graph_name),
        graph_sha256=graph_sha256, receipt=facts["receipt"], weights=weights, int8=_ranges(path, facts),
    )  # fmt: skip


def _ranges(path: Path, facts: dict[str, Any]) -> Ranges:
    try:
        given = facts.get("int8", {}).get("ranges", ())
        ranges = tuple(None if ends is None else (float(ends[0]), float(ends[1])) for ends in given)
        if any(ends is not None and len(ends) != 2 for ends in given):
            raise ValueError
    except (TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise BadModel(f"{path}: its int8 ranges are damaged; calibrate it anew") from error
    if not all(-LARGEST_INPUT <= ends[0] <= ends[1] <= LARGEST_INPUT for ends in ranges if ends):
        raise BadModel(f"{path}: its int8 ranges are no ranges; calibrate it anew")
    return ranges


def halved(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights as a file stores them: more than ``HALF_ABOVE`` bytes of them as float16.

    Biases, slopes and statistics (one axis) and what float16 cannot hold stay float32.
    """
    if sum(tensor.size * 4 for tensor in weights.values()) <= HALF_ABOVE:
        return weights
    largest = float(np.finfo(np.float16).max)
    return {
        key: tensor.astype(np.float16) if tensor.ndim > 1 and np.abs(tensor).max(initial=0) <= largest else tensor
        for key, tensor in weights.items()
    }


def in_bf16(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Float32 weights of 8 significant bits, the nearest ones: what bf16 multiplies, so that fp32 multiplies the same.

    >>> in_bf16({"w": np.float32([1, 1.001, 1.005, -3.14159])})["w"].tolist()
    [1.0, 1.0, 1.0078125, -3.140625]
    """
    found = {}
    for name, tensor in weights.items():
        bits = np.ascontiguousarray(tensor, np.float32).view(np.uint32)
        bits = bits + 0x7FFF + ((bits >> 16) & 1)  # to the nearest, halves to even
        found[name] = (bits & np.uint32(0xFFFF0000)).view(np.float32)
    return found


def is_in_bf16(weights: dict[str, np.ndarray]) -> bool:
    """Whether all weights have 8 significant bits at most."""
    return all(np.array_equal(tensor, in_bf16({"": tensor})[""]) for tensor in weights.values())


def digest(weights: dict[str, np.ndarray]) -> str:
    """One SHA-256 over names, types, shapes and bytes of all tensors, in the order of their names."""
    total = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        total.update(f"{name} {tensor.dtype} {tensor.shape}".encode() + np.ascontiguousarray(tensor).tobytes())
    return total.hexdigest()


def _read_header(path: Path) -> tuple[dict[str, Any], dict[str, Any], int]:
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            start = file.read(9)
            if start[8:] != b"{" and (start[:2] == b"PK" or start[:1] == b"\x80"):
                raise BadModel(
                    f"{path}: is a pickle, which can run code when opened; refused. "
                    "Only .safetensors models written by acutance run; make one with: acutance models import FILE"
                )
            if path.suffix.lower() == ".onnx":
                raise BadModel(f"{path}: ONNX files are for other programs; give the .safetensors it was made of")
            length = struct.unpack("<Q", start[:8])[0] if len(start) == 9 else 0
            if not 2 <= length <= min(MAX_HEADER, size - 8) or size > MAX_BYTES:
                raise BadModel(f"{path}: is not a model file or was cut short ({size} bytes); get it again")
            file.seek(8)
            header = json.loads(file.read(length))
        facts = _facts(path, header.pop("__metadata__"))
    except OSError as error:
        raise BadModel(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadModel(f"{path}: carries no acutance facts; it was not written by acutance") from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise BadModel(f"{path}: model format unknown to this version (it reads {FORMAT}); update acutance")
    wrong = [name for name, kind in FACTS.items() if not isinstance(facts.get(name), kind)]
    if wrong:
        raise BadModel(f"{path}: its facts lack {', '.join(wrong)}; it was not written by acutance")
    return header, facts, 8 + length


def _facts(path: Path, metadata: dict[str, str]) -> Any:
    text, check = metadata[METADATA_KEY], metadata.get(CHECK_KEY)
    if (check is not None and check != _checksum(text)) or not metadata.keys() <= {METADATA_KEY, CHECK_KEY}:
        raise BadModel(f"{path}: its facts do not match their SHA-256; the file is damaged, get it again")
    return json.loads(text)


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _claimed(header: dict[str, Any]) -> int:
    """Bytes of all tensors; overlapping ones would fill the memory from a small file."""
    try:
        return sum(abs(int(last) - int(first)) for first, last in (e["data_offsets"] for e in header.values()))
    except (KeyError, TypeError, ValueError, OverflowError):
        return 0  # each tensor is looked at next


def _filled(header: dict[str, Any], size: int) -> bool:
    """Whether the tensors lie one behind another, to the end; what is no pair of places is told later."""
    try:
        places = sorted((int(first), int(last)) for first, last in (each["data_offsets"] for each in header.values()))
    except (KeyError, TypeError, ValueError, OverflowError):
        return True
    ends = [0, *(last for _, last in places)]
    return [first for first, _ in places] == ends[:-1] and ends[-1] == size


def _tensor(path: Path, key: str, entry: Any, data: bytes, start: int) -> np.ndarray:
    try:
        first, last = entry["data_offsets"]
        dtype, shape = DTYPES[entry["dtype"]], tuple(int(side) for side in entry["shape"])
        if not 0 <= first <= last <= len(data) - start:
            raise BadModel(f"{path}: was cut short ({key} ends after the file does); get it again")
        tensor = np.frombuffer(data[start + first : start + last], dtype).reshape(shape)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadModel(f"{path}: tensor {key} is damaged; get the file again") from error
    if not np.isfinite(tensor).all():
        raise BadModel(f"{path}: tensor {key} holds NaN or infinite weights; the file is damaged")
    return tensor


def write_model(path: Path, weights: dict[str, np.ndarray], facts: dict[str, Any]) -> None:
    """Write weights (float32 or float16) and facts as one safetensors file, atomically."""
    from safetensors.numpy import save

    for key, tensor in weights.items():
        if not np.isfinite(tensor).all():
            raise BadModel(f"{path}: refusing to write {key}, which holds NaN or infinite weights")
    facts = {"format": FORMAT, "weights_sha256": digest(weights), **facts}
    text = json.dumps(facts, sort_keys=True)
    metadata = {METADATA_KEY: text, CHECK_KEY: _checksum(text)}
    data = save({k: np.ascontiguousarray(v) for k, v in weights.items()}, metadata)
    with atomic_path(path) as temporary:
        temporary.write_bytes(_in_order(data))


def _in_order(data: bytes) -> bytes:
    """A safetensors file with its metadata in the order of their names: the library writes them in any order, and the
    same model must be the same bytes."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text + data[8 + length :]
