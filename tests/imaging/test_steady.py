"""The stabiliser: still places become steadier, nothing that moves leaves a trail, nothing crosses a cut."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from acutance.files.video_reading import Frame
from acutance.imaging.boxes import box, grain_sigma
from acutance.imaging.cuts import is_cut, thumbnail
from acutance.imaging.steady import RADIUS, steady
from acutance.measuring.metrics.flicker import flicker
from acutance.measuring.metrics.psnr import psnr
from acutance.pipelines.preparation import look_back, prepared

SIGMA = 4.0


def grainy(scenes: list[np.ndarray], sigma: float = SIGMA, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    noise = [random.normal(0, sigma, scene.shape[:2])[:, :, None] for scene in scenes]
    return [np.clip(np.rint(s + n), 0, 255).astype(np.uint8) for s, n in zip(scenes, noise, strict=True)]


def steadied(frames: list[np.ndarray], strength: float = 1.0) -> list[np.ndarray]:
    new = ((Frame(number, frame, 0, 0), True) for number, frame in enumerate(frames))
    return [frame.rgb for frame in prepared(new, strength, 0.0)]


@pytest.fixture(scope="module")
def scene(photo: np.ndarray) -> np.ndarray:
    return photo[::3, ::3]


@pytest.mark.parametrize(("strength", "left"), [(0.3, 0.7), (0.5, 0.5), (1.0, 0.35)])
def test_flicker_of_a_still_scene_falls(scene: np.ndarray, strength: float, left: float) -> None:
    """The bar is 30 %; the scene itself comes nearer, so detail is kept."""
    before = grainy([scene] * 9)
    after = steadied(before, strength)
    assert flicker(after, before) < left * flicker(before)
    assert np.mean([psnr(a, scene) for a in after]) > np.mean([psnr(b, scene) for b in before]) + 2


def moving(speed: int, contrast: float) -> list[np.ndarray]:
    """A bar, and a thin line, on a flat ground."""
    frames = []
    for t in range(14):
        frame = np.full((96, 160, 3), 90.0)
        frame[20:70, 10 + speed * t : 40 + speed * t] += contrast
        frame[80:90, 10 + speed * t : 13 + speed * t] += contrast
        frames.append(frame)
    return frames


@pytest.mark.parametrize("speed", [1, 3, 6])
@pytest.mark.parametrize("contrast", [30.0, 80.0, 150.0])
def test_no_trail_behind_what_moves(speed: int, contrast: float) -> None:
    """Where the bar and the line have just been, and where they will be, the ground has its own brightness."""
    clean = moving(speed, contrast)
    after = steadied(grainy(clean))
    reach = RADIUS * speed
    for t in (5, 8):
        error = after[t].astype(float) - clean[t]
        for rows, width in ((slice(24, 66), 30), (slice(81, 89), 3)):
            left = 10 + speed * t
            trail, ahead = error[rows, left - reach : left], error[rows, left + width : left + width + reach]
            inside = error[rows, left : left + width]
            for place in (trail, ahead, inside):
                noise = 3 * SIGMA / np.sqrt(place[:, :, 0].size)
                assert abs(place.mean()) < max(0.02 * contrast, noise), "less than grain alone could do"


def test_nothing_crosses_a_cut(scene: np.ndarray) -> None:
    first, second = [scene] * 6, [scene[::-1, ::-1]] * 6
    together = steadied(grainy([*first, *second]))
    alone = [*steadied(grainy([*first, *second])[:6]), *steadied(grainy([*first, *second])[6:])]
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_array_equal(a, b)


def test_going_on_needs_only_the_frames_it_looks_back(scene: np.ndarray) -> None:
    frames = grainy([np.roll(scene, t, axis=1) for t in range(12)])
    whole = steadied(frames)
    back = look_back(1.0)
    for begin in (1, 2, 5, 11):
        lead = range(max(0, begin - back), begin)
        given = [(Frame(n, frames[n], 0, 0), False) for n in lead]
        given += [(Frame(n, frames[n], 0, 0), True) for n in range(begin, 12)]
        again = [f.rgb for f in prepared(iter(given), 1.0, 0.0)]
        assert len(again) == 12 - begin
        for a, b in zip(again, whole[begin:], strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_lamp_that_flickers_is_evened_out(scene: np.ndarray) -> None:
    gains = [1.0, 1.04, 0.97, 1.03, 0.98, 1.05, 0.96, 1.02, 1.0, 0.98, 1.04, 0.97]
    before = grainy([np.clip(scene * g, 0, 255) for g in gains], 1.0)
    after = steadied(before)

    def steps(frames: list[np.ndarray]) -> float:
        return float(np.abs(np.diff([f.mean() for f in frames])).mean())

    assert steps(after) < 0.4 * steps(before)


def test_a_fade_stays_a_fade(scene: np.ndarray) -> None:
    before = grainy([scene * (1 - 0.04 * t) for t in range(12)], 1.0)
    after = steadied(before)
    assert max(abs(float(a.mean()) - float(b.mean())) for a, b in zip(after[2:-2], before[2:-2], strict=True)) < 1.0


def test_sixteen_bits_and_odd_windows(scene: np.ndarray) -> None:
    deep = [f.astype(np.uint16) * 256 for f in grainy([scene] * 5)]
    shallow = grainy([scene] * 5)
    near = np.abs(steady(deep, 2, 1.0) / 256 - steady(shallow, 2, 1.0)).max()
    assert near <= 0.6 and steady(deep, 2, 1.0).dtype == np.uint16
    np.testing.assert_array_equal(steady(shallow[:1], 0, 1.0), shallow[0])
    np.testing.assert_array_equal(steady(shallow, 2, 0.0), shallow[2])
    tiny = [np.full((1, 2, 3), v, np.uint8) for v in (9, 10, 11)]
    assert steady(tiny, 1, 1.0).shape == (1, 2, 3)


def test_cuts(scene: np.ndarray) -> None:
    looks = [thumbnail(np.roll(scene, 3 * t, axis=1)) for t in range(8)]
    assert not any(is_cut(a, b) for a, b in itertools.pairwise(looks)), "a pan is no cut"
    assert not is_cut(thumbnail(scene), thumbnail((scene * 0.6).astype(np.uint8))), "nor is less light"
    assert is_cut(thumbnail(scene), thumbnail(scene[:, ::-1]))
    black = np.zeros_like(scene)
    assert not is_cut(thumbnail(black), thumbnail(grainy([black + 3.0], 2)[0]))
    assert is_cut(thumbnail(black), thumbnail(scene))
    assert not is_cut(thumbnail(scene), thumbnail(scene.astype(np.uint16) * 256))


def test_box_is_a_mean() -> None:
    from scipy.ndimage import uniform_filter

    plane = np.random.default_rng(0).random((31, 17)).astype(np.float32)
    for radius in (1, 2, 4):
        expected = uniform_filter(plane, 2 * radius + 1, mode="nearest")
        np.testing.assert_allclose(box(plane, radius), expected, atol=1e-5)


def test_grain_is_measured(scene: np.ndarray) -> None:
    clean = grain_sigma(scene[:, :, 1])
    found = [grain_sigma(grainy([scene], s)[0][:, :, 1]) for s in (3.0, 6.0, 12.0)]
    assert found == sorted(found) and abs(found[2] - 12) < 2 and clean < found[0]
    assert grain_sigma(np.zeros((2, 2))) == 0
