import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('memory-is-bounded', run);

const MIB = 1_048_576;

/** A reading a second through the whole load. */
function rss(source: string, mib: (second: number) => number) {
  return many(60, (s) => ({ at_ms: s * 1_000, source, metric: 'rss_bytes', value: mib(s) * MIB }));
}

test('a process that grows through the second half is a violation', async () => {
  const result = await judge({
    samples: [...rss('api-execution-1', (s) => 200 + 3 * s), ...rss('scheduler-1', () => 170)],
  });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { 'api-execution': 1 } });
  expect(result.first?.severity).toBeCloseTo(3 * MIB, 0);
  expect(result.first?.sentence).toBe(
    'api-execution-1 grew by 3.0 MiB a second for 29 s, from 290 to 377 MiB, and did not level off.',
  );
});

test('warming up, one large allocation and a saw of garbage are no growth', async () => {
  const samples = [
    ...rss('api-core-1', (s) => 200 + Math.min(s, 25) * 5),
    ...rss('api-execution-1', (s) => (s < 45 ? 200 : 400)),
    ...rss('scheduler-1', (s) => 170 + (s % 7) * 10),
    ...rss('scheduler-2', (s) => 170 + 0.3 * s),
  ];
  expect(await judge({ samples })).toMatchObject({ verdict: 'pass', violations: 0, exercised: 4 });
});

test('the harness and PostgreSQL (its shared pages count for each backend) are left out', async () => {
  const samples = [...rss('postgres', (s) => 900 + 20 * s), ...rss('harness', (s) => 100 + 5 * s)];
  expect(await judge({ samples })).toMatchObject({ verdict: 'unknown', violations: 0, exercised: 0 });
});

test('a few readings make no line', async () => {
  const samples = rss('api-core-1', (s) => 200 + 9 * s).slice(0, 42);
  expect(await judge({ samples })).toMatchObject({ verdict: 'unknown', violations: 0 });
});

test('the imports of a process that was started again are no growth', async () => {
  const died = { at_ms: 31_000, source: 'scheduler-1', severity: 'FATAL', message: 'scheduler-1 ended with code 1' };
  const samples = [...rss('scheduler-1', (s) => 50 + 3 * s), ...rss('api-core-1', () => 200)];
  expect(await judge({ samples, server_log: [died] })).toMatchObject({ violations: 0, exercised: 1 });
  const faults = [{ fault: 'kill', victim: 'scheduler-1', opened_ms: 30_500, closed_ms: 31_000 }];
  expect(await judge({ samples, faults })).toMatchObject({ violations: 0, exercised: 1 });
});
