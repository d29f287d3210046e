import type { Violation } from '../model/finding.ts';
import type { Manifest } from '../model/manifest.ts';
import type { ConflictCount, InvariantResult, Judgement, TimelinePoint, Verdict } from '../model/verdict.ts';
import { answerClass, deadlock, side } from './fixture-evidence.ts';
import { entry, finding, hostileFinding } from './fixture-finding.ts';
import { faultEffect, HARNESS_COST, NO_HARNESS_COST, overTime } from './fixture-over-time.ts';

/** Literal judgements for the tests of every format, hostile ids included. */

/** A task id that tries HTML, Markdown, XML, a terminal's escapes and the reading direction at once. */
export const HOSTILE =
  '<img src=x onerror=alert(1)>"\'&`|*_[a](javascript:1)\u001b[31m\u202e\u0000\n# <script>alert(2)</script>]]>';

export function violation(over: Partial<Violation> = {}): Violation {
  return {
    at_ms: 12_345,
    subject: 'wt_fan/manual__1/leaf_3',
    severity: 1,
    sentence:
      'wt_fan/manual__1/leaf_3 was running on worker-7 when the scheduler set it to skipped; ' +
      'its heartbeat was then refused with 409.',
    operations: [1201, 1240],
    commits: [877],
    ...over,
  };
}

export function invariant(name: string, verdict: Verdict, over: Partial<InvariantResult> = {}): InvariantResult {
  const failing = verdict === 'fail';
  return {
    name,
    claim:
      'A task instance that a worker runs leaves RUNNING only by that worker’s own report or an operator’s action.',
    verdict,
    known_issues: [],
    exercised: verdict === 'unknown' ? 3 : 132,
    exercised_wanted: 20,
    exercised_by: 'skips at running tasks',
    aimed: true,
    violations: failing ? 8 : 0,
    first: failing ? violation() : null,
    worst: failing ? violation({ at_ms: 31_000, severity: 9 }) : null,
    last: failing ? violation({ at_ms: 58_100 }) : null,
    why_unknown: null,
    ...over,
  };
}

export function timeline(length: number): TimelinePoint[] {
  return Array.from({ length }, (_, second) => ({
    second,
    requests: Math.round(180 + 60 * Math.sin(second / 5) - (second < 6 ? 30 * (6 - second) : 0)),
    http_409: second % 4 === 1 ? 3 : 0,
    http_5xx: second % 17 === 9 ? 2 : 0,
    deadlocks: second % 17 === 9 ? 1 : 0,
    live: Math.min(120, second * 9),
  }));
}

/** A failing run as the main job gives it. */
export function judgement(over: Partial<Judgement> = {}): Judgement {
  return {
    verdict: 'fail',
    build: 'airflow@3.2.1',
    scenario: 'seeds',
    seed: 42,
    run: 'runs/2026-11-21T10-00-00-airflow-3.2.1',
    findings: [
      finding(),
      finding({ id: 'F2', known_race: null, contrast: null, timeline: null, left_out: 'Only 2 of 9.' }),
    ],
    findings_left_out: null,
    invariants: [
      invariant('running-is-not-overwritten', 'pass', { known_issues: ['#63266'] }),
      invariant('no-deadlocks', 'fail', { known_issues: ['#66734'], claim: 'PostgreSQL reports no deadlock.' }),
      invariant('rtif-last-writer-wins', 'fail', { known_issues: ['#63581'], violations: 81 }),
      invariant('backfill-completes-after-its-runs', 'fail', { known_issues: ['#62561'], violations: 4 }),
      invariant('backfill-does-not-block', 'pass', { known_issues: ['#62561'] }),
      invariant('acknowledged-is-durable', 'pass', { aimed: false }),
      invariant('a-started-life-owns-its-task', 'pass', { aimed: false }),
      invariant('one-live-attempt', 'unknown', { aimed: false, why_unknown: 'no life was delivered twice' }),
      invariant('error-contract', 'fail', { known_issues: ['#66734'], violations: 6, aimed: false }),
    ],
    assumptions: [
      'load-reached',
      'record-is-whole',
      'generator-kept-up',
      'stack-stayed-up',
      'clock-agrees',
      'settled',
    ].map((name) => ({ name, claim: `The run's ${name}.`, verdict: 'pass' as const, sentence: 'Held throughout.' })),
    thresholds: [
      { metric: 'http_req_duration{operation:heartbeat}', expression: 'p(95)<2000', verdict: 'pass', value: 412.5 },
    ],
    counts: { operations: 12_345, http_409: 90, http_5xx: 6, deadlocks: 8, lives: 1034 },
    refusals: [
      { status: 409, kind: 'rtif', reason: 'Unique constraint violation', found_state: '', replay: false, count: 81 },
      { status: 409, kind: 'run', reason: 'invalid_state', found_state: 'skipped', replay: false, count: 9 },
      { status: 404, kind: 'heartbeat', reason: 'not_found', found_state: '', replay: false, count: 2 },
    ],
    conflicts: [
      conflict({ kind: 'rtif', reason: 'Unique constraint violation', count: 81 }),
      conflict({ kind: 'run', reason: 'invalid_state', found_state: 'skipped', count: 9, violations: 4 }),
    ],
    classes: [
      answerClass({ kind: 'rtif', reason: 'Unique constraint violation', class: 'retry of a lost answer', count: 81 }),
      answerClass({ kind: 'run', reason: 'invalid_state', found_state: 'skipped', class: 'legitimate', count: 9 }),
      answerClass({ status: 500, kind: 'state', class: 'deadlock', cause_commit: null, count: 6 }),
    ],
    latency: [
      { kind: 'heartbeat', count: 8021, p50_ms: 32.1, p95_ms: 412, p99_ms: 1280, max_ms: 4930 },
      { kind: 'rtif', count: 1204, p50_ms: 41, p95_ms: 390, p99_ms: 900.4, max_ms: 2210 },
      { kind: 'run', count: 1034, p50_ms: 48.3, p95_ms: 520, p99_ms: 1711, max_ms: 3900 },
    ],
    deadlocks: Array.from({ length: 8 }, (_, index) => deadlock(9_100 + index * 6_400)),
    first_violation_s: 9.1,
    harness_cpu_share: 0.074,
    load_seconds: 60,
    timeline: timeline(60),
    over_time: overTime(),
    faults: [
      faultEffect(),
      faultEffect({ fault: 'slow-disk', victim: 'postgres', closed_ms: null, after: null, recovered_ms: null }),
    ],
    harness: HARNESS_COST,
    ...over,
  };
}

