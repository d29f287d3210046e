import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { SCENARIOS } from '../harness/run/catalogue.ts';
import { argumentsOf, processVariables } from '../harness/stacks/airflow/airflow.ts';
import { installAirflow } from '../harness/stacks/airflow/install.ts';
import { TASK_INSTANCE_HEARTBEAT_TIMEOUT_S } from '../harness/stacks/airflow/settings.ts';
import { rolesOf } from '../harness/stacks/managed.ts';
import { TARGET } from '../harness/stacks/target-file.ts';
import { POSTGRES_VERSION } from '../harness/system/postgres-binaries.ts';
import { withClient } from '../harness/system/postgres-client.ts';
import { ProcessTable } from '../harness/system/process-table.ts';
import { SETTINGS_FILES } from '../scripts/docker-settings.ts';
import { start, whyNoAirflow } from './airflow.ts';
import { dashboardMetrics, readDashboard, servedMetrics } from './compose/metrics.ts';
import { PlainTopology } from './compose/plain.ts';
import { DOCKER, mountsOf, readCompose, type Services } from './compose/read.ts';

const AIRFLOW = ['compose.yaml'];
const REFERENCE = ['compose.yaml', 'compose.reference.yaml'];
const RUN_MS = 400_000;

const target = TARGET.parse(parse(readFileSync(path.join(DOCKER, 'target.yaml'), 'utf8')));
const roles = rolesOf({ executionPorts: [8080], publicPort: 8080 }, { triggerer: true, schedulers: 2 });

describe('docker/', () => {
  test.each(Object.entries(SETTINGS_FILES))('%s is what the stacks of windtunnel are given', (file, text) => {
    expect(readFileSync(path.join(DOCKER, file), 'utf8'), 'run `npm run docker-settings`').toBe(text());
  });

  test('the services are the processes of a stack of ours, with PostgreSQL, its migration and the harness', () => {
    const beside = ['postgres', 'migrate', 'windtunnel'];
    for (const files of [AIRFLOW, REFERENCE]) {
      expect(withoutMetrics(readCompose(files))).toEqual([...beside, ...roles.map(({ name }) => name)].sort());
    }
    expect(readCompose(AIRFLOW).postgres?.image).toBe(`postgres:${POSTGRES_VERSION}-bookworm`);
  });

  test('each Airflow process has the command and the variables that windtunnel gives its own', () => {
    const services = readCompose(AIRFLOW, { WINDTUNNEL_SECRET: 'the secret', WINDTUNNEL_DB_PASSWORD: 'the password' });
    for (const role of roles) {
      const { command, environment } = services[role.name] ?? {};
      expect(command).toEqual(['airflow', ...argumentsOf(role, '0.0.0.0')]);
      const place = { executorPath: '/opt/windtunnel/docker/executor', handOff: target.handoff };
      expect(environment).toEqual({
        ...fromFile('airflow.env'),
        ...processVariables(role.name, place),
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: 'postgresql+psycopg2://airflow:the password@postgres:5432/airflow',
        AIRFLOW__API__SECRET_KEY: 'the secret',
        AIRFLOW__API_AUTH__JWT_SECRET: 'the secret',
        WINDTUNNEL_LOGS: '/shared/logs',
      });
    }
  });

  test('the target file of the harness names this stack, and says that it may', () => {
    expect(target.processes.map(({ name }) => name)).toEqual(roles.map(({ name }) => name));
    expect(target.processes.map(({ log }) => log)).toEqual(roles.map(({ name }) => `/shared/logs/${name}.log`));
    expect(target.task_instance_heartbeat_timeout_s).toBe(TASK_INSTANCE_HEARTBEAT_TIMEOUT_S);
    expect(target.i_own_this).toBe(true);
    const services = readCompose(AIRFLOW);
    for (const url of [...target.execution_api, target.public_api, target.dsn])
      expect(Object.keys(services)).toContain(new URL(url).hostname);
    expect(services.windtunnel?.environment).toHaveProperty('WINDTUNNEL_SECRET', secretOf(services));
    const [verb, scenario] = services.windtunnel?.command ?? [];
    expect(verb).toBe('run');
    expect(SCENARIOS.map(({ name }) => name)).toContain(scenario);
  });

  test('Prometheus scrapes the address that is served, and the dashboard queries what is served', async () => {
    const { scrape_configs } = parse(readFileSync(path.join(DOCKER, 'metrics/prometheus.yaml'), 'utf8'));
    const targets = scrape_configs.flatMap((job: { static_configs: { targets: string[] }[] }) => job.static_configs);
    const command = readCompose(AIRFLOW).windtunnel?.command ?? [];
    const flag = (name: string) => command[command.indexOf(name) + 1];
    expect(targets).toEqual([{ targets: [`windtunnel:${flag('--metrics-port')}`] }]);
    expect(flag('--metrics-host')).toBe('0.0.0.0');
    expect(dashboardMetrics().sort()).toEqual((await servedMetrics()).sort());
    const source = parse(readFileSync(path.join(DOCKER, 'metrics/datasource.yaml'), 'utf8')).datasources[0].uid;
    expect(new Set(readDashboard().match(/(?<="type": "prometheus",\s+"uid": ")[^"]+/g))).toEqual(new Set([source]));
  });

  test('what is mounted from here is here', () => {
    const mounted = Object.values(readCompose(AIRFLOW)).flatMap((service) => mountsOf(service));
    const files = mounted.map(({ source }) => source).filter((source) => source.startsWith('.'));
    expect(files.length).toBeGreaterThan(4);
    expect(files.filter((file) => !existsSync(path.join(DOCKER, file)))).toEqual([]);
  });

  test('nothing runs as root, nothing is reached from elsewhere, every image is pinned', () => {
    for (const files of [AIRFLOW, REFERENCE]) {
      for (const [name, service] of Object.entries(readCompose(files))) {
        expect(service.user, name).toMatch(/^(postgres|[1-9]\d*:\d+)$/);
        expect(service, name).toMatchObject({ cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
        for (const port of service.ports) expect(port, name).toMatch(/^127\.0\.0\.1:/);
        if (service.build === undefined) expect(service.image, name).toMatch(/:v?\d+\.\d+/);
        const dockerfile = service.build && path.join(DOCKER, service.build.context, service.build.dockerfile);
        const bases = dockerfile ? readFileSync(dockerfile, 'utf8').match(/^FROM .*/gm) : [];
        for (const base of bases ?? []) expect(base, name).toMatch(/:(\d+\.\d+\.\d+|slim-\$\{AIRFLOW_VERSION\})-/);
      }
    }
  });
});

function withoutMetrics(services: Services): string[] {
  const names = Object.entries(services).filter(([, { profiles }]) => !profiles.includes('metrics'));
  return names.map(([name]) => name).sort();
}

function fromFile(file: string): Record<string, string> {
  const lines = readFileSync(path.join(DOCKER, file), 'utf8').split('\n').slice(1, -1);
  return Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2)));
}

