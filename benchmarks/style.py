"""What a style model does to photographs it has not seen, beside paintings it has not seen.

Usage: python benchmarks/style.py PHOTOGRAPHS PAINTINGS [--model vangogh] [--run RUN] [--large PHOTO]

PHOTOGRAPHS and PAINTINGS are datasets (acutance prepare --held-out 0.2) of which only the held-out part is used.
KID on VGG features, each over its mean, is no independent judge of a model trained with such features; that on
SqueezeNet's, which no loss saw, is. Training paintings beside them show what a judge is worth: they should come out
nearest. --reduce 2 compares pictures at half their size, where strokes are and the smoothness between them is not
seen (distances alone). RUN (the training run) adds the cosine of its critic's transformation vectors; PHOTO
speed and memory.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from common import median, store, timed
from safetensors.torch import load_file

from acutance.engines.torch import rebuild
from acutance.imaging.seams import Seams, seams_at
from acutance.measuring.metrics.kid import kid
from acutance.measuring.metrics.lpips import network as lpips_network
from acutance.measuring.metrics.style import edge_agreement, matched_colours, texture_distance
from acutance.measuring.sets import Extractor, evened, features, vgg19
from acutance.models.store import load
from acutance.networks.siamese import SiameseCritic
from acutance.pipelines.settings import Settings
from acutance.pipelines.tiles import tile_grid
from acutance.pipelines.upscale import Upscaler
from acutance.training import checkpoint
from acutance.training.losses.siamese import transformation
from acutance.training.pack import Pack
from acutance.training.style_validation import laid, tile_of
from acutance.training.unpaired import shrunk
from acutance.training.validate import run_network

SIDE = 256  # pixels of a photograph's centre: four crops


def squeeze() -> Extractor:
    """SqueezeNet's last features: mean and deviation over a crop; nothing here was trained on them."""
    measure = lpips_network("squeeze")

    def extract(crops: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(crops)).permute(0, 3, 1, 2).float() / 127.5 - 1
            found = measure.features((x - measure.shift) / measure.scale)
            return torch.cat([found.mean((2, 3)), found.std((2, 3))], 1).numpy().astype(np.float64)

    return Extractor(name="squeeze", about="SqueezeNet, last features, mean and deviation", crop=128, extract=extract)