function conflict(given: Pick<ConflictCount, 'kind' | 'count'> & Partial<ConflictCount>): ConflictCount {
  return { found_state: '', reason: '', per_minute: given.count, violations: 0, ...given };
}

/** The same run with every text replaced by one that attacks the reader. */
export function hostileJudgement(): Judgement {
  const bad = violation({ subject: HOSTILE, sentence: `${HOSTILE} was overwritten` });
  return judgement({
    build: HOSTILE,
    scenario: HOSTILE,
    run: `runs/${HOSTILE}`,
    findings: [hostileFinding()],
    findings_left_out: HOSTILE,
    invariants: [
      invariant(HOSTILE, 'fail', {
        claim: HOSTILE,
        exercised_by: HOSTILE,
        first: bad,
        worst: bad,
        last: bad,
        known_issues: [HOSTILE],
      }),
      invariant('doubt', 'unknown', { why_unknown: HOSTILE, aimed: true }),
      invariant('aside', 'unknown', { why_unknown: HOSTILE, aimed: false }),
    ],
    assumptions: [{ name: HOSTILE, claim: HOSTILE, verdict: 'fail', sentence: HOSTILE }],
    thresholds: [{ metric: HOSTILE, expression: HOSTILE, verdict: 'fail', value: null }],
    counts: { [HOSTILE]: 1, operations: 3 },
    refusals: [{ status: 409, kind: HOSTILE, reason: HOSTILE, found_state: HOSTILE, replay: false, count: 1 }],
    conflicts: [conflict({ kind: HOSTILE, found_state: HOSTILE, reason: HOSTILE, count: 1 })],
    classes: [
      answerClass({ kind: HOSTILE, reason: HOSTILE, found_state: HOSTILE, class: HOSTILE, explanation: HOSTILE }),
    ],
    latency: [{ kind: HOSTILE, count: 1, p50_ms: 1, p95_ms: 1, p99_ms: 1, max_ms: 1 }],
    over_time: overTime({ series: [{ metric: 'cpu_cores', of: HOSTILE, values: [1, 2, null] }] }),
    faults: [faultEffect({ fault: HOSTILE, victim: HOSTILE, detail: HOSTILE.repeat(500) })],
    deadlocks: [
      {
        at_ms: 1,
        sides: [
          side({ pid: 1, process: HOSTILE, statement: HOSTILE, action: HOSTILE, subject: HOSTILE, waits_for: HOSTILE }),
          side({ pid: 2, process: HOSTILE, statement: HOSTILE.repeat(500), lock: HOSTILE }),
        ],
        fingerprint: HOSTILE,
        operation: null,
        explained: false,
        outcome: null,
        died_ms: null,
        left_out: 0,
      },
    ],
  });
}

