/** `least / median / most` of some repetitions: timings are noisy, and one number of them says nothing. */
export function spread(numbers: readonly number[], digits = 0): string {
  const sorted = numbers.toSorted((a, b) => a - b);
  const shown = [sorted[0], sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  return shown.map((n) => (n ?? Number.NaN).toFixed(digits)).join(' / ');
}
