/** `least / median / most` of some repetitions: timings are noisy, and one number of them says nothing. */
export function spread(numbers: readonly number[], digits = 0): string {
  const shown = [Math.min(...numbers), median(numbers), Math.max(...numbers)];
  return shown.map((n) => n.toFixed(digits)).join(' / ');
}

export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
}
