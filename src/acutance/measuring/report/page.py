"""The report as one HTML page that needs nothing else: no network, no other file."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files

from acutance.measuring.benchmark import SetScores
from acutance.measuring.metrics import METRICS
from acutance.measuring.published import GUIDES, POINTS
from acutance.measuring.report import Report
from acutance.measuring.report.crops import Crop, data_uri
from acutance.measuring.report.plots import COLOURS, Point, bars, scatter
from acutance.measuring.report.text import best, figure, heading

PERCEPTION = ("lpips", "dists", "lpips_alex", "lpips_vgg", "niqe")  # the first one measured stands in the plot
# Nothing may be loaded from anywhere; the page's own style and script are in it.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def html(report: Report) -> str:
    """The whole page."""
    names = [method.name for method in report.methods]
    title = f"{', '.join(names)}: x{report.scale} on {', '.join(report.sets())}"
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_asset('page.css')}</style>",
        f"<main><h1>{escape(title)}</h1>",
        f'<p class="legend">{_legend(names)}</p>',
        *(_set(name, results, report, names) for name, results in report.sets().items()),
        _crops(report.crops),
        _about(report),
        f"</main><script>{_asset('page.js')}</script></html>",
    ]
    return "\n".join(parts)


def _asset(name: str) -> str:
    return (files("acutance.measuring.report") / name).read_text(encoding="utf-8")


def _legend(names: Sequence[str]) -> str:
    return " ".join(
        f'<span class="key c{number % COLOURS + 1}"></span>{escape(name)}' for number, name in enumerate(names)
    )


def _set(name: str, results: Sequence[SetScores], report: Report, names: Sequence[str]) -> str:
    """A test set: the table, the plot, every picture."""
    made = "as the set gives it" if results[0].lr == "given" else "made by MATLAB-equal bicubic"
    return "\n".join(
        (
            f"<section><h2>{escape(name)} <small>{len(results[0].rows)} pictures, input {made}</small></h2>",
            _table(results, report.metrics),
            _plot(name, results, report, names),
            _pictures(results, report.metrics),
            _notes(results),
            "</section>",
        )
    )


def _table(results: Sequence[SetScores], metrics: Sequence[str]) -> str:
    head = "".join(f"<th>{escape(heading(metric))}</th>" for metric in metrics)
    winners = {metric: best(results, metric) for metric in metrics}
    rows = []
    for result in results:
        cells = []
        for metric in metrics:
            mark = ' class="best"' if result.method in winners[metric] else ""
            cells.append(f"<td{mark}>{figure(metric, result.mean(metric))}{_count(result, metric)}</td>")
        rows.append(f"<tr><th>{escape(result.method)}</th>{''.join(cells)}</tr>")
    return f'<div class="wide"><table><tr><th></th>{head}</tr>{"".join(rows)}</table></div>'


def _count(result: SetScores, metric: str) -> str:
    """How many pictures a mean is of, when it is not all."""
    defined = sum(row.scores[metric] is not None for row in result.rows)
    return "" if defined == len(result.rows) else f" <small>of {defined}</small>"


def _plot(name: str, results: Sequence[SetScores], report: Report, names: Sequence[str]) -> str:
    """Perception against distortion, where both were measured; what is published is x4."""
    metrics, known = report.metrics, name if report.scale == 4 else ""
    perception = next((metric for metric in PERCEPTION if metric in metrics), None)
    if perception is None or "psnr_y" not in metrics:
        return ""
    points = []
    for result in results:
        x, y = result.mean("psnr_y"), result.mean(perception)
        if x is not None and y is not None:
            points.append(Point(name=result.method, x=x, y=y, number=names.index(result.method) % COLOURS + 1))
    points += [
        Point(name=label, x=scores["psnr_y"], y=scores[perception])
        for label, scores in POINTS.get(known, ())
        if perception in scores
    ]
    plot = scatter(
        points, "PSNR-Y, dB (faithful →)", f"{METRICS[perception].title} (← looks real)", guides=GUIDES.get(known, ())
    )
    words = ["Faithful to the right, real-looking at the bottom."]
    words += ["Hollow dots: public weights, measured by this tool."] if any(not p.number for p in points) else []
    words += ["Dashed lines: published PSNR."] if known in GUIDES else []
    return f"<figure>{plot}<figcaption>{' '.join(words)}</figcaption></figure>"


def _pictures(results: Sequence[SetScores], metrics: Sequence[str]) -> str:
    """Every picture's score, a plot for each metric."""
    names = [row.image for row in results[0].rows]
    plots = [
        f'<div class="wide"><h4>{escape(heading(metric))}</h4>'
        f"{bars(names, [[row.scores[metric] for row in result.rows] for result in results], heading(metric))}</div>"
        for metric in metrics
    ]
    joined = "".join(plots)
    return f'<details><summary>Every picture</summary><div class="plots">{joined}</div></details>'


def _notes(results: Sequence[SetScores]) -> str:
    notes = [(r.method, row.image, note) for r in results for row in r.rows for note in row.notes]
    if not notes:
        return ""
    lines = "".join(f"<li>{escape(f'{method}, {image}: {note}')}</li>" for method, image, note in notes)
    return f"<details><summary>{len(notes)} notes</summary><ul>{lines}</ul></details>"


def _crops(crops: Sequence[Crop]) -> str:
    """The worst places, each with a slider between the original and one method at a time."""
    if not crops:
        return ""
    blocks = []
    for crop in crops:
        uris = [(name, data_uri(png)) for name, png in crop.squares]
        (_, original), shown = uris[0], uris[2]
        buttons = "".join(
            f'<button type="button"{" aria-pressed=true" if name == shown[0] else ""}>'
            f'<img src="{uri}" alt=""><span>{escape(name)}</span></button>'
            for name, uri in uris[1:]
        )
        blocks.append(
            f'<article class="crop"><h3>{escape(crop.image)} <small>{escape(crop.bench)}, at {crop.x}, {crop.y}</small>'
            f'</h3><div class="compare"><img class="under" src="{original}" alt="original">'
            f'<img class="over" src="{shown[1]}" alt="{escape(shown[0])}"><i class="edge"></i>'
            f'<input type="range" min="0" max="100" value="50" aria-label="left: the method, right: the original">'
            f'</div><p class="sides"><span class="left">{escape(shown[0])}</span><span>original</span></p>'
            f'<div class="choose">{buttons}</div></article>'
        )
    return (
        f"<section><h2>Where it goes most wrong <small>the worst place in each of the {len(crops)} worst pictures of "
        f"{escape(crops[0].squares[2][0])}</small></h2>"
        f'<div class="crops">{"".join(blocks)}</div></section>'
    )


def _about(report: Report) -> str:
    """What each metric is, and the receipt."""
    metrics = "".join(
        f"<dt>{escape(METRICS[m].title)}</dt><dd>{escape(METRICS[m].about)}; {escape(METRICS[m].protocol)}</dd>"
        for m in report.metrics
    )
    receipt = "".join(f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>" for label, text in report.receipt.items())
    return f"<section><h2>What was measured</h2><dl>{metrics}</dl><h2>Receipt</h2><dl>{receipt}</dl></section>"
