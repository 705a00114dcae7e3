"""A study's results for the terminal."""

from __future__ import annotations

from typing import Any


def number(value: float | None, digits: int = 2) -> str:
    """A rounded number, or a dash where there is none.

    >>> number(3.456), number(None)
    ('3.46', '-')
    """
    return "-" if value is None else f"{value:.{digits}f}"


def p_value(value: float | None) -> str:
    """A p-value as papers write it.

    >>> p_value(0.00001), p_value(0.0312), p_value(0.4)
    ('<0.001', '0.031', '0.40')
    """
    if value is None:
        return "-"
    if value < 0.001:
        return "<0.001"
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def ordered(group: dict[str, Any]) -> list[dict[str, Any]]:
    """The versions of a group, the best first; those without a value last."""
    return sorted(group["versions"], key=lambda row: (row["value"] is None, -(row["value"] or 0)))


def text(found: dict[str, Any]) -> str:
    """Tables of scores, what differs, agreement, and the raters to look at."""
    scores = found["kind"] == "scores"
    lines = [
        f"{found['title']}: {found['ratings']:,} {'scores' if scores else 'choices'} by {len(found['raters'])} "
        f"rater{'s' * (len(found['raters']) != 1)}, {found['pictures']} pictures, {len(found['versions'])} versions"
    ]
    for group in found["groups"]:
        lines += ["", f"{group['name']:18} {'MOS' if scores else 'score':>6}  {'95 % interval':>15}  {'answers':>8}"]
        lines += [
            f"{row['name'][:18]:18} {number(row['value']):>6}  {number(row['low']):>6} to {number(row['high']):>5}"
            f"  {row['count']:>8,}"
            for row in ordered(group)
        ]
        alike = [f"{test['a']} and {test['b']} ({p_value(test['p_holm'])})"
                 for test in group["tests"] if test["p_holm"] >= 0.05]  # fmt: skip
        if group["tests"]:
            lines.append(
                "no difference shown (Wilcoxon, Holm): " + (", ".join(alike) if alike else "none; all versions differ")
            )
        if group.get("steadied"):
            lines.append("a version always or never won: half a win was added each way for every pair")
    lines += ["", f"agreement of raters (Krippendorff's alpha): {number(found['alpha'])}"]
    repeated = [rater for rater in found["raters"] if rater["repeats"]["count"]]
    if repeated:
        count = sum(rater["repeats"]["count"] for rater in repeated)
        same = sum(rater["repeats"]["count"] * rater["repeats"]["same"] for rater in repeated) / count
        lines.append(f"the same picture again got the same answer: {same:.0%} of {count:,}")
    if not scores:
        lines.append(f"the left picture was chosen: {found['left']:.0%}")
    unfinished = sum(not rater["finished"] for rater in found["raters"])
    if unfinished:
        lines.append(f"raters not finished yet: {unfinished}")
    for rater in found["raters"]:
        if rater["flags"]:
            lines.append(f"look at rater {rater['rater']}: {', '.join(rater['flags'])}")
    return "\n".join(lines)