export function emptyJudgement(): Judgement {
  return judgement({
    verdict: 'unknown',
    findings: [],
    invariants: [],
    assumptions: [],
    thresholds: [],
    counts: {},
    refusals: [],
    conflicts: [],
    classes: [],
    latency: [],
    deadlocks: [],
    first_violation_s: null,
    harness_cpu_share: null,
    load_seconds: 0,
    timeline: [],
    over_time: overTime({ steps: 1, series: [] }),
    faults: [],
    harness: NO_HARNESS_COST,
  });
}

/** Eight hours, sixty invariants, a thousand deadlocks, very long sentences. */
export function hugeJudgement(): Judgement {
  const long = violation({
    sentence: `a very ${'long '.repeat(4000)}sentence`,
    operations: Array.from({ length: 5000 }, (_, i) => i),
  });
  const story = Array.from({ length: 62 }, (_, index) => entry(index * 10, `w-${index}`, { what: 'x '.repeat(4_000) }));
  return judgement({
    findings: Array.from({ length: 50 }, (_, index) =>
      finding({
        id: `F${index + 1}`,
        title: 'a long title '.repeat(90),
        occurrences: 1_000_000,
        worst: { ...long, invariant: 'p' },
        timeline: index < 12 ? { subject: 's', at_ms: 0, left_out: 1e6, entries: story } : null,
      }),
    ),
    invariants: Array.from({ length: 60 }, (_, index) =>
      invariant(
        `invariant-number-${index}-${'x'.repeat(60)}`,
        (['fail', 'unknown', 'pass'] as const)[index % 3] ?? 'pass',
        {
          aimed: index % 2 === 0,
          violations: index % 3 === 0 ? 1_000_000 + index : 0,
          ...(index % 3 === 0 ? { first: long, worst: violation(), last: violation({ at_ms: 9e7 }) } : {}),
        },
      ),
    ),
    assumptions: Array.from({ length: 30 }, (_, index) => ({
      name: `assumption-${index}`,
      claim: 'c',
      verdict: 'unknown' as const,
      sentence: 's '.repeat(500),
    })),
    refusals: Array.from({ length: 3000 }, (_, index) => ({
      status: 409,
      kind: `kind${index % 40}`,
      reason: `reason${index}`,
      found_state: 'running',
      replay: false,
      count: index,
    })),
    classes: Array.from({ length: 3000 }, (_, index) =>
      answerClass({
        kind: `kind${index % 40}`,
        reason: `reason${index}`,
        count: index,
        explanation: 'so '.repeat(300),
      }),
    ),
    deadlocks: Array.from({ length: 1000 }, (_, index) => ({
      ...deadlock(index * 1000),
      fingerprint: `kind ${index % 50}`,
    })),
    load_seconds: 28_800,
    timeline: timeline(28_800),
    over_time: overTime({ steps: 300, step_ms: 120_000 }),
    faults: Array.from({ length: 500 }, (_, index) =>
      faultEffect({ window: index, opened_ms: 21_000 + index * 50_000, closed_ms: 41_000 + index * 50_000 }),
    ),
  });
}

export function manifest(over: Partial<Manifest> = {}): Manifest {
  return {
    format: 1,
    id: '2026-11-21T10-00-00-airflow-3.2.1',
    build: 'airflow@3.2.1',
    identity: { airflow: '3.2.1', postgres: '18.4', python: '3.12.3' },
    plan: {
      seed: 42,
      scenario: {
        name: 'seeds',
        describe: 'The four races, all at once.',
        duration_s: 60,
        schedulers: 2,
        api_servers: 1,
        dags: [],
        fleet: {
          habits: {
            rtif: 1,
            rtif_twice: 0.5,
            xcom: 0,
            lost_answer: 0,
            fails: 0,
            silent_death: 0,
            defers: 0,
            impostor: 0,
          },
          heartbeat_ms: 1000,
          timeout_ms: 5000,
          retries: 5,
          connections: 64,
        },
        operators: [],
        aims: ['no-deadlocks'],
      },
    },
    windtunnel: '0.1.0',
    node: 'v22.14.0',
    machine: { platform: 'linux', arch: 'x64', cpus: 2, memory_bytes: 8 * 2 ** 30 },
    started_at: '2026-11-21T10:00:00.000Z',
    repeat: 'windtunnel run seeds --build airflow@3.2.1 --seed 42 --duration 60s --schedulers 2',
    writers: 'triggers',
    load_started_ms: 21_000,
    load_ended_ms: 81_000,
    ended_ms: 99_000,
    ended: 'completed',
    ...over,
  };
}
