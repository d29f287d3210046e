import { expect, test } from 'vitest';

import { HOSTILE } from '../harness/testing/fixture.ts';
import { literalUpgrade } from '../harness/testing/literal-upgrade.ts';
import { upgradeMarkdown } from './markdown/upgrade.ts';
import { upgradeText } from './terminal/upgrade.ts';

const deadlock = {
  fingerprint: 'f8f83bbc',
  title: 'A worker’s final state update and the scheduler’s update of dag_version_id deadlocked',
  known_race: '#66734',
};
const overwritten = { fingerprint: 'aaaaaaaa', title: 'A running task was overwritten', known_race: '#63266' };
const UPGRADE = literalUpgrade(
  {
    before: { verdict: 'fail', findings: [{ ...overwritten, occurrences: 2 }] },
    wave: { verdict: 'fail', findings: [{ ...deadlock, occurrences: 7 }], counts: { operations: 900, deadlocks: 7 } },
  },
  { verdict: 'fail' },
);

test('both sides, the migration and what is new are on one screen', () => {
  const text = upgradeText(UPGRADE, { color: false });
  expect(text).toMatch(/^FAIL {2}airflow@3\.1\.8 → airflow@3\.2\.1, \S+, seed 7\n/);
  expect(text).toContain('before the upgrade (airflow@3.1.8): ✗ fail · 1,000 requests in 60 s · 0 deadlocks');
  expect(text).toMatch(/The migration ended with code 0 after 12 s\. The schema went from 509b94a1042d to\s+1d6611/);
  expect(text).toMatch(
    /From 2026-11-30T07:02:00\.000Z to \S+ nothing is recorded: what\s+happened\s+then\s+is\s+unknown\./,
  );
  expect(text).toContain('✗ new A worker’s final state update');
  expect(text).toContain('before none, in the wave 7 (7/min), in ordinary operation none');
  expect(text).toContain('✗ A running task was overwritten (#63266)');
});

test('the table for a CI job says the same', () => {
  const page = upgradeMarkdown(UPGRADE);
  expect(page).toMatch(/deadlocked \| \\?#66734 \| {2}\| 7 \(7\/min\) \| {2}\| not seen before the upgrade \|/);
  expect(page).toMatch(/overwritten \| \\?#63266 \| 2 \(2\/min\) \|/);
});

test('words of a database and of a build are shown, and a terminal obeys none of them', () => {
  const [before] = UPGRADE.phases;
  const hostileWork = { unfinished_runs: 1, runs_of_older_versions: 0, tasks: { [HOSTILE]: 1 }, dag_versions: 1 };
  const hostile = literalUpgrade(
    {},
    {
      from: HOSTILE,
      why: HOSTILE,
      phases: before ? [{ ...before, build: HOSTILE, left: hostileWork }] : [],
    },
  );
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is the point
  expect(upgradeText(hostile, { color: false })).not.toMatch(/\u001b/);
  expect(upgradeMarkdown(hostile)).not.toMatch(/<script/);
});
