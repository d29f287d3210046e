import { describe, expect, it } from 'vitest';

import type { TaskJson } from '../dags/serialized-dag.ts';
import { decide, normalDecisions, type RunTask, type Settler, triggerRule } from './decisions.ts';
import { dagOf } from './test-scheduler.ts';

type Rule = NonNullable<TaskJson['trigger_rule']>;

const NOW = Date.parse('2026-11-21T10:00:00Z');

function ti(task_id: string, state: string | null, more: Partial<RunTask> = {}): RunTask {
  return { id: task_id, task_id, state, end_date: null, retry_delay_override: null, reschedule_date: null, ...more };
}

/** The rule's answer for a task with these upstream states. */
function answer(rule: Rule, ...states: (string | null)[]) {
  const upstream = states.map((_, i) => `u${i}`);
  return triggerRule(
    { task_id: 't', upstream, trigger_rule: rule },
    new Map(states.map((state, i) => [`u${i}`, [state]])),
  );
}

describe('trigger rules', () => {
  it('lets a task without upstreams run at once', () => {
    expect(answer('all_success')).toBe('met');
  });

  it('all_success waits for all, fails with the first failure and is skipped with the first skip', () => {
    expect(answer('all_success', 'success', 'running')).toBe('wait');
    expect(answer('all_success', 'success', 'success')).toBe('met');
    expect(answer('all_success', 'failed', 'running')).toBe('upstream_failed');
    expect(answer('all_success', 'upstream_failed', 'skipped')).toBe('upstream_failed');
    expect(answer('all_success', 'skipped', null)).toBe('skipped');
    expect(answer('all_success', 'up_for_retry', 'success')).toBe('wait');
    expect(answer('all_success', 'removed', 'success')).toBe('met');
  });

  it('one_success runs with the first success and decides otherwise only when all have ended', () => {
    expect(answer('one_success', 'success', 'running')).toBe('met');
    expect(answer('one_success', 'skipped', 'running')).toBe('wait');
    expect(answer('one_success', 'skipped', 'skipped')).toBe('skipped');
    expect(answer('one_success', 'skipped', 'failed')).toBe('upstream_failed');
  });

  it('none_failed_min_one_success takes skips, but not skips alone', () => {
    const rule = 'none_failed_min_one_success';
    expect(answer(rule, 'success', 'skipped')).toBe('met');
    expect(answer(rule, 'success', null)).toBe('wait');
    expect(answer(rule, 'skipped', 'skipped')).toBe('skipped');
    expect(answer(rule, 'success', 'failed')).toBe('upstream_failed');
    expect(answer(rule, 'removed', 'skipped')).toBe('upstream_failed');
  });

  it('waits for every instance of a mapped task, and fails with any', () => {
    const join = (...states: (string | null)[]) =>
      triggerRule({ task_id: 't', upstream: ['mapped'] }, new Map([['mapped', states]]));
    expect(join('success', 'running', 'success')).toBe('wait');
    expect(join('success', 'success', 'success')).toBe('met');
    expect(join('success', 'failed', 'success')).toBe('upstream_failed');
  });

  it('all_done waits for ends of any kind', () => {
    expect(answer('all_done', 'failed', 'running')).toBe('wait');
    expect(answer('all_done', 'failed', 'upstream_failed', 'skipped', 'success')).toBe('met');
  });
});

describe('a run', () => {
  const dag = dagOf('d', [
    { task_id: 'a', upstream: [] },
    { task_id: 'b', upstream: ['a'] },
    { task_id: 'c', upstream: ['b'], trigger_rule: 'all_done' },
  ]);

  it('passes a failure on by one task in a loop, from states as they were read', () => {
    const decision = decide(dag, [ti('a', 'failed'), ti('b', null), ti('c', null)], NOW);
    expect(decision).toEqual({ ready: [], settled: [{ id: 'b', state: 'upstream_failed' }], runState: 'running' });
  });

  it('ends as its leaves did, whatever failed before them', () => {
    const end = (c: string) => decide(dag, [ti('a', 'failed'), ti('b', 'upstream_failed'), ti('c', c)], NOW).runState;
    expect(end('success')).toBe('success');
    expect(end('skipped')).toBe('success');
    expect(end('failed')).toBe('failed');
    expect(end('deferred')).toBe('running');
  });

  it('leaves alone what is scheduled, queued, running or deferred', () => {
    for (const state of ['scheduled', 'queued', 'running', 'deferred', 'restarting']) {
      expect(decide(dag, [ti('a', state), ti('b', null), ti('c', null)], NOW).ready).toEqual([]);
    }
  });

  it('tries again a second after the failure, or after as long as the worker asked for', () => {
    const ready = (agoMs: number, retry_delay_override: number | null) => {
      const end_date = new Date(NOW - agoMs);
      return decide(dag, [ti('a', 'up_for_retry', { end_date, retry_delay_override })], NOW).ready.length > 0;
    };
    expect(ready(900, null)).toBe(false);
    expect(ready(1_001, null)).toBe(true);
    expect(ready(1_001, 5)).toBe(false);
    expect(ready(5_001, 5)).toBe(true);
  });

  it('reschedules at the date that was asked for', () => {
    const ready = (inMs: number) =>
      decide(dag, [ti('a', 'up_for_reschedule', { reschedule_date: new Date(NOW + inMs) })], NOW).ready.length > 0;
    expect(ready(1)).toBe(false);
    expect(ready(0)).toBe(true);
  });
});

describe('a branch that has decided', () => {
  const dag = dagOf('d', [
    { task_id: 'branch', upstream: [], skips: ['other'] },
    { task_id: 'other', upstream: ['branch'], trigger_rule: 'all_done' },
    { task_id: 'chosen', upstream: ['branch'] },
  ]);
  const followed = new Map([['branch', ['chosen']]]);
  const settledOf = (branch: string, other: string | null, seams = normalDecisions) =>
    decide(dag, [ti('branch', branch), ti('other', other), ti('chosen', 'running')], NOW, seams, followed).settled;

  it('keeps a task skipped that is cleared, once it has ended', () => {
    expect(settledOf('success', null)).toEqual([{ id: 'other', state: 'skipped' }]);
    expect(settledOf('running', null)).toEqual([]);
  });

  it('leaves a running task alone, unless the defect of Airflow is switched on', () => {
    expect(settledOf('success', 'running')).toEqual([]);
    const settlesUnfinished = new Set<Settler>(['branch']);
    const other = { id: 'other', state: 'skipped' };
    expect(settledOf('success', 'running', { ...normalDecisions, settlesUnfinished })).toEqual([other]);
  });
});
