import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll } from 'vitest';

import type { Upgrade } from '../harness/model/upgrade.ts';
import { type Started, stacksFolder, start } from './airflow.ts';

/** Upgrades that are played in a folder of the test file's own. */
export const UPGRADE_MS = 900_000;

/** As `storm`, with a DAG run that has just begun whenever the load ends. */
const SCENARIO = `
import { scenario as storm } from '${path.join(import.meta.dirname, '..', 'workloads', 'scenarios', 'storm.ts')}';
const [trigger] = storm.operators;
export const scenario = { ...storm, operators: [{ ...trigger, every_ms: 4_000 }] };
`;
const LOAD = ['--seed', '7', '--duration', '30s', '--wave', '40s', '--parse-after', '15s'];

export let cwd: string;
export let stacks: string;

beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-upgrade-'));
  stacks = stacksFolder(cwd);
  writeFileSync(path.join(cwd, 'begun.ts'), SCENARIO);
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

export function upgrade(from: string, to: string, out: string, env: NodeJS.ProcessEnv = {}): Started {
  const words = ['upgrade', './begun.ts', '--from', from, '--to', to, ...LOAD, '--out', out];
  return start(words, cwd, { TMPDIR: stacks, ...env });
}

export function upgradeIndex(out: string): Upgrade {
  return JSON.parse(readFileSync(path.join(cwd, out, 'upgrade.json'), 'utf8'));
}
