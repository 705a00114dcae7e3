"""``acutance evaluate``: measure a model on test sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from acutance.cli import console


def evaluate(
    bench: Annotated[
        list[Path],
        typer.Option(help="A folder with HR/ (and LRx4/, else made by bicubic); repeatable.", show_default=False),
    ],
    model: Annotated[list[str] | None, typer.Option(help="A model, or bicubic; repeatable. Default: fidelity.")] = None,
    scale: Annotated[int, typer.Option(help="The scale of bicubic, when no model fixes it.", min=2)] = 4,
    metrics: Annotated[
        str, typer.Option(help="With commas: psnr_y, ssim_y, ms_ssim, lpips, niqe, consistency, colour and more.")
    ] = "psnr_y,ssim_y",
    engine: Annotated[str, typer.Option(help="auto, cpu or torch.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    images: Annotated[bool, typer.Option(help="Print every image, not only the means.")] = False,
    pictures: Annotated[
        Path | None, typer.Option(help="Save each result here, with its input, original and bicubic.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Events as JSON lines on stdout.")] = False,
) -> None:
    """PSNR and SSIM on luma, a border of SCALE pixels cut off: the protocol of the SRGAN and ESRGAN papers.

    LPIPS (RGB, the whole picture, lower is better) needs torch and two weight files, named if missing.
    """
    from acutance.measuring import benchmark
    from acutance.measuring.metrics import METRICS, chosen_metrics, columns
    from acutance.models import store
    from acutance.pipelines.upscale import Settings, Upscaler

    progress = console.Progress()
    names = chosen_metrics(metrics)

    def on_event(event: dict[str, Any]) -> None:
        progress.show(event["done"] / event["total"], f"{event['set']} {event['image']}")
        if json:
            console.emit(event)

    def beside(name: str) -> Path | None:
        """One folder; with several models one for each."""
        several = len(model or []) > 1
        return pictures / Path(name).stem if pictures and several else pictures

    if not json:
        print(f"{'model':14} {'set':10} {'images':>6}" + "".join(f" {METRICS[name].title:>11}" for name in names))
    for name in model or ["fidelity"]:
        run, times, label = benchmark.bicubic(scale), scale, name
        if name != "bicubic":
            loaded = store.load(name)
            run = Upscaler(loaded, Settings(engine=engine, precision=precision)).array  # type: ignore[arg-type]
            times, label = loaded.geometry.scale, loaded.name
        for folder in bench:
            result = benchmark.evaluate(run, folder, times, metrics=names, pictures=beside(name), on_event=on_event)
            progress.clear()
            if json:
                console.emit({"event": "set", "model": name, **result})
                continue
            rows = result["per_image"] if images else []
            for row in [*({"label": r["image"], **r} for r in rows), {"label": label, **result["mean"]}]:
                count = result["images"] if row["label"] == label else ""
                print(
                    f"{row['label'][:14]:14} {result['set']:10} {count:>6}"
                    + "".join(f" {text:>11}" for text in columns(row, names))
                )
