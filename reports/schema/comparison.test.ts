import { expect, test } from 'vitest';

import { compareBuilds, comparePair } from '../../harness/compare/compare.ts';
import { emptyJudgement, hostileJudgement, hugeJudgement, judgement } from '../../harness/testing/fixture.ts';
import { comparisonJsonSchema, comparisonSchema } from './comparison.ts';

test('docs/comparison.schema.json is the schema of what the code writes (vitest -u writes it anew)', async () => {
  const written = `${JSON.stringify(comparisonJsonSchema(), null, 2)}\n`;
  await expect(written).toMatchFileSnapshot('../../docs/comparison.schema.json');
});

test('what is written is what the schema says, whatever the runs', () => {
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
    expect(comparisonSchema.parse(written)).toEqual(written);
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
  const { error } = comparisonSchema.safeParse(broken);
  expect(error?.issues.map(({ path }) => path.join('.'))).toEqual(['decision', 'detect']);
});
