import { messageOf } from '../model/errors.ts';
import type { AssumptionResult, Verdict } from '../model/verdict.ts';
import { type PromiseFile, type PromiseForm, readPromises } from './invariant-file.ts';
import type { OpenRun } from './open-run.ts';

const FOLDER = new URL('../invariants/assumptions/', import.meta.url);

export const ASSUMPTION_FORM: PromiseForm = {
  required: ['claim'],
  optional: [],
  sections: ['judgement'],
  optionalSections: [],
};

/** That a run did not end as planned explains most of what else is in doubt about it. */
const FIRST = 'run-completed';

export async function readAssumptions(): Promise<readonly PromiseFile[]> {
  const files = await readPromises(FOLDER, ASSUMPTION_FORM);
  return files.toSorted((x, y) => Number(y.name === FIRST) - Number(x.name === FIRST));
}

export async function judgeAssumption(run: OpenRun, file: PromiseFile): Promise<AssumptionResult> {
  const { verdict, sentence } = await judgementOf(run, file);
  return { name: file.name, claim: file.header.claim ?? '', verdict, sentence };
}

async function judgementOf(run: OpenRun, file: PromiseFile): Promise<{ verdict: Verdict; sentence: string }> {
  try {
    const { ok, sentence } = await run.row(file.sections.judgement ?? '');
    const verdict = ok === true ? 'pass' : ok === false ? 'fail' : 'unknown';
    return { verdict, sentence: String(sentence ?? 'It could not be told.') };
  } catch (error) {
    return { verdict: 'unknown', sentence: `Judging it failed: ${messageOf(error).split('\n')[0]}` };
  }
}
