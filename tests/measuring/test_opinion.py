"""The statistics of opinion studies against scipy, brute force and published examples."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from acutance.measuring.opinion.agreement import alpha, screen, with_the_others
from acutance.measuring.opinion.intervals import incomplete_beta, mean_interval, t_cdf, t_quantile
from acutance.measuring.opinion.preference import bradley_terry
from acutance.measuring.opinion.wilcoxon import holm, signed_rank

NAN = math.nan


@pytest.mark.parametrize("freedom", [1, 2, 3.5, 25, 300, 2599])
@pytest.mark.parametrize("p", [0.01, 0.3, 0.6, 0.975, 0.9995])
def test_student_as_scipy_has_it(p: float, freedom: float) -> None:
    want = stats.t.ppf(p, freedom)
    assert t_quantile(p, freedom) == pytest.approx(want, rel=1e-9)
    assert t_cdf(want, freedom) == pytest.approx(p, rel=1e-10)


def test_incomplete_beta_at_its_ends() -> None:
    assert (incomplete_beta(2, 3, 0), incomplete_beta(2, 3, 1)) == (0, 1)


def test_interval_of_a_mean_as_scipy_has_it() -> None:
    data = [3, 4, 4, 5, 2, 4, 3, 5, 1, 4]
    mean, half = mean_interval(data)
    low, high = stats.t.interval(0.95, len(data) - 1, loc=np.mean(data), scale=stats.sem(data))
    assert (mean - half, mean + half) == pytest.approx((low, high), rel=1e-10)
    assert math.isnan(mean_interval([3])[1]) and math.isnan(mean_interval([])[0])


@pytest.mark.parametrize("count", [1, 2, 7, 20, 50])
def test_wilcoxon_exact_without_ties(count: int) -> None:
    generator = np.random.default_rng(count)
    data = generator.permutation(np.arange(1, count + 1)) * generator.choice([-1, 1], count) * 0.1
    ours, theirs = signed_rank(data), stats.wilcoxon(data, method="exact")
    assert ours.exact and ours.statistic == theirs.statistic
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-10)


def test_wilcoxon_exact_with_ties_counts_every_sign_pattern() -> None:
    data = np.array([1, 1, -1, 2, 2, -3, 3, 3, 4, 0, 0])
    used = data[data != 0]
    ranks = stats.rankdata(np.abs(used))
    seen = min(ranks[used > 0].sum(), ranks[used < 0].sum())
    sums = [sum(r for r, sign in zip(ranks, signs, strict=True) if sign)
            for signs in itertools.product((0, 1), repeat=used.size)]  # fmt: skip
    want = np.mean([min(s, ranks.sum() - s) <= seen for s in sums])
    ours = signed_rank(data)
    assert ours.used == 9 and ours.p == pytest.approx(want)


@pytest.mark.parametrize("count", [60, 500, 2600])
def test_wilcoxon_of_many_scores_as_scipy_approximates_it(count: int) -> None:
    data = np.random.default_rng(count).integers(-4, 5, count)  # as differences of scores: ties and zeros
    theirs = stats.wilcoxon(data, zero_method="wilcox", correction=True, method="asymptotic")
    ours = signed_rank(data)
    assert not ours.exact and ours.statistic == theirs.statistic
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-9)


def test_wilcoxon_without_a_difference() -> None:
    assert signed_rank([0, 0, 0]).p == 1 and signed_rank([]).p == 1


def test_holm() -> None:
    assert holm([0.04, 0.01, 0.03, 0.9]) == pytest.approx([0.09, 0.04, 0.09, 0.9])
    assert holm([]) == []


# Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section D: 4 observers, 12 units, data missing.
PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)


@pytest.mark.parametrize(("level", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_the_published_example(level, value: float) -> None:
    assert round(alpha(PUBLISHED, level), 3) == value


def test_alpha_at_its_ends() -> None:
    same = np.array([[1.0, 5, 3, 2]] * 3)
    assert alpha(same) == 1
    assert math.isnan(alpha(np.full((3, 4), 2.0))) and math.isnan(alpha(np.array([[1.0, 2.0]])))
    chance = np.random.default_rng(0).integers(1, 6, (20, 400)).astype(float)
    assert abs(alpha(chance)) < 0.01


# Baseball, American League 1987: wins and fitted abilities with Baltimore at 0, standard errors "about 0.3"
# (Agresti, Categorical Data Analysis, 2nd ed. 2002, tables 10.10 and 10.11, page 438).
# Milwaukee, Detroit, Toronto, New York, Boston, Cleveland, Baltimore
WINS = np.array(
    [
        [0, 7, 9, 7, 7, 9, 11],
        [6, 0, 7, 5, 11, 9, 9],
        [4, 6, 0, 7, 7, 8, 12],
        [6, 8, 6, 0, 6, 7, 10],
        [6, 2, 6, 7, 0, 7, 12],
        [4, 4, 5, 6, 6, 0, 6],
        [2, 4, 1, 3, 1, 7, 0],
    ]
)
ABILITIES = [1.58, 1.44, 1.29, 1.25, 1.11, 0.68, 0]


def test_bradley_terry_of_the_published_example() -> None:
    fit = bradley_terry(WINS)
    assert not fit.steadied and fit.scores.sum() == pytest.approx(0, abs=1e-9)
    assert (fit.scores - fit.scores[-1]).round(2).tolist() == ABILITIES


def test_bradley_terry_of_two_in_closed_form() -> None:
    fit = bradley_terry(np.array([[0, 30], [10, 0]]))
    assert fit.scores[0] - fit.scores[1] == pytest.approx(math.log(3), abs=1e-8)
    # The difference has variance 1/30 + 1/10; with mean zero each score is half the difference.
    assert fit.errors[0] == pytest.approx(math.sqrt(1 / 30 + 1 / 10) / 2, rel=1e-6)
    assert fit.half[0] == pytest.approx(stats.norm.ppf(0.975) * fit.errors[0], rel=1e-9)


@pytest.mark.parametrize(
    "wins",
    [
        [[0, 5, 5], [0, 0, 3], [0, 2, 0]],  # the first always wins
        [[0, 2, 5], [3, 0, 5], [0, 0, 0]],  # the last never does
        [[0, 3, 0, 0], [2, 0, 0, 0], [0, 0, 0, 4], [0, 0, 1, 0]],  # two groups that never met
        [[0, 0], [0, 0]],  # nothing yet
    ],
)
def test_bradley_terry_where_nothing_finite_would_fit(wins: list) -> None:
    fit = bradley_terry(np.array(wins))
    assert fit.steadied and np.isfinite(fit.scores).all() and np.isfinite(fit.half).all()
    assert np.argmax(fit.scores) == np.argmax(np.array(wins).sum(1) - np.array(wins).sum(0))


def simulated(raters: int, units: int, spread: float = 0.6) -> np.ndarray:
    generator = np.random.default_rng(5)
    quality = generator.uniform(1, 5, units)
    return np.clip(np.rint(quality + generator.normal(0, spread, (raters, units))), 1, 5)


def test_screening_finds_who_answers_at_random_and_nobody_else() -> None:
    data = simulated(20, 300)
    data[7] = np.random.default_rng(1).integers(1, 6, 300)
    rows = screen(data)
    assert [number for number, row in enumerate(rows) if row.erratic] == [7]
    correlations = with_the_others(data)
    assert abs(correlations[7]) < 0.2 and min(c for n, c in enumerate(correlations) if n != 7) > 0.8


def test_screening_spares_who_is_only_strict() -> None:
    """BT.500 looks for errors both ways; one who scores everything lower is far off, but not erratic."""
    data = simulated(20, 300, spread=0.3)
    data[3] = np.clip(data[3] - 2, 1, 5)
    row = screen(data)[3]
    assert row.far > 0.05 and row.balance > 0.3 and not row.erratic


def test_screening_with_gaps_and_single_raters() -> None:
    data = simulated(3, 10)
    data[1, 5:] = NAN
    data[2] = NAN
    assert [row.erratic for row in screen(data)] == [False] * 3
    assert math.isnan(with_the_others(data)[2]) and math.isnan(with_the_others(data[:1])[0])
