import { expect, test } from 'vitest';

import { judge } from '../../harness/judge/judge.ts';
import { emptyJudgement, hostileJudgement, judgement } from '../../harness/testing/fixture.ts';
import { writeLiteralRun } from '../../harness/testing/literal-run.ts';
import { judgementSchema, verdictSchema } from './verdict.ts';

test('docs/verdict.schema.json is the schema of what the code writes (vitest -u writes it anew)', async () => {
  await expect(`${JSON.stringify(verdictSchema(), null, 2)}\n`).toMatchFileSnapshot('../../docs/verdict.schema.json');
});

test('what is written is what the schema says, also of a run that was judged just now', async () => {
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
      expect(judgementSchema.parse(written)).toEqual(written);
    }
  } finally {
    remove();
  }
});

test('what is not a verdict is none', () => {
  const broken = { ...judgement(), verdict: 'maybe', counts: { operations: 'many' } };
  const { error } = judgementSchema.safeParse(broken);
  expect(error?.issues.map(({ path }) => path.join('.'))).toEqual(['verdict', 'counts.operations']);
});
