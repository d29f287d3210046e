import { expect, test } from 'vitest';

import { writeLiteralRun } from '../testing/literal-run.ts';
import { resolveRun } from './resolve.ts';

test('a stored run on another build has a command that repeats it there, with its plan', async () => {
  const { folder, remove } = writeLiteralRun({ operations: [{}] });
  try {
    const { repeat, subject } = await resolveRun({ scenario: folder, build: 'reference+rtif-merge' });
    expect(repeat).toBe(`windtunnel run ${folder} --build reference+rtif-merge`);
    expect(subject).toMatchObject({ build: { kind: 'reference', defects: ['rtif-merge'] } });
  } finally {
    remove();
  }
});

test('a seed that is drawn is in the command that repeats the run', async () => {
  const { repeat, plan } = await resolveRun({ scenario: 'seeds', build: 'reference', duration: '10s' });
  expect(repeat).toBe(`windtunnel run seeds --build reference --seed ${plan.seed} --duration 10s`);
});
