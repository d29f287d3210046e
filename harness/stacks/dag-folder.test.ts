import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { DagSpec } from '../model/scenario.ts';
import { DagFolder } from './dag-folder.ts';

const SPECS: readonly DagSpec[] = [
  {
    dag_id: 'wt_a',
    schedule: '* * * * *',
    past_runs: 3,
    max_active_runs: 2,
    tasks: [
      { task_id: 'first', upstream: [], skips: ['second'], duration_ms: [1, 2] },
      { task_id: 'second', upstream: ['first'], retries: 1, trigger_rule: 'one_success', duration_ms: [1, 2] },
      { task_id: 'narrow', upstream: [], pool: 'narrow', max_active_tis_per_dagrun: 2, duration_ms: [1, 2] },
    ],
  },
  { dag_id: 'wt_b', schedule: null, past_runs: 0, max_active_runs: 1, tasks: [] },
];

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wt-dags-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function written(name = 'wt_dags.json') {
  return JSON.parse(readFileSync(path.join(folder, name), 'utf8'));
}

describe('DagFolder', () => {
  it('writes the factory and what it builds from, and nothing half-written', async () => {
    await new DagFolder(folder, SPECS, '', { now: new Date('2026-11-21T10:52:41Z') }).publish();
    expect(readdirSync(folder).sort()).toEqual(['wt_dags.json', 'wt_dags.py']);
    expect(written()[0]).toEqual({
      dag_id: 'wt_a',
      schedule: '* * * * *',
      start_date: '2026-11-21T10:49:00+00:00',
      end_date: null,
      catchup: true,
      max_active_runs: 2,
      revision: 1,
      tasks: [
        { task_id: 'first', upstream: [], skips: ['second'] },
        { task_id: 'second', upstream: ['first'], retries: 1, trigger_rule: 'one_success' },
        { task_id: 'narrow', upstream: [], pool: 'narrow', max_active_tis_per_dagrun: 2 },
      ],
    });
  });

  it('gives a DAG without a schedule a timetable that has ended, for backfills', async () => {
    await new DagFolder(folder, SPECS).publish();
    const [, target] = written();
    expect(target).toMatchObject({ schedule: '* * * * *', catchup: false });
    expect(Date.parse(target.end_date)).toBeLessThan(Date.now());
  });

  it('raises the revision of the named DAGs alone, and leaves their dates as they were', async () => {
    const dags = new DagFolder(folder, SPECS);
    await dags.publish();
    const before = written();
    await dags.bumpRevision(['wt_a']);
    await dags.bumpRevision(['wt_a']);
    const after = written();
    expect(after[0]).toEqual({ ...before[0], revision: 3 });
    expect(after[1]).toEqual(before[1]);
  });

  it('touches the factory at a bump, because its time is what the dag-processor looks at', async () => {
    const dags = new DagFolder(folder, SPECS);
    await dags.publish();
    const file = path.join(folder, 'wt_dags.py');
    utimesSync(file, new Date(0), new Date(0));
    await dags.bumpRevision(['wt_a']);
    expect(Date.now() - statSync(file).mtimeMs).toBeLessThan(10_000);
  });

  it('keeps two runs in one folder apart, and takes only its own files away', async () => {
    const mine = new DagFolder(folder, SPECS, 'wt_x1_');
    const theirs = new DagFolder(folder, SPECS, 'wt_x2_', { executor: 'windtunnel_executor.HandOffExecutor' });
    await mine.publish();
    await theirs.publish();
    expect(written('wt_dags_wt_x2.json')[0]).toMatchObject({
      dag_id: 'wt_x2_wt_a',
      executor: 'windtunnel_executor.HandOffExecutor',
    });
    writeFileSync(path.join(folder, 'wt_dags_wt_x1.json.part'), '[');
    mine.remove();
    mine.remove();
    expect(readdirSync(folder).sort()).toEqual(['wt_dags_wt_x2.json', 'wt_dags_wt_x2.py']);
  });
});
