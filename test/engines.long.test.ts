import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findK6 } from '../harness/fleet/engines/k6-binary.ts';
import { judge } from '../harness/judge/judge.ts';
import { type OpenRun, openRun } from '../harness/judge/open-run.ts';
import type { PlannedFault, Scenario } from '../harness/model/scenario.ts';
import type { Soak } from '../harness/model/soak.ts';
import type { Judgement } from '../harness/model/verdict.ts';
import { readManifest } from '../harness/run-folder/manifest.ts';
import { runSql } from '../harness/testing/duckdb.ts';
import { literalManifest } from '../harness/testing/literal-run.ts';
import { fanOut, REAL_CLIENT, STEADY_HABITS } from '../workloads/shapes.ts';
import { expectNothingLeft, stackProcesses, stacksFolder, start, until, whyNoK6, windtunnel } from './airflow.ts';
import { ofKind } from './kubernetes.ts';

/** The harness's own process and the real k6 each play the lives of a run on the reference stack. */

const why = await whyNoK6();

let cwd: string;
let stacks: string;

beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-k6-'));
  stacks = stacksFolder(cwd);
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const dag = fanOut('wt_load', 12, [2_000, 4_000]);
const scenario: Scenario = {
  name: 'remote',
  describe: 'Lives of a few seconds, some of which lose answers, defer or are met by impostors',
  duration_s: 22,
  schedulers: 1,
  api_servers: 2,
  dags: [{ ...dag, schedule: null }],
  fleet: {
    ...REAL_CLIENT,
    heartbeat_ms: 667,
    habits: { ...STEADY_HABITS, xcom: 1, rtif_twice: 0.5, lost_answer: 0.2, impostor: 0.3, defers: 0.1, fails: 0.1 },
  },
  operators: [{ operator: 'trigger', dags: ['wt_load'], every_ms: 2_500, start_after_ms: 0 }],
  aims: ['acknowledged-is-durable', 'a-started-life-owns-its-task', 'impostors-are-refused'],
};
const faults: readonly PlannedFault[] = [
  {
    fault: 'thundering-herd',
    victim: 'fleet',
    at_ms: 12_000,
    for_ms: 6_000,
    with: { misbehaviour: 'herd_end', share: 1 },
  },
  {
    fault: 'lost-answers',
    victim: 'fleet',
    at_ms: 6_000,
    for_ms: 4_000,
    with: { misbehaviour: 'lost_answer', share: 0.3 },
  },
];

/** Plays the same plan each time. */
function planned(name: string): string {
  const folder = path.join(cwd, name);
  mkdirSync(folder);
  const manifest = { ...literalManifest({}), build: 'reference', plan: { seed: 7, scenario, faults } };
  writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(manifest));
  return folder;
}

