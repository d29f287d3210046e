import type { Comparison } from '../../harness/model/comparison.ts';
import type { Verdict } from '../../harness/model/verdict.ts';
import { countRows, isCounted } from '../comparison-rows.ts';
import { counted, some, visible } from '../words.ts';
import { hanging, namesFitting } from './screen.ts';

export interface SoFar {
  /** Runs of each build that were made. */
  readonly made: number;
  /** After how many it is decided, and whether to stop: the planned looks. */
  readonly planned: readonly number[];
}

/** Of so many counts the rates are shown. */
const MOST_COUNTS = 4;

/**
 * What is known of a comparison before it is decided, and what is missing. Rates only: no difference is called one
 * before a planned look.
 */
export function soFarText(comparison: Comparison, { made, planned }: SoFar): string {
  const most = planned.at(-1) ?? made;
  const upTo = planned.length > 1 ? 'up to ' : '';
  const sides = [
    { letter: 'A', side: comparison.a },
    ...comparison.pairs.map(({ letter, b }) => ({ letter, side: b })),
  ];
  const rates = countRows(comparison)
    .filter((row) => row.decides && isCounted(row) && !row.name.startsWith('violations'))
    .slice(0, MOST_COUNTS)
    .map(({ title, lanes }) => `  ${title}: ${lanes.map(({ letter, said }) => `${letter} ${said}`).join(', ')}`);
  const each = sides.flatMap(({ letter, side }) => {
    const named = (of: readonly { readonly name: string; readonly verdict: Verdict }[], unwanted: Verdict) =>
      of.filter(({ verdict }) => verdict === unwanted).map(({ name }) => name);
    const violated = named(side.invariants, 'fail');
    const shaky = [...named(side.assumptions, 'fail'), ...named(side.assumptions, 'unknown')];
    const head = `  ${letter} ${visible(side.build)} violated `;
    return [
      `${head}${violated.length === 0 ? 'nothing yet' : namesFitting(violated, head.length)}`,
      ...(shaky.length === 0 ? [] : [`  ${letter} is in doubt: ${some(shaky, 3)} did not hold`]),
    ];
  });
  return [
    `Known after ${made} of ${upTo}${counted(most, 'run')} of each build:`,
    ...rates,
    ...each,
    ...hanging('  ', missing(made, planned)),
  ].join('\n');
}

function missing(made: number, planned: readonly number[]): string {
  const next = planned.find((after) => after > made) ?? made;
  const more = `${counted(next - made, 'more run')} of each`;
  const isLast = next === planned.at(-1);
  const looked = planned.includes(made) ? 'The answer is not clear yet. ' : '';
  return isLast
    ? `${looked}Missing: ${more}; then it is decided.`
    : `${looked}Missing: ${more} until the next look at whether the answer is clear.`;
}
