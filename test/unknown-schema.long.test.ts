import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { InvariantResult } from '../harness/model/verdict.ts';
import { dsnOfTarget } from '../harness/stacks/target-file.ts';
import { withClient } from '../harness/system/postgres-client.ts';
import { start, windtunnel } from './airflow.ts';

let cwd: string;

beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-test-'));
});

afterAll(async () => {
  await windtunnel(['heal'], cwd);
  rmSync(cwd, { recursive: true, force: true });
});

/** As a release that is not known yet may have renamed it: the stack itself does not mind. */
const RENAMED = `
  ALTER TABLE rendered_task_instance_fields RENAME TO rtif_of_tomorrow;
  CREATE VIEW rendered_task_instance_fields AS SELECT * FROM rtif_of_tomorrow`;

test('of a stack with a table that no known release has, the run says so, and the rest is judged', {
  timeout: 180_000,
}, async () => {
  const up = start(['up', 'reference', '--schedulers', '1'], cwd);
  const target = path.join(cwd, 'windtunnel-target.yaml');
  for (let waited = 0; !existsSync(target) && waited < 60_000; waited += 100) await sleep(100);
  await withClient(dsnOfTarget(target), (client) => client.query(RENAMED));
  const why = 'there is no table rtif_v2 or rendered_task_instance_fields';

  const doctor = await windtunnel(['doctor', '--target', target], cwd);
  expect(doctor.stdout).toContain(`rendered_task_instance_fields cannot be recorded (${why})`);

  const run = await windtunnel(
    ['run', 'storm', '--target', target, '--duration', '15s', '--seed', '3', '--out', 'run'],
    cwd,
  );
  expect(run.stderr).toContain(`  - rendered_task_instance_fields: ${why}`);
  expect(`${run.stdout}${run.stderr}`).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
  expect(run.code).toBe(3);
  const verdict: { verdict: string; invariants: InvariantResult[] } = JSON.parse(
    readFileSync(path.join(cwd, 'run', 'verdict.json'), 'utf8'),
  );
  const of = (name: string) => verdict.invariants.find((invariant) => invariant.name === name);
  expect(verdict.verdict).toBe('unknown');
  expect(of('rtif-last-writer-wins')?.why_unknown).toMatch(
    /^not recorded on \S+: (final_)?rendered_task_instance_fields \(there is no table/,
  );
  expect(of('acknowledged-is-durable')).toMatchObject({ verdict: 'pass' });
  expect(of('tasks-change-as-allowed')).toMatchObject({ verdict: 'pass' });

  up.kill('SIGINT');
  await up.ended;
});
