"""F9: peak memory of a small and a large picture, each in a process of its own."""

from __future__ import annotations

from trials.figures import Bar, Figure
from trials.pictures import scene, vips
from trials.running import Bench, Warm

SIDES = {True: (320, 640), False: (2500, 8192)}  # pixels; the last becomes 1,074 megapixels
MOST_MB, RATIO, QUICK_RATIO = 1000, 1.15, 1.5


def measure(bench: Bench) -> Figure:
    """The figure, with the usual model, four times."""
    peaks = bench.each(_peak, [(bench, side) for side in SIDES[bench.quick]])
    ratio = peaks[-1] / peaks[0]
    bars = [
        Bar("peak memory, MB", max(peaks), MOST_MB),
        Bar("large to small", ratio, QUICK_RATIO if bench.quick else RATIO),
    ]
    return Figure(bars, {f"{side}x{side}": round(peak) for side, peak in zip(SIDES[bench.quick], peaks, strict=True)})


def _peak(warm: Warm, task: tuple[Bench, int]) -> float:
    bench, side = task
    warm.close()
    with bench.place("memory") as place:
        image = vips(scene(512, 512)).replicate(side // 512 + 1, side // 512 + 1).crop(0, 0, side, side)
        image.jpegsave(str(place / "in.jpg"), Q=92)
        ended = warm.run(["upscale", "in.jpg", "-o", "out.png", "--json"], place, patience=600)
        if ended.code != 0:
            raise SystemExit(f"{side}x{side}: exit {ended.code} {ended.err}")
        return ended.peak_mb
