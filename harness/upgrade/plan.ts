import { drawFaults } from '../faults/draw.ts';
import { Rng } from '../model/rng.ts';
import type { Plan, Scenario } from '../model/scenario.ts';
import type { UpgradePhaseName } from '../model/upgrade.ts';
import { hostOf, type Subject } from '../run/subject.ts';

const MOST_SEED = 2 ** 31;

/**
 * What is played in a phase: the scenario, with a seed of its own. In the wave no DAG file is written, so that each
 * new version in it is the upgrade's.
 */
export function phasePlan({ seed, scenario }: Plan, phase: UpgradePhaseName, waveS: number, subject: Subject): Plan {
  const own = Math.floor(new Rng(seed, 'phase', phase).next() * MOST_SEED);
  const { churn: _, chaos: __, ...undisturbed } = scenario;
  const begun: Scenario = phase === 'wave' ? { ...undisturbed, duration_s: waveS } : scenario;
  // Dates of the past had their runs before.
  const dags = begun.dags.map((dag) => ({ ...dag, past_runs: 0 }));
  const played: Scenario = phase === 'before' ? begun : { ...begun, dags };
  const { chaos } = played;
  return { seed: own, scenario: played, faults: chaos ? drawFaults(chaos, hostOf(subject, played), own) : [] };
}