def middle(picture: np.ndarray, large: int = SIDE) -> np.ndarray:
    top, left = ((side - large) // 2 for side in picture.shape[:2])
    return np.ascontiguousarray(picture[top : top + large, left : left + large])


def distances(sets: dict[str, list[np.ndarray]], paintings: list[np.ndarray]) -> dict[str, Any]:
    """KID of every set to ``paintings``, by both judges."""
    found: dict[str, Any] = {name: {} for name in sets}
    for extractor in (vgg19(), squeeze()):
        aim = features(paintings, extractor)
        for name, pictures in sets.items():
            found_here = features(pictures, extractor)
            kernel = kid(*(evened(found_here, aim) if extractor.even else (found_here, aim)))
            found[name][extractor.name] = {"kid": kernel.mean, "deviation": kernel.deviation}
    return found


def seams(upscaler: Upscaler, photographs: list[np.ndarray]) -> dict[str, Any]:
    """Mean seam ratios at the borders of the pipeline's tiles: of the result, of the same painted whole, of the
    photographs; and of tiles joined as they are."""
    network = rebuild(upscaler.model).network
    side = tile_of(network)
    found: dict[str, list[Seams]] = {
        name: [] for name in ("shipped", "painted whole", "photographs", "joined without overlap")
    }
    for photograph in photographs:
        grid = tile_grid(photograph.shape[1], photograph.shape[0], upscaler.model)
        painted = upscaler.array(photograph)
        for name, picture in (
            ("shipped", painted), ("painted whole", run_network(network, photograph)), ("photographs", photograph),
        ):  # fmt: skip
            measure = Seams((s.keep for s in grid.rows[1:]), (s.keep for s in grid.columns[1:]))
            measure.add(picture)
            found[name].append(measure)
        found["joined without overlap"].append(seams_at(laid(network, photograph[: 4 * side, : 4 * side]), side))
    means = {name: fmean(one.ratio for one in seams) for name, seams in found.items()}
    plain = {name: fmean(one.plain for one in seams) for name, seams in found.items()}
    return {"joined tile": side, "pictures": len(photographs), **means, "beside all neighbours": plain}


def cosine(run: Path, photographs: list[np.ndarray], painted: list[np.ndarray]) -> float:
    """Of the run's critic's transformation vectors, mean over neighbouring held-out photographs."""
    last = next(c for c in reversed(checkpoint.checkpoints(run)) if checkpoint.damage(c) is None)
    weights = load_file(last / "networks.safetensors")
    critic = SiameseCritic(size=128, width=32, vector=128, spectral=True)
    critic.load_state_dict({k.removeprefix("critic."): v for k, v in weights.items() if k.startswith("critic.")})
    critic.eval()

    def vectors(pictures: list[np.ndarray]) -> torch.Tensor:
        batch = np.stack([p[64:192, 64:192] for p in pictures])
        with torch.inference_mode():
            return critic(torch.from_numpy(batch).permute(0, 3, 1, 2).float() / 127.5 - 1)

    return transformation(vectors(photographs), vectors(painted)).item()


def speed(model: str, photo: Path) -> dict[str, Any]:
    """The whole command, three times."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "acutance", "stylize", str(photo), "--model", model]
        return median([timed([*command, "-o", f"{folder}/out{run}.jpg"]) for run in range(3)])


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("paintings", type=Path)
    parser.add_argument("--model", default="vangogh")
    parser.add_argument("--run", type=Path)
    parser.add_argument("--large", type=Path)
    parser.add_argument("--name", default="style")
    parser.add_argument("--reduce", type=int, default=1)
    parser.add_argument("--seams", action="store_true", help="measure seams, and speed, alone")
    given = parser.parse_args()
    pack, style = Pack(given.photographs), Pack(given.paintings)
    upscaler = Upscaler(load(given.model), Settings(verb="stylize"))
    large = [np.array(pack.picture(i)) for i in pack.valid if i["width"] >= 1200 and i["height"] >= 800]
    if given.seams:
        more = {"large": speed(given.model, given.large)} if given.large else {}
        store(given.name, {"model": given.model, "seams": seams(upscaler, large), **more})
        return
    wide = SIDE * given.reduce
    photographs = [middle(pack.picture(i), wide) for i in pack.valid if min(i["width"], i["height"]) >= wide]
    paintings, known = ([np.array(style.picture(i)) for i in group] for group in (style.valid, style.train))
    paintings, known = ([shrunk(p, given.reduce) for p in group] for group in (paintings, known))
    pieces = [piece for painting in paintings for piece in cut(painting)]
    painted = [shrunk(upscaler.array(p), given.reduce) for p in photographs]
    photographs = [shrunk(p, given.reduce) for p in photographs]
    random = np.random.default_rng(0)
    recoloured = [matched_colours(p, pieces[int(random.integers(len(pieces)))]) for p in photographs]
    sets = {"photographs": photographs, "painted": painted, "photographs, colours matched": recoloured,
            "training paintings": known[::3]}  # fmt: skip
    found = distances(sets, paintings)
    match: Callable[[list[np.ndarray]], list[np.ndarray]] = lambda pictures: [  # noqa: E731
        matched_colours(p, pieces[i % len(pieces)]) for i, p in enumerate(pictures)
    ]
    result = {
        "model": given.model, "photographs": len(photographs), "paintings": len(paintings),
        "reduced": given.reduce, "kid": found,
        "kid falls by": {judge: 1 - found["painted"][judge]["kid"] / found["photographs"][judge]["kid"]
                         for judge in found["painted"]},
        "edge agreement": fmean(edge_agreement(a, b) for a, b in zip(photographs, painted, strict=True)),
        "texture distance": {"photographs": texture_distance(photographs, pieces),
                             "painted": texture_distance(painted, pieces)},
        "texture distance, colours matched": {"photographs": texture_distance(match(photographs), pieces),
                                              "painted": texture_distance(match(painted), pieces)},
    }  # fmt: skip
    if given.reduce == 1:
        result["seams"] = seams(upscaler, large)
    if given.run:
        result["cosine of transformations"] = cosine(given.run, photographs, painted)
    if given.large:
        result["large"] = speed(given.model, given.large)
    store(given.name, result)


def cut(painting: np.ndarray) -> list[np.ndarray]:
    """Squares of the photographs' size, side by side."""
    height, width = (side // SIDE for side in painting.shape[:2])
    return [painting[y * SIDE : (y + 1) * SIDE, x * SIDE : (x + 1) * SIDE] for y in range(height) for x in range(width)]


if __name__ == "__main__":
    main()
