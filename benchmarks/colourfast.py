"""Put a built-in model into the network of its kind that keeps mean colours, weights as they are.

Usage: python benchmarks/colourfast.py NAME [--scores RESULT.json]  (of acutance evaluate, for its receipt)
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from ship import stored_scores

from acutance.models import store
from acutance.models.store import BUILTIN
from acutance.networks import NETWORKS
from acutance.training.export import export_model

NOTE = "in a network that keeps mean colours"


def main() -> None:
    """Export under the same name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--scores", type=Path, help="a result of acutance evaluate")
    given = parser.parse_args()
    model = store.load(given.name)
    network = f"colourfast_{model.network.removeprefix('colourfast_')}"
    module = NETWORKS[network](**model.arguments)
    weights = {name: torch.from_numpy(tensor) for name, tensor in model.weights.items()}
    module.load_state_dict(module.state_dict() | weights)  # batch norms count training steps, which no model file holds
    receipt = dict(model.receipt)
    if NOTE not in receipt.get("mixed", ""):
        receipt["mixed"] = ", ".join(filter(None, [receipt.get("mixed"), NOTE]))
    if given.scores:
        receipt["measured"] = stored_scores(given.name, json.loads(given.scores.read_text()))
    print(export_model(BUILTIN, given.name, network, model.arguments, module, receipt))


if __name__ == "__main__":
    main()
