import { expect, test } from 'vitest';

import { repeatCommand } from './repeat.ts';
import { subjectOf } from './subject.ts';

const reference = subjectOf({ build: 'reference+rtif-merge' });

test('has every flag that shapes the run, and the seed that was drawn', () => {
  const flags = {
    seed: 7,
    duration: '30s',
    schedulers: 3,
    apiServers: 2,
    faults: 'kill:scheduler',
    invariants: 'mine',
    trace: true,
  };
  expect(repeatCommand({ scenario: 'seeds', subject: reference, ...flags, engine: 'k6', vus: 40 })).toBe(
    'windtunnel run seeds --build reference+rtif-merge --seed 7 --duration 30s --schedulers 3 --api-servers 2 ' +
      '--faults kill:scheduler --invariants mine --engine k6 --vus 40 --trace',
  );
});

test('a stored run is repeated on the build of this run, with the plan in its folder', () => {
  expect(repeatCommand({ scenario: 'runs/one', subject: reference })).toBe(
    'windtunnel run runs/one --build reference+rtif-merge',
  );
});

test('a word with blanks or quotes is one word of a shell', () => {
  const subject = { target: "Ada's stack.yaml" };
  expect(repeatCommand({ scenario: './my scenario.ts', subject, seed: 1 })).toBe(
    `windtunnel run './my scenario.ts' --target 'Ada'\\''s stack.yaml' --seed 1`,
  );
});
