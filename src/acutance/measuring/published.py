"""What papers and public weights say, as numbers that can be measured again (x4, luma, a border of 4 pixels)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LEDIG = "Ledig 2017, table 2"
WANG = "Wang 2018, table 1"
WANG_PICTURES = "Wang 2018, figure 7"
RECEIPT = "the model's own receipt"


@dataclass(frozen=True, kw_only=True)
class Fact:
    """``published`` is met within ``tolerance``. ``method``: an interpolation, a built-in model or one of
    ``CHECKPOINTS``; ``image``: one picture of the set instead of the mean; ``grey``: "value" takes a grey original
    as luma itself, "rgb" converts it like the others."""

    method: str
    set: str
    metric: str
    published: float
    tolerance: float
    source: str
    image: str = ""
    grey: str = "rgb"


# The tables give two decimals; luma there is rounded to whole levels, ours is not (0.01 dB, 0.0009 of SSIM).
_TABLE = (
    ("nearest", "Set5", 26.26, None, LEDIG),
    ("nearest", "Set14", 24.64, None, LEDIG),
    ("nearest", "BSD100", 25.02, None, LEDIG),
    ("bicubic", "Set5", 28.42, 0.8104, WANG),
    ("bicubic", "Set14", 26.00, 0.7027, WANG),
    ("bicubic", "BSD100", 25.96, 0.6675, WANG),
    ("bicubic", "Urban100", 23.14, 0.6577, WANG),
    ("bicubic", "Manga109", 24.89, 0.7866, WANG),
)
_DAALA = (  # the SRGAN paper's SSIM, of daala's tool
    ("nearest", "Set5", 0.7552),
    ("nearest", "Set14", 0.7100),
    ("nearest", "BSD100", 0.6606),
    ("bicubic", "Set5", 0.8211),
    ("bicubic", "Set14", 0.7486),
    ("bicubic", "BSD100", 0.6935),
)
# Of single pictures the paper shows; "face" is left out, because plain bicubic on our copy of it differs by 0.09 dB.
_PICTURES = (
    ("Set14", "baboon", {"bicubic": 22.44, "ESRGAN": 20.35}),
    ("BSD100", "102061", {"bicubic": 25.12, "ESRGAN": 24.83}),
    ("BSD100", "43074", {"bicubic": 29.29, "ESRGAN": 27.69}),
)
# The public weights need not be those of the figure.
_PICTURE_TOLERANCE = {"bicubic": 0.02, "ESRGAN": 0.15}
FACTS: tuple[Fact, ...] = (
    *(
        Fact(method=m, set=s, metric=metric, published=value, tolerance=tolerance, source=source, grey="value")
        for m, s, psnr, ssim, source in _TABLE
        for metric, value, tolerance in (("psnr_y", psnr, 0.02), ("ssim_y", ssim, 0.001))
        if value is not None
    ),
    *(
        Fact(method=m, set=s, metric="ssim_daala", published=v, tolerance=0.001, source=LEDIG, grey="value")
        for m, s, v in _DAALA
    ),
    *(
        Fact(
            method=m,
            set=s,
            image=i,
            metric="psnr_y",
            published=v,
            tolerance=_PICTURE_TOLERANCE[m],
            source=WANG_PICTURES,
        )
        for s, i, found in _PICTURES
        for m, v in found.items()
    ),
)

CHECKPOINTS: Mapping[str, tuple[str, ...]] = {
    "ESRGAN": ("3cce18c72e90629e9d9b8d1a49eada10edd7c9f23efe440d067b168908fb290d",),
}
"""SHA-256 of public checkpoint files by the name facts use: ESRGAN's RRDB_ESRGAN_x4, as fp16."""

GUIDES: Mapping[str, tuple[tuple[str, float], ...]] = {
    "Set5": (("SRGAN, Ledig 2017", 29.40), ("SRResNet, Ledig 2017", 32.05), ("RRDB, Wang 2018", 32.73)),
    "Set14": (("SRGAN, Ledig 2017", 26.02), ("SRResNet, Ledig 2017", 28.49), ("RRDB, Wang 2018", 28.99)),
    "BSD100": (("SRGAN, Ledig 2017", 25.16), ("SRResNet, Ledig 2017", 27.58), ("RRDB, Wang 2018", 27.85)),
}
"""Published PSNR in dB of methods whose other scores are not published: lines in a plot."""

_ESRGAN = "ESRGAN, public weights"
POINTS: Mapping[str, tuple[tuple[str, Mapping[str, float]], ...]] = {
    "Set5": ((_ESRGAN, {"psnr_y": 30.46, "lpips": 0.0632, "niqe": 5.220}),),
    "Set14": ((_ESRGAN, {"psnr_y": 26.30, "lpips": 0.1004, "niqe": 3.873}),),
    "BSD100": ((_ESRGAN, {"psnr_y": 25.31, "lpips": 0.1042, "niqe": 3.650}),),
}
"""Public weights, measured by ``acutance evaluate`` (benchmarks/results/quality.json): points in a plot."""
