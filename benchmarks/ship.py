"""Turn a finished training run, or an imported model, into a built-in model with its receipt.

Usage: python benchmarks/ship.py RUN BENCH_FOLDER --name fidelity --about "..."
--calm RUN --share 0.8 mixes the weights with those of the run that this one started from (Wang 2018, sec. 3.4).
--also takes the mean of this run and others, runs or checkpoints' average.safetensors, before that.
A style model has no test sets: without BENCH_FOLDER it takes its scores from what benchmarks/style.py stored,
python benchmarks/ship.py RUN --name vangogh --scores benchmarks/results/style.json --about "..."
and a model for pictures of one kind from what benchmarks/effects.py stored, benchmarks/results/training/NAME.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from acutance.cli.train import find_recipe
from acutance.measuring.benchmark import evaluate
from acutance.measuring.calibration import calibrate, write_calibrated
from acutance.measuring.methods import network as method_of
from acutance.models.model import in_bf16, read_model
from acutance.models.store import BUILTIN
from acutance.networks import NETWORKS
from acutance.pipelines.upscale import Settings
from acutance.training import checkpoint
from acutance.training.export import export_model
from acutance.training.history import start_weights

SETS = ("Set5", "Set14", "BSD100")


def stored_scores(name: str, result: dict) -> dict[str, float]:
    """What the list entry of a style model says, or of one measured on sets of its own or on pictures held out."""
    if "scores" in result:
        labels = (("PSNR-Y", "psnr_y"), ("LPIPS", "lpips"))
        return {f"{result['set']} {label}": result["scores"]["after"][metric] for label, metric in labels}
    if "sets" in result:
        rows = [row for row in result["sets"] if row["method"] == name]
        return {f"{row['set']} {label}": round(row["mean"][metric], 4) for row in rows
                for label, metric in (("PSNR-Y", "psnr_y"), ("LPIPS", "lpips"))}  # fmt: skip
    return {
        "edge agreement": round(result["edge agreement"], 3),
        "KID (SqueezeNet) less by": round(result["kid falls by"]["squeeze"], 3),
        "KID (VGG) less by": round(result["kid falls by"]["vgg19_relu3_4_evened"], 3),
    }


def read(start: Path) -> dict[str, torch.Tensor]:
    """The weights that ``--from start`` would mean."""
    found = start_weights(start)
    if found is None:
        sys.exit(f"{start}: holds no sound checkpoint")
    return {name: tensor.float() for name, tensor in load_file(found).items()}


def mixed(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor], share: float) -> dict[str, torch.Tensor]:
    """``share`` of ``b``, the rest of ``a``; what is counted in whole numbers is ``b``'s."""
    return {name: torch.lerp(a[name], t, share) if t.is_floating_point() else t for name, t in b.items()}


Parts = tuple[str, dict[str, Any], dict[str, torch.Tensor], dict[str, Any]]


def of_run(run: Path) -> Parts:
    """Network, arguments, averaged weights and receipt of a finished run."""
    facts = json.loads((run / "run.json").read_text())
    recipe = find_recipe(facts["recipe"]["name"])
    last = next(c for c in reversed(checkpoint.checkpoints(run)) if checkpoint.damage(c) is None)
    if checkpoint.step_of(last) != facts["steps"]:
        sys.exit(f"{run}: stands at step {checkpoint.step_of(last)} of {facts['steps']}; finish it first")
    receipt = {key: facts[key] for key in ("recipe", "data", "seed", "start", "versions", "commit", "steps")}
    receipt |= {key: facts[key] for key in ("teacher", "before") if facts.get(key)}
    return recipe.network, recipe.arguments, load_file(last / "average.safetensors"), receipt


def of_model(path: Path) -> Parts:
    """The same of a model file, such as an imported one."""
    model = read_model(path)
    weights = {name: torch.from_numpy(np.array(tensor, np.float32)) for name, tensor in model.weights.items()}
    return model.network, dict(model.arguments), weights, dict(model.receipt)


def main() -> None:
    """Export, measure, and export again with the measured scores in the receipt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("bench", type=Path, nargs="?")
    parser.add_argument("--scores", type=Path, help="a result of benchmarks/style.py or of acutance evaluate")
    parser.add_argument("--name", required=True)
    parser.add_argument("--about", required=True)
    parser.add_argument("--data", required=True, help="The training sets and their licences, in words.")
    parser.add_argument("--calm", type=Path, help="the run or model it started from")
    parser.add_argument("--also", type=Path, nargs="+", default=[], help="other runs or averages of checkpoints")
    parser.add_argument("--share", type=float, default=0.8, help="of RUN's weights in the mixture with --calm")
    parser.add_argument("--mixed", help="what the mean with --also is of, in words")
    parser.add_argument("--network", help="another network of the same weights, such as one that keeps mean colours")
    parser.add_argument("--bf16", action="store_true", help="weights of 8 bits: bf16 and fp32 multiply the same")
    parser.add_argument("--int8", type=Path, help="photographs to calibrate it with for 8 bits")
    parser.add_argument("--lpips", action="store_true", help="also measure LPIPS (weights in $ACUTANCE_WEIGHTS)")
    given = parser.parse_args()
    if bool(given.also) != bool(given.mixed):
        sys.exit("--also and --mixed go together: the receipt says what was mixed")
    kind, arguments, weights, receipt = of_model(given.run) if given.run.is_file() else of_run(given.run)
    kind = given.network or kind
    network = NETWORKS[kind](**arguments)
    for number, other in enumerate(given.also, 2):
        weights = mixed(read(other), weights, 1 - 1 / number)
    if given.calm:
        weights = mixed(read(given.calm), weights, given.share)
    if given.bf16:
        rounded = in_bf16({name: tensor.numpy() for name, tensor in weights.items() if tensor.is_floating_point()})
        weights |= {name: torch.from_numpy(tensor) for name, tensor in rounded.items()}
    network.load_state_dict(weights)
    receipt |= {"about": given.about, "trained_on": given.data, "measured": {}}
    if given.mixed:
        receipt["mixed"] = given.mixed
    if given.calm:
        receipt["mixed"] = f"{given.share:g} of {given.mixed or 'it'} and {1 - given.share:g} of {given.calm.name}"
    if given.bf16:
        receipt["mixed"] = ", ".join(filter(None, [receipt.get("mixed"), "weights of 8 significant bits"]))
    export_model(BUILTIN, given.name, kind, arguments, network, receipt)
    model = read_model(BUILTIN / f"{given.name}.safetensors")
    metrics = {"PSNR-Y": "psnr_y"} | ({"LPIPS": "lpips"} if given.lpips else {})
    if given.scores:
        receipt["measured"] = stored_scores(given.name, json.loads(given.scores.read_text()))
    if given.bench:
        benches = [given.bench / name for name in SETS]
        for result in evaluate(
            [method_of(model, Settings(precision="fp32"))], benches, model.geometry.scale, list(metrics.values())
        ):
            for label, metric in metrics.items():
                receipt["measured"][f"{result.set} {label}"] = round(result.mean(metric) or 0, 4)
    path = export_model(BUILTIN, given.name, kind, arguments, network, receipt)
    if given.int8:
        model = read_model(path)
        write_calibrated(model, calibrate(model, given.int8), path)
    print(json.dumps(receipt, indent=1))


if __name__ == "__main__":
    main()
