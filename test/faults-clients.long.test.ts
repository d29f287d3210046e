import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OpenRun, openRun } from '../harness/judge/open-run.ts';
import type { PlannedFault, Scenario } from '../harness/model/scenario.ts';
import { literalManifest } from '../harness/testing/literal-run.ts';
import { fanOut, REAL_CLIENT, STEADY_HABITS, unscheduled } from '../workloads/shapes.ts';
import { whyNoAirflow, windtunnel } from './airflow.ts';

/** What faults of clients, API users and the executor do, seen in the record of one run that carries them all. */

const why = await whyNoAirflow();
const RUN_MS = 300_000;
/** A second of the plan below: long enough that a stack on a busy machine does something in each window. */
const SECOND_MS = 1_700;
const dag = unscheduled(fanOut('wt_load', 12, [4_000, 8_000]), 64);

const scenario: Scenario = {
  name: 'faults-clients',
  describe: 'A steady load without mishaps of its own.',
  duration_s: (63 * SECOND_MS) / 1000,
  schedulers: 1,
  api_servers: 1,
  dags: [dag],
  fleet: { ...REAL_CLIENT, heartbeat_ms: 667, habits: { ...STEADY_HABITS, xcom: 1, fails: 0 } },
  operators: [{ operator: 'trigger', dags: [dag.dag_id], every_ms: 2_500, start_after_ms: 0 }],
  aims: [],
};

function window(fault: string, at_s: number, until_s: number, drawn: PlannedFault['with'], victim = 'fleet') {
  return { fault, victim, at_ms: at_s * SECOND_MS, for_ms: (until_s - at_s) * SECOND_MS, with: drawn };
}
const fleet = (fault: string, at_s: number, until_s: number, misbehaviour: string, share = 1) =>
  window(fault, at_s, until_s, { misbehaviour, share });
const users = (fault: string, at_s: number, until_s: number, every_ms: number) =>
  window(fault, at_s, until_s, { every_ms, seed: 3 }, 'operators');
const news = (how: string, at_s: number, until_s: number) =>
  window('executor-events', at_s, until_s, { how, share: 1, seed: 4 }, 'executor');

const faults: readonly PlannedFault[] = [
  // Those that hang early are given up before it closes, and before operators meet them: Airflow waits 30 s, and looks
  // every 5 s.
  fleet('zombies', 3, 61, 'zombie', 0.05),
  news('doubled', 4, 10),
  fleet('lost-answers', 5, 10, 'lost_answer', 0.4),
  fleet('thundering-herd', 13, 13.6, 'herd_heartbeat'),
  fleet('duplicate-delivery', 10, 14, 'duplicate_delivery', 0.5),
  news('lost', 10, 14),
  fleet('impostors', 12, 18, 'impostor', 0.8),
  news('late', 14, 18),
  fleet('thundering-herd', 15, 15.6, 'herd_end'),
  fleet('late-start', 16, 20, 'late_start', 0.3),
  fleet('skewed-clocks', 18, 30, 'skewed_clock', 1),
  news('reordered', 18, 24),
  fleet('late-end', 22, 30, 'late_end', 0.4),
  // Again, because on a slow machine a moment may find few workers between two heartbeats.
  fleet('thundering-herd', 32, 32.6, 'herd_heartbeat'),
  fleet('thundering-herd', 34, 34.6, 'herd_heartbeat'),
  fleet('thundering-herd', 36, 36.6, 'herd_end'),
  fleet('thundering-herd', 38, 38.6, 'herd_end'),
  users('clear-storm', 39, 42, 600),
  users('mark-storm', 41, 44, 600),
  users('bulk-changes', 43, 46, 1_000),
  users('delete-runs', 45, 50, 1_500),
  fleet('silent-death', 48, 52, 'silent_death', 0.3),
  users('pause-dags', 53, 58, 1_000),
];

const BUILDS = ['reference', 'airflow@3.3.2'].filter((build) => build === 'reference' || why === undefined);
let cwd: string;

beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-test-'));
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

