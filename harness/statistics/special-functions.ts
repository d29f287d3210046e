/**
 * The special functions that the tests of this folder need. `test/check-statistics.py` holds them to scipy on random
 * arguments, `special-functions.test.ts` to a table of its values.
 */

/** Coefficients of Stirling's series: B(2k) / (2k (2k − 1)). */
const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360_360, 1 / 156, -3617 / 122_400];
/** From here on eight terms of the series are exact to the last digit. */
const LARGE = 10;

/** The natural logarithm of Γ(x), for x > 0. */
export function logGamma(x: number): number {
  // Γ(x) = Γ(x + n) / (x (x + 1) … (x + n − 1)).
  let product = 1;
  let at = x;
  for (; at < LARGE; at++) product *= at;
  const series = STIRLING.reduceRight((sum, coefficient) => sum / at ** 2 + coefficient, 0) / at;
  return (at - 0.5) * Math.log(at) - at + 0.5 * Math.log(2 * Math.PI) + series - Math.log(product);
}

/** The regularized incomplete beta function I_x(a, b), for 0 ≤ x ≤ 1 and a, b > 0. */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const logFactor = a * Math.log(x) + b * Math.log1p(-x) + logGamma(a + b) - logGamma(a) - logGamma(b);
  // The continued fraction converges quickly below the mean; above it, that of the other tail does.
  if (x > (a + 1) / (a + b + 2)) return 1 - (Math.exp(logFactor) * betaFraction(1 - x, b, a)) / b;
  return (Math.exp(logFactor) * betaFraction(x, a, b)) / a;
}

/** The probability that Student's |t| with so many degrees of freedom is at least `t`. */
export function studentTails(t: number, freedom: number): number {
  return incompleteBeta(freedom / (freedom + t ** 2), freedom / 2, 0.5);
}

/** The value that |t| reaches with probability `level`, 0 < level < 1. */
export function studentQuantile(level: number, freedom: number): number {
  // Bisected by its logarithm. With one degree of freedom and level 1e-12 it is 6e11.
  let [low, high] = [-30, 40];
  for (let round = 0; round < 60; round++) {
    const middle = (low + high) / 2;
    if (studentTails(Math.exp(middle), freedom) > level) low = middle;
    else high = middle;
  }
  return Math.exp((low + high) / 2);
}

const MOST_TERMS = 10_000;
const TINY = 1e-300;

/** Lentz's evaluation of the continued fraction (Abramowitz and Stegun 26.5.8). */
function betaFraction(x: number, a: number, b: number): number {
  const notZero = (value: number) => (Math.abs(value) < TINY ? TINY : value);
  let c = 1;
  let d = 1 / notZero(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m < MOST_TERMS; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    let step = 1;
    for (const term of [even, odd]) {
      d = 1 / notZero(1 + term * d);
      c = notZero(1 + term / c);
      step = c * d;
      fraction *= step;
    }
    if (Math.abs(step - 1) < 1e-16) return fraction;
  }
  throw new Error(`The incomplete beta function of ${x}, ${a}, ${b} did not converge`);
}

/** The probability that a standard normal variable is at least `z`. */
export function normalTail(z: number): number {
  if (z < 0) return 1 - normalTail(-z);
  const density = Math.exp(-(z ** 2) / 2) / Math.sqrt(2 * Math.PI);
  if (z < 3) {
    // Kendall's series: z + z³/3 + z⁵/15 + …
    let [sum, term] = [z, z];
    for (let k = 1; term > sum * 1e-17; k++) {
      term *= z ** 2 / (2 * k + 1);
      sum += term;
    }
    return 0.5 - density * sum;
  }
  // Laplace's continued fraction, from its end.
  let fraction = z;
  for (let k = 60; k > 0; k--) fraction = z + k / fraction;
  return density / fraction;
}