function secretOf(services: Services): string | undefined {
  return services['scheduler-1']?.environment.AIRFLOW__API_AUTH__JWT_SECRET;
}

/** Why the files cannot be read by Docker itself here, or undefined. It needs no engine, only the plug-in. */
function whyNoCompose(): string | undefined {
  try {
    execFileSync('docker', ['compose', 'version'], { stdio: 'ignore', timeout: 30_000 });
    return undefined;
  } catch {
    const why = 'there is no `docker compose` on this machine';
    console.warn(`SKIPPED: the files as \`docker compose config\` reads them, for ${why}`);
    return why;
  }
}

describe.skipIf(whyNoCompose() !== undefined)('docker compose', () => {
  test.each([
    { files: AIRFLOW, env: {} },
    { files: AIRFLOW, env: { AIRFLOW_VERSION: '3.2.1', WINDTUNNEL_SECRET: 'a b', SCENARIO: 'storm' } },
    { files: REFERENCE, env: { REFERENCE_DEFECTS: 'rtif-merge' } },
  ])('reads $files with $env as these tests do', ({ files, env }) => {
    const named = files.flatMap((file) => ['-f', file]);
    const text = execFileSync('docker', ['compose', ...named, '--profile', '*', 'config', '--format', 'json'], {
      cwd: DOCKER,
      env: { ...process.env, ...env },
      encoding: 'utf8',
      timeout: 60_000,
    });
    const { services } = JSON.parse(text);
    const ours = readCompose(files, env);
    expect(Object.keys(services).sort()).toEqual(Object.keys(ours).sort());
    for (const [name, service] of Object.entries(ours)) {
      const theirs = services[name];
      for (const key of ['image', 'user', 'command'] as const) expect(theirs[key] ?? [], name).toEqual(service[key]);
      expect(theirs.entrypoint ?? [], name).toEqual(service.entrypoint);
      expect(theirs.healthcheck?.test, name).toEqual(service.healthcheck?.test);
      expect(theirs.environment ?? {}, name).toEqual(service.environment);
      const conditions = Object.entries<{ condition: string }>(theirs.depends_on ?? {});
      const depends_on = Object.fromEntries(conditions.map(([other, { condition }]) => [other, { condition }]));
      expect(depends_on, name).toEqual(service.depends_on);
    }
  });
});

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Each service has an address of its own in 127.0.0.0/8, which only Linux gives without being asked. */
const linux = process.platform === 'linux';
if (!linux) console.warn('SKIPPED: the topology of docker/ as plain processes, because this is not Linux');

