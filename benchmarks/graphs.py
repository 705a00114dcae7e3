"""Make the graphs of networks that others have published much in, so that such checkpoints become models without torch.

    python benchmarks/graphs.py

writes ``src/acutance/models/published/``; run it when a network here or OpenVINO's converter has changed.
"""

from __future__ import annotations

from dataclasses import asdict

import torch

from acutance.models.architecture import PUBLISHED, geometry_of, write_published
from acutance.models.model import Argument
from acutance.networks import NETWORKS
from acutance.training.export import complete, graph_name, make_graph

ARCHITECTURES: tuple[tuple[str, dict[str, Argument]], ...] = (
    *(("compact", {"scale": scale, "convolutions": number}) for scale in (4, 2, 1) for number in (16, 32)),
    ("compact", {"channels": 24, "convolutions": 8}),
    *(("rrdb", {"scale": scale}) for scale in (4, 2, 1)),
    ("rrdb", {"blocks": 6}),
    ("msrresnet", {}),
    *(("span", {"scale": scale, "channels": channels}) for scale in (4, 2, 1) for channels in (48, 52)),
    *(("real_plksr", {"scale": scale}) for scale in (4, 2, 1)),
    *(("real_plksr", {"scale": scale, "pixel_norm": True}) for scale in (4, 2, 1)),
    ("plksr", {}),
    ("plksr", {"blocks": 12, "kernel": 13}),
)


def main() -> None:
    """All of them, anew."""
    PUBLISHED.mkdir(exist_ok=True)
    for old in PUBLISHED.glob("*.gz"):
        old.unlink()
    for network, given in ARCHITECTURES:
        arguments = complete(network, given)
        with torch.device("meta"):
            geometry = geometry_of(NETWORKS[network](**arguments))  # type: ignore[arg-type]
        path = write_published(graph_name(network, arguments), make_graph(network, arguments), asdict(geometry))
        print(f"{path.name}  {path.stat().st_size / 1e3:.0f} kB", flush=True)


if __name__ == "__main__":
    main()
