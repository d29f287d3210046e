import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Finding } from '../harness/model/finding.ts';
import { windtunnel } from './airflow.ts';

const RUN_MS = 240_000;

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
      if (!/the worker got no answer that says so/.test(skip?.worst.sentence ?? '')) {
        expect(at(/409 (not_running|invalid_state)/), text).toBeGreaterThan(overwritten);
      }
      expect(entries[overwritten]?.by).toBe(entries[at(/^as branch, skips /)]?.operation);
      expect(skip?.contrast?.victims).toBeGreaterThan(0);
    },
    RUN_MS,
  );
});
