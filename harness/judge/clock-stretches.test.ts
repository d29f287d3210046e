import { expect, test } from 'vitest';

import { closeTables } from '../run-folder/close.ts';
import { judgeLiteral, withLiteralRun } from '../testing/judge-literal.ts';
import { type LiteralRun, writeLiteralRun } from '../testing/literal-run.ts';
import { openRun } from './open-run.ts';

/** A healthy life: queued, handed over 100 ms later, started. With all times of PostgreSQL `offMs` ahead. */
function healthy(offMs: (atMs: number) => number, readings: LiteralRun['samples'] = []): LiteralRun {
  const commit = (state: string, atMs: number) => ({
    state,
    committed_ms: atMs + offMs(atMs),
    writer: 'wt-scheduler-1',
  });
  return {
    lives: [{ handed_ms: 30_000, scheduler: 'scheduler-1' }],
    operations: [{ kind: 'run', sent_ms: 30_010 }],
    commits: [commit('queued', 29_900), commit('running', 30_012), commit('success', 59_000)],
    server_log: [
      { at_ms: 30_500 + offMs(30_500), source: 'postgres', severity: 'LOG', message: 'checkpoint' },
      { at_ms: 30_500, source: 'scheduler-1', severity: 'ERROR', message: 'oh' },
    ],
    lock_waits: [{ at_ms: 30_100, pid: 1, waiting_since_ms: 30_050 + offMs(30_050), xact_started_ms: null }],
    samples: readings,
  };
}

/** One reading a second for a minute. */
function read(offMs: (atMs: number) => number): NonNullable<LiteralRun['samples']> {
  return Array.from({ length: 60 }, (_, second) => 1_000 * second).flatMap((at_ms) => [
    { at_ms, source: 'postgres', metric: 'clock_offset_ms', value: offMs(at_ms) },
    { at_ms, source: 'postgres', metric: 'clock_round_trip_ms', value: 2 },
  ]);
}

const judge = (run: LiteralRun) => judgeLiteral('hand-off-follows-queueing', run);

test.each([500, -2_000])('a database with a clock that is %d ms off is judged as if it were not', async (off) => {
  for (const deliveries of [1, 2]) {
    const run = (offMs: (atMs: number) => number, samples?: LiteralRun['samples']) => {
      const whole = healthy(offMs, samples);
      return judge({ ...whole, lives: whole.lives?.map((life) => ({ ...life, deliveries })) ?? [] });
    };
    const unmoved = await run(() => 0);
    expect(unmoved).toMatchObject({ exercised: deliveries, violations: deliveries - 1 });
    expect(
      await run(
        () => off,
        read(() => off),
      ),
    ).toEqual(unmoved);
  }
});

test('without the readings half a second is an accusation, as a run of before they were made says', async () => {
  const result = await judge(healthy(() => 500));
  expect(result).toMatchObject({ verdict: 'fail', variants: { 'before its commit': 1 } });
});

test('while a clock was set in mid-run, violations that may come of it are in doubt, and are no finding', async () => {
  const offMs = (atMs: number) => (atMs < 29_000 ? 0 : 2_000);
  // A reading of the moment itself is missing, so that the commit lies on the wrong side of the step.
  const readings = read(offMs).filter(({ at_ms }) => Number(at_ms) < 25_000 || Number(at_ms) > 36_000);
  await withLiteralRun(healthy(offMs, readings), async (run) => {
    expect(await run.rows('FROM clocks_in_doubt')).toEqual([
      { owner: 'the database', sentence: 'The clock of the database was set forward by 2.0 s after 30.5 s.' },
    ]);
  });
  const result = await judge(healthy(offMs, readings));
  expect(result).toMatchObject({ verdict: 'unknown', violations: 0, first: null, variants: {} });
  expect(result.why_unknown).toBe(
    '1 violation is in doubt, because the clocks did not agree: ' +
      'The clock of the database was set forward by 2.0 s after 30.5 s.',
  );
});

test('what no clock can change stays a violation after a step', async () => {
  const deadlock = { at_ms: 5_000, source: 'postgres', sqlstate: '40P01', pid: 1 };
  const samples = [...read((atMs) => (atMs < 29_000 ? 0 : 2_000))];
  const result = await judgeLiteral('no-deadlocks', {
    server_log: [deadlock],
    operations: [{}],
    commits: [{}],
    samples,
  });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1 });
});

test('of a stored run, lines or Parquet, all times of PostgreSQL are converted, and no other', async () => {
  const offMs = () => -2_000;
  const { folder, remove } = writeLiteralRun(healthy(offMs, read(offMs)));
  const times = async () => {
    const run = await openRun(folder);
    try {
      return [
        await run.rows('SELECT committed_ms AS ms FROM commits ORDER BY seq'),
        await run.rows('SELECT at_ms AS ms FROM server_log'),
        await run.rows('SELECT waiting_since_ms AS ms, xact_started_ms AS none, at_ms FROM lock_waits'),
        await run.rows('SELECT handed_ms AS ms FROM lives'),
      ];
    } finally {
      await run.close();
    }
  };
  const converted = [
    [{ ms: 29_900 }, { ms: 30_012 }, { ms: 59_000 }],
    [{ ms: 30_500 }, { ms: 30_500 }],
    [{ ms: 30_050, none: null, at_ms: 30_100 }],
    [{ ms: 30_000 }],
  ];
  try {
    expect(await times()).toEqual(converted);
    await closeTables(folder);
    expect(await times()).toEqual(converted);
  } finally {
    remove();
  }
});