interface Verdict {
  readonly build: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly invariants: readonly { readonly name: string; readonly verdict: string }[];
}

async function loadOn(services: Services, duration: string, pathOf: (image: string) => string): Promise<Verdict> {
  const table = new ProcessTable(randomBytes(3).toString('hex'));
  ends.push(() => table.close());
  const folder = table.folder(path.join(os.tmpdir(), `wt-${table.id}`));
  const topology = new PlainTopology(services, { table, folder, pathOf, signal: AbortSignal.timeout(RUN_MS) });
  await topology.startBelow('windtunnel');
  expect([...topology.running, 'windtunnel'].sort()).toEqual(withoutMetrics(services));
  const { args, env } = topology.commandOf('windtunnel');
  const file = topology.adapted('windtunnel', path.join(DOCKER, 'target.yaml'));
  // As `docker compose run windtunnel …` does: the service's own command, with another length and no live line.
  const words = args.slice(1).map((word) => (word === 'docker/target.yaml' ? file : word));
  const out = path.join(folder, 'run');
  const { ended } = start([...words, '--duration', duration, '--seed', '5', '--out', out, '--json'], folder, env);
  const dsn = new URL(TARGET.parse(parse(readFileSync(file, 'utf8'))).dsn);
  dsn.password = env.WINDTUNNEL_DB_PASSWORD ?? '';
  const flag = (name: string) => words[words.indexOf(name) + 1];
  const seen = await seenUntil(ended, `http://${flag('--metrics-host')}:${flag('--metrics-port')}/metrics`, dsn.href);
  const { code, stdout, stderr } = await ended;
  expect(stdout, `ended with ${code}: ${stderr.slice(-1_000)}`).not.toBe('');
  expect(dashboardMetrics().filter((name) => !seen.metrics.has(name))).toEqual([]);
  expect(roles.filter(({ name }) => !seen.applications.has(`wt-${name}`))).toEqual([]);
  const verdict: Verdict = JSON.parse(stdout);
  expect(verdict.build).toBe('compose');
  expect(verdict.counts.ok).toBeGreaterThan(0);
  expect(verdict.counts.lives).toBeGreaterThan(0);
  return verdict;
}

/** What Prometheus would have scraped, and who was connected to the database, until the run was over. */
async function seenUntil(ended: Promise<unknown>, url: string, dsn: string) {
  const metrics = new Set<string>();
  const applications = new Set<string>();
  let over = false;
  void ended.finally(() => {
    over = true;
  });
  while (!over) {
    const text = await fetch(url).then(
      (answer) => answer.text(),
      () => '', // Not there yet, or not any more.
    );
    for (const [, name = ''] of text.matchAll(/^(windtunnel_\w+)/gm)) metrics.add(name);
    const { rows } = await withClient(dsn, (client) => client.query('SELECT application_name FROM pg_stat_activity'));
    for (const { application_name } of rows) applications.add(application_name);
    await sleep(300);
  }
  return { metrics, applications };
}

describe.skipIf(!linux)('as plain processes', () => {
  test('the reference stack starts from the files, is loaded and is judged', { timeout: RUN_MS }, async () => {
    const variables = { SCENARIO: 'storm', REFERENCE_DEFECTS: 'token-refused-after-refresh' };
    const found = await loadOn(
      readCompose(REFERENCE, variables),
      '8s',
      () => `${path.dirname(process.execPath)}:/usr/bin:/bin`,
    );
    const broken = found.invariants.filter(({ verdict }) => verdict === 'fail').map(({ name }) => name);
    expect(broken).toContain('tokens-keep-working');
  });
});

const why = linux ? await whyNoAirflow() : 'not Linux';

test.skipIf(why !== undefined)(
  'the real Airflow starts from the files, is loaded and is judged',
  { timeout: RUN_MS },
  async () => {
    const options = { log: () => undefined, signal: AbortSignal.timeout(RUN_MS) };
    const { bin } = await installAirflow('3.3.2', options);
    await loadOn(readCompose(AIRFLOW, { SCENARIO: 'storm' }), '20s', () => `${bin}:/usr/bin:/bin`);
  },
);
