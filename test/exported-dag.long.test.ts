import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, test } from 'vitest';

import { installAirflow } from '../harness/stacks/airflow/install.ts';
import { dagFile } from '../reports/markdown/airflow-issue.ts';
import { fanOut, lateBranch } from '../workloads/shapes.ts';
import { whyNoAirflow, windtunnel } from './airflow.ts';

const why = await whyNoAirflow();
const MAPPED = {
  ...fanOut('wt_mapped', 2, [200, 900]),
  tasks: [
    { task_id: 'list', upstream: [], duration_ms: [200, 500] as const },
    { task_id: 'each', upstream: ['list'], mapped: 3, retries: 1, duration_ms: [1_000, 4_000] as const },
  ],
};
/** Prints each task with its kind and what it waits for, as Airflow has read it. */
const READ = `
import json, runpy, sys
found = [v for v in runpy.run_path(sys.argv[1]).values() if hasattr(v, "task_id") and not isinstance(v, type)]
dag = found[0].dag
tasks = [dag.get_task(t) for t in dag.task_ids]
print(json.dumps({t.task_id: [type(t).__name__, sorted(t.upstream_task_ids)] for t in tasks}))
`;

test.skipIf(why !== undefined)('an exported DAG is, to Airflow, the DAG of the run', { timeout: 600_000 }, async () => {
  const install = await installAirflow('3.3.2', { log: () => undefined, signal: AbortSignal.timeout(500_000) });
  const folder = mkdtempSync(path.join(tmpdir(), 'wt-exported-'));
  try {
    for (const dag of [lateBranch('wt_late', 2), fanOut('wt_fan', 3, [1_000, 2_000]), MAPPED]) {
      const file = path.join(folder, `${dag.dag_id}.py`);
      writeFileSync(file, dagFile(dag));
      const env = { ...process.env, AIRFLOW_HOME: folder };
      const read = execFileSync(install.python, ['-c', READ, file], { env, encoding: 'utf8', timeout: 120_000 });
      expect(JSON.parse(read.trim().split('\n').at(-1) ?? '')).toEqual(
        Object.fromEntries(
          dag.tasks.map(({ task_id, upstream, ...task }) => {
            const kind =
              'mapped' in task ? 'MappedOperator' : 'skips' in task ? 'BranchPythonOperator' : 'BashOperator';
            return [task_id, [kind, [...upstream].sort()]];
          }),
        ),
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.skipIf(why !== undefined)(
  'an exported DAG shows the race with real workers alone',
  { timeout: 900_000 },
  async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'wt-alone-'));
    try {
      const words = ['race-63266', '--build', 'airflow@3.1.8', '--duration', '30s', '--out', 'run'];
      expect((await windtunnel(['run', ...words], folder)).code).toBe(1);
      const dag = ['export', 'run', 'F1', '--as', 'dag', '--minutes', '1', '--out', 'dag'];
      const { code, stdout, stderr } = await windtunnel(dag, folder);
      expect({ code, stderr }).toMatchObject({ code: 0 });
      expect(stdout).toMatch(/^It was seen (once|\d+ times) in .* on airflow@3\.1\.8 with its own workers/);
      const [steps, file] = readdirSync(path.join(folder, 'dag')).sort();
      expect([steps, file]).toEqual(['STEPS.md', expect.stringMatching(/^wt_late_\d\.py$/)]);
      expect(readFileSync(path.join(folder, 'dag', 'STEPS.md'), 'utf8')).toMatch(/airflow dags trigger wt_late_/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