async function playOn(build: string): Promise<OpenRun> {
  const planned = path.join(cwd, `planned-${build}`);
  mkdirSync(planned);
  const manifest = { ...literalManifest({}), build, plan: { seed: 11, scenario, faults } };
  writeFileSync(path.join(planned, 'manifest.json'), JSON.stringify(manifest));
  const { code, stderr } = await windtunnel(['run', planned, '--build', build, '--out', build, '--json'], cwd);
  // Which invariants the build keeps under these faults is not what this is about.
  expect([0, 1, 3], stderr.slice(-800)).toContain(code);
  return openRun(path.join(cwd, build));
}

for (const build of ['reference', 'airflow@3.3.2']) {
  describe.skipIf(!BUILDS.includes(build))(`on ${build}`, () => {
    let run: OpenRun;

    // In turn: side by side one stack starves the other, and what needs many workers at one moment does not come about.
    beforeAll(async () => {
      run = await playOn(build);
    }, RUN_MS);

    afterAll(() => run?.close());

    const count = async (sql: string) => Number((await run.row(`SELECT count(*) AS n FROM ${sql}`)).n);
    const during = (fault: string, column = 'sent_ms') =>
      `EXISTS (FROM fault_windows WHERE fault = '${fault}' AND ${column} BETWEEN opened_ms AND until_ms)`;

    test('every window was closed and says what was done in it', async () => {
      const windows = await run.rows('SELECT * FROM fault_windows ORDER BY opened_ms');
      expect(windows.map(({ fault }) => fault).sort()).toEqual(faults.map(({ fault }) => fault).sort());
      const done = /; ([1-9]\d* times, [1-9]\d* lives|[1-9]\d* (ends|were accepted|DAGs))/;
      for (const { fault, closed_ms, detail } of windows) {
        expect(closed_ms, String(fault)).not.toBeNull();
        // One moment may find no worker between two heartbeats: see below.
        if (fault !== 'thundering-herd') expect(detail, String(fault)).toMatch(done);
      }
    });

    test('lost answers: requests of every kind are sent again, and the same end is accepted twice', async () => {
      const lost = `operations AS lost JOIN operations AS again ON again.life = lost.life AND again.kind = lost.kind
        AND again.attempt = lost.attempt + 1 AND again.sent_ms > lost.sent_ms
        WHERE lost.cause = 'answer-dropped' AND lost.outcome = 'unknown'`;
      const kinds = await run.rows(`SELECT DISTINCT lost.kind FROM ${lost} ORDER BY ALL`);
      // Starts are few in these seconds: most runs lose the answer of one, not all.
      expect(kinds.map(({ kind }) => kind)).toEqual(
        expect.arrayContaining(['heartbeat', 'rtif', 'state', 'xcom_push']),
      );
      const ends = await run.rows(`SELECT DISTINCT again.status FROM ${lost} AND lost.kind = 'state'`);
      // 3.3's answer to a report of what it knows already.
      expect(ends).toEqual([{ status: 200 }]);
    });

    test('duplicate delivery: both start, and the second is refused because the task runs', async () => {
      const both = `lives AS copy JOIN lives AS owner ON owner.life = copy.duplicate_of AND owner.ti_id = copy.ti_id
        JOIN operations ON operations.life = copy.life AND operations.kind = 'run'
        WHERE owner.started_ms IS NOT NULL`;
      expect(await count(both)).toBeGreaterThan(2);
      expect(
        await count(`${both} AND copy."end" = 'refused' AND status = 409 AND found_state = 'running'`),
      ).toBeGreaterThan(0);
    });

    test('impostors are refused', async () => {
      const seen = await run.rows(`SELECT kind, min(status) AS least, max(status) AS most FROM operations
        WHERE kind LIKE 'impostor%' GROUP BY kind ORDER BY kind`);
      expect(seen).toMatchObject([
        { kind: 'impostor_heartbeat', most: 409 },
        { kind: 'impostor_run', most: 409 },
      ]);
    });

    test('late starts and late ends: seconds pass without a request', async () => {
      const late = `lives JOIN operations USING (life) WHERE kind = 'run' AND attempt = 1
        AND ${during('late-start', 'handed_ms')} AND sent_ms - handed_ms >= 2900`;
      expect(await count(late)).toBeGreaterThan(0);
      // Heartbeats are up to 1.3 s apart.
      const held = `operations AS report WHERE kind = 'state' AND attempt = 1 AND NOT EXISTS (
        FROM operations AS sign
        WHERE sign.life = report.life AND sign.sent_ms BETWEEN report.sent_ms - 1900 AND report.sent_ms - 1)`;
      expect(
        await count(
          `(SELECT * FROM ${held} AND ended_ms > (SELECT min(opened_ms) FROM fault_windows WHERE fault = 'late-end'))`,
        ),
      ).toBeGreaterThan(0);
    });

    test('skewed clocks: tasks have starts that are minutes off, in both directions', async () => {
      // Many of them are cleared later: what they said then is in the history.
      const skews = await run.rows(`SELECT
          epoch_ms(start_date::TIMESTAMPTZ) - epoch_ms(started_at::TIMESTAMPTZ) - started_ms AS skew_ms
        FROM (SELECT id AS ti_id, start_date FROM final_task_instance
          UNION ALL SELECT task_instance_id, start_date FROM final_task_instance_history)
        JOIN lives USING (ti_id) CROSS JOIN manifest
        WHERE started_ms IS NOT NULL AND start_date IS NOT NULL`);
      const off = skews.map(({ skew_ms }) => Number(skew_ms)).filter((ms) => Math.abs(ms) > 20_000);
      expect(Math.min(...off)).toBeLessThan(-20_000);
      expect(Math.max(...off)).toBeGreaterThan(20_000);
    });

    test('thundering herd: all send a heartbeat at one moment, and at another all report their ends', async () => {
      /** Of the lives that are between two heartbeats when the window opens, and live longer, the share that joins. */
      const joined = async (kind: string, herd: string) => {
        const { resting, joined } = await run.row(`WITH own AS (
            FROM operations WHERE actor = 'life' AND kind NOT LIKE 'impostor%'),
          herds AS (
            SELECT opened_ms FROM fault_windows WHERE fault = 'thundering-herd' AND detail LIKE '%${herd}%'),
          before AS (SELECT opened_ms, life,
            arg_max(kind, sent_ms) AS kind, max(sent_ms) AS sent_ms, max(ended_ms) AS ended_ms
            FROM own JOIN herds ON sent_ms < opened_ms GROUP BY ALL),
          after AS (SELECT opened_ms, life, arg_min(kind, sent_ms) AS kind, min(intended_ms) AS intended_ms
            FROM own JOIN herds ON sent_ms >= opened_ms GROUP BY ALL)
          SELECT count(*) AS resting,
            count(*) FILTER (after.kind = '${kind}' AND after.intended_ms <= opened_ms + 250) AS joined
          FROM before JOIN after USING (opened_ms, life)
          WHERE before.kind = 'heartbeat' AND ended_ms < opened_ms AND before.sent_ms >= opened_ms - 1100`);
        expect(Number(resting)).toBeGreaterThan(2);
        return Number(joined) / Number(resting);
      };
      // Without the fault it would be one in four, and one in twenty. A life with a heartbeat under way is not
      // affected.
      expect(await joined('heartbeat', 'herd_heartbeat')).toBeGreaterThan(0.6);
      // Before the end they push their result.
      expect(await joined('xcom_push', 'herd_end')).toBeGreaterThan(0.6);
    });

    test('zombies come back when they have been given up, and are refused', async () => {
      // A task that is given up has its next try's id at once, in a commit of its own or not.
      const returns = await run.rows(`SELECT beat.status, report.outcome FROM operations AS beat
        JOIN lives USING (life)
        JOIN task_instance_changes AS given_up ON given_up.old_ti_id = beat.ti_id AND given_up.old_state = 'running'
          AND (given_up.state IS DISTINCT FROM 'running' OR given_up.ti_id <> given_up.old_ti_id)
          AND given_up.writer_role = 'scheduler'
          AND given_up.committed_ms BETWEEN lives.started_ms AND beat.sent_ms - clock_tolerance_ms()
        JOIN operations AS report ON report.life = beat.life AND report.kind = 'state' AND report.sent_ms > beat.sent_ms
        WHERE beat.kind = 'heartbeat' AND ${during('zombies', 'given_up.committed_ms')}`);
      // On a busy machine some have no answer in time.
      const answered = returns.filter(({ status }) => status !== null);
      expect(answered.length).toBeGreaterThan(0);
      for (const { status } of answered) expect([404, 409, 410]).toContain(status);
      for (const { outcome } of returns) expect(outcome).not.toBe('ok');
    });

    test('silent death: lives end without a report, and the scheduler gets no event', async () => {
      expect(await count(`lives WHERE "end" = 'silent'`)).toBeGreaterThan(0);
      expect(await count(`lives JOIN operations USING (life) WHERE "end" = 'silent' AND kind = 'state'`)).toBe(0);
    });

    test('operators clear, mark, change in bulk and delete what is at work', async () => {
      const accepted = (kind: string, fault: string) => `operations WHERE kind = '${kind}' AND outcome = 'ok'
        AND worker LIKE 'operator-%-fault' AND ${during(fault)}`;
      expect(await count(accepted('clear', 'clear-storm'))).toBeGreaterThan(2);
      const marks = await run.rows(`SELECT DISTINCT requested FROM ${accepted('mark', 'mark-storm')} ORDER BY ALL`);
      expect(marks.length).toBeGreaterThan(1);
      expect(await count(accepted('bulk', 'bulk-changes'))).toBeGreaterThan(0);
      const bulk = `(SELECT xid FROM task_instance_changes WHERE writer = 'wt-api-core-1'
          AND ${during('bulk-changes', 'committed_ms')} AND old_state = 'running' GROUP BY xid HAVING count(*) > 1)`;
      expect(await count(bulk)).toBeGreaterThan(0);
      expect(await count(accepted('delete', 'delete-runs'))).toBeGreaterThan(0);
      const gone = `operations JOIN task_instance_changes AS gone ON gone.old_ti_id = operations.ti_id
        WHERE gone.change = 'delete' AND gone.writer = 'wt-api-core-1' AND gone.old_state = 'running'
          AND operations.kind IN ('heartbeat', 'state') AND operations.status = 404`;
      expect(await count(gone)).toBeGreaterThan(0);
    });

    test('paused DAGs queue nothing until they are unpaused', async () => {
      const asked = await run.rows(`SELECT requested, count(*) AS n FROM operations
        WHERE worker = 'operator-pause-fault' AND outcome = 'ok' GROUP BY ALL ORDER BY ALL`);
      expect(asked.map(({ requested }) => requested)).toEqual(['paused', 'unpaused']);
      const queued = `task_instance_changes JOIN fault_windows ON fault = 'pause-dags'
        WHERE state = 'queued' AND old_state = 'scheduled'`;
      // What the scheduler's loop had in hand may still come.
      expect(await count(`${queued} AND committed_ms BETWEEN opened_ms + 1500 AND until_ms`)).toBe(0);
      expect(await count(`${queued} AND committed_ms < opened_ms`)).toBeGreaterThan(10);
    });

    test('executor events: some ends are reported twice, some never', async () => {
      const logs = path.join(cwd, build, 'logs');
      const reported = new Map<string, number>();
      for (const name of readdirSync(logs).filter((file) => file.startsWith('scheduler'))) {
        const text = readFileSync(path.join(logs, name), 'utf8');
        for (const [, task, runId] of text.matchAll(
          /Received executor event with state \w+ for task instance TaskInstanceKey\(dag_id='wt_load', task_id='(\w+)', run_id='([^']+)'/g,
        )) {
          reported.set(`${runId}/${task}`, (reported.get(`${runId}/${task}`) ?? 0) + 1);
        }
      }
      expect([...reported.values()].filter((times) => times > 1).length).toBeGreaterThan(0);
      const ended = await run.rows(`SELECT run_id || '/' || task_id AS key FROM lives JOIN fault_windows
        ON fault = 'executor-events' AND detail LIKE '%lost%' AND ended_ms BETWEEN opened_ms AND until_ms
        WHERE "end" = 'reported'`);
      expect(ended.length).toBeGreaterThan(0);
      expect(ended.filter(({ key }) => !reported.has(String(key))).length).toBeGreaterThan(0);
    });
  });
}
