/** `least / median / most` of some repetitions: timings are noisy, and one number of them says nothing. */
export function spread(numbers: readonly number[], digits = 0): string {
  const sorted = numbers.toSorted((a, b) => a - b);
  return [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)]
    .map((n) => (n ?? Number.NaN).toFixed(digits))
    .join(' / ');
}
