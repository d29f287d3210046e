import path from 'node:path';

/** What `windtunnel new` writes, and the commands that use it. */
export interface Written {
  readonly files: readonly { readonly file: string; readonly text: string }[];
  readonly say: string;
}

/** An invariant that holds and fails as its test says: to be changed into another. */
export function newInvariant(name: string, folder: string): Written {
  const sql = `-- claim: A task that was queued is running within a minute.
-- title: A task waited for more than a minute in the queue
-- source: where Airflow, or your own operation, says so
-- needs: commits
-- exercised-by: tasks that began to run
-- min-exercised: 3
-- sentence: {subject} was queued for {waited_ms:seconds} before {writer} set it to RUNNING.

-- given
CREATE TEMP TABLE starts AS
SELECT *, committed_ms - old_since_ms AS waited_ms
FROM task_instance_changes WHERE old_state = 'queued' AND state = 'running';

-- exercised
SELECT count(*) FROM starts;

-- violations
SELECT *, waited_ms AS severity FROM starts WHERE waited_ms > 60000;
`;
  const test = `# windtunnel check --test ${path.posix.join(folder, `${name}.test.yaml`)}
invariant: ${name}.sql
cases:
  - name: a task that waits for more than a minute is a violation
    run:
      commits:
        - { state: queued, committed_ms: 1000, writer: wt-scheduler-1 }
        - { state: running, committed_ms: 71000, writer: wt-api-execution-1 }
    expect:
      verdict: fail
      violations: 1
      first: { subject: wt_dag/run1/task, commits: [2] }
  - name: three that wait for a second each are not
    run:
      commits:
        - { id: a, task_id: a, state: queued, committed_ms: 1000 }
        - { id: b, task_id: b, state: queued, committed_ms: 1000 }
        - { id: c, task_id: c, state: queued, committed_ms: 1000 }
        - { id: a, task_id: a, state: running, committed_ms: 2000 }
        - { id: b, task_id: b, state: running, committed_ms: 2000 }
        - { id: c, task_id: c, state: running, committed_ms: 2000 }
    expect: { verdict: pass, exercised: 3 }
  - name: a run in which nothing was queued says nothing
    run: { commits: [{ state: scheduled, committed_ms: 1000 }] }
    expect: { verdict: unknown, violations: 0 }
`;
  return {
    files: [
      { file: `${name}.sql`, text: sql },
      { file: `${name}.test.yaml`, text: test },
    ],
    say: `
test it          windtunnel check --test ${path.join(folder, `${name}.test.yaml`)}
judge a run      windtunnel check RUN --invariants ${folder}
run with it      windtunnel run seeds --build reference --invariants ${folder}

The format: docs/adding-an-invariant.md.`,
  };
}

/** As a path that cannot be taken for the name of a scenario. */
function asPath(file: string): string {
  return path.isAbsolute(file) || file.startsWith('..') ? file : `./${file}`;
}

/** A scenario, with the run that tests it: only a stack shows whether a load exercises what it aims at. */
export function newScenario(name: string, folder: string): Written {
  const file = asPath(path.join(folder, `${name}.ts`));
  const command = `windtunnel run ${file} --build reference --seed 1`;
  const text = `// Its test is a short run on the reference stack, which has no defects: it must pass, with exit code 0.
//
//     ${command}

/** One DAG of ten tasks that run side by side, triggered every two seconds. */
const tasks = Array.from({ length: 10 }, (_, i) => ({
  task_id: \`t\${i}\`,
  upstream: [],
  trigger_rule: 'all_success',
  duration_ms: [500, 2_000],
  retries: 1,
}));

export const scenario = {
  name: '${name}',
  describe: 'One wide DAG that is triggered again and again',
  duration_s: 20,
  schedulers: 2,
  api_servers: 1,
  dags: [{ dag_id: 'wt_${name.replaceAll('-', '_')}', schedule: null, max_active_runs: 16, past_runs: 0, tasks }],
  fleet: {
    habits: { rtif: 1, rtif_twice: 0, xcom: 0.5, lost_answer: 0, fails: 0.05, silent_death: 0, defers: 0, impostor: 0 },
    heartbeat_ms: 1_000,
    timeout_ms: 5_000,
    retries: 5,
    connections: 100,
  },
  operators: [{ operator: 'trigger', dags: ['wt_${name.replaceAll('-', '_')}'], every_ms: 2_000, start_after_ms: 0 }],
  // Invariants that this load exercises surely: one that it does not exercise enough makes a run \`unknown\`.
  aims: ['acknowledged-is-durable', 'hand-off-follows-queueing'],
};
`;
  return {
    files: [{ file: `${name}.ts`, text }],
    say: `
test it          ${command}     (20 s of load; it must pass)
on a release     windtunnel run ${file} --build airflow@3.3.2

The format: docs/scenarios.md.`,
  };
}
