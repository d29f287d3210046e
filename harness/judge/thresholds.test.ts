import { expect, test } from 'vitest';

import type { Scenario } from '../model/scenario.ts';
import { many, withLiteralRun } from '../testing/judge-literal.ts';
import { judgeThresholds, validateThresholds } from './thresholds.ts';

const OPERATIONS = [
  ...many(8, (i) => ({ intended_ms: 0, sent_ms: 10, ended_ms: 100 * (i + 1) })),
  { kind: 'rtif', outcome: 'refused', status: 409, intended_ms: 0, sent_ms: 0, ended_ms: 5_000 } as const,
  { kind: 'state', outcome: 'unknown', status: 500, intended_ms: 0, sent_ms: 0, ended_ms: 6_000 } as const,
];

function judge(thresholds: NonNullable<Scenario['thresholds']>) {
  return withLiteralRun({ operations: OPERATIONS, scenario: { thresholds } }, (run) =>
    judgeThresholds(run, { deadlocks: 2, http_409_rtif: 1 }, 10),
  );
}

test.each([
  ['deadlocks', 'count<1', 'fail', 2],
  ['deadlocks', 'rate<=0.2', 'pass', 0.2],
  ['http_409', 'count<2', 'pass', 1],
  ['http_409', 'rate<0.05', 'fail', 0.1],
  ['http_409{operation:rtif}', 'rate===1', 'pass', 1],
  ['http_409_rtif', 'count>=1', 'pass', 1],
  ['http_5xx', 'rate < 0.01', 'fail', 0.1],
  ['http_req_failed', 'rate<=0.2', 'pass', 0.2],
  ['http_reqs', 'rate>0.5', 'pass', 1],
  ['http_req_duration{operation:heartbeat}', 'p(95)<200', 'fail', 765],
  ['http_req_duration{operation:heartbeat,status:200}', 'med<500', 'pass', 450],
  ['http_req_duration{operation:heartbeat}', 'max<=800', 'pass', 800],
  ['http_req_duration{operation:clear}', 'avg<1', 'unknown', null],
  ['lives', 'count>0', 'unknown', null],
])('%s: %s is %s with %s', async (metric, expression, verdict, value) => {
  const [result] = await judge({ [metric]: [expression] });
  expect(result?.value === null ? null : Number(result?.value?.toFixed(6))).toBe(value);
  expect(result).toMatchObject({ metric, expression, verdict });
});

test('a threshold may be an object, as in k6', async () => {
  const [result] = await judge({ http_409: [{ threshold: 'count<1', abortOnFail: true }] });
  expect(result).toMatchObject({ expression: 'count<1', verdict: 'fail' });
});

test('all problems are reported at once', () => {
  expect(
    validateThresholds({
      http_409: ['count<1', 'p(95)<200', 'fewer than 3'],
      http_req_duration: ['count<1'],
      latency: ['avg<1'],
      'http_409{colour:red}': ['count<1'],
      'deadlocks{operation:state}': ['count<1'],
      http_5xx: 'count<1',
    }),
  ).toEqual([
    'The threshold http_409: http_409 has no p(95): it is a share.',
    `The threshold http_409: "fewer than 3" is not understood: write such as 'count<1'.`,
    'The threshold http_req_duration: http_req_duration has no count: it is a trend.',
    expect.stringMatching(/^The threshold latency: there is no metric "latency"; there are http_reqs, /),
    'The threshold http_409{colour:red}: "colour" is no tag; there are operation, status, outcome, actor.',
    'The threshold deadlocks{operation:state}: deadlocks has no tags.',
    "The threshold http_5xx must be a list of expressions, such as ['count<1'].",
  ]);
});

test('thresholds that are right have no problems, and names of Object are no metrics', () => {
  expect(
    validateThresholds({ deadlocks: ['count<1'], 'http_req_duration{operation:heartbeat}': ['p(99.9)<200'] }),
  ).toEqual([]);
  expect(validateThresholds({ constructor: ['count<1'] })).toHaveLength(1);
  expect(validateThresholds(null)).toHaveLength(1);
});

test('a tag’s value is text, not SQL', async () => {
  const [result] = await judge({ "http_409{operation:x' OR true --}": ['count<1'] });
  expect(result).toMatchObject({ value: 0, verdict: 'pass' });
});

test('on a target the number of deadlocks is not known where some may be of others', async () => {
  const counted = { at_ms: 1, source: 'postgres', metric: 'deadlocks', value: 2 };
  const scenario = { thresholds: { deadlocks: ['count<1'] } };
  const result = await withLiteralRun({ samples: [counted], scenario, manifest: { used_by_others: true } }, (run) =>
    judgeThresholds(run, { deadlocks: 0 }, 10),
  );
  expect(result).toMatchObject([{ verdict: 'unknown', value: null }]);
});
