# /// script
# requires-python = ">=3.11"
# dependencies = ["scipy", "statsmodels"]
# ///
"""Holds the statistics of a comparison, and the trend test of a soak, against scipy and statsmodels, on thousands of
random cases. Prints the largest relative error of each kind; exit code 1 at a difference.

    uv run --locked --script test/check-statistics.py

The versions of what it imports, with hashes, are in check-statistics.py.lock; `uv lock --upgrade --script` renews them.
"""

import json
import math
import random
import subprocess
import sys

import numpy as np
from scipy.special import betainc, gammaln
from scipy.stats import betabinom, binom, binomtest, kendalltau, nbinom, norm, poisson, t, theilslopes, ttest_ind
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

PROGRAM = """
import { compareCounts, logLikelihood, pValueOf, rateInterval, SPREADS } from './harness/statistics/count-test.ts';
import { compareShift } from './harness/statistics/shift-test.ts';
import { incompleteBeta, logGamma, normalTail, studentQuantile } from './harness/statistics/special-functions.ts';
import { nominalLevels } from './harness/statistics/spending.ts';
import { holm, wilson } from './harness/statistics/statistics.ts';
import { trendOf } from './harness/statistics/trend.ts';
const only = (spread) => SPREADS.map((one) => (one === spread ? 1 : 0));
const runs = (counts, exposure) => counts.map((count) => ({ count, exposure }));
let text = '';
process.stdin.on('data', (part) => (text += part)).on('end', () => {
  const given = JSON.parse(text);
  console.log(JSON.stringify({
    spreads: SPREADS,
    rates: given.rates.map(([a, ea, b, eb]) => compareCounts(runs([a], ea), runs([b], eb), only(0))),
    spread: given.spread.map(([a, b, s]) => pValueOf(runs(a, 60), runs(b, 60), only(s))),
    uneven: given.uneven.map(([a, ea, b, eb, s]) => pValueOf(runs(a, ea), runs(b, eb), only(s))),
    mixed: given.mixed.map(([a, b, weights]) => pValueOf(runs(a, 60), runs(b, 60), weights)),
    likelihoods: given.likelihoods.map(([counts, s]) => logLikelihood(runs(counts, 60), s)),
    limits: given.limits.map(([counts, s]) => rateInterval(runs(counts, 60), only(s))),
    shifts: given.shifts.map(([a, b]) =>
      compareShift(a, b, { before: { deviation: 1, freedom: 0 }, floor: 0, seed: '' })),
    moderated: given.moderated.map(([a, b, deviation, freedom]) =>
      compareShift(a, b, { before: { deviation, freedom }, floor: 0, seed: '' })),
    logGammas: given.logGammas.map((x) => logGamma(x)),
    betas: given.betas.map(([x, a, b]) => incompleteBeta(x, a, b)),
    normals: given.normals.map((z) => normalTail(z)),
    looks: given.looks.map(([parts, level]) => nominalLevels(parts, (part) => level * part)),
    quantiles: given.quantiles.map(([level, freedom]) => studentQuantile(level, freedom)),
    holms: given.holms.map((p) => holm(p)),
    shares: given.shares.map(([count, total]) => wilson(count, total)),
    trends: given.trends.map((values) => trendOf([values.map((value, hours) => ({ hours, value }))])),
  }));
});
"""

SPREADS = [0, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096]


def two_rates(a, exposure_a, b, exposure_b):
    """Twice the smaller tail, and the exact interval of B's share of the events as a ratio of rates."""
    total, share = a + b, exposure_a / (exposure_a + exposure_b)
    p = min(1, 2 * min(binom.cdf(a, total, share), binom.sf(a - 1, total, share)))
    interval = binomtest(b, total, 1 - share).proportion_ci(0.95, method="exact")
    scale = exposure_a / exposure_b
    low = interval.low / (1 - interval.low) * scale
    high = None if a == 0 else interval.high / (1 - interval.high) * scale
    return p, low, high


def with_spread(a, b, spread):
    """Equal exposures: given the sum, A's part is beta-binomial."""
    total = sum(a) + sum(b)
    if spread == 0:
        law = binom(total, len(a) / (len(a) + len(b)))
    else:
        law = betabinom(total, len(a) / spread, len(b) / spread)
    # Added up: scipy's own sf of this law is 1 - cdf, which has no digits left in a small tail.
    mass = law.pmf(np.arange(total + 1))
    return mass[: sum(a) + 1].sum(), mass[sum(a) :].sum()


def two_sided(tails):
    return min(1, 2 * min(tails))


