import { judgeAssumption, readAssumptions } from '../judge/assumptions.ts';
import { judgeInvariant, readInvariants } from '../judge/invariants.ts';
import type { OpenRun } from '../judge/open-run.ts';
import type { AssumptionResult, InvariantResult } from '../model/verdict.ts';
import { LiteralDatabase } from './literal-database.ts';
import { type LiteralRun, literalManifest, literalTables } from './literal-run.ts';

/** Tests only: one promise judged on a run written by hand. */
export function judgeLiteral(name: string, run: LiteralRun): Promise<InvariantResult> {
  return withLiteralRun(run, async (open) => {
    const file = (await readInvariants()).find((invariant) => invariant.name === name);
    if (!file) throw new Error(`there is no invariant ${name}`);
    return judgeInvariant(open, file);
  });
}

/** Tests only: one assumption judged on a run written by hand. */
export function assumeLiteral(name: string, run: LiteralRun): Promise<AssumptionResult> {
  return withLiteralRun(run, async (open) => {
    const file = (await readAssumptions()).find((assumption) => assumption.name === name);
    if (!file) throw new Error(`there is no assumption ${name}`);
    return judgeAssumption(open, file);
  });
}

/** Databases that hold no run at the moment. */
const idle: LiteralDatabase[] = [];

/** Tests only: a run written by hand, opened without a folder, and taken away again. */
export async function withLiteralRun<T>(run: LiteralRun, use: (open: OpenRun) => Promise<T>): Promise<T> {
  const manifest = literalManifest(run);
  const database = idle.pop() ?? (await LiteralDatabase.create(manifest));
  const result = await use(await database.fill(manifest, literalTables(run)));
  // Not after a failure: what a test broke must not break the next one.
  await database.clear();
  idle.push(database);
  return result;
}

/** Tests only: `n` rows, each made from its number. */
export function many<T>(n: number, row: (i: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => row(i));
}
