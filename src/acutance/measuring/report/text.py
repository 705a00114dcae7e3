"""Scores as text: one figure as people write it, a table, a Markdown report."""

from __future__ import annotations

from collections.abc import Sequence

from acutance.measuring.benchmark import SetScores
from acutance.measuring.metrics import METRICS
from acutance.measuring.report import Report
from acutance.measuring.scores import Score


def figure(metric: str, value: Score) -> str:
    """A score with the decimals its metric deserves.

    >>> figure("psnr_y", 28.4267), figure("lpips", 0.28612), figure("psnr_y", None), figure("psnr_y", float("inf"))
    ('28.43', '.2861', '-', 'inf')
    """
    if value is None:
        return "-"
    text = f"{value:.{METRICS[metric].decimals}f}"
    return text.removeprefix("0") if text.startswith("0.") else text


def heading(metric: str) -> str:
    """A metric's name with the direction that is better."""
    arrow = "↑" if METRICS[metric].better == "higher" else "↓"
    return f"{METRICS[metric].title} {arrow}"


def best(results: Sequence[SetScores], metric: str) -> set[str]:
    """The methods with the best mean, as printed."""
    means = {result.method: mean for result in results if (mean := result.mean(metric)) is not None}
    if not means or len(results) < 2:
        return set()
    if METRICS[metric].better == "higher":
        top = max(means.values())
    else:  # beyond the best possible, as a seam ratio below 1 is, nothing is better
        means = {name: max(mean, METRICS[metric].best) for name, mean in means.items()}
        top = min(means.values())
    return {name for name, mean in means.items() if figure(metric, mean) == figure(metric, top)}


def markdown(report: Report) -> str:
    """Tables of means, notes and the receipt."""
    lines = [f"# Benchmark, x{report.scale}", ""]
    for name, results in report.sets().items():
        lines += [f"## {name}", "", f"{len(results[0].rows)} pictures, LR {results[0].lr}", ""]
        lines.append("| method | " + " | ".join(heading(metric) for metric in report.metrics) + " |")
        lines.append("|---" * (len(report.metrics) + 1) + "|")
        winners = {metric: best(results, metric) for metric in report.metrics}
        for result in results:
            cells = []
            for metric in report.metrics:
                cell = figure(metric, result.mean(metric))
                cells.append(f"**{cell}**" if result.method in winners[metric] else cell)
            lines.append(f"| {result.method} | " + " | ".join(cells) + " |")
        notes = sorted({f"- {r.method}, {row.image}: {note}" for r in results for row in r.rows for note in row.notes})
        lines += ["", *notes, ""] if notes else [""]
    lines += ["## What was measured", ""]
    lines += [
        f"- {METRICS[metric].title}: {METRICS[metric].about}; {METRICS[metric].protocol}" for metric in report.metrics
    ]
    lines += ["", "## Receipt", ""]
    lines += [f"- {label}: {text}" for label, text in report.receipt.items()]
    return "\n".join(lines) + "\n"
