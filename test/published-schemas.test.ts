import { expect, test } from 'vitest';
import { z } from 'zod';

import { compareBuilds, comparePair } from '../harness/compare/compare.ts';
import { RACE_FILE } from '../harness/director/race-file.ts';
import { judge } from '../harness/judge/judge.ts';
import { COMPARISON } from '../harness/model/comparison.ts';
import { JUDGEMENT } from '../harness/model/verdict.ts';
import { emptyJudgement, hostileJudgement, hugeJudgement, judgement } from '../harness/testing/fixture.ts';
import { writeLiteralRun } from '../harness/testing/literal-run.ts';

/** A schema as it is published. Fields may be added later, so it allows others. */
function published(schema: z.ZodType, title: string): string {
  return `${JSON.stringify({ ...z.toJSONSchema(schema, { io: 'input', reused: 'ref' }), title }, null, 2)}\n`;
}

test('docs/verdict.schema.json is the schema of what the code writes (vitest -u writes it again)', async () => {
  const written = published(JUDGEMENT, 'verdict.json of windtunnel, and what `run --json` and `check --json` print');
  await expect(written).toMatchFileSnapshot('../docs/verdict.schema.json');
});

test('judgements are what the schema says, also of a run that was judged just now', async () => {
  const { folder, remove } = writeLiteralRun({
    operations: [{ outcome: 'refused', status: 409, reason: 'not_running' }, {}],
    lives: [{}],
    commits: [{ state: 'running' }, { state: 'success' }],
    faults: [{ fault: 'kill', victim: 'scheduler-1', opened_ms: 20_000, closed_ms: 21_000, window: 1 }],
    samples: [{ at_ms: 2_000, source: 'harness', metric: 'cpu_s', value: 1 }],
  });
  try {
    for (const one of [judgement(), emptyJudgement(), hostileJudgement(), await judge(folder)]) {
      const written: unknown = JSON.parse(JSON.stringify(one));
      expect(JUDGEMENT.parse(written)).toEqual(written);
    }
  } finally {
    remove();
  }
});

test('what is not a verdict is none', () => {
  const broken = { ...judgement(), verdict: 'maybe', counts: { operations: 'many' } };
  const { error } = JUDGEMENT.safeParse(broken);
  expect(error?.issues.map(({ path }) => path.join('.'))).toEqual(['verdict', 'counts.operations']);
});

test('docs/comparison.schema.json is the schema of what the code writes (vitest -u writes it again)', async () => {
  const written = published(COMPARISON, 'compare.json of windtunnel, and what `compare --json` prints');
  await expect(written).toMatchFileSnapshot('../docs/comparison.schema.json');
});

test('comparisons are what the schema says, of any runs', () => {
  const runs = (build: string, counts: Record<string, number>) =>
    [1, 2, 3].map((seed) => judgement({ build, seed, counts }));
  const comparisons = [
    compareBuilds(
      [runs('airflow@3.2.1', { deadlocks: 20 }), runs('airflow@3.2.2', {}), runs('airflow@3.3.2', { deadlocks: 9 })],
      { detect: 2 },
    ),
    comparePair([hostileJudgement()], [hugeJudgement()], { detect: 0 }),
    comparePair([emptyJudgement()], [judgement()], { detect: 0 }),
    comparePair([], [], { detect: 0 }),
  ];
  for (const one of comparisons) {
    const written: unknown = JSON.parse(JSON.stringify(one));
    expect(COMPARISON.parse(written)).toEqual(written);
  }
  const [first] = comparisons;
  // The longest of them has something of everything to check.
  expect(first?.pairs.map(({ measures, findings }) => measures.length > 0 && findings.length > 0)).toEqual([
    true,
    true,
  ]);
});

test('what is not a comparison is none', () => {
  const broken = { ...comparePair([], [], { detect: 0 }), decision: 'perhaps', detect: 'twice' };
  const { error } = COMPARISON.safeParse(broken);
  expect(error?.issues.map(({ path }) => path.join('.'))).toEqual(['decision', 'detect']);
});

test('docs/race.schema.json is the schema of what a race file may hold (vitest -u writes it again)', async () => {
  const title = 'A race of Airflow as a script: *.race.yaml of windtunnel';
  const written = `${JSON.stringify({ ...z.toJSONSchema(RACE_FILE, { io: 'input' }), title }, null, 2)}\n`;
  await expect(written).toMatchFileSnapshot('../docs/race.schema.json');
});
