const BLOCKS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/** The last so many numbers as blocks, the highest of them the full one; a blank where nothing was measured. */
export function sparkline(values: readonly (number | null)[], columns: number): string {
  const shown = values.slice(-columns);
  const highest = Math.max(0, ...shown.map((value) => value ?? 0));
  const blocks = shown.map((value) => {
    if (value === null) return ' ';
    return BLOCKS[highest === 0 ? 0 : Math.round((value / highest) * (BLOCKS.length - 1))] ?? ' ';
  });
  return blocks.join('').padStart(columns);
}
