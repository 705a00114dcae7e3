"""``acutance models``: which models there are, what they carry, and how to get others."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acutance.cli import console, options
from acutance.errors import AcutanceError, UsageError

if TYPE_CHECKING:
    from acutance.models.model import Model

SUFFIX = ".safetensors"
model_name = click.argument("name", metavar="MODEL", help="A name, a model file or a run folder.")
new_file = click.option("--output", "-o", type=options.PATH, required=True, help="OUT.safetensors.")
overwrite_file = click.option("--overwrite", is_flag=True, help="Replace a file that is there.")


@click.group(
    cls=options.Group,
    invoke_without_command=True,
    short_help="List, show, import, mix, calibrate and export models.",
)
@options.json_lines
@click.pass_context
def models(context: click.Context, json: bool) -> None:
    """List the models, show one, import, mix, calibrate and export them."""
    if context.invoked_subcommand is None:
        _list_all(json)


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
    rows.append(("licence", receipt.get("licence")))
    return [(label, str(text)) for label, text in rows if text]


@models.command(name="import", short_help="Make a model of another program's .pth file.")
@click.argument("file", metavar="FILE.pth", type=options.PATH, help="A checkpoint of another program.")
@click.option("--output", "-o", type=options.PATH, help="OUT.safetensors; default: your models folder.")
@click.option("--name", help="What to call it; default: as the file.")
@click.option("--licence", default="unknown", help="Its licence, for the receipt.")
@click.option("--keep-colours", is_flag=True, help="Let its results keep the mean colours of their input.")
@overwrite_file
@options.json_lines
def import_(
    file: Path, output: Path | None, name: str | None, licence: str, keep_colours: bool, overwrite: bool, json: bool
) -> None:
    """Make a model of an ESRGAN, Real-ESRGAN, SRVGGNetCompact or MSRResNet checkpoint (.pth). Needs torch.

    The checkpoint is read without running any code in it, and recognised by its tensors. Models trained
    against a critic often tint or fade what they draw; with --keep-colours that is taken away again.
    """
    from acutance.models import store

    if not file.is_file():
        raise UsageError(f"{file}: no such file")
    if output and name:
        raise UsageError("give one of --name and -o; the model is called as its file")
    if importlib.util.find_spec("torch") is None:
        raise UsageError('importing needs torch; install it with: pip install "acutance[train]"')
    from acutance.files.weights import sha256
    from acutance.models.foreign import read_foreign
    from acutance.training.export import export_model

    if name and Path(name).name != name:
        raise UsageError(f"--name {name}: a name, not a path; for a path use -o")
    called = name or re.sub(r"[^\w.+-]+", "-", file.stem)
    target = _target(output or store.models_folder() / f"{called}{SUFFIX}", overwrite)
    found = read_foreign(file)
    receipt = {
        "about": f"imported from {file.name}", "source": file.name, "source_sha256": sha256(file),
        "licence": licence,
    }  # fmt: skip
    target.parent.mkdir(parents=True, exist_ok=True)
    if keep_colours:
        found = replace(found, network=f"colourfast_{found.network}")
        receipt["mixed"] = "in a network that keeps mean colours"
    export_model(target.parent, target.stem, found.network, found.arguments, found.module(), receipt)
    _made(target, json)


@models.command(short_help="Mix two models weight by weight.")
@click.argument("a", help="The model at alpha 0.")
@click.argument("b", help="The model at alpha 1.")
@click.option("--alpha", type=float, required=True, help="0 is all A, 1 is all B.")
@new_file
@overwrite_file
@options.json_lines
def interpolate(a: str, b: str, alpha: float, output: Path, overwrite: bool, json: bool) -> None:
    """Mix two models of one network weight by weight: between faithful (PSNR) and textured (GAN), say."""
    from acutance.models import store
    from acutance.models.interpolate import write_interpolated

    first, second = store.load(a), store.load(b)
    target = _target(output, overwrite, first.path, second.path)
    write_interpolated(first, second, alpha, target)
    _made(target, json)


@models.command(short_help="Let a model run in 8 bits.")
@model_name
@click.argument("photographs", metavar="FOLDER", type=options.PATH, help="Sharp photographs, at least 8.")
@new_file
@overwrite_file
@options.json_lines
def calibrate(name: str, photographs: Path, output: Path, overwrite: bool, json: bool) -> None:
    """Find the ranges a model needs for --precision int8, and measure on a quarter of the photographs what it costs.

    A model that changes by more than 0.1 dB is not written: train it on for 8 bits first.
    """
    from acutance.measuring import calibration
    from acutance.models import store

    model = store.load(name)
    target = _target(output, overwrite, model.path)
    progress = console.Progress()
    found = calibration.calibrate(
        model, photographs, lambda done, of: progress.show(done / of, f"reading photographs, {done} of {of}")
    )
    progress.clear()
    calibration.write_calibrated(model, found, target)
    if not json:
        console.say(f"{found.pictures} photographs; in 8 bits {-found.loss:+.3f} dB of PSNR-Y against the originals, "
                    f"{found.agreement:.1f} dB between the two results")  # fmt: skip
    _made(target, json)


@models.command(short_help="Write a model as ONNX or into a folder.")
@model_name
@click.option("--output", "-o", type=options.PATH, required=True, help="FILE.onnx, or a folder.")
@overwrite_file
@options.json_lines
def export(name: str, output: Path, overwrite: bool, json: bool) -> None:
    """Write a model for other tools: one ONNX file of free input size, or its two files copied into a folder."""
    from acutance.models import store

    model = store.load(name)
    if output.suffix.lower() == ".onnx":
        from acutance.engines.onnx import expects, export_onnx

        target = _target(output, overwrite, suffix=".onnx")
        difference = export_onnx(model, target)
        size = f"{target.stat().st_size / 1e6:.1f} MB"
        lines = [f"{target}  {size}  ({expects(model)}; differs from torch by at most {difference:.1g})"]
        facts: dict[str, Any] = {"output": str(target), "difference": difference}
    elif output.suffix and not output.is_dir():
        raise UsageError(f"{output}: neither FILE.onnx nor a folder")
    else:
        target = _target(output / model.path.name, overwrite, model.path)
        graph = store.copy_files(model, target)
        lines, facts = [str(target), str(graph)], {"output": str(target), "graph": str(graph)}
    if json:
        console.emit({"event": "exported", "name": model.name, **facts})
        return
    for line in lines:
        console.say(line)


def _target(path: Path, overwrite: bool, *inputs: Path, suffix: str = SUFFIX) -> Path:
    """``path`` if it may be written. Raises ``UsageError``."""
    if path.suffix != suffix:
        raise UsageError(f"{path}: name it with {suffix}")
    if path.exists() and any(path.samefile(each) for each in inputs):
        raise UsageError(f"{path}: is the model itself; choose another -o")
    if path.exists() and not overwrite:
        raise UsageError(f"{path}: is there already; use --overwrite or choose another name")
    return path


def _made(path: Path, json: bool) -> None:
    """Say what a new model file is."""
    from acutance.models.model import read_model

    model = read_model(path)
    if json:
        console.emit({"event": "made", "name": model.name, "path": str(path), "sha256": model.sha256,
                      "network": model.network, "arguments": model.arguments, "parameters": model.parameters,
                      "scale": model.geometry.scale})  # fmt: skip
        return
    console.say(f"{path}  {model.network}, x{model.geometry.scale}, {model.parameters:,} parameters")
    console.say(f"use it with: acutance {model.verb} PICTURE --model {_as_given(path)}")


def _as_given(path: Path) -> str:
    from acutance.models.store import models_folder

    return path.stem if path.parent == models_folder() else str(path)
