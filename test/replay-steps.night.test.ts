import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { parseScript } from '../harness/director/script.ts';
import { isCue } from '../harness/director/steps.ts';
import type { Replay } from '../harness/model/replay.ts';
import { KNOWN_RACES } from '../harness/races/index.ts';
import { shippedRaces } from '../harness/replay/resolve.ts';
import { windtunnel } from './airflow.ts';

/** No file has a step that it does not need. */
vi.setConfig({ testTimeout: 3_600_000 });

const RACES = path.join(import.meta.dirname, '..', 'harness', 'races');
const shown = shippedRaces().flatMap((name) => {
  const race = KNOWN_RACES.find((one) => one.name.replace('#', '') === name);
  return race?.reference ? [{ name, build: race.reference }] : [];
});

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-steps-'));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

/**
 * The file without each of its steps up to its last cue, those that are still a script: what a hold needs is refused
 * without it. What comes after the last cue waits for the consequences, which come about without being waited for.
 */
function shortened(name: string): string[] {
  const text = readFileSync(path.join(RACES, `${name}.race.yaml`), 'utf8');
  const { steps } = parseScript(name, text);
  const lines = text.split('\n');
  return steps.slice(0, steps.findLastIndex(isCue) + 1).flatMap(({ line }) => {
    const without = lines.filter((_, i) => i !== line - 1).join('\n');
    // A folder of its own for each.
    const variant = without.replace(/^race: .*$/m, `race: ${name}-without-${line}`);
    const file = path.join(cwd, `${name}-${line}.race.yaml`);
    try {
      parseScript(file, variant);
    } catch {
      return [];
    }
    writeFileSync(file, variant);
    return [file];
  });
}

// One file: `-t 63581`.
test.each(shown)('without any of its steps $name does not break $build', async ({ name, build }) => {
  const files = shortened(name);
  expect(files.length).toBeGreaterThan(0);
  const { stdout, stderr } = await windtunnel(['replay', ...files, '--build', build, '--times', '1', '--json'], cwd);
  expect(stdout.startsWith('{'), stderr.slice(-500)).toBe(true);
  const replay: Replay = JSON.parse(stdout);
  expect(replay.files).toHaveLength(files.length);
  expect(replay.files.filter(({ outcome }) => outcome === 'broken').map(({ race }) => race)).toEqual([]);
});
