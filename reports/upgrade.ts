import {
  type Migration,
  PHASES,
  type Upgrade,
  type UpgradePhase,
  type UpgradePhaseName,
  type WorkLeft,
} from '../harness/model/upgrade.ts';
import { count, counted, rate, seconds } from './words.ts';

/** What every format of an upgrade says in the same words. */

export function upgradeTitle({ from, to, plan }: Upgrade): string {
  return `${from} → ${to}, ${plan.scenario.name}, seed ${plan.seed}`;
}

const PHASE_WORDS: Readonly<Record<UpgradePhaseName, string>> = {
  before: 'before the upgrade',
  wave: 'the wave after it',
  ordinary: 'ordinary operation',
};

export function phaseTitle({ name, build }: Pick<UpgradePhase, 'name' | 'build'>): string {
  return `${PHASE_WORDS[name]} (${build})`;
}

/** `3 unfinished DAG runs (2 of an older DAG version), with tasks: 120 without state, 4 scheduled; 9 DAG versions`. */
export function workWords({ unfinished_runs, runs_of_older_versions, tasks, dag_versions }: WorkLeft): string {
  const older = runs_of_older_versions === 0 ? '' : ` (${count(runs_of_older_versions)} of an older DAG version)`;
  const states = Object.entries(tasks).map(([state, n]) => `${count(n)} ${state === 'none' ? 'without state' : state}`);
  const held = states.length === 0 ? '' : `, with tasks: ${states.join(', ')}`;
  return `${counted(unfinished_runs, 'unfinished DAG run')}${older}${held}; ${counted(dag_versions, 'DAG version')}`;
}

export function migrationSentences({ gap, stop_s, migrate_s, how, revision, start_s }: Migration): string[] {
  const { from, to } = revision;
  const schema = from === to ? `The schema is as before (${to ?? 'none'})` : `The schema went from ${from} to ${to}`;
  return [
    `The processes of the first build ended within ${seconds(stop_s)}.`,
    migrate_s === null
      ? 'There was nothing to migrate.'
      : `The migration ${how} after ${seconds(migrate_s)}. ${schema}.`,
    ...(start_s === null ? [] : [`The second build answered ${seconds(start_s)} after its start.`]),
    gap.to === null
      ? `From ${gap.from} on nothing is recorded.`
      : `From ${gap.from} to ${gap.to} nothing is recorded: what happened then is unknown.`,
  ];
}

/** What was found, in one row with each phase's rate. */
export interface UpgradeFinding {
  readonly title: string;
  readonly known_race: string | null;
  /** In the order of the phases: `7 (10.5/min)`; empty where there was none. */
  readonly cells: readonly string[];
  /** The first build did not show it in its time. */
  readonly isNew: boolean;
}

export function upgradeFindings({ phases }: Upgrade): UpgradeFinding[] {
  const all = phases.flatMap(({ judged }) => judged?.findings ?? []);
  const kinds = new Map(all.map((finding) => [finding.fingerprint, finding]));
  return [...kinds.values()].map(({ fingerprint, title, known_race }) => {
    const cells = PHASES.map((name) => {
      const judged = phases.find((phase) => phase.name === name)?.judged;
      const found = judged?.findings.find((one) => one.fingerprint === fingerprint);
      if (!judged || !found) return '';
      return `${count(found.occurrences)} (${rate('s', found.occurrences / judged.load_s)})`;
    });
    return { title, known_race, cells, isNew: cells[0] === '' };
  });
}
