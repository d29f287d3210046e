import { expect, test } from 'vitest';

import type { Finding } from '../../model/finding.ts';
import { judgeAll, many } from '../../testing/judge-literal.ts';
import type { LiteralRun } from '../../testing/literal-run.ts';

const findingsOf = async (run: LiteralRun): Promise<readonly Finding[]> => (await judgeAll(run)).findings;

const API = 'wt-api-execution-1';
const TASKS = ['one', 'two', 'three', 'pick', ...many(40, (i) => `calm_${i}`)];

/** A DAG run in which branch `pick` skips `one`, `two` and `three`; of those `three` has succeeded already. */
function branchRun(n: number): Required<Pick<LiteralRun, 'operations' | 'lives' | 'commits'>> {
  const [run_id, at] = [`run${n}`, 10_000 * n];
  const op = (k: number) => 1_000 * n + k;
  const task = (task_id: string) => {
    const k = TASKS.indexOf(task_id);
    return { run_id, task_id, ti_id: `${run_id}-${task_id}`, life: op(k), worker: `w-${n}-${k}` };
  };
  const refused = { outcome: 'refused', status: 409, reason: 'not_running', found_state: 'skipped' } as const;
  return {
    lives: TASKS.map((id) => ({
      ...task(id),
      handed_ms: at,
      started_ms: at + 100,
      ended_ms: at + 6_000,
      end: id === 'one' || id === 'two' ? 'stopped' : 'reported',
      scheduler: `wt-scheduler-${1 + (TASKS.indexOf(id) % 2)}`,
    })),
    operations: [
      ...TASKS.map((id, k) => ({
        ...task(id),
        op: op(k),
        kind: 'run' as const,
        sent_ms: at + 100,
        ended_ms: at + 110,
      })),
      { ...task('three'), op: op(100), kind: 'state', requested: 'success', sent_ms: at + 900, ended_ms: at + 950 },
      {
        ...task('pick'),
        op: op(101),
        kind: 'skip_downstream',
        target: 'one two three',
        sent_ms: at + 3_000,
        ended_ms: at + 3_050,
      },
      { ...task('one'), op: op(102), sent_ms: at + 3_400, ended_ms: at + 3_500, ...refused },
      { ...task('two'), op: op(103), sent_ms: at + 3_600, ended_ms: at + 3_700, ...refused },
    ],
    commits: [
      ...TASKS.flatMap((id, k) => {
        const { task_id, ti_id: tiId } = task(id);
        const row = { id: tiId, task_id, run_id };
        return [
          commit(op(k) - 500, { ...row, state: 'queued', committed_ms: at - 10, writer: 'wt-scheduler-1' }),
          commit(op(k), { ...row, state: 'running', committed_ms: at + 105 }),
        ];
      }),
      commit(op(100), { id: `${run_id}-three`, task_id: 'three', run_id, state: 'success', committed_ms: at + 940 }),
      ...['one', 'two', 'three'].map((task_id, k) =>
        // PostgreSQL's clock is 40 ms ahead: by the times alone the answer came before the commit.
        commit(op(110 + k), {
          id: `${run_id}-${task_id}`,
          task_id,
          run_id,
          state: 'skipped',
          committed_ms: at + 3_070,
          xid: op(0),
        }),
      ),
    ],
  };
}

function commit(seq: number, row: object) {
  return { seq, xid: seq, map_index: -1, writer: API, ...row };
}

function branches(n: number): LiteralRun {
  const runs = many(n, (i) => branchRun(i + 1));
  return {
    lives: runs.flatMap(({ lives }) => lives),
    operations: runs.flatMap(({ operations }) => operations),
    commits: runs.flatMap(({ commits }) => commits),
  };
}

test('a skip that breaks four invariants is one finding, once for each request', async () => {
  const findings = await findingsOf(branches(3));
  expect(findings).toHaveLength(1);
  expect(findings[0]).toMatchObject({
    id: 'F1',
    known_race: '#63266',
    root: { invariant: 'running-is-not-overwritten', variant: 'skip-downstream' },
    occurrences: 3,
    left_out: null,
  });
  expect(findings[0]?.invariants.map(({ name, violations }) => [name, violations])).toEqual([
    ['running-is-not-overwritten', 6],
    ['a-started-life-owns-its-task', 6],
    ['acknowledged-is-durable', 3],
    ['tasks-change-as-allowed', 3],
  ]);
  expect([findings[0]?.first.at_ms, findings[0]?.last.at_ms]).toEqual([13_070, 33_070]);
});

