import { cutsConnections } from '../faults/fault.ts';
import { FAULTS } from '../faults/index.ts';
import { judgeAssumption, readAssumptions } from '../judge/assumptions.ts';
import { judgeInvariant, readInvariants } from '../judge/invariants.ts';
import { judge } from '../judge/judge.ts';
import { withLiteralRun } from '../judge/literal-database.ts';
import type { LiteralRun } from '../judge/literal-run.ts';
import type { AssumptionResult, InvariantResult, Judgement } from '../model/verdict.ts';

export { withLiteralRun } from '../judge/literal-database.ts';

/** Tests only: one invariant judged on a run written by hand. */
export function judgeLiteral(name: string, run: LiteralRun): Promise<InvariantResult> {
  return withLiteralRun(withFaultFacts(run), async (open) => {
    const file = (await readInvariants()).find((invariant) => invariant.name === name);
    if (!file) throw new Error(`there is no invariant ${name}`);
    return judgeInvariant(open, file);
  });
}

/** Tests only: the whole verdict on a run written by hand. */
export function judgeAll(run: LiteralRun): Promise<Judgement> {
  return withLiteralRun(withFaultFacts(run), (open) => judge(open));
}

/** The run with what the catalogue of faults says of its `faults`, as the nemesis writes it down. */
function withFaultFacts(run: LiteralRun): LiteralRun {
  if (!run.faults) return run;
  const faults = run.faults.map((row) => {
    const fault = FAULTS.find(({ name }) => name === row.fault);
    return { cuts_connections: cutsConnections(fault, {}), skews_clocks: fault?.skewsClocks ?? false, ...row };
  });
  return { ...run, faults };
}

/** Tests only: one assumption judged on a run written by hand. */
export function assumeLiteral(name: string, run: LiteralRun): Promise<AssumptionResult> {
  return withLiteralRun(run, async (open) => {
    const file = (await readAssumptions()).find((assumption) => assumption.name === name);
    if (!file) throw new Error(`there is no assumption ${name}`);
    return judgeAssumption(open, file);
  });
}

/** Tests only: `n` rows, each made from its number. */
export function many<T>(n: number, row: (i: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => row(i));
}