describe.each([
  {
    engine: 'k6',
    flags: ['--engine', 'k6', '--k6-processes', '2', '--vus', '120'],
    name: /^k6 \d+\.\d+\.\d+, 60 \+ 60 VUs$/,
  },
  { engine: 'native', flags: [], name: /^native$/ },
])('$engine', ({ engine, flags, name }) => {
  const isMissing = engine === 'k6' && why !== undefined;
  let judgement: Judgement;
  let run: OpenRun;

  beforeAll(async () => {
    if (isMissing) return;
    const args = ['run', planned(`${engine}-plan`), ...flags, '--out', engine, '--json'];
    const { code, stdout, stderr } = await windtunnel(args, cwd);
    judgement = JSON.parse(stdout);
    const broken = judgement.invariants.flatMap(({ first }) => (first ? [first.sentence] : []));
    expect([0, 3], `${broken.join('\n')}\n${stderr.slice(-800)}`).toContain(code);
    run = await openRun(path.join(cwd, engine));
  }, 180_000);

  afterAll(() => run?.close());

  test.skipIf(isMissing)('the record is whole and violates no invariant', () => {
    const failing = judgement.assumptions.filter(({ verdict }) => verdict !== 'pass');
    // Whether two busy cores let it keep the pace is not what this is about.
    expect(failing.map(({ name }) => name).filter((name) => name !== 'fleet-kept-pace')).toEqual([]);
    expect(judgement.invariants.filter(({ verdict }) => verdict === 'fail')).toEqual([]);
    const aimed = judgement.invariants.filter(({ name }) => scenario.aims.includes(name));
    expect(aimed.map(({ verdict }) => verdict)).toEqual(['pass', 'pass', 'pass']);
  });

  test.skipIf(isMissing)('all of it plays lives, with requests of every kind', async () => {
    const kinds = await run.rows(`SELECT DISTINCT kind FROM operations WHERE actor = 'life' ORDER BY kind`);
    expect(kinds.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['heartbeat', 'rtif', 'run', 'state', 'impostor_run', 'xcom_push']),
    );
    const { lives, ended, most } =
      await run.row(`SELECT count(*) AS lives, count(*) FILTER ("end" = 'reported') AS ended,
      (SELECT max(value) FROM samples WHERE metric = 'live_lives') AS most FROM lives`);
    expect(Number(lives)).toBeGreaterThan(60);
    expect(Number(ended)).toBeGreaterThan(0.6 * Number(lives));
    // At once.
    expect(Number(most)).toBeGreaterThan(10);
    expect((await readManifest(path.join(cwd, engine))).engine).toMatch(name);
  });

  test.skipIf(isMissing)('windows of the plan meet the lives where they are', async () => {
    const hit = await run.rows('SELECT fault, detail FROM fault_windows ORDER BY fault');
    expect(hit.map(({ fault }) => fault)).toEqual(['lost-answers', 'thundering-herd']);
    const { dropped } = await run.row(`SELECT count(*) AS dropped FROM operations JOIN fault_windows
      ON fault = 'lost-answers' AND sent_ms BETWEEN opened_ms AND closed_ms
      WHERE kind = 'heartbeat' AND cause = 'answer-dropped'`);
    expect(Number(dropped)).toBeGreaterThan(0);
    // Reported by the lives that were hit, while the window was open.
    for (const { detail } of hit) expect(detail).toMatch(/; [1-9]\d* times, [1-9]\d* lives$/);
  });

  test.skipIf(isMissing)('a duplicate names the first of the two, and numbers are given once', async () => {
    const { operations, numbers, duplicates, matched } = await run.row(`SELECT count(*) AS operations,
      count(DISTINCT op) AS numbers, count(duplicate_of) AS duplicates,
      (SELECT count(*) FROM operations AS one JOIN operations AS other
        ON other.duplicate_of = one.op AND other.life = one.life
        AND other.op <> one.op AND one.kind = 'rtif' AND other.kind = 'rtif') AS matched FROM operations`);
    expect(numbers).toEqual(operations);
    expect(Number(duplicates)).toBeGreaterThan(4);
    expect(Number(matched)).toBeGreaterThan(Number(duplicates) / 4);
  });

  test.skipIf(isMissing)('what number a request has makes no difference to the verdict', async () => {
    const other = path.join(cwd, `${engine}-renumbered`);
    cpSync(path.join(cwd, engine), other, { recursive: true });
    await runSql(`COPY (
        WITH operations AS (FROM '${path.join(cwd, engine, 'operations.parquet')}'),
        numbers AS (SELECT op, row_number() OVER (ORDER BY hash(op)) AS number FROM operations)
        SELECT operations.* REPLACE (numbers.number AS op, firsts.number AS duplicate_of)
        FROM operations JOIN numbers USING (op) LEFT JOIN numbers AS firsts ON firsts.op = operations.duplicate_of
      ) TO '${path.join(other, 'operations.parquet')}' (FORMAT parquet)`);
    const resultOf = ({ invariants, assumptions, counts }: Judgement) => ({
      counts,
      invariants: invariants.map(({ name, verdict, exercised, violations }) => ({
        name,
        verdict,
        exercised,
        violations,
      })),
      assumptions: assumptions.map(({ name, verdict }) => ({ name, verdict })),
    });
    expect(resultOf(await judge(other))).toEqual(resultOf(judgement));
  });
});

