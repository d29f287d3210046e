import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { FAULTS } from '../harness/faults/index.ts';
import { listInvariants } from '../harness/judge/invariants.ts';
import { SCENARIOS } from '../harness/run/catalogue.ts';
import { DEFECTS } from '../reference/defects/index.ts';
import { callInProcess } from './in-process.ts';

let cwd: string;

beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-cli-'));
  writeFileSync(path.join(cwd, 'bad.ts'), `export const scenario = { name: 'Bad Name', dags: [] };`);
  writeFileSync(path.join(cwd, 'broken.ts'), 'export const scenario = {');
  const dag = (tasks: string, schedule: string) =>
    `export const scenario = { name: 'mine', describe: 'x', duration_s: 1, schedulers: 1, api_servers: 1, aims: [],
      operators: [], fleet: { habits: { rtif: 0, rtif_twice: 0, xcom: 0, lost_answer: 0, fails: 0, silent_death: 0,
      defers: 0, impostor: 0 }, heartbeat_ms: 1, timeout_ms: 1, retries: 1, connections: 1 },
      dags: [{ dag_id: 'wt_mine', schedule: ${schedule}, past_runs: 0, max_active_runs: 1, tasks: [${tasks}] }] };`;
  const task = (id: string, upstream: string) => `{ task_id: '${id}', upstream: ['${upstream}'], duration_ms: [1, 1] }`;
  writeFileSync(path.join(cwd, 'cycle.ts'), dag(`${task('b', 'c')}, ${task('c', 'b')}`, 'null'));
  writeFileSync(path.join(cwd, 'cron.ts'), dag(`{ task_id: 'a', upstream: [], duration_ms: [1, 1] }`, `'every day'`));
  const far =
    'execution_api: [http://10.1.2.3/execution]\npublic_api: http://127.0.0.1:1\ndsn: postgresql://a@127.0.0.1:1/a\n';
  writeFileSync(
    path.join(cwd, 'far.yaml'),
    `${far}jwt_secret: { env: NO_SUCH }\nhandoff: unix:/tmp/x.sock\ndags_folder: /tmp/x\n`,
  );
  writeFileSync(
    path.join(cwd, 'own.yaml'),
    `${far.replace('10.1.2.3', '127.0.0.1')}jwt_secret: { env: NO_SUCH }\nhandoff: unix:/tmp/x\ndags_folder: /tmp/x\n`,
  );
  for (const folder of ['stored', 'storm']) {
    mkdirSync(path.join(cwd, folder));
    writeFileSync(path.join(cwd, folder, 'manifest.json'), '{ "format": 1 }');
  }
  writeFileSync(path.join(cwd, 'there.json'), '{}');
  writeFileSync(path.join(cwd, 'wrong.yaml'), 'execution_api: 7\nhandoff: somewhere\n');
  mkdirSync(path.join(cwd, 'old'));
  writeFileSync(path.join(cwd, 'old', 'manifest.json'), '{ "format": 99 }');
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

