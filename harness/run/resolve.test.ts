import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { afterEach, expect, test } from 'vitest';

import { scenario as seeds } from '../../workloads/scenarios/seeds.ts';
import type { Manifest } from '../model/manifest.ts';
import { writeLiteralRun } from '../testing/literal-run.ts';
import { resolveRun } from './resolve.ts';

const written: { remove(): void }[] = [];
afterEach(() => {
  for (const run of written.splice(0)) run.remove();
});

function stored(manifest: Partial<Manifest> = {}): string {
  const run = writeLiteralRun({ manifest, scenario: seeds });
  written.push(run);
  return run.folder;
}

test('a stored run on another build has a command that repeats it there, with its plan', async () => {
  const folder = stored();
  const { repeat, subject } = await resolveRun({ scenario: folder, build: 'reference+rtif-merge' });
  expect(repeat).toBe(`windtunnel run ${folder} --build reference+rtif-merge`);
  expect(subject).toMatchObject({ build: { kind: 'reference', defects: ['rtif-merge'] } });
});

test('a seed that is drawn is in the command that repeats the run', async () => {
  const { repeat, plan } = await resolveRun({ scenario: 'seeds', build: 'reference', duration: '10s' });
  expect(repeat).toBe(`windtunnel run seeds --build reference --seed ${plan.seed} --duration 10s`);
});

test.each(['airflow@.', 'airflow@/tmp/a folder', 'airflow@~/x'])(
  'a checkout that a manifest names is not installed, unless the command line names it: %s',
  async (build) => {
    const folder = stored({ build });
    await expect(resolveRun({ scenario: folder })).rejects.toThrow(
      /is of the build at .* --build ('airflow@.*'|airflow@)/,
    );
  },
);

test('a checkout of a manifest that the command line names as well is meant', async () => {
  const folder = stored({ build: 'airflow@.' });
  const checkout = path.join(folder, 'checkout');
  for (const part of ['airflow-core', 'task-sdk']) {
    mkdirSync(path.join(checkout, part), { recursive: true });
    writeFileSync(path.join(checkout, part, 'pyproject.toml'), '');
  }
  const { subject } = await resolveRun({ scenario: folder, build: `airflow@${checkout}` });
  expect(subject).toMatchObject({ build: { version: checkout } });
});

test('a stored plan is held to what a scenario file is held to, all of it at once', async () => {
  const [first] = seeds.dags;
  const dags = [{ ...first, dag_id: 'payroll' }] as unknown as typeof seeds.dags;
  const plan = {
    seed: -1,
    scenario: { ...seeds, dags, aims: ['no-such'], duration_s: 0, hello: 1 },
    faults: [{ fault: 'quake', victim: 'postgres', at_ms: 1, for_ms: 1, with: {} }],
  };
  const refused = resolveRun({ scenario: stored({ plan }), build: 'reference' });
  await expect(refused).rejects.toThrow(/seed: must be at least 0/);
  await expect(refused).rejects.toThrow(/dags\.0\.dag_id: must begin with wt_/);
  await expect(refused).rejects.toThrow(/duration_s: must be more than 0/);
  await expect(refused).rejects.toThrow(/there is no "hello"/);
  await expect(refused).rejects.toThrow(/no invariant "no-such"/);
  await expect(refused).rejects.toThrow(/no fault "quake"/);
});

test('a target cannot be traced, which is said with everything else that is wrong', async () => {
  const refused = resolveRun({ scenario: 'seeds', target: 'nowhere.yaml', trace: true, duration: 'long' });
  await expect(refused).rejects.toThrow(/--trace needs proxies/);
  await expect(refused).rejects.toThrow(/nowhere\.yaml/);
});
