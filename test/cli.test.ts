import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  const triggering = (id: string, more: string) => `{ task_id: '${id}', upstream: [], duration_ms: [1, 1], ${more} }`;
  writeFileSync(
    path.join(cwd, 'triggers.ts'),
    dag(`${triggering('a', `triggers: 'wt_mine', skips: ['b']`)}, ${triggering('b', `triggers: 'wt_nope'`)}`, 'null'),
  );
  writeFileSync(path.join(cwd, 'cron.ts'), dag(`{ task_id: 'a', upstream: [], duration_ms: [1, 1] }`, `'every day'`));
  const whole = dag(`{ task_id: 'a', upstream: [], duration_ms: [1, 1] }`, 'null');
  writeFileSync(path.join(cwd, 'aims.ts'), whole.replace('aims: []', `aims: ['nope']`));
  writeFileSync(
    path.join(cwd, 'everything.ts'),
    dag(task('a', 'b'), 'null')
      .replace('aims: []', `aims: ['no-deadlock'], thresholds: { nope: ['count<1'] }, duraton_s: 1`)
      .replace('operators: []', `operators: [{ operator: 'triger' }], chaos: { faults: ['kil'], pause_ms: [1, 2] }`),
  );
  mkdirSync(path.join(cwd, 'full'));
  writeFileSync(path.join(cwd, 'full', 'x'), '');
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
  writeFileSync(
    path.join(cwd, 'tcp.yaml'),
    `${far.replace('10.1.2.3', '127.0.0.1')}jwt_secret: { env: PATH }\nhandoff: tcp:127.0.0.1:1\ndags_folder: /tmp/x\n`,
  );
  writeFileSync(
    path.join(cwd, 'secret.yaml'),
    readFileSync(path.join(cwd, 'own.yaml'), 'utf8').replace('a@127', 'a:hunter2#S3cr/et@127'),
  );
  for (const folder of ['stored', 'storm']) {
    mkdirSync(path.join(cwd, folder));
    writeFileSync(path.join(cwd, folder, 'manifest.json'), '{ "format": 1 }');
  }
  writeFileSync(path.join(cwd, 'there.json'), '{}');
  writeFileSync(path.join(cwd, 'wrong.yaml'), 'execution_api: 7\nhandoff: tcp:127.0.0.1:70000\n');
  mkdirSync(path.join(cwd, 'old'));
  writeFileSync(path.join(cwd, 'old', 'manifest.json'), '{ "format": 99 }');
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

