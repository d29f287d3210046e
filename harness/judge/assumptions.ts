import { messageOf } from '../model/errors.ts';
import type { AssumptionResult, Verdict } from '../model/verdict.ts';
import { type InvariantFile, type InvariantForm, readInvariantFiles } from './invariant-file.ts';
import type { OpenRun } from './open-run.ts';

const FOLDER = new URL('../invariants/assumptions/', import.meta.url);

export const ASSUMPTION_FORM: InvariantForm = {
  required: ['claim'],
  optional: [],
  sections: ['judgement'],
  optionalSections: [],
};

/** That a run did not end as planned explains most of what else is in doubt about it. */
const FIRST = 'run-completed';

export async function readAssumptions(): Promise<readonly InvariantFile[]> {
  const files = await readInvariantFiles(FOLDER, ASSUMPTION_FORM);
  return files.toSorted((x, y) => Number(y.name === FIRST) - Number(x.name === FIRST));
}

export async function judgeAssumption(run: OpenRun, file: InvariantFile): Promise<AssumptionResult> {
  const { verdict, sentence } = await judgementOf(run, file);
  return { name: file.name, claim: file.header.claim ?? '', verdict, sentence };
}

async function judgementOf(run: OpenRun, file: InvariantFile): Promise<{ verdict: Verdict; sentence: string }> {
  try {
    const { ok, sentence } = await run.row(file.sections.judgement ?? '');
    const verdict = ok === true ? 'pass' : ok === false ? 'fail' : 'unknown';
    return { verdict, sentence: String(sentence ?? 'It is not known whether it holds.') };
  } catch (error) {
    if (run.over) throw run.over;
    return { verdict: 'unknown', sentence: `Judging it failed: ${messageOf(error).split('\n')[0]}` };
  }
}