describe.skipIf(why !== undefined)('a soak on k6', () => {
  test('plays each of its windows by k6s of their own, and says so in each', async () => {
    const flags = [
      '--build',
      'reference',
      '--window',
      '6s',
      '--duration',
      '12s',
      '--seed',
      '5',
      '--out',
      'soak',
      '--json',
    ];
    const { code, stdout, stderr } = await windtunnel(
      ['soak', 'race-63581', ...flags, '--engine', 'k6', '--vus', '40'],
      cwd,
    );
    expect([0, 3], stderr.slice(-800)).toContain(code);
    const { engine, windows } = JSON.parse(stdout) as Soak;
    expect(engine).toEqual({ engine: 'k6', vus: 40 });
    expect(windows.map(({ ended }) => ended)).toEqual(['completed', 'completed']);
    for (const { folder } of windows) {
      const { engine, repeat } = await readManifest(path.join(cwd, 'soak', folder));
      expect(engine).toMatch(/^k6 \d+\.\d+\.\d+, 40 VUs$/);
      expect(repeat).toMatch(/ --engine k6 --vus 40$/);
    }
    const again = await windtunnel(['soak', '--resume', 'soak', '--vus', '2'], cwd);
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('--resume cannot be given with --vus') });
  }, 180_000);
});

describe.skipIf(why !== undefined)('a k6 that is killed in mid-run', () => {
  test('takes its lives with it: they end as lost with an unknown outcome, and the others continue', async () => {
    const flags = ['--engine', 'k6', '--k6-processes', '2', '--vus', '80', '--out', 'killed', '--json'];
    const running = start(['run', planned('killed-plan'), ...flags], cwd, { TMPDIR: stacks });
    await until('the load with lives', () => /load +\d+ %.* (?:[5-9]|\d{2,}) live/.test(running.stderr()));
    const victim = stackProcesses(stacks).find((line) => line.includes('k6/worker.ts'));
    process.kill(Number.parseInt(victim ?? '', 10), 'SIGKILL');
    const { code, stdout, stderr } = await running.ended;
    expect(code, `${stderr.slice(-800)} ${stdout.slice(0, 6000)}`).toBe(3);
    const { verdict, assumptions } = JSON.parse(stdout) as Judgement;
    expect(verdict).toBe('unknown');
    expect(assumptions.find(({ name }) => name === 'lives-came-back')).toMatchObject({
      verdict: 'fail',
      sentence: expect.stringMatching(/^\d+ of \d+ lives sent no record of what they did/),
    });
    const run = await openRun(path.join(cwd, 'killed'));
    try {
      const { lost, others } = await run.row(`SELECT count(*) FILTER ("end" = 'lost') AS lost,
        count(*) FILTER ("end" = 'reported') AS others FROM lives`);
      expect(Number(lost)).toBeGreaterThan(0);
      expect(Number(others)).toBeGreaterThan(Number(lost));
      const messages = await run.rows(
        `SELECT message FROM server_log WHERE source = 'harness' AND message LIKE 'k6-%'`,
      );
      expect(messages).toEqual([{ message: expect.stringMatching(/^k6-\d was ended by SIGKILL in mid-run$/) }]);
    } finally {
      await run.close();
    }
    expectNothingLeft(stacks);
  }, 180_000);
});