test('the timeline of the worst occurrence has requests, commits and answers in causal order', async () => {
  const [finding] = await findingsOf(branches(1));
  const shown = (finding?.timeline?.entries ?? []).map(({ actor, what, before, after, proves }) =>
    [actor, what, after && [before, after].filter(Boolean).join(' → '), proves && 'proof'].filter(Boolean).join(' | '),
  );
  expect(shown).toEqual([
    'scheduler-1 | one | queued',
    'w-1-0 | starts one',
    'api-execution-1 | one | queued → running',
    'w-1-0 | accepted (200) after 10 ms',
    'w-1-2 | reports SUCCESS for three: accepted (200) after 50 ms | proof',
    'w-1-3 | as pick, skips one, two, three | proof',
    'api-execution-1 | one | running → skipped | proof',
    'api-execution-1 | two | running → skipped | proof',
    'api-execution-1 | three | success → skipped | proof',
    'w-1-3 | accepted (200) after 50 ms | proof',
    'w-1-0 | heartbeat: 409 not_running, found SKIPPED, after 100 ms | proof',
    'w-1-1 | heartbeat for two: 409 not_running, found SKIPPED, after 100 ms | proof',
  ]);
  expect(finding?.timeline?.entries.find(({ after }) => after === 'skipped')?.offset_ms).toBe(0);
});

test('what sets the victims apart is said with its numbers, and what does not is not', async () => {
  const [finding] = await findingsOf(branches(4));
  expect(finding?.contrast).toMatchObject({ unit: 'tries', victims: 12, others: 4 * (TASKS.length - 3) });
  expect(finding?.contrast?.lines).toEqual([
    {
      label: 'named by a branch’s skip while it was handed over or ran',
      victims: 12,
      of_victims: 12,
      others: 0,
      of_others: 164,
      p_value: expect.any(Number),
    },
  ]);
  // A single occurrence distinguishes no victims, however many it hit.
  expect((await findingsOf(branches(1)))[0]?.contrast?.lines).toEqual([]);
});

test('the logs of real workers that it hit are named, and no file elsewhere', async () => {
  const run = branches(1);
  const log = ['logs/workers/life-1.log', '/etc/passwd', 'logs/workers/life-3.log'];
  const lives = (run.lives ?? []).map((life, index) => ({ ...life, log: log[index] ?? null }));
  const [finding] = await findingsOf({ ...run, lives });
  expect(finding?.worker_logs).toEqual(['logs/workers/life-1.log', 'logs/workers/life-3.log']);
  expect((await findingsOf(run))[0]).not.toHaveProperty('worker_logs');
});

test('the fault windows that were open are named, with the number of occurrences in each', async () => {
  const [finding] = await findingsOf({
    ...branches(2),
    faults: [
      // A window has a row when it opens and another when it is closed.
      { window: 1, fault: 'kill', victim: 'scheduler-1', opened_ms: 12_000, closed_ms: null, detail: 'SIGKILL' },
      { window: 1, fault: 'kill', victim: 'scheduler-1', opened_ms: 12_000, closed_ms: 14_000, detail: 'SIGKILL' },
      { window: 2, fault: 'kill', victim: 'scheduler-2', opened_ms: 50_000, closed_ms: null },
    ],
  });
  expect(finding?.faults).toEqual([
    { fault: 'kill', victim: 'scheduler-1', opened_ms: 12_000, closed_ms: 14_000, detail: 'SIGKILL', occurrences: 1 },
  ]);
});

test('a deadlock, the 500 that it made and the scheduler that it killed are one finding', async () => {
  const statement = "SELECT * FROM task_instance WHERE id = 'ti-1' FOR UPDATE";
  const update = "UPDATE task_instance SET dag_version_id='019aa3c4' WHERE dag_id = 'wt_dag'";
  const deadlock = (at_ms: number, victim: string, sides: readonly [string, string]) => ({
    at_ms,
    source: 'postgres',
    pid: 10,
    application_name: victim,
    sqlstate: '40P01',
    detail: `Process 10 waits; blocked by process 11.\nProcess 10: ${sides[0]}\nProcess 11: ${sides[1]}`,
  });
  const findings = await findingsOf({
    lives: [{}],
    operations: [
      { kind: 'run', sent_ms: 900 },
      { op: 9, kind: 'state', requested: 'success', outcome: 'unknown', status: 500, sent_ms: 9_000, ended_ms: 10_050 },
      { op: 30, kind: 'xcom_push', outcome: 'unknown', status: 500, sent_ms: 40_000, ended_ms: 40_050 },
    ],
    commits: [
      { state: 'queued', committed_ms: -5 },
      { state: 'running', committed_ms: 905, writer: API },
    ],
    backends: [
      { at_ms: 0, pid: 11, application_name: 'wt-scheduler-1' },
      { at_ms: 15_000, pid: 11, application_name: API },
    ],
    server_log: [
      deadlock(10_000, API, [statement, update]),
      deadlock(20_000, 'wt-scheduler-1', [update, statement]),
      { at_ms: 21_000, source: 'scheduler-1', severity: 'FATAL', message: 'scheduler-1 ended with exit code 1' },
    ],
  });
  expect(
    findings.map(({ root, occurrences, known_race, invariants }) => ({
      root: root.variant,
      occurrences,
      known_race,
      invariants: invariants.map(({ name }) => name),
    })),
  ).toEqual([
    {
      root: 'state PATCH × dag_version UPDATE',
      occurrences: 2,
      known_race: '#66734',
      invariants: ['no-deadlocks', 'error-contract', 'processes-stay-alive'],
    },
    { root: 'xcom_push 500', occurrences: 1, known_race: null, invariants: ['error-contract'] },
  ]);
});

