"""``acutance models``: which models there are, what they carry, and how to get others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acutance.cli import console, importing, made, options
from acutance.errors import AcutanceError, UsageError

if TYPE_CHECKING:
    from acutance.models.model import Model

model_name = click.argument("name", metavar="MODEL", help="A name, a model file or a run folder.")
new_file = click.option("--output", "-o", type=options.PATH, required=True, help="OUT.safetensors.")


@click.group(
    cls=options.Group,
    invoke_without_command=True,
    short_help="List, show, get, import, mix, calibrate and export models.",
)
@options.json_lines
@click.pass_context
def models(context: click.Context, json: bool) -> None:
    """List the models, show one, get, import, mix, calibrate and export them."""
    if context.invoked_subcommand is None:
        _list_all(json)


models.add_command(importing.import_)
models.add_command(importing.get)


@models.command("list", hidden=True)
@options.json_lines
def list_(json: bool) -> None:
    """The same as without a command."""
    _list_all(json)


def _list_all(json: bool) -> None:
    from acutance.models.store import available, models_folder

    found = available()
    wide = max(12, *(len(name) for name in found)) if not json else 0
    for name, path in found.items():
        try:
            _list(name, path, wide, json)
        except (AcutanceError, KeyError, TypeError, ValueError, AttributeError) as error:
            console.say(f"acutance: {error if isinstance(error, AcutanceError) else f'{path}: {error}'}")
    if not json:
        console.say(f"your own: put model files into {models_folder()}, or name one with --model FILE")


def _list(name: str, path: Path, wide: int, json: bool) -> None:
    """One model's lines, or event."""
    from acutance.models.model import read_facts

    row = _row(name, read_facts(path))
    if json:
        console.emit({"event": "model", "path": str(path), **row})
        return
    scores = "  ".join(_score(key, value) for key, value in row["scores"].items())
    does = {"upscale": f"x{row['scale']}", "stylize": "style"}[row["verb"]]
    console.tell(f"{name:{wide}} {does:5} {path.stat().st_size / 1e6:.1f} MB  {row['network']}  {scores}".rstrip())
    if row["about"]:
        console.tell(f"{'':{wide}} {row['about']}")


def _score(name: str, value: float) -> str:
    """As people write it: PSNR in dB, distances with three decimals."""
    return f"{name} {value:.2f} dB" if "PSNR" in name.upper() else f"{name} {value:.3f}"


def _row(name: str, facts: dict[str, Any]) -> dict[str, Any]:
    from acutance.models.model import verb

    receipt = facts["receipt"]
    return {
        "name": name, "verb": verb(facts["network"]), "network": facts["network"], "scale": facts["geometry"]["scale"],
        "steps": receipt.get("steps"), "scores": receipt.get("measured", {}), "about": receipt.get("about", ""),
    }  # fmt: skip


@models.command(short_help="What a model is and where it comes from.")
@model_name
@options.json_lines
def show(name: str, json: bool) -> None:
    """What a model is and where it comes from: network, geometry, receipt, card."""
    from dataclasses import asdict

    from acutance.models import store

    model = store.load(name)
    card = store.card(model)
    if json:
        facts = {"network": model.network, "arguments": model.arguments, "parameters": model.parameters}
        console.emit({"event": "model", "name": model.name, "path": str(model.path), "sha256": model.sha256, **facts,
                      "geometry": asdict(model.geometry), "receipt": model.receipt, "card": card})  # fmt: skip
        return
    for label, text in _described(model):
        console.tell(f"{label:12} {text}")
    if card:
        console.tell(f"\n{card.strip()}")


def _work(model: Model) -> str:
    """What it does to a picture, in words."""
    if model.verb == "upscale":
        return f"enlarges {model.geometry.scale} times"
    return f"paints in a style, in tiles of {model.geometry.tile}" if model.geometry.tile else "paints in a style"


def _in_int8(model: Model) -> str:
    """What --precision int8 costs it; empty if it cannot."""
    from acutance.models.model import read_facts

    found = read_facts(model.path).get("int8", {})
    try:
        return f"{-found['loss']:+.3f} dB of PSNR-Y on {found['pictures']} photographs"
    except (KeyError, TypeError):
        return ""


def _in_bf16(model: Model) -> str:
    """How far its results in bf16 are from those in fp32, where that is known and more than usual."""
    from acutance.engines.agreement import FAITHFUL
    from acutance.models.model import read_facts

    try:
        agreement = float(read_facts(model.path).get("bf16", {})["psnr_db"])
    except (KeyError, TypeError, ValueError):
        return ""
    return f"{agreement:.1f} dB from its results in fp32 (--precision fp32)" if agreement < FAITHFUL else ""


def _stages(receipt: dict[str, Any]) -> list[tuple[str, str]]:
    """What it was trained by, the last stage first."""
    rows = []
    while "steps" in receipt:
        recipe, commit = receipt.get("recipe", {}), receipt.get("commit")
        before = receipt.get("before", {})
        start = (
            f", started from {receipt['start']}{_checksum(before.get('weights_sha256'))}"
            if receipt.get("start")
            else ""
        )
        made = f" at commit {commit}" if commit else ""
        teacher = f", with a teacher{_checksum(receipt['teacher'])}" if receipt.get("teacher") else ""
        mixed = f"; mixed, {receipt['mixed']}" if rows and receipt.get("mixed") else ""
        text = f"{receipt['steps']:,} steps of {recipe.get('name', 'a recipe')}{made}{start}{teacher}{mixed}"
        rows.append(("before that" if rows else "trained", text))
        receipt = before
    return rows


