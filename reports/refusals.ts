import type { AnswerClass, Judgement } from '../harness/model/verdict.ts';
import { count, counted, LIMITS, percent, some } from './words.ts';

/** Why requests were refused or failed, in the words of every format. */

export interface ClassTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly note: string;
  /** Kinds that are left out for their number. */
  readonly hidden: number;
}

export function classTable({ classes, counts, findings }: Judgement): ClassTable {
  const sorted = classes.toSorted((a, b) => b.count - a.count);
  const rows = sorted
    .slice(0, LIMITS.refusals)
    .map((row) => [
      count(row.count),
      row.kind,
      [String(row.status), row.reason, row.found_state].filter((word) => word !== '').join(' '),
      classOf(row, findings),
      `${example(row)}: ${row.explanation}`,
    ]);
  const open = counts.refusals_unclassified ?? 0;
  const total = sorted.reduce((sum, row) => sum + row.count, 0);
  const share = open === 0 ? '' : `For ${count(open)} of them (${percent(open / total)}) the cause was not recorded. `;
  return {
    head: ['count', 'request', 'response', 'cause', 'example'],
    rows,
    note: `Every 4xx and 5xx, with its cause. ${share}${settledWords({ counts })}`,
    hidden: Math.max(0, sorted.length - rows.length),
  };
}

/** A refusal that a violation caused names the findings of that invariant, too. */
function classOf({ class: name }: AnswerClass, findings: Judgement['findings']): string {
  const of = findings.filter(({ invariants }) => invariants.some((one) => name === `violation of ${one.name}`));
  return of.length === 0
    ? name
    : `${name} (${some(
        of.map(({ id }) => id),
        3,
      )})`;
}

function example({ example, cause_operation, cause_commit }: AnswerClass): string {
  const causes = [
    ...(cause_operation === null ? [] : [`operation ${cause_operation}`]),
    ...(cause_commit === null ? [] : [`commit ${cause_commit}`]),
  ];
  return `operation ${example}${causes.length > 0 ? ` (${causes.join(', ')})` : ''}`;
}

/** The effect of the requests that got no response, or a 5xx. */
export function settledWords({ counts }: Pick<Judgement, 'counts'>): string {
  const { unknown_settled: settled = 0, unknown_open: open = 0 } = counts;
  if (settled + open === 0) return '';
  const all = counted(settled + open, 'request');
  return open === 0
    ? `The commits show the effect of all ${all} without a response or with a 5xx.`
    : `The commits show the effect of ${count(settled)} of ${all} without a response or with a 5xx.`;
}

/** `causes: 170 retry of a lost answer, 34 legitimate and 2 more`, or nothing. */
export function classWords({ classes }: Judgement): string {
  const byClass = new Map<string, number>();
  for (const row of classes) byClass.set(row.class, (byClass.get(row.class) ?? 0) + row.count);
  const sorted = [...byClass].sort(([, a], [, b]) => b - a).map(([name, n]) => `${count(n)} ${name}`);
  return sorted.length === 0 ? '' : `causes: ${some(sorted, 4)}`;
}
