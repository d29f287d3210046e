"""Holds reports/statistics.ts against scipy, and prints the literal cases of its unit test.

    python3 -m venv /tmp/scipy && /tmp/scipy/bin/pip install scipy
    /tmp/scipy/bin/python bench/check-statistics.py            # 600 random cases and all small shares; exit 1 at a difference
    /tmp/scipy/bin/python bench/check-statistics.py --literal  # cases for reports/statistics.test.ts
"""

import json
import math
import random
import subprocess
import sys

from scipy.stats import binom, binomtest

PROGRAM = """
import { compareRates, wilson } from './reports/statistics.ts';
let text = '';
process.stdin.on('data', (part) => (text += part)).on('end', () => {
  const side = (count, exposure) => ({ count, exposure });
  const { rates, shares } = JSON.parse(text);
  console.log(JSON.stringify({
    rates: rates.map(([a, ea, b, eb]) => compareRates(side(a, ea), side(b, eb))),
    shares: shares.map(([count, total]) => wilson(count, total)),
  }));
});
"""


def reference(a, exposure_a, b, exposure_b):
    """Twice the smaller tail, and the exact interval of B's share of the events as a ratio of rates."""
    total, share = a + b, exposure_a / (exposure_a + exposure_b)
    p = min(1, 2 * min(binom.cdf(a, total, share), binom.sf(a - 1, total, share)))
    interval = binomtest(b, total, 1 - share).proportion_ci(0.95, method="exact")
    scale = exposure_a / exposure_b
    low = interval.low / (1 - interval.low) * scale
    high = None if a == 0 else interval.high / (1 - interval.high) * scale
    return p, low, high


def cases(amount, seed):
    chance = random.Random(seed)
    for _ in range(amount):
        largest = chance.choice([3, 12, 100, 2000, 50000])
        a, b = chance.randint(0, largest), chance.randint(0, largest)
        if chance.random() < 0.3:
            b = max(0, a + chance.randint(-5, 5))
        if a + b > 0:
            yield a, chance.choice([60, 60, 61.5, 28800]), b, chance.choice([60, 60, 58.25, 120])


def close(x, y):
    if x is None or y is None:
        return x is y
    return math.isclose(x, y, rel_tol=1e-6, abs_tol=1e-290)


def main():
    if "--literal" in sys.argv:
        for case in list(cases(40, 7))[:20]:
            p, low, high = reference(*case)
            shown = "null" if high is None else f"{high:.9g}"
            print(f"  [{', '.join(str(part) for part in case)}, {p:.9g}, {low:.9g}, {shown}],")
        return
    given = list(cases(600, 66734))
    shares = [(count, total) for total in [1, 2, 5, 10, 20, 50, 300] for count in range(total + 1)]
    done = subprocess.run(
        ["npx", "tsx", "-e", PROGRAM],
        input=json.dumps({"rates": given, "shares": shares}),
        capture_output=True,
        text=True,
        check=True,
    )
    answers = json.loads(done.stdout)
    wrong = 0
    for case, got in zip(shares, answers["shares"], strict=True):
        expected = binomtest(*case).proportion_ci(0.95, method="wilson")
        if not all(math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12) for x, y in zip(got, expected, strict=True)):
            wrong += 1
            print(case, "expected", expected, "got", got)
    for case, got in zip(given, answers["rates"], strict=True):
        p, low, high = reference(*case)
        if not (close(got["p_value"], p) and close(got["interval"][0], low) and close(got["interval"][1], high)):
            wrong += 1
            print(case, "expected", (p, low, high), "got", got)
    print(f"{len(given) + len(shares)} cases, {wrong} differ")
    sys.exit(1 if wrong else 0)


main()
