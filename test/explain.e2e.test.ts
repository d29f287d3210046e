import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Finding } from '../harness/model/finding.ts';
import { type LiteralRun, writeLiteralRun } from '../harness/testing/literal-run.ts';
import { windtunnel } from './airflow.ts';

/** Each call is a process that loads, judges and ends: seconds, on a machine that is busy with something else. */
const CALLS_MS = 120_000;
const RUN_MS = 240_000;

const FAILED: LiteralRun = {
  operations: [
    { kind: 'state', requested: 'success', outcome: 'unknown', status: 500, sent_ms: 5_000, ended_ms: 5_300 },
  ],
};

describe('windtunnel explain, from the stored folder alone', () => {
  let stored: ReturnType<typeof writeLiteralRun>;
  beforeAll(() => {
    stored = writeLiteralRun(FAILED);
  });
  afterAll(() => stored.remove());

  const explain = (...args: string[]) => windtunnel(['explain', stored.folder, ...args], stored.folder);

  test(
    'names every finding, and prints the whole timeline of one',
    async () => {
      const all = await explain();
      expect(all).toMatchObject({ code: 0, stderr: '' });
      expect(all.stdout).toMatch(
        /^F1 {2}A request was answered with an error that the API does not promise \(state 500\): once/,
      );
      const one = await explain('F1');
      expect(one.stdout).toMatch(/−300 ms \* w-1 {2}reports SUCCESS: 500, after 300 ms/);
      expect(one.stdout).toContain('repeat  windtunnel run literal --seed 7');
    },
    CALLS_MS,
  );

  test(
    'prints one document for programs, and knows a finding by its fingerprint, too',
    async () => {
      const findings: Finding[] = JSON.parse((await explain('--json')).stdout);
      expect(findings.map(({ id }) => id)).toEqual(['F1']);
      const one: Finding = JSON.parse((await explain(findings[0]?.fingerprint.slice(0, 5) ?? '', '--json')).stdout);
      expect(one).toEqual(findings[0]);
    },
    CALLS_MS,
  );

  test(
    'says which findings there are when asked for another',
    async () => {
      const { code, stdout, stderr } = await explain('F7');
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(/^There is no finding "F7" in this run: choose one of F1 \([0-9a-f]{8}\)\.$/m);
    },
    CALLS_MS,
  );
});

describe('the findings of a run of the reference stack', () => {
  let cwd: string;
  beforeAll(() => {
    cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-explain-'));
  });
  afterAll(() => rmSync(cwd, { recursive: true, force: true }));

  test(
    'shows a skip that overwrites as one race, each timeline in the order of its causes',
    async () => {
      const flags = ['--build', 'reference+skip-unguarded', '--duration', '20s', '--seed', '3', '--out', 'run'];
      expect((await windtunnel(['run', 'race-63266', ...flags], cwd)).code).toBe(1);
      const findings: Finding[] = JSON.parse((await windtunnel(['explain', 'run', '--json'], cwd)).stdout);
      expect(findings.map(({ known_race }) => known_race)).toEqual(['#63266']);
      const [skip] = findings;
      expect(skip?.invariants.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['running-is-not-overwritten', 'a-started-life-owns-its-task']),
      );
      const entries = skip?.timeline?.entries ?? [];
      const at = (what: RegExp) => entries.findIndex((entry) => what.test(entry.what));
      const overwritten = entries.findIndex(({ after }) => after === 'skipped');
      expect(at(/^as branch, skips /)).toBeGreaterThanOrEqual(0);
      expect(at(/^as branch, skips /)).toBeLessThan(overwritten);
      // By its next heartbeat, or by the answer to its end, unless the load ended before that.
      const text = entries.map(({ what }) => what).join('\n');
      if (!/the worker was never told/.test(skip?.worst.sentence ?? '')) {
        expect(at(/409 (not_running|invalid_state)/), text).toBeGreaterThan(overwritten);
      }
      expect(entries[overwritten]?.by).toBe(entries[at(/^as branch, skips /)]?.operation);
      expect(skip?.contrast?.victims).toBeGreaterThan(0);
    },
    RUN_MS,
  );
});
