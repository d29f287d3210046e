import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { openRun } from '../harness/judge/open-run.ts';
import type { Judgement } from '../harness/model/verdict.ts';
import { type Started, start, until } from './airflow.ts';
import { clocks, cwd, failed, noCompiler, setOwnClock, words } from './moved-clock.ts';

const timeout = 1_800_000;

function assumption({ assumptions }: Judgement, wanted: string) {
  return assumptions.find(({ name }) => name === wanted);
}

async function inMidLoad(run: Started, disturb: () => Promise<void> | void): Promise<Judgement> {
  await until('the load', () => run.stderr().includes('· load'), 600_000);
  await sleep(8_000);
  await disturb();
  const { stdout, stderr } = await run.ended;
  if (stdout === '') throw new Error(stderr.slice(-2_000));
  return JSON.parse(stdout);
}

test('a harness that is stopped for 25 s finds no violation, and does not make up for what it missed', {
  timeout,
}, async () => {
  const run = start(words('reference', 'stopped', '50s'), cwd);
  const found = await inMidLoad(run, async () => {
    run.kill('SIGSTOP');
    // Longer than a worker may be silent on our stacks.
    await sleep(25_000);
    run.kill('SIGCONT');
  });
  expect(failed(found)).toEqual([]);
  expect(found.verdict).toBe('unknown');
  expect(assumption(found, 'fleet-kept-pace')).toMatchObject({
    verdict: 'fail',
    sentence: expect.stringMatching(/the longest pause of the event loop was 2[4-9]\d{3} ms/),
  });
  const stored = await openRun(path.join(cwd, 'stopped'));
  try {
    const late = await stored.row(`
      SELECT count(*) FILTER (actor = 'operator') AS actions, max(of_life) AS of_life
      FROM (
        SELECT actor, count(*) OVER (PARTITION BY life) AS of_life FROM operations
        WHERE attempt = 1 AND sent_ms - intended_ms > 2000
      )`);
    // An action that waited for its answer, and of each life what it was about to send.
    expect(Number(late.actions)).toBeLessThanOrEqual(1);
    expect(Number(late.of_life)).toBeLessThanOrEqual(2);
    const readings = await stored.row(`
      SELECT max(n) AS most FROM (
        SELECT count(*) AS n FROM samples WHERE metric = 'loop_delay_ms' GROUP BY floor(at_ms / 1000)
      )`);
    expect(Number(readings.most)).toBeLessThanOrEqual(3);
  } finally {
    await stored.close();
  }
});

test.skipIf(noCompiler)('that the clock of the harness is set in mid-run changes nothing', { timeout }, async () => {
  for (const off of [2, -2]) {
    const name = `own${off}`;
    const run = start(words('reference', name), cwd, setOwnClock(name, 0));
    const found = await inMidLoad(run, () => void setOwnClock(name, off));
    expect(failed(found)).toEqual([]);
    expect(clocks(found)).toMatchObject({
      verdict: 'pass',
      sentence: expect.stringMatching(/^The clock of the database agreed with the run's to \d+ ms\.$/),
    });
    for (const name of ['run-completed', 'commits-are-whole', 'operations-reconciled'])
      expect(assumption(found, name)).toMatchObject({ verdict: 'pass' });
  }
});