/** What a user may get wrong before anything starts: each is one clear complaint, exit code 2, and leaves nothing. */
const COMPLAINTS: readonly [args: string, says: RegExp][] = [
  ['', /Name a command first: run, compare, /],
  ['--seed 1', /Name a command first/],
  ['soak --stop-on deadlocks:count<1 seds', /There is no scenario "seds" \(did you mean/],
  ['frobnicate', /There is no command "frobnicate": there are run, compare, /],
  ['run ./cycle.ts --build reference', /wt_mine: b, c wait for each other/],
  [
    'run ./triggers.ts --build reference',
    new RegExp(
      [
        /wt_mine\.a triggers a run and skips tasks: give these to two tasks/,
        /wt_mine\.b triggers wt_nope, and no DAG is called so/,
        /runs would be triggered without end: wt_mine \(triggers\)/,
      ]
        .map(({ source }) => source)
        .join('[\\s\\S]*'),
    ),
  ],
  ['run ./cron.ts --build reference', /schedule: must be a cron expression/],
  ['new scenario mine --out there.json', /there\.json\/mine\.ts cannot be made \(.*there\.json is a file\)/],
  ['run', /<scenario> must be given: `windtunnel run <scenario>`/],
  ['trend', /^<folders> must be given: `windtunnel trend <folders\.\.>`/],
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
  // Not quoted: the password in it would be printed.
  [
    'run seeds --target secret.yaml --faults pause',
    /^(?![\s\S]*hunter2)The fault pause cannot[\s\S]*dsn: has a space, a #[\s\S]*NO_SUCH, which is not set/,
  ],
  ['run seeds --faults pause,earthquake', /There is no fault "earthquake": `windtunnel list` names them/],
  ['run seeds --target tcp.yaml', /needs WINDTUNNEL_HANDOFF_TOKEN, a secret of at least 16 characters.*not set/],
  ['run seeds --target own.yaml --faults pause', /The fault pause cannot be injected here: .* not ours/],
  ['run stored --seed 7 --faults none', /stored is a stored run and has a plan: --seed, --faults cannot change it/],
  ['run old/manifest.json', /is of format 99/],
  // A folder that is called like a scenario is not what is meant.
  ['run storm --seed 7 --faults nope', /There is no fault "nope"/],
  ['run ./missing.ts', /scenario file \.\/missing\.ts does not exist/],
  ['run ./bad.ts', /name: lower-case letters[\s\S]*duration_s[\s\S]*dags[\s\S]*fleet/],
  ['run ./broken.ts', /cannot be loaded/],
  [
    'run seeds --build reference --engine k6 --worker-listen 127.0.0.1:99999',
    /--worker-listen must be a host and a port/,
  ],
  ['run seeds --build reference --metrics-port 65536', /--metrics-port must be a whole number from 0 .* to 65535/],
  ['report nowhere --format markdown', /nowhere is not a run folder/],
  ['report nowhere --format parquet', /--format must be one of html, .*junit, not "parquet"/],
  ['report nowhere --out somewhere', /--out needs --format/],
  ['check nowhere', /nowhere is not a run folder/],
  ['check old', /is of format 99, and this windtunnel reads format \d+/],
  [
    'upgrade nosuch --from reference --to airflow@3.2.1 --wave long --seed -1 --parse-after 0',
    /different databases[\s\S]*--seed must[\s\S]*nosuch[\s\S]*--wave must[\s\S]*--parse-after must/,
  ],
  ['upgrade --from airflow@3.1.8', /^Name the next one, such as --to airflow@3\.2\.2\.$/m],
  ['upgrade', /Name the next one[\s\S]*Name the build in use/],
  ['soak', /Name a scenario .* --resume FOLDER/],
  ['soak seeds --duration 25m', /--duration 25m is not a whole number of windows of 10m/],
  ['soak seeds --window 2s', /--window must be like 30s or 10m, from 5s to 168h/],
  [
    'soak seeds --duration 99999999h --window 600h',
    /--duration must be like 30m or 8h, and at most 8760h, not "99999999h"\n--window must be .* to 168h, not "600h"/,
  ],
  ['run seeds --duration 99999999h --faults kill', /--duration must be like 60s, 5m or 1h, from 1s to 168h/],
  ['soak seeds --disk lots --keep-windows -1', /--disk must be like 500MB[\s\S]*--keep-windows must/],
  ['soak seeds --stop-on deadlocks', /--stop-on is like 'deadlocks: count<1', not "deadlocks"/],
  ['soak seeds --stop-on nope:count<1', /there is no metric "nope"/],
  ['soak --resume nowhere', /nowhere is not the folder of a soak/],
  [
    'soak seeds --resume nowhere --seed 7',
    /--resume cannot be given with a scenario, --seed\.[\s\S]*nowhere is not the folder of a soak/,
  ],
  ['compare airflow@3.2.1 airflow@3.2.2 --runs 0', /--runs must be a whole number from 1 to 100/],
  [
    'compare airflow@3.2.1 airflow@3.2.2 --runs 3 --at-most 101',
    /--runs makes all of so many runs, --at-most only as many as it takes: give one of them/,
  ],
  ['compare airflow@3.2.1 airflow@3.2.2 --at-most 0', /--at-most must be a whole number from 1 to 100/],
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
    'calibrate --defects nope --jobs 9 --out result.txt',
    /there is no "nope"[\s\S]*--jobs must[\s\S]*must be a \.json file/,
  ],
  ['calibrate --out there.json', /result there\.json exists/],
  // The words themselves, whatever they mean: all that is wrong, and what they mean besides.
  ['rnu seeds', /There is no command "rnu" \(did you mean "run"\?\): there are run, compare, /],
  [
    'run seeds extra -build x --bulid y --nope --seed abc --duration 1m --duration 2m --quiet=no --schedulers',
    new RegExp(
      [
        /-build: a flag begins with two dashes: --build\./,
        /run has no flag --bulid: did you mean --build\?/,
        /run has no flag --nope: `windtunnel run --help` lists its flags\./,
        /--seed must be a number, not "abc"\./,
        /--duration is given 2 times: give it once\./,
        /--quiet takes no value, such as "no"\./,
        /--schedulers needs a value\./,
        /"extra" is one word too many: `windtunnel run <scenario>`\./,
        /`windtunnel run --help` says more\./,
      ]
        .map(({ source }) => source)
        .join('\n'),
    ),
  ],
  ['run seeds --out= --no-json', /--out needs a value\.\nrun has no flag --no-json/],
  ['run seeds --build reference --build reference+rtif-merge', /--build is given 2 times/],
  ['run --scenario seeds', /--scenario: scenario is given without a flag: `windtunnel run <scenario>`/],
  [
    'run seds --seed abc --engine gatling',
    /--seed must[\s\S]*no scenario "seds" \(did you mean "seeds"\?\)[\s\S]*--engine/,
  ],
  ['query stored', /<sql> must be given: `windtunnel query <run> <sql>`/],
  ['new invarian mine', /<kind> must be one of invariant, scenario, not "invarian" \(did you mean "invariant"\?\)/],
  ['new invariant no-deadlocks', /The invariant no-deadlocks ships with windtunnel/],
  ['new scenario seeds', /The scenario seeds ships with windtunnel/],
  // What has no effect.
  [
    'run seeds --target own.yaml --schedulers 2 --api-servers 1',
    /--target has its processes: leave out --schedulers and --api-servers\.[\s\S]*variable NO_SUCH, which is not set/,
  ],
  ['soak seeds --target own.yaml --schedulers 2', /--target has its processes: leave out --schedulers\./],
  ['run seeds --metrics-host 0.0.0.0', /--metrics-host needs --metrics-port/],
  ['check run1 --test x.yaml --json', /--test plays a test of an invariant, and no run: leave out run1, --json/],
  ['soak --resume nowhere --window 10s --disk 1GB', /--resume cannot be given with --window, --disk\./],
  // What was found only when something had been started.
  [
    'run seeds --build airflow@2.10.0 --metrics-port 99999 --out full',
    /airflow@2\.10\.0 is too old: .* from 3\.1\.0 on[\s\S]*--metrics-port must[\s\S]*folder full is not empty/,
  ],
  ['soak seeds --metrics-port 99999 --out full', /--metrics-port must[\s\S]*folder full is not empty: choose another/],
  ['compare reference reference --out full', /The folder full is not empty/],
  ['run seeds --build airflow@./nowhere', /nowhere is not an Airflow checkout: there is no such folder/],
  ['run seeds --out /proc/none/run', /\/proc\/none\/run cannot be made \(\/proc holds processes, and no folder can/],
  ['run seeds --out there.json/run', /there\.json\/run cannot be made \(.*there\.json is a file\)/],
  [
    'up airflow@2.10.0 --schedulers 0 --out there.json',
    /airflow@2\.10\.0 is too old[\s\S]*--schedulers must[\s\S]*target file there\.json exists/,
  ],
  // Paths, in plain words.
  ['soak --resume full', /full is not the folder of a soak \(it has no soak\.json\)/],
  ['soak --resume there.json', /there\.json is not the folder of a soak \(not a folder\)/],
  ['list --invariants nowhere', /The invariants in nowhere cannot be read: no such file or folder\./],
  ['list --invariants there.json', /The invariants in there\.json cannot be read: not a folder\./],
  ['run runs/nosuch', /runs\/nosuch is not a stored run \(no such folder\), and a scenario of your own is a \.ts file/],
  ['run full', /full is not a stored run \(it has no manifest\.json\)/],
  [
    'compare full runs/nosuch',
    /full is neither a stored run[\s\S]*runs\/nosuch is neither a stored run \(no such folder\)/,
  ],
  ['check --test nowhere.yaml', /nowhere\.yaml cannot be read: no such file or folder\./],
  [
    'run seeds --faults all,none,kil',
    /--faults all,none,kil: give all or none alone[\s\S]*"kil" \(did you mean "kill"\?\)/,
  ],
  [
    'compare --detect 0x --runs 0 --seed -1 --faults pause,',
    /--detect must[\s\S]*--runs must[\s\S]*--seed must[\s\S]*--faults "pause," has an empty name/,
  ],
  // A scenario: its shape, its names, what it aims at and what it breaks.
  [
    'run ./everything.ts --build reference --out full',
    new RegExp(
      [
        /everything\.ts has 6 problems:/,
        /operators\.0\.operator: must be one of "backfill", "trigger", "asset-event", "clear", "mark", not "triger"/,
        /scenario: there is no "duraton_s" \(did you mean "duration_s"\?\); there is name, describe, /,
        /wt_mine\.a names the task b, which does not exist/,
        /chaos\.faults: There is no fault "kil" \(did you mean "kill"\?\)/,
        /aims: there is no invariant "no-deadlock" \(did you mean "no-deadlocks"\?\)/,
        /there is no metric "nope"/,
      ]
        .map(({ source }) => source)
        .join('[\\s\\S]*'),
    ),
  ],
  ['run ./aims.ts --faults kill:no-one', /no invariant "nope"[\s\S]*kill cannot choose the victim "no-one"/],
];

test.each(COMPLAINTS)('windtunnel %s', async (args, says) => {
  const before = readdirSync(cwd).sort();
  const { code, stdout, stderr } = await callInProcess(args.split(' ').filter(Boolean), cwd);
  expect(stderr).toMatch(says);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(readdirSync(cwd).sort()).toEqual(before);
});

test('an empty word is none', async () => {
  const { code, stderr } = await callInProcess(['query', '', 'FROM load'], cwd);
  expect(stderr).toMatch(/^<run> is empty: `windtunnel query <run> <sql>`\.\n/);
  // Of several words, too.
  expect((await callInProcess(['check', 'nowhere', ''], cwd)).stderr).toMatch(/^<runs> is empty: `windtunnel check/);
  expect(code).toBe(2);
});

test('SQL that begins with a comment is no flag', async () => {
  const { code, stderr } = await callInProcess(['query', 'nowhere', '-- comment', '--json'], cwd);
  expect(stderr).toMatch(/^nowhere is not a run folder/);
  expect(code).toBe(2);
});

test.each([['help'], ['--help'], ['-h'], ['run', '-h'], ['run', '--help', '--seed', 'x']])(
  'help is printed: %s %s',
  async (...args) => {
    const { code, stdout, stderr } = await callInProcess(args, cwd);
    expect(stdout).toMatch(args[0] === 'run' ? /^windtunnel run <scenario>/ : /^windtunnel <command>/);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  },
);

test('a limit of memory that is none is found before the run, not when it is judged', async () => {
  const tooLittle = await callInProcess(['run', 'nosuch'], cwd, { WINDTUNNEL_MEMORY: '1MB' });
  expect(tooLittle.stderr).toMatch(/WINDTUNNEL_MEMORY must be a size from 32MB, such as 512MB or 4GB, not "1MB"/);
  const env = { WINDTUNNEL_MEMORY: 'much' };
  for (const args of [
    ['run', 'seeds', '--seed', '-1'],
    ['soak', 'seeds', '--seed', '-1'],
    ['compare', 'reference', '--aa', '--seed', '-1'],
    ['calibrate', '--seed', '-1'],
  ]) {
    const { code, stderr } = await callInProcess(args, cwd, env);
    expect(stderr).toMatch(/--seed must[\s\S]*WINDTUNNEL_MEMORY must be a size from 32MB, such as .*, not "much"/);
    expect(code).toBe(2);
  }
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
