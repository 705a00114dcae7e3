"""The report's drawings as inline SVG; colours come from the page's style, so dark mode works."""

from __future__ import annotations

import math
from html import escape
from typing import Any

from acutance.measuring.opinion.text import number, ordered
from acutance.measuring.study import SCORES, WORDS

WIDTH = 760
NAME = 150  # room for names at the left
ROW = 34


def _svg(height: float, label: str, parts: list[str]) -> str:
    body = "".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(label)}">{body}</svg>'


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(words)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def means(group: dict[str, Any], scores: bool) -> str:
    """A dot and its interval for each version, the best on top; the axis is 1 to 5, or log strength."""
    rows = [row for row in ordered(group) if row["value"] is not None]
    low, high = (1.0, 5.0) if scores else _span(rows)
    left, right, bottom = NAME + 10, WIDTH - 60, 12 + ROW * len(rows)

    def x(value: float) -> float:
        return left + (min(max(value, low), high) - low) / (high - low) * (right - left)

    parts = []
    for step in range(5):
        value = low + (high - low) * step / 4
        parts.append(_line(x(value), 6, x(value), bottom, "grid"))
        parts.append(_text(x(value), bottom + 18, number(value, 0 if scores else 1), "soft", "middle"))
    for place, row in enumerate(rows):
        y = 12 + ROW * (place + 0.5)
        parts.append(_text(NAME, y + 5, row["name"][:20], "", "end"))
        if row["low"] is not None:
            parts.append(_line(x(row["low"]), y, x(row["high"]), y, "whisker"))
        parts.append(f'<circle cx="{x(row["value"]):.1f}" cy="{y:.1f}" r="5.5" class="dot"/>')
        parts.append(_text(WIDTH, y + 5, number(row["value"]), "strong", "end"))
    return _svg(bottom + 26, f"scores of {group['name']}", parts)


def _span(rows: list[dict[str, Any]]) -> tuple[float, float]:
    """A symmetric axis around 0 that holds every interval, ending at a whole number."""
    far = max([abs(row[key]) for row in rows for key in ("low", "high", "value") if row[key] is not None] or [1])
    end = max(math.ceil(far), 1)
    return -end, end


def distributions(group: dict[str, Any]) -> str:
    """How often each version got each score: one bar from bad to excellent per version, the best on top."""
    rows = [row for row in ordered(group) if row["count"]]
    left, right = NAME + 10, WIDTH - 60
    parts = []
    for place, score in enumerate(SCORES):
        x = left + place * 112
        parts.append(f'<rect x="{x}" y="2" width="12" height="12" rx="3" class="s{score}"/>')
        parts.append(_text(x + 18, 13, f"{score} {WORDS[score - 1]}", "soft"))
    for place, row in enumerate(rows):
        y = 30 + ROW * place
        parts.append(_text(NAME, y + 17, row["name"][:20], "", "end"))
        x = float(left)
        for score, count in zip(SCORES, row["histogram"], strict=True):
            width = (right - left) * count / row["count"]
            title = f"<title>{score} {WORDS[score - 1]}: {count} of {row['count']}</title>"
            parts.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="24" class="s{score}">{title}</rect>')
            if width > 34:
                parts.append(_text(x + width / 2, y + 17, f"{count / row['count']:.0%}", f"on{score}", "middle"))
            x += width
        parts.append(_text(WIDTH, y + 17, f"{row['count']:,}", "soft", "end"))
    return _svg(30 + ROW * len(rows), f"distribution of scores of {group['name']}", parts)