def uneven(a, exposure_a, b, exposure_b, spread):
    """Any exposures: the product of two negative binomials at the most likely common rate, found by bisection."""
    (sa, na), (sb, nb) = (sum(a), len(a)), (sum(b), len(b))
    ea, eb = na * exposure_a, nb * exposure_b
    score = lambda m: (sa - m * ea) / (1 + spread * m * exposure_a) + (sb - m * eb) / (1 + spread * m * exposure_b)
    low, high = 0.0, 10 * (sa + sb) / min(ea, eb)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if score(middle) > 0 else (low, middle)
    law = lambda n, e: nbinom(n / spread, 1 / (1 + spread * low * e / n))
    k = np.arange(sa + sb + 1)
    logs = law(na, ea).logpmf(k) + law(nb, eb).logpmf(sa + sb - k)
    mass = np.exp(logs - logs.max())
    mass /= mass.sum()
    return two_sided((mass[: sa + 1].sum(), mass[sa:].sum()))


def log_likelihood(counts, spread):
    """How a sum falls to its runs: multinomial, or Dirichlet-multinomial."""
    total, runs = sum(counts), len(counts)
    if total == 0 or runs < 2:
        return 0
    ways = gammaln(total + 1) - sum(gammaln(x + 1) for x in counts)
    if spread == 0:
        return ways - total * math.log(runs)
    size = 1 / spread
    each = sum(gammaln(x + size) - gammaln(size) for x in counts)
    return ways + gammaln(runs * size) - gammaln(total + runs * size) + each


def limits_hold(counts, spread, low, high):
    """At its limits a rate has the tails that it should."""
    total, runs, exposure = sum(counts), len(counts), 60 * len(counts)
    law = lambda m: poisson(m) if spread == 0 else nbinom(runs / spread, 1 / (1 + spread * m / runs))
    few = law(high * exposure).cdf(total)
    many = 0.025 if total == 0 else law(low * exposure).sf(total - 1)
    return close(few, 0.05 if total == 0 else 0.025, 1e-5) and close(many, 0.025, 1e-5)


def moderated(a, b, deviation, freedom):
    a, b = np.log(a), np.log(b)
    own = len(a) + len(b) - 2
    squares = ((a - a.mean()) ** 2).sum() + ((b - b.mean()) ** 2).sum()
    variance = (squares + freedom * deviation**2) / (own + freedom)
    return 2 * t.sf(abs(b.mean() - a.mean()) / math.sqrt(variance * (1 / len(a) + 1 / len(b))), own + freedom)


def looks_hold(parts, level, levels):
    """What each look spends, by sums over a fine grid of where the motion may be that has not crossed a boundary."""
    bounds = norm.isf(np.array(levels) / 2) * np.sqrt(parts)
    places, mass, last = np.zeros(1), np.ones(1), 0
    for part, bound in zip(parts, bounds, strict=True):
        step = math.sqrt(part - last)
        crossing = (mass * (norm.sf((bound - places) / step) + norm.sf((bound + places) / step))).sum()
        if not close(crossing, level * (part - last)):
            return False
        grid, width = np.linspace(-bound, bound, 2001, retstep=True)
        weights = np.full(2001, 2.0)
        weights[1::2], weights[[0, -1]] = 4.0, 1.0
        mass = (mass * norm.pdf((grid[:, None] - places) / step)).sum(axis=1) / step * weights * width / 3
        places, last = grid, part
    return True


def parts_of(rng):
    after = sorted(rng.sample(range(2, 21), rng.randint(1, 5)))
    return [runs / after[-1] for runs in after]


def rates(amount, rng):
    for _ in range(amount):
        largest = rng.choice([3, 12, 100, 2000, 50000])
        a, b = rng.randint(0, largest), rng.randint(0, largest)
        if rng.random() < 0.3:
            b = max(0, a + rng.randint(-5, 5))
        if a + b > 0:
            yield a, rng.choice([60, 60, 61.5, 28800]), b, rng.choice([60, 60, 58.25, 120])


def counts(rng):
    largest = rng.choice([2, 10, 40, 300])
    return [rng.randint(0, largest) for _ in range(rng.randint(1, 6))]


def series(rng):
    """Without ties: with them scipy has no exact distribution, and ours errs towards no trend."""
    slope = rng.choice([0, 0, 0.05, -0.2, 1])
    return [slope * i + rng.gauss(0, 1) for i in range(rng.randint(2, 60))]


# The largest relative error of the kind that is being checked, of values that are not next to nothing.
largest = 0.0


def close(x, y, tolerance=1e-6, nothing=1e-290):
    global largest
    if x is None or y is None:
        return x is y
    if max(abs(x), abs(y)) > nothing:
        largest = max(largest, abs(x - y) / max(abs(x), abs(y)))
    return math.isclose(x, y, rel_tol=tolerance, abs_tol=nothing)