/** What a user may get wrong before anything starts: each is one clear complaint, exit code 2, and leaves nothing. */
const COMPLAINTS: readonly [args: string, says: RegExp][] = [
  ['', /Name a command/],
  ['frobnicate', /There is no command "frobnicate": there are run, compare, /],
  ['run ./cycle.ts --build reference', /wt_mine: b, c wait for each other/],
  ['run ./cron.ts --build reference', /schedule: must be a cron expression/],
  ['new scenario mine --out there.json', /there\.json\/mine\.ts cannot be made \(.*there\.json is a file\)/],
  ['run', /<scenario> must be given: `windtunnel run <scenario>`/],
  ['run nope', /There is no scenario "nope": choose one of seeds, storm, branches, /],
  ['run seeds --build nope', /"nope" is not a build: write airflow@VERSION/],
  [
    'run seeds --build reference+nope+no-more',
    /there is no defect "nope"; there is no defect "no-more"[\s\S]*windtunnel list/,
  ],
  ['run seeds --build airflow@latest', /"latest" is not an Airflow version/],
  ['run seeds --build airflow@3.3.2 --target x.yaml', /Give --build or --target, not both/],
  ['run seeds --duration abc --seed -1 --schedulers 0', /--schedulers must[\s\S]*--duration must[\s\S]*--seed must/],
  [
    'run nosuch --build refernce --schedulers 99 --faults earthquake --engine gatling',
    /"refernce" is not[\s\S]*--schedulers must[\s\S]*no fault "earthquake"[\s\S]*no scenario "nosuch"[\s\S]*--engine must/,
  ],
  ['run ./bad.ts --duration soon', /--duration must[\s\S]*name: lower-case letters[\s\S]*dags[\s\S]*fleet/],
  [
    'run stored --seed 7 --build refernce',
    /"refernce" is not a build[\s\S]*stored is a stored run and has a plan: --seed/,
  ],
  ['run seeds --target missing.yaml', /target file missing\.yaml does not exist/],
  ['run seeds --target wrong.yaml', /execution_api[\s\S]*public_api[\s\S]*handoff: must be unix/],
  ['run seeds --target far.yaml', /names 10\.1\.2\.3, which is not this machine[\s\S]*i_own_this: true/],
  ['run seeds --faults pause,earthquake', /There is no fault "earthquake": `windtunnel list` names them/],
  ['run seeds --target own.yaml --faults pause', /The fault pause cannot be injected here: .* not ours/],
  ['run stored --seed 7 --faults none', /stored is a stored run and has a plan: --seed, --faults cannot change it/],
  ['run old/manifest.json', /is of format 99/],
  // A folder that is called like a scenario is not what is meant.
  ['run storm --seed 7 --faults nope', /There is no fault "nope"/],
  ['run ./missing.ts', /scenario file \.\/missing\.ts does not exist/],
  ['run ./bad.ts', /name: lower-case letters[\s\S]*duration_s[\s\S]*dags[\s\S]*fleet/],
  ['run ./broken.ts', /cannot be loaded/],
  ['run seeds --build reference --metrics-port 65536', /--metrics-port must be a whole number from 0 .* to 65535/],
  ['report nowhere --format markdown', /nowhere is not a run folder/],
  ['report nowhere --format parquet', /--format must be one of html, .*junit, not "parquet"/],
  ['report nowhere --out somewhere', /--out needs --format/],
  ['report nowhere --open --format junit', /--open shows report\.html: it takes no --format/],
  ['check nowhere', /nowhere is not a run folder/],
  ['check old', /is of format 99, and this windtunnel reads format \d+/],
  ['soak', /Name a scenario .* --resume FOLDER/],
  ['soak seeds --duration 25m', /--duration 25m is not a whole number of windows of 10m/],
  ['soak seeds --window 2s', /--window must be like 30s or 10m, and at least 5s/],
  ['soak seeds --disk lots --keep-windows -1', /--disk must be like 500MB[\s\S]*--keep-windows must/],
  ['soak seeds --stop-on deadlocks', /--stop-on is like 'deadlocks: count<1', not "deadlocks"/],
  ['soak seeds --stop-on nope:count<1', /there is no metric "nope"/],
  ['soak --resume nowhere', /nowhere is not the folder of a soak/],
  [
    'soak seeds --resume nowhere --seed 7',
    /--resume cannot be given with a scenario, --seed\.[\s\S]*nowhere is not the folder of a soak/,
  ],
  ['compare airflow@3.2.1 airflow@3.2.2 --runs 0', /--runs must be a whole number from 1 to 100/],
  ['compare airflow@3.2.1', /needs two builds or two stored runs/],
  [
    'compare refernce --aa --engine k6 --k6-processes 0 --runs 0 --scenario nosuch',
    /"refernce" is not a build[\s\S]*--k6-processes 0 is for `run`[\s\S]*--runs must be[\s\S]*There is no scenario "nosuch"/,
  ],
  [
    'soak nosuch --window long --disk 3 --engine gatling --build refernce',
    /"refernce" is not[\s\S]*no scenario "nosuch"[\s\S]*--window must be[\s\S]*--disk must be[\s\S]*--engine must be native or k6/,
  ],
  ['soak --schedulers 99 --build refernce', /"refernce" is not[\s\S]*--schedulers must[\s\S]*Name a scenario/],
  ['soak nosuch --faults earthquake --seed -1', /--seed must[\s\S]*no fault "earthquake"[\s\S]*no scenario "nosuch"/],
  [
    'compare refernce --aa --detect 0x --schedulers 99 --scenario nosuch',
    /"refernce" is not a build[\s\S]*--detect must[\s\S]*--schedulers must[\s\S]*no scenario "nosuch"/,
  ],
  ['compare airflow@3.2.1 nope', /"nope" is not a build/],
  [
    'calibrate --defects nope,rtif-merge,no-more',
    /there is no "nope", no "no-more"; there is skip-unguarded, .*rtif-merge/,
  ],
  ['calibrate --defects ,', /--defects names nothing; there is skip-unguarded/],
  [
    'calibrate --runs 1.5 --clean -1 --jobs 9 --duration soon --seed -1',
    /--runs must[\s\S]*--clean must[\s\S]*--jobs must[\s\S]*--duration must[\s\S]*--seed must/,
  ],
  ['calibrate --runs 0', /--runs 0 without --clean leaves nothing to run/],
  ['calibrate --out result.txt', /--out must be a \.json file, not "result\.txt"/],
  [
    'calibrate --defects nope --jobs 9 --out result.txt --baseline missing.json',
    /there is no "nope"[\s\S]*--jobs must[\s\S]*must be a \.json file[\s\S]*missing\.json is not a kept calibration/,
  ],
  ['calibrate --out there.json', /result there\.json exists/],
  ['calibrate --baseline missing.json', /missing\.json is not a kept calibration: no such file or folder/],
  ['calibrate --baseline there.json', /there\.json is not a kept calibration: format: is not of format 1/],
];

test.each(COMPLAINTS)('windtunnel %s', async (args, says) => {
  const before = readdirSync(cwd).sort();
  const { code, stdout, stderr } = await callInProcess(args.split(' ').filter(Boolean), cwd);
  expect(stderr).toMatch(says);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(readdirSync(cwd).sort()).toEqual(before);
});

test('list names scenarios, builds and invariants, for people and for programs', async () => {
  const { code, stdout } = await callInProcess(['list', '--json'], cwd);
  const listed = JSON.parse(stdout);
  expect(code).toBe(0);
  expect(listed.scenarios.map(({ name }: { name: string }) => name)).toEqual(SCENARIOS.map(({ name }) => name));
  expect(listed.builds).toContain('airflow@3.2.2');
  expect(listed.invariants.length).toBe((await listInvariants()).length);
  expect(listed.faults.map(({ name }: { name: string }) => name)).toEqual(FAULTS.map(({ name }) => name));
  expect(listed.drawn.map(({ name }: { name: string }) => name)).toEqual(['exploratory']);
  expect(listed.defects.map(({ name }: { name: string }) => name)).toEqual(DEFECTS.map(({ name }) => name));
  const people = await callInProcess(['list'], cwd);
  expect(people.stdout).toContain('no-deadlocks');
});
