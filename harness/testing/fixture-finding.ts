import { EMPTY_ENTRY } from '../judge/findings/words.ts';
import type { Finding, TimelineEntry } from '../model/finding.ts';
import { HOSTILE, violation } from './fixture.ts';

/** Literal findings for the tests of every format. */

export function entry(offset_ms: number, actor: string, over: Partial<TimelineEntry>): TimelineEntry {
  return {
    at_ms: 31_000 + offset_ms,
    offset_ms,
    actor,
    event: 'commit',
    what: 'leaf_3',
    ...EMPTY_ENTRY,
    ...over,
  };
}

/** A skip of a running task, as the judge reports it. */
export function finding(over: Partial<Finding> = {}): Finding {
  const moment = { invariant: 'running-is-not-overwritten', ...violation({ at_ms: 31_000 }) };
  const skipped = { before: 'running', after: 'skipped', of_subject: true, commit: 877, by: 1201 };
  return {
    id: 'F1',
    fingerprint: '0a1b2c3d',
    title: 'A branch’s skip overwrote tasks that a worker was running',
    root: { invariant: 'running-is-not-overwritten', variant: 'skip-downstream' },
    invariants: [
      { name: 'running-is-not-overwritten', claim: 'RUNNING is left by the worker’s own report.', violations: 8 },
      { name: 'acknowledged-is-durable', claim: 'An accepted end stays.', violations: 2 },
    ],
    known_race: '#63266',
    occurrences: 4,
    violations: 10,
    first: moment,
    worst: moment,
    last: { ...moment, at_ms: 58_100 },
    timeline: {
      subject: 'wt_fan/manual__1/leaf_3',
      at_ms: 31_000,
      left_out: 12,
      entries: [
        entry(-7_000, 'scheduler-1', { before: 'scheduled', after: 'queued', of_subject: true, commit: 801 }),
        entry(-40, 'w-376', { event: 'request', what: 'as branch, skips leaf_3', operation: 1201, proves: true }),
        entry(0, 'api-execution-1', { ...skipped, proves: true }),
        entry(12, 'w-376', { event: 'answer', what: 'accepted (204)', outcome: 'ok', operation: 1201 }),
        entry(800, 'w-7', { event: 'exchange', what: 'heartbeat: 409 not_running', outcome: 'refused', proves: true }),
        entry(900, 'w-8', { event: 'exchange', what: 'reports SUCCESS: 500', outcome: 'unknown', operation: 1241 }),
      ],
    },
    contrast: {
      unit: 'tries',
      victims: 27,
      others: 410,
      lines: [
        { label: 'trigger rule one_success', victims: 27, of_victims: 27, others: 3, of_others: 410, p_value: 1e-30 },
        { label: 'handed over by scheduler-2', victims: 20, of_victims: 27, others: 0, of_others: 3, p_value: 0.004 },
      ],
    },
    faults: [
      { fault: 'kill', victim: 'scheduler-1', opened_ms: 30_000, closed_ms: null, detail: 'SIGKILL', occurrences: 1 },
    ],
    left_out: null,
    ...over,
  };
}

/** Its worst occurrence is `deadlock(9_100)` of fixture-evidence.ts. */
export function deadlockFinding(): Finding {
  const { worst } = finding();
  return finding({
    title: 'A worker’s report and the scheduler deadlocked',
    root: { invariant: 'no-deadlocks', variant: 'state PATCH' },
    worst: { ...worst, at_ms: 9_100, sentence: 'PostgreSQL ended a deadlock.' },
  });
}

export function hostileFinding(): Finding {
  const base = finding();
  const fault = { fault: HOSTILE, victim: HOSTILE, opened_ms: 1, closed_ms: 2, detail: HOSTILE, occurrences: 1 };
  return finding({
    title: HOSTILE,
    left_out: HOSTILE,
    invariants: [{ name: HOSTILE, claim: HOSTILE, violations: 1 }],
    worst: { ...base.worst, subject: HOSTILE, sentence: HOSTILE },
    timeline: {
      subject: HOSTILE,
      at_ms: 1,
      left_out: 0,
      entries: [entry(0, HOSTILE, { what: HOSTILE, before: HOSTILE, after: HOSTILE, of_subject: true, commit: 1 })],
    },
    contrast: {
      unit: HOSTILE,
      victims: 1,
      others: 1,
      lines: [{ label: HOSTILE, victims: 1, of_victims: 1, others: 0, of_others: 1, p_value: 1 }],
    },
    faults: [fault],
  });
}
