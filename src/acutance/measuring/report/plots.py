"""Plots as SVG text: perception against distortion, and every picture's score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 460, 320
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 14, 40
COLOURS = 8  # then they begin anew
TICKS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, kw_only=True)
class Point:
    """A method in a plot. ``number``: which colour; 0 for a published one, drawn hollow."""

    name: str
    x: float
    y: float
    number: int = 0


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers that cover [low, high].

    >>> ticks(26.09, 31.6)
    [26.0, 28.0, 30.0, 32.0]
    >>> ticks(3.0, 3.0)
    [3.0]
    """
    if high <= low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in TICKS if each * power >= rough)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def scatter(points: Sequence[Point], x_label: str, y_label: str, *, guides: Sequence[tuple[str, float]] = ()) -> str:
    """Points over two scores; ``guides`` are named vertical lines, for published results of one score only."""
    columns = ticks(*_span([p.x for p in points] + [x for _, x in guides]))
    rows = ticks(*_span([p.y for p in points]))

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + _share(x, columns) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - _share(y, rows) * (HEIGHT - TOP - BOTTOM),
        )

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(y_label)} over {escape(x_label)}">']
    for value in columns:
        x, _ = place(value, rows[0])
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{value:g}</text>')
    for value in rows:
        _, y = place(columns[0], value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    for name, value in guides:
        x, _ = place(value, rows[0])
        parts.append(f'<line class="guide" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        turned = f'transform="translate({x - 4:.1f} {TOP + 4}) rotate(-90)" text-anchor="end"'
        parts.append(f'<text class="note" {turned}>{escape(name)}</text>')
    parts += _labelled([(p, *place(p.x, p.y)) for p in points])
    parts.append(f'<text class="axis" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}">{escape(x_label)}</text>')
    turned = f'transform="translate(13 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)"'
    parts.append(f'<text class="axis" {turned}>{escape(y_label)}</text>')
    return "".join(parts) + "</svg>"


def _labelled(placed: Sequence[tuple[Point, float, float]]) -> list[str]:
    """Dots with their names beside them, moved down where two names would meet."""
    parts, taken = [], []
    for point, x, y in sorted(placed, key=lambda each: each[2]):
        left = x > WIDTH * 0.62
        width = 6.2 * len(point.name)
        start, label = (x - 9 - width if left else x + 9), y + 4
        while any(abs(label - other) < 12 and start < end and begin < start + width for other, begin, end in taken):
            label += 3
        taken.append((label, start, start + width))
        anchor = "end" if left else "start"
        parts.append(
            f'<circle class="dot c{point.number}" cx="{x:.1f}" cy="{y:.1f}" r="5">'
            f"<title>{escape(point.name)}: {point.x:.4g}, {point.y:.4g}</title></circle>"
            f'<text class="name" x="{x - 9 if left else x + 9:.1f}" y="{label:.1f}" text-anchor="{anchor}">'
            f"{escape(point.name)}</text>"
        )
    return parts


def bars(names: Sequence[str], series: Sequence[Sequence[float | None]], label: str) -> str:
    """One group of bars for every picture, one bar of it for every method, in the methods' colours.

    The axis begins below the smallest score, so lengths compare within the plot only.
    """
    finite = [value for row in series for value in row if value is not None and math.isfinite(value)]
    if not finite:
        return ""
    levels = ticks(*_span(finite), about=3)
    group = max(7.0, min(70.0, 900 / len(names)))
    width, height, base = LEFT + group * len(names) + RIGHT, 190, 150
    each = group * 0.8 / len(series)
    parts = [
        f'<svg viewBox="0 0 {width:.0f} {height}" style="width:{width:.0f}px" role="img" aria-label="{escape(label)}">'
    ]
    for value in levels:
        y = base - _share(value, levels) * (base - TOP)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{width - RIGHT:.0f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    for column, name in enumerate(names):
        x = LEFT + group * (column + 0.1)
        for number, row in enumerate(series):
            value = row[column]
            if value is None:
                continue
            top = base - min(_share(value, levels), 1.0) * (base - TOP)
            parts.append(
                f'<rect class="c{number % COLOURS + 1}" x="{x + each * number:.1f}" y="{top:.1f}" width="{each:.1f}" '
                f'height="{base - top:.1f}"><title>{escape(name)}: {value:.4g}</title></rect>'
            )
        if group >= 24:
            parts.append(
                f'<text class="tick" x="{x + group * 0.4:.1f}" y="{base + 14}" text-anchor="middle">'
                f"{escape(name[: int(group / 6)])}</text>"
            )
    return "".join(parts) + "</svg>"


def _span(values: Sequence[float]) -> tuple[float, float]:
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    margin = (high - low) * 0.06
    return low - margin, high + margin


def _share(value: float, levels: Sequence[float]) -> float:
    """Where a value lies between the first and the last level, 0 to 1; infinity at the end."""
    if levels[-1] == levels[0]:
        return 0.5
    return min(max((value - levels[0]) / (levels[-1] - levels[0]), 0.0), 1.05)
