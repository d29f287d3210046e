import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { parse } from 'yaml';
import { z } from 'zod';

import { reasonOf, UsageError } from '../model/errors.ts';
import { VIOLATION } from '../model/finding.ts';
import { isRecord } from '../model/json.ts';
import { MANIFEST_KEYS } from '../model/manifest.ts';
import { SCENARIO } from '../model/scenario.ts';
import { shapeProblems } from '../model/shape-problems.ts';
import { FINAL_TABLES, TABLES } from '../model/tables.ts';
import { INVARIANT, type InvariantResult } from '../model/verdict.ts';
import { type InvariantFile, parseInvariant } from './invariant-file.ts';
import { INVARIANT_FORM, judgeInvariant } from './invariants.ts';
import { withLiteralRun } from './literal-database.ts';
import type { LiteralRun } from './literal-run.ts';

/** Of the keys of an object only the names are checked. */
const keysOf = (names: readonly string[]) =>
  z.strictObject(Object.fromEntries(names.map((name) => [name, z.unknown().optional()])));
const rowsWith = (columns: readonly string[]) => z.array(keysOf(columns)).optional();
const tables = Object.fromEntries(
  Object.entries(TABLES).map(([table, columns]) => [table, rowsWith(Object.keys(columns))]),
);
/** Airflow's own tables have its columns, which change with its versions. */
const finals = Object.fromEntries(
  FINAL_TABLES.map((table) => [table, z.array(z.record(z.string(), z.unknown())).optional()]),
);
const violation = keysOf(Object.keys(VIOLATION.shape)).nullable();

/** A test of an invariant: runs written by hand, and what it must say of each. */
const TEST = z.strictObject({
  /** The invariant's file, from the folder of the test. */
  invariant: z.string(),
  cases: z
    .array(
      z.strictObject({
        name: z.string(),
        /** Rows of the tables of docs/run-folder.md; what is left out is an ordinary, healthy run's. */
        run: z.strictObject({
          ...tables,
          manifest: keysOf(MANIFEST_KEYS).optional(),
          scenario: keysOf(Object.keys(SCENARIO.shape)).optional(),
          finals: z.strictObject(finals).optional(),
        }),
        /** Fields of the invariant's result in verdict.json; those that are left out may have any value. */
        expect: z.strictObject({
          ...INVARIANT.partial().shape,
          first: violation.optional(),
          worst: violation.optional(),
          last: violation.optional(),
        }),
      }),
    )
    .min(1),
});

type Test = z.infer<typeof TEST>;

/** Plays the cases of a test file and prints a line for each; resolves to the exit code: 0 all hold, 1 one does not. */
export async function playTests(file: string, print: (line: string) => void): Promise<number> {
  const { test, invariant } = await readTest(file);
  let failed = 0;
  for (const { name, run, expect } of test.cases) {
    const result = await withLiteralRun(run as LiteralRun, (open) => judgeInvariant(open, invariant));
    const problems = differences(expect, result as unknown, '');
    print(`${problems.length === 0 ? 'ok' : 'FAILED'}  ${name}`);
    for (const problem of problems) print(`        ${problem}`);
    if (problems.length > 0) {
      failed++;
      print(`        ${summaryOf(result)}`);
    }
  }
  print(`${test.cases.length - failed} of ${test.cases.length} hold`);
  return failed === 0 ? 0 : 1;
}

/** The test and the invariant that it names; all that is wrong with either is one error. */
async function readTest(file: string): Promise<{ readonly test: Test; readonly invariant: InvariantFile }> {
  let found: unknown;
  try {
    found = parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${reasonOf(error)}.`, { cause: error });
  }
  const problems = shapeProblems(TEST, found, 'the file').map((problem) => `${file}: ${problem}`);
  const named = isRecord(found) && typeof found.invariant === 'string' ? found.invariant : undefined;
  const tested = named === undefined ? undefined : path.resolve(path.dirname(file), named);
  const invariant = await (tested && readTested(tested, problems));
  if (problems.length > 0 || !invariant) throw new UsageError(problems.join('\n'));
  return { test: found as Test, invariant };
}

async function readTested(file: string, problems: string[]): Promise<InvariantFile | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    problems.push(`The invariant ${file} cannot be read: ${reasonOf(error)}.`);
    return undefined;
  }
  return { ...parseInvariant({ file, text, form: INVARIANT_FORM, problems }), own: true };
}

/** Where a result is not as expected: objects by their fields, all else as a whole. */
function differences(expected: unknown, found: unknown, place: string): string[] {
  if (isRecord(expected) && isRecord(found)) {
    return Object.entries(expected).flatMap(([key, value]) =>
      differences(value, found[key], place === '' ? key : `${place}.${key}`),
    );
  }
  const [wanted, got] = [JSON.stringify(expected), JSON.stringify(found)];
  return wanted === got ? [] : [`${place} must be ${wanted}, and is ${got}`];
}

function summaryOf({ verdict, violations, exercised, first, why_unknown }: InvariantResult): string {
  const said = first ? `; the first: ${first.sentence}` : why_unknown ? `; ${why_unknown}` : '';
  return `the verdict is ${verdict}: ${violations} violations, exercised ${exercised} times${said}`;
}
