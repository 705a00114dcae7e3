"""Old footage: a scanned film or tape that was digitised and compressed (torch; numbers are ours).

In the order in which it happens: lens and prints blur the picture, the stock adds grain and fades,
a tape smears the colour, dirt comes on top, the lamp flickers; then it is reduced, shaken, stored
as two fields and compressed. Film and tape share the chain; each sample draws which parts of it
happen. Whatever moves the picture moves it by at most half a low-resolution pixel in sum, so
that pairs stay aligned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from acutance.degrade.contract import on_grid, require, trim, whole_multiple
from acutance.degrade.dirt import draw_dirt
from acutance.degrade.jpeg import RGB_TO_YCC, YCC_TO_RGB, code, draw_phase, jpeg, rotate
from acutance.degrade.kernels import Range, bell, convolve
from acutance.degrade.noise import grey_of, normal_field

BORDER = 8  # high-resolution pixels round the crop: what the blurs see beyond it; mirrored farther out
SEPIA = (1.12, 0.97, 0.78)  # colour of a toned print, for red, green and blue


@dataclass(frozen=True, kw_only=True)
class Film:
    """The chain for old footage. Sizes are in pixels of the scan unless they say otherwise.

    The colours that ``monochrome`` and ``sepia`` take away are still in the target: a network
    trained on such pairs learns to guess colour. They are off unless asked for.
    """

    scan: Range = (1.0, 2.0)  #: size of the scan before its reduction, times the low resolution
    blur: Range = (0.3, 1.3)  #: sigma along a line
    blur_ratio: Range = (0.4, 1.0)  #: sigma across the lines, times that along them: tape loses detail along
    grain: Range = (1.0, 12.0)  #: sigma in levels, at middle grey
    grain_size: Range = (0.3, 0.9)  #: sigma of a grain
    grain_grey: float = 0.6  #: probability that all channels share the grain
    fade: float = 0.35  #: probability of faded colours
    fade_saturation: Range = (0.6, 1.0)
    fade_cast: float = 0.06  #: largest gain or loss of a channel
    fade_black: Range = (0.0, 20.0)  #: level to which black rises
    monochrome: float = 0.0  #: probability
    sepia: float = 0.0  #: probability
    bleed: float = 0.5  #: probability of smeared colour
    bleed_sigma: Range = (1.0, 4.0)  #: of the colour along a line
    bleed_shift: float = 1.0  #: largest shift of the colour against the luma
    flicker: float = 0.5  #: probability
    flicker_gain: float = 0.06  #: largest deviation from 1
    flicker_offset: float = 5.0  #: levels
    flicker_slope: float = 0.05  #: largest deviation of the gain at the upper and lower edge
    dust: float = 0.3  #: probability
    dust_density: float = 6e-4  #: specks on a pixel
    scratch: float = 0.15  #: probability of vertical lines, one to three of them
    weave: float = 0.2  #: largest shift of the frame either way, low-resolution pixels
    jitter: float = 0.1  #: largest shift of a line, low-resolution pixels
    comb: float = 0.25  #: probability that the fields part
    comb_shift: float = 0.2  #: largest shift of each field, low-resolution pixels
    mpeg: float = 0.5  #: probability of block compression with a flat table
    mpeg_step: Range = (4.0, 24.0)  #: levels
    jpeg: float = 0.5  #: probability
    jpeg_quality: tuple[int, int] = (40, 95)

    def margin(self, scale: int) -> int:
        """High-resolution pixels it needs around the crop, on every side."""
        return whole_multiple(BORDER, scale)

    def __call__(self, hr: Tensor, randoms: Sequence[np.random.Generator], scale: int) -> Tensor:
        """Levels ``(N, 3, H + 2 m, W + 2 m)`` to [0, 1] ``(N, 3, H / scale, W / scale)``."""
        require(hr, randoms, scale, self.margin(scale))
        pairs = zip(hr.split(1), randoms, strict=True)  # one by one: their scans differ in size
        return torch.cat([self._degrade(picture, random, scale) for picture, random in pairs])

    def soil(self, picture: Tensor, random: np.random.Generator) -> Tensor:
        """``(1, 3, H, W)`` with dust and scratches."""
        return dirty(picture, random, self)

    def _degrade(self, picture: Tensor, random: np.random.Generator, scale: int) -> Tensor:
        """One sample, ``(1, 3, H + 2 m, W + 2 m)`` to ``(1, 3, H / scale, W / scale)``."""
        low = (picture.shape[-2] // scale, picture.shape[-1] // scale)
        zoom = min(random.uniform(*self.scan), scale)
        scan = (round(low[0] * zoom), round(low[1] * zoom))
        picture = reduced(picture, scan)
        picture = soften(picture, random, self)
        picture = grain(picture, random, self)
        picture = colour(picture, random, self)
        if random.random() < self.bleed:
            picture = bleed(picture, random, self)
        picture = self.soil(picture, random)
        if random.random() < self.flicker:
            picture = flicker(picture, random, self)
        picture = reduced(picture.clamp(0, 255), low)
        picture = shake(picture, random, self)
        picture = compress(picture, random, self)
        return on_grid(trim(picture, self.margin(scale) // scale))


@dataclass(frozen=True, kw_only=True)
class Spotless(Film):
    """The same film from the same random numbers, but without its dust and scratches."""

    def soil(self, picture: Tensor, random: np.random.Generator) -> Tensor:
        """Draws them, and leaves ``(1, 3, H, W)`` as it is."""
        super().soil(picture, random)
        return picture


def soften(picture: Tensor, random: np.random.Generator, law: Film) -> Tensor:
    """Blur ``(1, 3, H, W)``, along the lines more than across them."""
    along = random.uniform(*law.blur)
    return convolve(picture, bell("gaussian", 9, (along, along * random.uniform(*law.blur_ratio))))


def grain(picture: Tensor, random: np.random.Generator, law: Film) -> Tensor:
    """Add grain to ``(1, 3, H, W)``: spatially correlated, strongest in the middle greys."""
    strength, size = random.uniform(*law.grain), random.uniform(*law.grain_size)
    grey = bool(random.random() < law.grain_grey)
    kernel = bell("gaussian", 7, (size, size))
    field = convolve(normal_field(random, picture, grey), kernel / np.sqrt(np.square(kernel).sum()))
    tone = (grey_of(picture) / 255).clamp_(0, 1)
    return picture + field * (strength * (0.35 + 2.6 * tone * (1 - tone)))


def colour(picture: Tensor, random: np.random.Generator, law: Film) -> Tensor:
    """Fade the dyes of ``(1, 3, H, W)``, or take the colour away."""
    chance = random.random()
    if chance < law.monochrome:
        return grey_of(picture).expand(-1, 3, -1, -1)
    if chance < law.monochrome + law.sepia:
        return grey_of(picture) * channels(SEPIA, picture)
    if chance < law.monochrome + law.sepia + (1 - law.monochrome - law.sepia) * law.fade:
        saturation = random.uniform(*law.fade_saturation)
        gain = channels(random.uniform(1 - law.fade_cast, 1 + law.fade_cast, 3), picture)
        black = random.uniform(*law.fade_black)
        return torch.lerp(grey_of(picture), picture, saturation) * (gain * (1 - black / 255)) + black
    return picture


def bleed(picture: Tensor, random: np.random.Generator, law: Film) -> Tensor:
    """Blur the colour of ``(1, 3, H, W)`` along the lines and shift it: a tape stores little of it."""
    along, shift = random.uniform(*law.bleed_sigma), random.uniform(-law.bleed_shift, law.bleed_shift)
    ycc = rotate(picture, RGB_TO_YCC)
    smeared = shifted(convolve(ycc[:, 1:], bell("gaussian", 17, (along, along / 3))), shift)
    return rotate(torch.cat((ycc[:, :1], smeared), 1), YCC_TO_RGB)


def dirty(picture: Tensor, random: np.random.Generator, law: Film) -> Tensor:
    """Lay dust and scratches over ``(1, 3, H, W)``."""
    specks = random.random() < law.dust
    lines = random.random() < law.scratch
    if not specks and not lines:
        return picture
    height, width = picture.shape[-2:]
    count = int(random.poisson(law.dust_density * height * width)) if specks else 0
    level, cover = draw_dirt(random, height, width, count, int(random.integers(1, 4)) if lines else 0)
    level, cover = (torch.from_numpy(plane).to(picture.device) for plane in (level, cover))
    return torch.lerp(picture, level.expand_as(picture), cover)


def flicker(picture: Tensor, random: np.random.Generator, law: Film) -> Tensor:
    """Change the light of ``(1, 3, H, W)``: gain, offset and a slope from top to bottom."""
    gain = 1 + random.uniform(-law.flicker_gain, law.flicker_gain)
    slope = random.uniform(-law.flicker_slope, law.flicker_slope)
    offset = random.uniform(-law.flicker_offset, law.flicker_offset)
    light = torch.linspace(gain - slope, gain + slope, picture.shape[-2], device=picture.device)
    return picture * light[:, None] + offset


def shake(picture: Tensor, random: np.random.Generator, law: Film) -> Tensor:
    """Move the frame, its lines and its two fields by parts of a pixel of ``(1, 3, H, W)``."""
    height = picture.shape[-2]
    across, down = random.uniform(-law.weave, law.weave, 2)
    lines = random.uniform(-1, 1, height) * random.uniform(0, law.jitter)
    if random.random() < law.comb:
        field = random.uniform(-law.comb_shift, law.comb_shift)
        lines = lines + np.where(np.arange(height) % 2 == 0, field, -field)
    offsets = torch.from_numpy((across + lines).astype(np.float32)).to(picture.device)
    picture = shifted(picture, offsets[:, None])
    return shifted(picture.transpose(2, 3), float(down)).transpose(2, 3)


def compress(picture: Tensor, random: np.random.Generator, law: Film) -> Tensor:
    """Compress ``(1, 3, H, W)`` with a flat table as MPEG does, with JPEG, both or neither."""
    if random.random() < law.mpeg:
        steps = torch.full((1, 8, 8), random.uniform(*law.mpeg_step), device=picture.device)
        steps[:, 0, 0] = 8  # MPEG-2 keeps the mean of a block finer than the rest
        picture = code(picture, steps, steps, draw_phase(random))
    if random.random() < law.jpeg:
        low, high = law.jpeg_quality
        picture = jpeg(picture, [int(random.integers(low, high + 1))], draw_phase(random))
    return picture


def shifted(picture: Tensor, offset: Tensor | float) -> Tensor:
    """Move ``(N, C, H, W)`` to the right by up to one pixel, ``offset`` a number or ``(H, 1)``.

    >>> shifted(torch.tensor([[[[0.0, 8.0, 0.0]]]]), 0.25).flatten().tolist()
    [0.0, 6.0, 2.0]
    """
    offset = torch.as_tensor(offset, dtype=picture.dtype, device=picture.device)
    wide = F.pad(picture, (1, 1, 0, 0), mode="replicate")
    left, right = wide[..., :-2], wide[..., 2:]
    return picture + offset.clamp(min=0) * (left - picture) - offset.clamp(max=0) * (right - picture)


def reduced(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """``(N, 3, H, W)`` at ``size`` rows and columns, antialiased."""
    if tuple(picture.shape[-2:]) == size:
        return picture
    return F.interpolate(picture, size=size, mode="bilinear", align_corners=False, antialias=True)


def channels(values: Sequence[float] | np.ndarray, picture: Tensor) -> Tensor:
    """One factor for each channel, ``(1, 3, 1, 1)``."""
    return torch.tensor([float(value) for value in values], device=picture.device).view(1, 3, 1, 1)