def cases(rng):
    pair = lambda: (counts(rng), counts(rng))
    values = lambda: [math.exp(rng.gauss(5, 0.4)) for _ in range(rng.randint(3, 8))]
    some = [pair() for _ in range(3000)]
    some = [(a, b) for a, b in some if sum(a) + sum(b) > 0]
    weights = lambda: (lambda raw: [w / sum(raw) for w in raw])([rng.random() ** 3 + 1e-4 for _ in SPREADS])
    return {
        "rates": list(rates(600, rng)),
        "spread": [(a, b, rng.choice(SPREADS)) for a, b in some[:600]],
        "uneven": [
            (a, rng.choice([55.0, 60, 61.3]), b, rng.choice([58.2, 60, 65]), rng.choice(SPREADS[1:]))
            for a, b in some[600:1000]
        ],
        "mixed": [(a, b, weights()) for a, b in some[1000:1300]],
        "likelihoods": [(a, rng.choice(SPREADS)) for a, _ in some[1300:1700]],
        "limits": [(a, rng.choice(SPREADS[:10])) for a, _ in some[1700:2000]],
        "shifts": [(values(), values()) for _ in range(200)],
        "moderated": [(values(), values(), rng.uniform(0.05, 0.6), rng.choice([1, 2, 3, 8])) for _ in range(200)],
        "logGammas": [10 ** rng.uniform(-2, 7) for _ in range(1000)],
        "betas": [
            (rng.random() ** rng.choice([1, 8]), 10 ** rng.uniform(-0.5, 2.5), 10 ** rng.uniform(-0.5, 2.5))
            for _ in range(1000)
        ],
        "normals": [rng.uniform(-8, 30) for _ in range(500)],
        "looks": [(parts_of(rng), 10 ** rng.uniform(-6, -1)) for _ in range(40)],
        "quantiles": [
            (rng.choice([0.05, 0.01, 0.001, 1e-5]), rng.choice([1, 2, 4, 7.5, 20, 60])) for _ in range(60)
        ],
        "holms": [[rng.random() ** 3 for _ in range(rng.randint(1, 40))] for _ in range(100)],
        "shares": [(count, total) for total in [1, 2, 5, 10, 20, 50, 300] for count in range(total + 1)],
        "trends": [series(rng) for _ in range(300)],
    }


def agreed(kind, case, got):
    if kind == "rates":
        p, low, high = two_rates(*case)
        return close(got["p_value"], p) and close(got["interval"][1], high) and (
            close(got["interval"][0], low) or low == got["interval"][0] == 0
        )
    if kind == "spread":
        return close(got, two_sided(with_spread(*case)), 1e-7)
    if kind == "uneven":
        return close(got, uneven(*case), 1e-6)
    if kind == "mixed":
        a, b, weights = case
        tails = [with_spread(a, b, spread) for spread in SPREADS]
        return close(got, two_sided([sum(w * tail[side] for w, tail in zip(weights, tails)) for side in (0, 1)]), 1e-7)
    if kind == "likelihoods":
        return close(got, log_likelihood(*case), 1e-7, 1e-7)
    if kind == "limits":
        return limits_hold(*case, *got)
    if kind == "shifts":
        a, b = (np.log(side) for side in case)
        p = close(got["p_value"], ttest_ind(a, b).pvalue, 1e-7)
        return p and close(got["ratio"], math.exp(b.mean() - a.mean()))
    if kind == "moderated":
        return close(got["p_value"], moderated(*case), 1e-7)
    if kind == "logGammas":
        return close(got, gammaln(case), 1e-12, 1e-12)
    if kind == "betas":
        return close(got, betainc(case[1], case[2], case[0]), 1e-11)
    if kind == "normals":
        return close(got, norm.sf(case), 1e-11)
    if kind == "looks":
        return looks_hold(*case, got)
    if kind == "quantiles":
        return close(got, t.isf(case[0] / 2, case[1]), 1e-10)
    if kind == "holms":
        return all(close(x, y, 1e-12) for x, y in zip(got, multipletests(case, method="holm")[1], strict=True))
    if kind == "trends":
        hours = range(len(case))
        # Sums of shares keep 15 digits of 1, not of a tail.
        p = close(got["p_value"], kendalltau(hours, case, method="exact").pvalue, 1e-6, 1e-12)
        return p and close(got["per_hour"], theilslopes(case, hours)[0])
    expected = proportion_confint(*case, method="wilson")
    return all(close(x, y, 1e-9, 1e-12) for x, y in zip(got, expected, strict=True))


def main():
    global largest
    given = cases(random.Random(66734))
    node = ["node", "--import", "./bin/typescript.mjs", "--input-type=module", "-e", PROGRAM]
    done = subprocess.run(node, input=json.dumps(given), stdout=subprocess.PIPE, text=True, check=True)
    answers = json.loads(done.stdout)
    assert answers["spreads"] == SPREADS
    total = wrong = 0
    for kind, all_of_kind in given.items():
        largest = 0.0
        differ = [
            (case, got) for case, got in zip(all_of_kind, answers[kind], strict=True) if not agreed(kind, case, got)
        ]
        for case, got in differ[:3]:
            print(kind, case, "got", got)
        print(f"{kind}: {len(all_of_kind)} cases, {len(differ)} differ, largest relative error {largest:.1e}")
        total, wrong = total + len(all_of_kind), wrong + len(differ)
    print(f"{total} cases, {wrong} differ")
    sys.exit(1 if wrong else 0)


main()
