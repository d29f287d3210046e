import { describe, expect, test } from 'vitest';

import { compare, sentence, tallyOf, unlisted } from './compare.ts';
import type { Case, Difference } from './differences/difference.ts';
import { type Json, Mask, type Step } from './observation.ts';

function step(route: string, seen: Json, legal?: readonly string[]): Step {
  return { step: 'one', route, seen, ...(legal === undefined ? {} : { legal }) };
}

function listed(place: Case): Difference[] {
  return [{ releases: ['3.1.8'], airflow: 'does', reference: 'does not', reason: 'because', cases: [place] }];
}

function pair(airflow: Step, reference: Step) {
  return [{ dialogue: 'talk', airflow: [airflow], reference: [reference] }];
}

describe('two observations of a step', () => {
  const refused = step('state', {
    status: 409,
    body: { detail: { reason: 'invalid_state', previous_state: 'success' } },
  });
  const done = step('state', { status: 200 });

  test('that are the same agree', () => {
    const comparison = compare('3.1.8', pair(done, done), []);
    expect(comparison.findings).toEqual([]);
    expect(tallyOf(comparison).dialogues).toEqual({ all: 1, agreed: 1, listed: 0, others: 0 });
  });

  test('that are not are reported by the parts that differ', () => {
    const other = step('state', {
      status: 409,
      body: { detail: { reason: 'invalid_state', previous_state: 'failed' } },
    });
    const comparison = compare('3.1.8', pair(refused, other), []);
    expect(unlisted(comparison).map(sentence)).toEqual([
      'talk · one [state] body.detail.previous_state\n    airflow   "success"\n    reference "failed"',
    ]);
    expect(tallyOf(comparison).dialogues).toMatchObject({ others: 1 });
  });

  test('one of which is a refusal are not compared field by field', () => {
    const { findings } = compare('3.1.8', pair(refused, done), []);
    expect(findings.map(({ path }) => path)).toEqual(['status', 'body']);
  });

  test('of other steps are never taken for each other', () => {
    const { findings } = compare('3.1.8', pair(done, { ...done, step: 'two' }), []);
    expect(findings).toMatchObject([{ path: 'names', airflow: ['one'], reference: ['two'] }]);
  });

  test('may differ as listed: route, path and both values', () => {
    const body = { detail: { reason: 'invalid_state', previous_state: '*' } };
    const known = listed({ route: 'state', seen: { status: [409, 200], body: [body, '(accepted)'] } });
    expect(unlisted(compare('3.1.8', pair(refused, done), known))).toEqual([]);
    // Another release, another route, another value: not this difference.
    expect(unlisted(compare('3.2.1', pair(refused, done), known))).toHaveLength(2);
    expect(
      unlisted(compare('3.1.8', pair({ ...refused, route: 'run' }, { ...done, route: 'run' }), known)),
    ).toHaveLength(2);
    const gone = step('state', { status: 410, body });
    expect(unlisted(compare('3.1.8', pair(gone, done), known))).toHaveLength(2);
  });

  test('half of a listed difference is not that difference', () => {
    const known = listed({ seen: { status: [409, 200], body: ['*', '*'], refreshed: ['*', '*'] } });
    expect(unlisted(compare('3.1.8', pair(refused, done), known))).toHaveLength(2);
  });

  test('a listed difference that is not there is reported', () => {
    const known = listed({ seen: { status: [409, 200] } });
    expect(compare('3.1.8', pair(done, done), known).gone).toHaveLength(1);
    expect(compare('3.2.1', pair(done, done), known).gone).toEqual([]);
    expect(compare('3.1.8', pair(done, done), listed({ sometimes: true, seen: {} })).gone).toEqual([]);
  });
});

describe('a race', () => {
  const legal = ['200 + 409', '200 + 200'];

  test('may end in any way that the dialogue allows', () => {
    const [one, other] = [step('outcomes', ['200 + 409'], legal), step('outcomes', ['200 + 200'], legal)];
    expect(compare('3.1.8', pair(one, other), []).findings).toEqual([]);
  });

  test('and in no other, on either side', () => {
    const [good, bad] = [step('outcomes', ['200 + 409'], legal), step('outcomes', ['200 + 409', '500 + 500'], legal)];
    expect(compare('3.1.8', pair(bad, good), []).findings).toMatchObject([
      { path: 'outcome 500 + 500', airflow: 'seen' },
    ]);
    expect(compare('3.1.8', pair(good, bad), []).findings).toMatchObject([
      { path: 'outcome 500 + 500', reference: 'seen' },
    ]);
  });
});

test('what differs from one play to the next is masked, and nothing else', () => {
  const mask = new Mask();
  mask.add('wt_single_1', '<dag>');
  mask.add('01890000-0000-7000-8000-000000000001', '<task>');
  expect(
    mask.json({
      id: 17,
      pid: 1001,
      dag: 'wt_single_1',
      ti: '01890000-0000-7000-8000-000000000001',
      other: '01890000-0000-7000-8000-000000000002',
      sent: '2026-02-01T10:00:00+00:00',
      given: '2026-11-21T13:00:00.123Z',
      'correlation-id': 'x',
      message: 'you will find it in api server when you look for ID a1B2',
    }),
  ).toEqual({
    dag: '<dag>',
    given: '<time>',
    id: '<number>',
    message: 'you will find it in api server when you look for ID <error>',
    other: '<uuid>',
    pid: 1001,
    sent: '2026-02-01T10:00:00.000Z',
    ti: '<task>',
  });
});
