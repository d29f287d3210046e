/**
 * The long evidence: truth table, track record, calibration, conformance, soak, all tests. The oldest record comes
 * first; results go to records/nightly/ and records/README.md.
 *
 *     npm run nightly -- [--budget 3h] [--only NAME,NAME]     runs what fits in the budget
 *     npm run nightly -- --list                               the order, and how long each takes
 *
 * What was done is kept when it is stopped, by Ctrl-C or by kill -9: the next start continues the round
 * (runs/nightly/), as long as only records/ has changed. Exit code: 0 all steps passed, 1 a step failed, 2 wrong
 * arguments, 4 the nightly itself could not run, 130 interrupted.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';

import { lock } from 'proper-lockfile';

import { messageOf, UsageError } from '../harness/model/errors.ts';
import { parseSeconds } from '../harness/run/plan.ts';
import { flagsOf } from './flags.ts';
import { dueIn, EVIDENCE, type Evidence } from './nightly/evidence.ts';
import { readRecords } from './nightly/records.ts';
import { announce, type NightlyOptions, openRound, runNightly } from './nightly/run.ts';

const DEFAULT_BUDGET = '3h';
const root = path.join(import.meta.dirname, '..');

function optionsOf(args: readonly string[]): NightlyOptions & { readonly list: boolean } {
  const { values } = flagsOf({
    args: [...args],
    options: {
      budget: { type: 'string', default: DEFAULT_BUDGET },
      only: { type: 'string' },
      list: { type: 'boolean', default: false },
      records: { type: 'string', default: path.join(root, 'records') },
      work: { type: 'string', default: path.join(root, 'runs', 'nightly') },
    },
  });
  const budgetS = parseSeconds(values.budget);
  if (budgetS === undefined) throw new UsageError(`--budget must be like 30m or 3h, not "${values.budget}".`);
  return {
    all: EVIDENCE,
    chosen: chosen(values.only),
    budgetS,
    root,
    records: path.resolve(values.records),
    work: path.resolve(values.work),
    signal: interrupt.signal,
    print: (line) => console.log(line),
    list: values.list,
  };
}

function chosen(only: string | undefined): readonly Evidence[] {
  if (only === undefined) return EVIDENCE;
  const names = only.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !EVIDENCE.some((evidence) => evidence.name === name));
  const there = EVIDENCE.map(({ name }) => name).join(', ');
  if (unknown.length > 0) throw new UsageError(`--only: there is no "${unknown.join('", "')}": choose from ${there}.`);
  return EVIDENCE.filter(({ name }) => names.includes(name));
}

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupt.abort());

try {
  const options = optionsOf(process.argv.slice(2));
  if (options.list) {
    const records = readRecords(path.join(options.records, 'nightly'));
    announce(dueIn(options.chosen, records, openRound(options)), records, options);
  } else {
    mkdirSync(options.work, { recursive: true });
    // A killed nightly leaves its lock, which is stale after ten seconds.
    const retries = { retries: 8, factor: 1, minTimeout: 2_000 };
    const release = await lock(options.work, { stale: 10_000, retries }).catch((error: unknown) => {
      throw new UsageError(`Another nightly runs in ${options.work}: wait for it, or name another --work.`, {
        cause: error,
      });
    });
    const passed = await runNightly(options);
    await release();
    process.exitCode = interrupt.signal.aborted ? 130 : passed ? 0 : 1;
  }
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = error instanceof UsageError ? 2 : 4;
}