test('the story of a deadlock of two schedulers has both waits, and what each did next', async () => {
  const [one, two] = ['wt-scheduler-1', 'wt-scheduler-2'];
  const run = { dag_id: 'wt_dag', run_id: 'run1', row: {} };
  const dagRun = { relation: 'dag_run', id: '5', state: 'running', ...run };
  const findings = await findingsOf({
    operations: [{ kind: 'run', task_id: 'other', sent_ms: 900 }],
    commits: [
      { ...dagRun, xid: 800, change: 'insert', committed_ms: 1_000, writer: one },
      ...many(3, (i) => ({ id: `t-${i}`, task_id: `t${i}`, change: 'insert', state: null, committed_ms: 1_000 })),
      ...many(3, (i) => ({
        id: `t-${i}`,
        task_id: `t${i}`,
        state: 'scheduled',
        xid: 902,
        committed_ms: 10_010,
        writer: two,
      })),
      { id: 't-0', task_id: 't0', state: 'queued', xid: 950, committed_ms: 12_000, writer: one },
    ],
    backends: [
      { at_ms: 0, pid: 10, application_name: one },
      { at_ms: 0, pid: 11, application_name: two },
    ],
    lock_waits: [
      {
        at_ms: 9_500,
        pid: 10,
        application_name: one,
        waiting_since_ms: 9_100,
        relation: 'task_instance',
        ...run,
        task_id: 't0',
      },
      { at_ms: 9_900, pid: 11, application_name: two, waiting_since_ms: 9_800, relation: 'dag_run', ...run },
    ].map(({ row: _, ...wait }) => wait),
    server_log: [
      {
        at_ms: 10_000,
        source: 'postgres',
        pid: 10,
        application_name: one,
        sqlstate: '40P01',
        detail: [
          'Process 10 waits for ShareLock on transaction 902; blocked by process 11.',
          'Process 11 waits for ShareLock on transaction 901; blocked by process 10.',
          "Process 10: UPDATE task_instance SET state='scheduled', try_number=1, scheduled_dttm=now() WHERE id = 't-0'",
          'Process 11: UPDATE dag_run SET last_scheduling_decision=now() WHERE dag_run.id = 5',
        ].join('\n'),
      },
    ],
  });
  const finding = findings.find(({ root }) => root.invariant === 'no-deadlocks');
  expect(finding?.timeline?.entries.map(({ actor, what, after }) => [actor, what, after])).toEqual([
    [
      'scheduler-1',
      'waits for task_instance wt_dag/run1/t0 that scheduler-2 holds ' +
        '(it sets ready tasks to SCHEDULED for wt_dag/run1)',
      null,
    ],
    [
      'scheduler-2',
      'waits for dag_run wt_dag/run1 that scheduler-1 holds (it notes that it has examined a run for wt_dag/run1)',
      null,
    ],
    ['postgres', 'deadlock of scheduler-1 and scheduler-2: PostgreSQL cancels what scheduler-1 was doing', null],
    ['scheduler-2', 't0 and 2 more at once', 'scheduled'],
    ['scheduler-1', 't0', 'queued'],
  ]);
});

test('thousands of violations are counted whole and grouped in part, and the finding says so', async () => {
  const [finding, ...others] = await findingsOf({
    operations: many(2_500, (i) => ({
      kind: 'state',
      outcome: 'unknown',
      status: 500,
      sent_ms: 20 * i,
      ti_id: `t${i}`,
    })),
  });
  expect(others).toEqual([]);
  expect(finding?.occurrences).toBe(2_000);
  expect(finding?.left_out).toMatch(/^Only 2000 of 2500 violations of error-contract were grouped/);
  expect(finding?.timeline?.entries.length).toBeLessThan(62);
});
