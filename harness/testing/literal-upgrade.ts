import { scenario } from '../../workloads/scenarios/storm.ts';
import { type JudgedPhase, PHASES, UPGRADE_FORMAT, type Upgrade, type UpgradePhaseName } from '../model/upgrade.ts';

const KEPT: JudgedPhase = {
  verdict: 'pass',
  broken: {},
  doubts: [],
  kept: ['no-deadlocks'],
  untested: [],
  findings: [],
  load_s: 60,
  counts: { operations: 1000 },
};

/** For tests: an upgrade of which nothing was violated, but for what is given of its phases. */
export function literalUpgrade(
  judged: Partial<Record<UpgradePhaseName, Partial<JudgedPhase> | null>> = {},
  given: Partial<Upgrade> = {},
): Upgrade {
  return {
    format: UPGRADE_FORMAT,
    id: 'a1b2c3',
    from: 'airflow@3.1.8',
    to: 'airflow@3.2.1',
    plan: { seed: 7, scenario },
    started_at: '2026-11-30T07:00:00.000Z',
    state: 'completed',
    why: null,
    verdict: 'pass',
    phases: PHASES.map((name, i) => ({
      name,
      build: i === 0 ? 'airflow@3.1.8' : 'airflow@3.2.1',
      folder: `${i + 1}-${name}`,
      started_at: '2026-11-30T07:00:00.000Z',
      ended: 'completed',
      left: { unfinished_runs: 3, runs_of_older_versions: 2, tasks: { none: 40, scheduled: 1 }, dag_versions: 9 },
      judged: judged[name] === null ? null : { ...KEPT, ...judged[name] },
    })),
    migration: {
      gap: { from: '2026-11-30T07:02:00.000Z', to: '2026-11-30T07:02:31.000Z' },
      stop_s: 2.1,
      migrate_s: 12.4,
      how: 'ended with code 0',
      said: ['Database migration done!'],
      log: 'logs/migration.log',
      revision: { from: '509b94a1042d', to: '1d6611b6ab7c' },
      start_s: 14.2,
    },
    ...given,
  };
}