def _checksum(sha256: str | None) -> str:
    """For behind a name."""
    return f" (SHA-256 {sha256[:16]}...)" if sha256 else ""


def _described(model: Model) -> list[tuple[str, str]]:
    """Label and text of what is known, in lines for people."""
    geometry, receipt = model.geometry, model.receipt
    arguments = ", ".join(f"{key} {value}" for key, value in model.arguments.items())
    around = "needs the whole picture" if geometry.halo is None else f"looks {geometry.halo} pixels around"
    steps = f", sizes in multiples of {geometry.multiple}" if geometry.multiple > 1 else ""
    rows = [
        ("name", model.name),
        ("network", f"{model.network} ({arguments}), {model.parameters:,} parameters"),
        ("does", f"{_work(model)}; {around}{steps}"),
        ("file", f"{model.path}  ({model.path.stat().st_size / 1e6:.1f} MB, SHA-256 {model.sha256[:16]}...)"),
        ("about", receipt.get("about")),
    ]
    scores = receipt.get("measured") or receipt.get("scores") or {}
    rows.append(("scores", ", ".join(_score(key, value) for key, value in scores.items())))
    rows += _stages(receipt)
    rows.append(("int8", _in_int8(model)))
    data = receipt.get("trained_on") or receipt.get("data")
    rows.append(("data", f"dataset {data[:16]}..." if data and re.fullmatch("[0-9a-f]{64}", data) else data))
    for part in ("a", "b"):
        if part in receipt:
            licence = f", licence {receipt[part]['licence']}" if "licence" in receipt[part] else ""
            rows.append(("mixed from", f"{receipt[part]['name']} (SHA-256 {receipt[part]['sha256'][:16]}...{licence})"))
    rows.append(("mixed", receipt.get("mixed")))
    if "source" in receipt:
        rows.append(("source", f"{receipt['source']} (SHA-256 {receipt['source_sha256'][:16]}...)"))
    rows += [("licence", receipt.get("licence")), ("bf16", _in_bf16(model))]
    return [(label, str(text)) for label, text in rows if text]


@models.command(short_help="Mix two models weight by weight.")
@click.argument("a", help="The model at alpha 0.")
@click.argument("b", help="The model at alpha 1.")
@click.option("--alpha", type=float, required=True, help="0 is all A, 1 is all B.")
@new_file
@made.overwrite
@options.json_lines
def interpolate(a: str, b: str, alpha: float, output: Path, overwrite: bool, json: bool) -> None:
    """Mix two models of one network weight by weight: between faithful (PSNR) and textured (GAN), say."""
    from acutance.models import store
    from acutance.models.interpolate import write_interpolated

    first, second = store.load(a), store.load(b)
    target = made.target(output, overwrite, first.path, second.path)
    write_interpolated(first, second, alpha, target)
    made.tell(target, json)


@models.command(short_help="Let a model run in 8 bits.")
@model_name
@click.argument("photographs", metavar="FOLDER", type=options.PATH, help="Sharp photographs, at least 8.")
@new_file
@made.overwrite
@options.json_lines
def calibrate(name: str, photographs: Path, output: Path, overwrite: bool, json: bool) -> None:
    """Find the ranges a model needs for --precision int8, and measure on a quarter of the photographs what it costs.

    A model that changes by more than 0.1 dB is not written: train it on for 8 bits first.
    """
    from acutance.measuring import calibration
    from acutance.models import store

    model = store.load(name)
    target = made.target(output, overwrite, model.path)
    progress = console.Progress()
    found = calibration.calibrate(
        model, photographs, lambda done, of: progress.show(done / of, f"reading photographs, {done} of {of}")
    )
    progress.clear()
    calibration.write_calibrated(model, found, target)
    if not json:
        console.say(f"{found.pictures} photographs; in 8 bits {-found.loss:+.3f} dB of PSNR-Y against the originals, "
                    f"{found.agreement:.1f} dB between the two results")  # fmt: skip
    made.tell(target, json)


@models.command(short_help="Write a model as ONNX or into a folder.")
@model_name
@click.option("--output", "-o", type=options.PATH, required=True, help="FILE.onnx, or a folder.")
@made.overwrite
@options.json_lines
def export(name: str, output: Path, overwrite: bool, json: bool) -> None:
    """Write a model for other tools: one ONNX file of free input size, or its two files copied into a folder."""
    from acutance.models import store

    model = store.load(name)
    if output.suffix.lower() == ".onnx":
        from acutance.engines.onnx import expects, export_onnx

        target = made.target(output, overwrite, suffix=".onnx")
        difference = export_onnx(model, target)
        size = f"{target.stat().st_size / 1e6:.1f} MB"
        lines = [f"{target}  {size}  ({expects(model)}; differs from torch by at most {difference:.1g})"]
        facts: dict[str, Any] = {"output": str(target), "difference": difference}
    elif output.suffix and not output.is_dir():
        raise UsageError(f"{output}: neither FILE.onnx nor a folder")
    else:
        target = made.target(output / model.path.name, overwrite, model.path)
        graph = store.copy_files(model, target)
        lines, facts = [str(target), str(graph)], {"output": str(target), "graph": str(graph)}
    if json:
        console.emit({"event": "exported", "name": model.name, **facts})
        return
    for line in lines:
        console.say(line)
