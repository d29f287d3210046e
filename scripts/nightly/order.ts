import type { Evidence, Step } from './evidence.ts';
import type { EvidenceRecord, Round, StepResult } from './records.ts';

/** Time that is left free at the end of the budget: a step that must be stopped takes its stack down first. */
export const GRACE_S = 90;

/** What remains to do for an evidence in this round. */
export interface Due {
  readonly evidence: Evidence;
  readonly done: readonly StepResult[];
  readonly steps: readonly Step[];
}

/**
 * The evidence that the round still lacks: what was never recorded first, then the oldest record, whatever its result,
 * so that evidence that fails does not keep the others waiting.
 */
export function dueIn(all: readonly Evidence[], records: readonly EvidenceRecord[], round: Round): Due[] {
  const age = ({ name }: Evidence) => records.find((record) => record.name === name)?.ended_at ?? '';
  return all
    .filter(({ name, steps }) => steps.length > 0 && !round.completed.includes(name))
    .toSorted((a, b) => age(a).localeCompare(age(b)))
    .map((evidence) => {
      const done = round.steps[evidence.name] ?? [];
      return { evidence, done, steps: evidence.steps.filter((step) => !done.some(({ name }) => name === step.name)) };
    });
}

/** Seconds that a step will take: as it last took, or as its evidence says. */
export function estimateS(evidence: Evidence, step: Step, records: readonly EvidenceRecord[]): number {
  const record = records.find(({ name }) => name === evidence.name);
  return record?.steps.find(({ name }) => name === step.name)?.seconds ?? step.minutes * 60;
}

/** Whether a step can end within the budget. */
export function fits(estimate: number, elapsedS: number, budgetS: number): boolean {
  return elapsedS + estimate + GRACE_S <= budgetS;
}
