"""What a figure comes to: counts, and bars that hold or do not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

SHOWN = 60  # failures named in a result


@dataclass(frozen=True)
class Bar:
    """``value`` must be at most ``limit``; with ``least`` at least."""

    name: str
    value: float
    limit: float = 0
    least: bool = False

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.value >= self.limit if self.least else self.value <= self.limit

    def row(self) -> dict[str, Any]:
        """For a result."""
        sign = ">=" if self.least else "<="
        return {"bar": f"{self.name} {sign} {self.limit:g}", "value": round(self.value, 4), "holds": self.holds}


@dataclass
class Figure:
    """One figure. ``failures``: what broke a bar, each enough to find it again; ``limits``: what it does not cover."""

    bars: list[Bar]
    counts: dict[str, Any]
    failures: list[str] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every bar does."""
        return all(bar.holds for bar in self.bars)

    def to_dict(self) -> dict[str, Any]:
        """For a result."""
        return {
            "holds": self.holds,
            "bars": [bar.row() for bar in self.bars],
            "counts": self.counts,
            "failures": self.failures[:SHOWN],
            "failures_in_all": len(self.failures),
            "not_covered": self.limits,
        }


def tally(words: Iterable[str]) -> dict[str, int]:
    """How often each word came, the most frequent first."""
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))
