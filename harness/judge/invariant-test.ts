import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { parse } from 'yaml';
import { z } from 'zod';

import { messageOf, UsageError } from '../model/errors.ts';
import { TABLES } from '../model/tables.ts';
import type { InvariantResult } from '../model/verdict.ts';
import { type InvariantFile, parseInvariant } from './invariant-file.ts';
import { INVARIANT_FORM, judgeInvariant } from './invariants.ts';
import { withLiteralRun } from './literal-database.ts';
import type { LiteralRun } from './literal-run.ts';

const rows = z.array(z.record(z.string(), z.unknown())).optional();
const tables = Object.fromEntries(Object.keys(TABLES).map((table) => [table, rows]));

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
          manifest: z.record(z.string(), z.unknown()).optional(),
          scenario: z.record(z.string(), z.unknown()).optional(),
          finals: z.record(z.string(), rows).optional(),
        }),
        /** Fields of the invariant's result in verdict.json; those that are left out may have any value. */
        expect: z.record(z.string(), z.unknown()),
      }),
    )
    .min(1),
});

type Test = z.infer<typeof TEST>;

/** Plays the cases of a test file and prints a line for each; resolves to the exit code: 0 all hold, 1 one does not. */
export async function playTests(file: string, print: (line: string) => void): Promise<number> {
  const test = await readTest(file);
  const invariant = await readTested(path.resolve(path.dirname(file), test.invariant));
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

async function readTest(file: string): Promise<Test> {
  let found: unknown;
  try {
    found = parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  const { data, error } = TEST.safeParse(found);
  if (data) return data;
  throw new UsageError(
    error.issues.map((issue) => `${file}: ${issue.path.join('.') || 'the file'}: ${issue.message}`).join('\n'),
  );
}

async function readTested(file: string): Promise<InvariantFile> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`The invariant ${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  const problems: string[] = [];
  const invariant = parseInvariant({ file, text, form: INVARIANT_FORM, problems });
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return { ...invariant, own: true };
}

/** Where a result is not as expected: objects by their fields, all else as a whole. */
function differences(expected: unknown, found: unknown, place: string): string[] {
  if (isObject(expected) && isObject(found)) {
    return Object.entries(expected).flatMap(([key, value]) =>
      differences(value, found[key], place === '' ? key : `${place}.${key}`),
    );
  }
  const [wanted, got] = [JSON.stringify(expected), JSON.stringify(found)];
  return wanted === got ? [] : [`${place} must be ${wanted}, and is ${got}`];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function summaryOf({ verdict, violations, exercised, first, why_unknown }: InvariantResult): string {
  const said = first ? `; the first: ${first.sentence}` : why_unknown ? `; ${why_unknown}` : '';
  return `the verdict is ${verdict}: ${violations} violations, exercised ${exercised} times${said}`;
}
