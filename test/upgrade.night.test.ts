import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, test } from 'vitest';

import { expectNothingLeft, whyNoAirflow, windtunnel } from './airflow.ts';
import { NO_OTHER_SERVER, otherServers } from './other-postgres.ts';
import { cwd, stacks, UPGRADE_MS, upgrade, upgradeIndex } from './played-upgrade.ts';

const why = await whyNoAirflow();
const [otherServer] = otherServers();
if (otherServer === undefined) console.warn(NO_OTHER_SERVER);

const manifestOf = (out: string, phase: string) =>
  JSON.parse(readFileSync(path.join(cwd, out, phase, 'manifest.json'), 'utf8'));

/** DAG runs of which tasks were started in this phase. */
async function runsPlayed(out: string, phase: string): Promise<string[]> {
  const sql = "SELECT DISTINCT dag_id || ' ' || run_id FROM operations WHERE kind = 'run' AND outcome = 'ok'";
  const { stdout } = await windtunnel(['query', path.join(out, phase), sql], cwd);
  return stdout.split('\n').filter((line) => line.startsWith('wt_'));
}

describe.skipIf(why !== undefined)(`the real Airflow${why ? ` (skipped: ${why})` : ''}`, () => {
  test(
    `the DAG runs of 3.1.8 go on with new DAG versions on 3.2.1, on PostgreSQL ${otherServer ?? 'of npm'}`,
    async () => {
      const out = 'up';
      const env = otherServer === undefined ? {} : { WINDTUNNEL_POSTGRES: otherServer };
      const { code, stdout, stderr } = await upgrade('airflow@3.1.8', 'airflow@3.2.1', out, env).ended;
      const { state, phases, migration } = upgradeIndex(out);
      expect(state, stderr).toBe('completed');
      // 3.2.1 has races that so little load may or may not show.
      expect([0, 1, 3]).toContain(code);
      expect(phases.map((phase) => `${phase.name} ${phase.build} ${phase.ended}`)).toEqual([
        'before airflow@3.1.8 completed',
        'wave airflow@3.2.1 completed',
        'ordinary airflow@3.2.1 completed',
      ]);
      expect(migration).toMatchObject({ how: 'ended with code 0', revision: { from: '509b94a1042d' } });
      expect(migration?.revision.to).not.toBe('509b94a1042d');
      expect(stdout).toContain('nothing is recorded');

      // What was unfinished went on, on the other build, and each of these runs got the new version of its DAG.
      const [before, wave] = phases.map(({ left }) => left);
      expect(before?.unfinished_runs).toBeGreaterThan(0);
      expect((before?.tasks.none ?? 0) + (before?.tasks.scheduled ?? 0)).toBeGreaterThan(0);
      expect(wave?.dag_versions).toBeGreaterThan(before?.dag_versions ?? 0);
      expect(wave?.runs_of_older_versions).toBe(0);
      expect(phases[1]?.judged?.broken).not.toHaveProperty('hand-off-follows-queueing');
      const first = new Set(await runsPlayed(out, '1-before'));
      expect((await runsPlayed(out, '2-wave')).filter((run) => first.has(run)).length).toBeGreaterThan(0);

      // Each phase is a run of its build, and says that it began in the middle.
      for (const [phase, version, continues] of [
        ['1-before', '3.1.8', undefined],
        ['2-wave', '3.2.1', true],
        ['3-ordinary', '3.2.1', true],
      ] as const) {
        const { identity, ...manifest } = manifestOf(out, phase);
        expect(identity.airflow).toBe(version);
        expect(manifest.continues).toBe(continues);
        expect(existsSync(path.join(cwd, out, phase, 'report.html'))).toBe(true);
      }
      if (otherServer !== undefined)
        expect(manifestOf(out, '2-wave').identity.postgres).toMatch(new RegExp(`^${path.basename(otherServer)}\\.`));
      expectNothingLeft(stacks);
    },
    UPGRADE_MS,
  );

  test(
    'a migration that fails is said in its own words, and what was recorded before it is judged',
    async () => {
      const { code, stderr, stdout } = await upgrade('airflow@3.2.1', 'airflow@3.1.8', 'down').ended;
      expect(code, stderr).toBe(4);
      expect(stdout).toMatch(
        /The migration to airflow@3\.1\.8 failed: it\s+ended with code 1 \(see\s+\S+migration\.log\)/,
      );
      expect(stdout).toMatch(/Can't locate revision/);
      expect(stdout).not.toMatch(/File ".*", line/);
      expect(readFileSync(path.join(cwd, 'down', 'logs', 'migration.log'), 'utf8')).toContain("Can't locate revision");
      const { state, phases, migration } = upgradeIndex('down');
      expect(state).toBe('failed');
      expect(phases).toMatchObject([{ name: 'before', ended: 'completed', judged: { load_s: expect.any(Number) } }]);
      expect(migration).toMatchObject({ how: 'ended with code 1', gap: { to: null } });
      expect(stdout).toMatch(/on nothing is recorded/);
      expectNothingLeft(stacks);
    },
    UPGRADE_MS,
  );
});
