"""How far one set of pictures is from another, by features of their crops: for style, and where no originals exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from acutance.errors import BadInput, BadModel
from acutance.files.weights import find_weights, read_weights
from acutance.measuring.metrics.fid import frechet
from acutance.measuring.metrics.kid import kid
from acutance.measuring.metrics.lpips import need_torch

BATCH = 8  # crops


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """``extract`` turns 8-bit RGB crops ``(N, crop, crop, 3)`` into features ``(N, D)``. ``name`` becomes part of
    every result, since values from different features cannot be compared; ``about`` says it in words. ``even``: whether
    features are compared ``evened``."""

    name: str
    about: str
    crop: int
    even: bool = False
    extract: Callable[[np.ndarray], np.ndarray]


@lru_cache(maxsize=1)
def vgg19() -> Extractor:
    """Oxford's VGG19 at relu3_4, the mean of each of its 256 channels over a crop of 128 pixels.

    FID and KID proper rest on Inception's pooled features; whoever has that network gives an ``Extractor`` of his own.
    Raises ``UsageError`` or ``BadModel`` as every reader of weights does.
    """
    need_torch("comparing sets")
    import torch

    from acutance.networks.vgg import OXFORD, VGG

    path = find_weights("vgg19_conv1_1-conv3_4.pth", "vgg19-d01eb7cb.pth")
    try:
        network = VGG(last="conv3_4", weights=read_weights(path), normalisation=OXFORD)
    except BadModel as error:
        raise BadModel(f"{path}: {error}") from error

    def extract(crops: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            batch = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
            return network(batch, ["relu3_4"])["relu3_4"].mean((2, 3)).numpy().astype(np.float64)

    return Extractor(
        name="vgg19_relu3_4_evened",
        about="Oxford VGG19, relu3_4, mean over crops of 128x128, each over its mean in the references",
        crop=128,
        even=True,
        extract=extract,
    )


def crops(picture: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Squares of ``size`` pixels side by side, centred; what is left over at the edges is not looked at.

    >>> [int(c[0, 0]) for c in crops(np.arange(30).reshape(5, 6), 2)]
    [0, 2, 4, 12, 14, 16]
    """
    height, width = picture.shape[:2]
    top, left = height % size // 2, width % size // 2
    for y in range(top, height - size + 1, size):
        for x in range(left, width - size + 1, size):
            yield picture[y : y + size, x : x + size]


def features(pictures: Iterable[np.ndarray], extractor: Extractor) -> np.ndarray:
    """Features ``(crops of all pictures, D)`` of 8-bit RGB pictures ``(H, W, 3)``, which are read one by one."""
    found: list[np.ndarray] = []
    waiting: list[np.ndarray] = []
    for picture in pictures:
        waiting += crops(picture, extractor.crop)
        while len(waiting) >= BATCH:
            found.append(extractor.extract(np.stack(waiting[:BATCH])))
            waiting = waiting[BATCH:]
    if waiting:
        found.append(extractor.extract(np.stack(waiting)))
    if not found:
        raise BadInput(f"none of these pictures holds a crop of {extractor.crop}x{extractor.crop} pixels")
    return np.concatenate(found)


def evened(results: np.ndarray, references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both sets of features ``(N, D)`` with every feature divided by its mean over ``references``, which are >= 0.

    VGG's channels answer with sizes from ones to thousands, and a cubic kernel would hear only the loudest. Gatys et
    al. 2015 (arXiv 1505.07376, sec. 2) rescale the network so that every channel's mean is 1; this is the same.

    >>> a, b = evened(np.array([[4.0, 100.0]]), np.array([[1.0, 100.0], [3.0, 300.0]]))
    >>> a.tolist(), b.tolist()
    ([[2.0, 0.5]], [[0.5, 0.5], [1.5, 1.5]])
    """
    size = references.mean(0)
    size = np.maximum(size, 1e-3 * size.mean() or 1.0)  # a channel that is silent in the references stays bounded
    return results / size, references / size


def compare_sets(
    results: Iterable[np.ndarray], references: Iterable[np.ndarray], extractor: Extractor, *, seed: int = 0
) -> dict[str, float | int | str]:
    """Kernel and Frechet distance of two sets, under names that say which features they rest on; JSON-safe."""
    a, b = features(results, extractor), features(references, extractor)
    if extractor.even:
        a, b = evened(a, b)
    kernel = kid(a, b, seed=seed)
    return {
        f"kid_{extractor.name}": kernel.mean,
        f"kid_{extractor.name}_deviation": kernel.deviation,
        f"fid_{extractor.name}": frechet(a, b),
        "features": extractor.about,
        "crops": len(a),
        "reference_crops": len(b),
    }