describe.skipIf(why !== undefined)('a k6 that is started elsewhere', () => {
  test('asks with the script in one file, and ends by itself with the run', async () => {
    const archive = path.join(cwd, 'worker.tar');
    const k6 = (await findK6()).path;
    const worker = path.join(import.meta.dirname, '..', 'workloads', 'k6', 'worker.ts');
    const env = { ...process.env, WINDTUNNEL_VUS: '60' };
    execFileSync(k6, ['archive', '--exclude-env-vars', '-O', archive, worker], { env, stdio: 'ignore' });
    const flags = [
      '--engine',
      'k6',
      '--k6-processes',
      '0',
      '--worker-listen',
      '127.0.0.1:0',
      '--out',
      'elsewhere',
      '--json',
    ];
    const shared = { WINDTUNNEL_TOKEN: 'a token of our own' };
    const running = start(['run', planned('elsewhere-plan'), ...flags], cwd, shared);
    const listening = /listening for k6 at (http:\/\/127\.0\.0\.1:\d+): start it/;
    await until('the address for k6', () => listening.test(running.stderr()));
    const [, WINDTUNNEL_URL = ''] = listening.exec(running.stderr()) ?? [];
    const play = promisify(execFile)(k6, ['run', '--quiet', '--no-usage-report', '--address', '', archive], {
      env: { ...process.env, ...shared, WINDTUNNEL_URL },
      timeout: 150_000,
    });
    const { code, stdout, stderr } = await running.ended;
    expect([0, 3], stderr.slice(-800)).toContain(code);
    const { invariants, counts } = JSON.parse(stdout) as Judgement;
    expect(invariants.filter(({ verdict }) => verdict === 'fail')).toEqual([]);
    expect(counts.lives_reported).toBeGreaterThan(40);
    // It rejects unless k6 ends with 0.
    await play;
  }, 180_000);
});

describe('docker/kubernetes', () => {
  test('the run is one that the command takes, up to what only a cluster has', async () => {
    const [container] = ofKind('Job').spec.template.spec.containers;
    const env = Object.fromEntries(container.env.map(({ name }) => [name, 'x'.repeat(64)]));
    writeFileSync(path.join(cwd, 'target.yaml'), ofKind('ConfigMap').data['target.yaml'] ?? '');
    const args = container.args.map((arg) => (arg === '/etc/windtunnel/target.yaml' ? 'target.yaml' : arg));
    const flags = args.map((arg) => (arg === '/runs/seeds' ? 'cluster' : arg === '9464' ? '0' : arg));
    const { code, stderr } = await windtunnel(flags, cwd, env);
    expect({ code, stderr }).toEqual({
      code: 4,
      stderr: expect.stringMatching(/cannot be used, so that no run begins/),
    });
  });
});

describe('the flags of the engine', () => {
  test.each([
    [['--engine', 'gatling'], ['--engine must be native or k6, not "gatling"']],
    [
      ['--vus', '5', '--worker-listen', '127.0.0.1:1'],
      ['--vus needs --engine k6', '--worker-listen needs --engine k6'],
    ],
    [
      ['--engine', 'k6', '--vus', '0', '--k6-processes', '99', '--worker-listen', 'here'],
      [
        '--k6-processes must be a whole number from 0 to 32, not 99',
        '--vus must be',
        '--worker-listen must be a host and a port',
      ],
    ],
    [['--engine', 'k6', '--k6-processes', '0'], ['--k6-processes 0 needs WINDTUNNEL_TOKEN']],
    // With what else is wrong.
    [
      ['--engine', 'k6', '--vus', '0', '--duration', 'long', '--build', 'refernce'],
      ['--vus must be', '--duration must be', 'refernce'],
    ],
  ])('%j', async (flags, problems) => {
    const build = flags.includes('--build') ? [] : ['--build', 'reference'];
    const { code, stderr } = await windtunnel(['run', 'seeds', ...build, ...flags], cwd, { WINDTUNNEL_TOKEN: '' });
    expect(code).toBe(2);
    for (const problem of problems) expect(stderr).toContain(problem);
  });

  test('without a k6 one sentence says how to get one', async () => {
    const { code, stderr } = await windtunnel(['run', 'seeds', '--build', 'reference', '--engine', 'k6'], cwd, {
      WINDTUNNEL_K6: '/nowhere/k6',
    });
    expect(code).toBe(4);
    expect(stderr).toMatch(/^k6 1 or newer is needed, and there is none at \/nowhere\/k6\. Install it .*\n$/);
  });
});
