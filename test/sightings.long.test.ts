import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Scenario } from '../harness/model/scenario.ts';
import type { Judgement } from '../harness/model/verdict.ts';
import { literalManifest } from '../harness/testing/literal-run.ts';
import { fanOut, ids, REAL_CLIENT, STEADY_HABITS } from '../workloads/shapes.ts';
import { windtunnel } from './airflow.ts';

const BUILD = 'reference+state-lock-joined';
const storms = [1, 2, 3].map((n) => fanOut(`wt_storm_${n}`, 40, [4_000, 11_000]));

/** Waves of tasks that end while their DAGs get new versions, which deadlocks. */
const scenario: Scenario = {
  name: 'sightings',
  describe: 'Deadlocks, and workers that hang for longer than the heartbeat time-out.',
  duration_s: 60,
  schedulers: 2,
  api_servers: 1,
  dags: storms,
  churn: { dags: ids(storms), every_ms: 2_000 },
  fleet: { ...REAL_CLIENT, heartbeat_ms: 667, habits: { ...STEADY_HABITS, fails: 0 } },
  operators: [{ operator: 'trigger', dags: ids(storms), every_ms: 8_000, start_after_ms: 0 }],
  aims: [],
};
/** They hang for 29 to 50 s; after 30 s a scheduler gives them up, as it should. */
const faults = [
  { fault: 'zombies', victim: 'fleet', at_ms: 1_000, for_ms: 58_000, with: { misbehaviour: 'zombie', share: 0.05 } },
];

let cwd: string;

beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-test-'));
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

test('what a run says as it comes stands if the verdict confirms it, and is taken back if not', {
  timeout: 400_000,
}, async () => {
  mkdirSync(path.join(cwd, 'planned'));
  const manifest = { ...literalManifest({}), build: BUILD, plan: { seed: 11, scenario, faults } };
  writeFileSync(path.join(cwd, 'planned', 'manifest.json'), JSON.stringify(manifest));
  const { stdout, stderr } = await windtunnel(['run', 'planned', '--build', BUILD, '--out', 'run', '--json'], cwd);
  const { sightings = [], deadlocks }: Judgement = JSON.parse(stdout || '{ "deadlocks": [] }');
  const of = (kind: string) => sightings.filter((seen) => seen.kind === kind);
  const said = stderr.replace(/\n {2}/g, ' ');

  expect(of('deadlock'), stderr.slice(-2_000)).toMatchObject([{ taken_back: null }]);
  const [deadlock] = of('deadlock');
  expect(deadlocks.map(({ at_ms }) => at_ms)).toContain(deadlock?.at_ms);
  expect(said).toMatch(
    /^reference\+state-lock-joined, after [\d.]+ \w+ \([\d.]+ s into the load\): PostgreSQL detected a deadlock of/m,
  );

  expect(of('refused heartbeat')).toMatchObject([{ taken_back: expect.stringMatching(/^it was a late update \(/) }]);
  expect(said).toMatch(/into the load\): wt-scheduler-\d .*; [\d.]+ s later its heartbeat was refused with 4/);
  expect(said).toMatch(
    /^Taken back: reference\+state-lock-joined, after [\d.]+ \w+: the refused heartbeat of w-.* it was a late update/m,
  );
  expect(said).not.toMatch(/^Taken back: .* the deadlock/m);
});
