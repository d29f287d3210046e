import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Judgement } from '../harness/model/verdict.ts';
import { cellOf, RELEASES, ROWS } from '../scripts/truth-table-cells.ts';
import { expectNothingLeft, stacksFolder, whyNoAirflow, whyNoK6, windtunnel } from './airflow.ts';

/** A release with three of the four races, and one with none: each cell of the truth table, in one run. */
const CHOSEN = ['3.2.1', '3.3.2'] as const;
/** The first of them installs Airflow, where that has not been done on this machine. */
const RUN_MS = 400_000;

const noAirflow = await whyNoAirflow();
const noK6 = await whyNoK6();
let cwd: string;
let TMPDIR: string;

beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-smoke-'));
  TMPDIR = stacksFolder(cwd);
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

describe.skipIf(noAirflow !== undefined)('the four races of the scenario seeds', () => {
  test.each(CHOSEN)(
    'are found in Airflow %s where it has them, and only there',
    { timeout: RUN_MS },
    async (release) => {
      const args = ['run', 'seeds', '--build', `airflow@${release}`, '--seed', '1001', '--out', release, '--json'];
      const { stdout, stderr } = await windtunnel(args, cwd, { TMPDIR });
      const { invariants }: Judgement = JSON.parse(stdout || '{ "invariants": [] }');
      const cells = ROWS.map(({ invariant, variant, expected }) => {
        const result = invariants.find(({ name }) => name === invariant);
        const verdict = result && cellOf(result, variant).verdict;
        // A slow machine does not exercise everything: that is no violation, and windtunnel says so.
        const isQuiet = verdict === 'unknown' && expected[RELEASES.indexOf(release)] === 'pass';
        return [invariant, isQuiet ? 'pass' : verdict];
      });
      const expected = ROWS.map((row) => [row.invariant, row.expected[RELEASES.indexOf(release)]]);
      expect(cells, stderr.slice(-500)).toEqual(expected);
      expectNothingLeft(TMPDIR);
    },
  );
});

describe.skipIf(noK6 !== undefined)('the engine k6', () => {
  test('plays the lives of a run of the reference stack', { timeout: 120_000 }, async () => {
    const args = ['--build', 'reference', '--engine', 'k6', '--vus', '40', '--duration', '8s', '--seed', '3'];
    const { code, stdout, stderr } = await windtunnel(['run', 'seeds', ...args, '--out', 'k6', '--json'], cwd, {
      TMPDIR,
    });
    // Eight seconds are too short to exercise everything.
    expect([0, 3], stderr.slice(-500)).toContain(code);
    const { counts }: Judgement = JSON.parse(stdout);
    expect(counts.lives).toBeGreaterThan(0);
    expect(counts.lives_reported).toBeGreaterThan(0);
    const manifest = JSON.parse(readFileSync(path.join(cwd, 'k6', 'manifest.json'), 'utf8'));
    expect(manifest).toMatchObject({ ended: 'completed', engine: expect.stringMatching(/^k6 \d+\.\d+\.\d+, 40 VUs$/) });
    expectNothingLeft(TMPDIR);
  });
});
