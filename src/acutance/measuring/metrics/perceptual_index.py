"""The perceptual index of PIRM 2018 (Blau et al. 2018, sec. 3, eq. 1): PI = ((10 - Ma) + NIQE) / 2, lower is better.

Ma is the score of Ma et al. 2017, 0 to 10, higher is better: three random forests trained on the ratings of people.
They exist as MATLAB files alone, against which nothing of ours could be checked, so Ma is not computed here: measure
it with the authors' code (github.com/chaoma99/sr-metric) and give it. NIQE is ours, with a border of SCALE pixels.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

from acutance.errors import BadInput


def perceptual_index(niqe: float, ma: float) -> float:
    """PI from a picture's NIQE and its Ma score.

    >>> perceptual_index(5.0, 8.0)
    3.5
    """
    if not (0 <= ma <= 10 and niqe >= 0):
        raise BadInput(f"a Ma score is 0 to 10 and NIQE is not negative; got Ma {ma}, NIQE {niqe}")
    return ((10 - ma) + niqe) / 2


def read_ma_scores(path: Path) -> dict[str, float]:
    """Ma scores by picture name, from a CSV file with lines ``name,score``; a heading is passed over.

    Raises ``BadInput`` that names the line.
    """
    scores: dict[str, float] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read as text ({error})") from error
    for number, row in enumerate(csv.reader(lines), 1):
        if not row:
            continue
        try:
            name, score = row[0].strip(), float(row[1])
        except (IndexError, ValueError) as error:
            if number == 1:
                continue
            raise BadInput(f"{path}: line {number} is not NAME,SCORE") from error
        if not (math.isfinite(score) and 0 <= score <= 10):
            raise BadInput(f"{path}: line {number}: a Ma score is 0 to 10, got {row[1].strip()}")
        if name in scores:
            raise BadInput(f"{path}: line {number}: {name} stands there twice")
        scores[name] = score
    return scores
