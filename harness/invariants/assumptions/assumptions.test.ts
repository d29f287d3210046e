import { expect, test } from 'vitest';
import type { Scenario } from '../../model/scenario.ts';
import type { Verdict } from '../../model/verdict.ts';
import { assumeLiteral, many } from '../../testing/judge-literal.ts';
import { gap, type LiteralRun } from '../../testing/literal-run.ts';

const DAG: Scenario['dags'][number] = {
  dag_id: 'wt_dag',
  schedule: null,
  past_runs: 0,
  max_active_runs: 1,
  tasks: [{ task_id: 'pick', upstream: [], skips: ['task'], duration_ms: [1_000, 9_000] }],
};
const REPORT = { kind: 'state', requested: 'success', sent_ms: 5_000, ended_ms: 5_010 } as const;
const LATE = { intended_ms: 1_000, sent_ms: 1_020 } as const;
const ENDED = { state: 'success', committed_ms: 5_005 };
const LATER = { relation: 'dag_run', id: '1', committed_ms: 8_000 };
const DEADLOCK = { at_ms: 5_000, source: 'postgres', sqlstate: '40P01', pid: 1 };

function sample(source: string, metric: string, value: number, at_ms = 50_000) {
  return { source, metric, value, at_ms };
}

const CASES: [name: string, verdict: Verdict, sentence: RegExp, run: LiteralRun][] = [
  ['run-completed', 'pass', /ended as planned/, {}],
  ['run-completed', 'fail', /was interrupted after 70\.0 s/, { manifest: { ended: 'interrupted' } }],
  ['run-completed', 'fail', /harness was killed/, { manifest: { ended: null, ended_ms: null } }],
  ['run-completed', 'fail', /stack under test failed/, { manifest: { ended: 'stack-failed' } }],

  ['load-was-on', 'pass', /^1\.0 requests a second and 15 started lives\.$/, everyKind(15)],
  ['load-was-on', 'fail', /^0\.1 requests a second/, everyKind(1)],
  ['load-was-on', 'fail', /planned but never accepted: skip_downstream\.$/, without('skip_downstream')],
  ['load-was-on', 'fail', /0 started lives/, {}],

  ['fleet-kept-pace', 'pass', /within 3 ms .* pause of the event loop was 40 ms\.$/, paced(3, 40)],
  ['fleet-kept-pace', 'pass', /within 90 ms .* disturbed, but little compared with the 1000 ms/, paced(90, 40, 1_000)],
  ['fleet-kept-pace', 'pass', /was 400 ms: disturbed/, paced(3, 400, 1_000)],
  [
    'fleet-kept-pace',
    'fail',
    /within 90 ms .* too much compared with the 500 ms .*\(50 ms and 250 ms allowed\)/,
    paced(90, 40, 500),
  ],
  ['fleet-kept-pace', 'fail', /was 400 ms: too much compared with the 500 ms/, paced(3, 400, 500)],
  ['fleet-kept-pace', 'fail', /within 300 ms .*\(250 ms and 1000 ms allowed\)/, paced(300, 40, 9_000)],
  ['fleet-kept-pace', 'fail', /event loop was 1500 ms/, paced(3, 1_500, 9_000)],
  [
    'fleet-kept-pace',
    'pass',
    /disturbed.* 25 % of the time it waited for a processor\.$/,
    waiting(paced(90, 40, 1_000), 0.25),
  ],
  ['fleet-kept-pace', 'pass', /were not sampled\.$/, { operations: [{}] }],
  [
    'fleet-kept-pace',
    'fail',
    /within 20 ms .* too much compared with the 0 ms/,
    { operations: [{ ...LATE, ended_ms: null }] },
  ],
  ['fleet-kept-pace', 'unknown', /Nothing was sent/, {}],

  ['recorder-kept-up', 'pass', /was 900 ms old/, { samples: [sample('harness', 'recorder_behind_ms', 900)] }],
  ['recorder-kept-up', 'fail', /was 1100 ms old/, { samples: [sample('harness', 'recorder_behind_ms', 1_100)] }],
  ['recorder-kept-up', 'pass', /not sampled/, { samples: [sample('harness', 'recorder_behind_ms', 1_100, 100_000)] }],
  ['recorder-kept-up', 'pass', /not sampled/, {}],

  ['ports-were-left', 'pass', /At most 900 of 1000 /, { samples: ports(900) }],
  ['ports-were-left', 'fail', /At most 901 of 1000 /, { samples: ports(901) }],
  ['ports-were-left', 'pass', /not sampled/, { samples: [sample('machine', 'ports_in_use', 5)] }],

  ['clocks-agree', 'pass', /^The clock of the database was not read\.$/, {}],
  ['clocks-agree', 'pass', /^The clock of the database agreed with the run's to 6 ms\.$/, clock('postgres', 0.4, 0.4)],
  [
    'clocks-agree',
    'pass',
    /^The clock of the database was 2\.0 s behind, known to 6 ms: its times are corrected\.$/,
    clock('postgres', -2_000, -2_000),
  ],
  ['clocks-agree', 'pass', /was 0\.6 s ahead/, clock('postgres', 500, 530, 560, 590)],
  [
    'clocks-agree',
    'fail',
    /^The clock of the database was set forward by 2\.0 s after 1\.5 s\.$/,
    clock('postgres', 0, 2e3),
  ],
  ['clocks-agree', 'fail', /^The clock of k6-1 was set back by 0\.5 s after 2\.5 s\.$/, clock('k6-1', 0, 0, -500)],
  [
    'clocks-agree',
    'fail',
    /of the database is known to 275 ms only \(100 ms allowed\)/,
    { samples: [sample('postgres', 'clock_offset_ms', 120), sample('postgres', 'clock_round_trip_ms', 300)] },
  ],

  ['record-has-no-gaps', 'pass', /^No log, no transaction and no table was left out\.$/, {}],
  [
    'record-has-no-gaps',
    'fail',
    /^After 12\.0 s: the log of postgres could not be read any more: EIO\.$/,
    { server_log: [gap('server_log', 'the log of postgres could not be read any more: EIO')] },
  ],

  ['commits-are-whole', 'pass', /1 of 1 accepted reports/, { operations: [REPORT], commits: [ENDED, LATER] }],
  ['commits-are-whole', 'pass', /were not recorded/, { operations: [REPORT] }],
  ['commits-are-whole', 'fail', /there is none/, { operations: [REPORT], commits: [] }],
  ['commits-are-whole', 'fail', /0 of 1 accepted/, { operations: [REPORT], commits: [LATER] }],
  [
    'commits-are-whole',
    'pass',
    /1 of 1 accepted reports/,
    {
      operations: [REPORT, { ...REPORT, op: 2, attempt: 2, sent_ms: 9_000, ended_ms: 9_010 }],
      commits: [ENDED, LATER],
    },
  ],
  ['commits-are-whole', 'fail', /2\.0 s older than/, { operations: [REPORT], commits: [{ committed_ms: 3_000 }] }],
  [
    'commits-are-whole',
    'fail',
    /3\.0 s behind at the end/,
    { operations: [REPORT], commits: [ENDED, LATER], samples: [sample('fleet', 'commit_lag_ms', 3_000)] },
  ],

  ['operations-reconciled', 'pass', /^All 2 requests/, { operations: [{}, {}], samples: [sample('fleet', 'sent', 2)] }],
  [
    'operations-reconciled',
    'fail',
    /3 requests were sent and 2 are/,
    { operations: [{}, {}], samples: [sample('fleet', 'sent', 3)] },
  ],
  ['operations-reconciled', 'fail', /1 requests were sent and 0 are/, { samples: [sample('fleet', 'sent', 1)] }],
  ['operations-reconciled', 'unknown', /did not count/, { operations: [{}] }],
  ['operations-reconciled', 'pass', /^All 1/, handedOver(1, 1)],
  ['operations-reconciled', 'fail', /2 workloads were handed over and 1 lives ended/, handedOver(2, 1)],

  ['deadlocks-reconciled', 'pass', /counted 1, its log names 1/, counted(1)],
  ['deadlocks-reconciled', 'fail', /counted 2, its log names 1/, counted(2)],
  ['deadlocks-reconciled', 'unknown', /was not read/, { server_log: [DEADLOCK] }],
  ['deadlocks-reconciled', 'pass', /counted 0, its log names 1/, counted(0)],
];

test.each(CASES)('%s is %s: %s', async (name, verdict, sentence, run) => {
  const result = await assumeLiteral(name, run);
  expect(result.sentence).toMatch(sentence);
  expect(result.verdict).toBe(verdict);
});

function everyKind(n: number): LiteralRun {
  const kinds = ['run', 'heartbeat', 'state', 'skip_downstream'] as const;
  return { scenario: { dags: [DAG] }, operations: many(n, () => kinds.map((kind) => ({ kind }))).flat() };
}

function without(kind: string): LiteralRun {
  const run = everyKind(20);
  const refused = { outcome: 'refused', status: 404 } as const;
  return { ...run, operations: run.operations?.map((row) => (row.kind === kind ? { ...row, ...refused } : row)) ?? [] };
}

function paced(lateMs: number, pauseMs: number, answeredMs = 20): LiteralRun {
  return {
    operations: [
      { intended_ms: 1_000, sent_ms: 1_000 + lateMs, ended_ms: 1_000 + answeredMs },
      // The client's own pause before a retry is no lateness.
      { attempt: 2, intended_ms: 1_000, sent_ms: 9_000 },
    ],
    samples: [sample('harness', 'loop_delay_ms', pauseMs)],
  };
}

/** In each of two readings during the load, of a minute. */
function waiting(run: LiteralRun, share: number): LiteralRun {
  const each = [30_000, 50_000].map((at_ms) => sample('harness', 'cpu_wait_ms', share * 30_000, at_ms));
  return { ...run, samples: [...(run.samples ?? []), ...each] };
}

/** One reading a second of how far a clock is ahead, with a round trip of 2 ms. */
function clock(source: string, ...offsets: number[]): LiteralRun {
  const samples = offsets.flatMap((offsetMs, second) => [
    sample(source, 'clock_offset_ms', offsetMs, 1_000 * (second + 1)),
    sample(source, 'clock_round_trip_ms', 2, 1_000 * (second + 1)),
  ]);
  return { samples };
}

function ports(used: number) {
  return [sample('machine', 'ports_in_use', used), sample('machine', 'ports', 1_000)];
}

function handedOver(workloads: number, lives: number): LiteralRun {
  return {
    operations: [{}],
    lives: many(lives, () => ({})),
    samples: [sample('fleet', 'sent', 1), sample('fleet', 'handed', workloads)],
  };
}

function counted(value: number): LiteralRun {
  return { server_log: [DEADLOCK], samples: [sample('postgres', 'deadlocks', value)] };
}
