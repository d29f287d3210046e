import type { PlannedFault } from '../model/fault.ts';
import type { FleetDisturbance, Mischief, OperatorDisturbance } from '../model/misbehaviour.ts';
import type { Rng } from '../model/rng.ts';
import { type Fault, notAllowed } from './fault.ts';

/** Seeds of what is drawn while a window is open. */
const SEEDS = 1_000_000;

export interface FleetFault extends Pick<Fault, 'name' | 'describe' | 'lasts_ms'> {
  readonly mischief: Mischief | ((rng: Rng) => Mischief);
  /** How likely each occasion is taken; drawn for the window, evenly. */
  readonly share: readonly [number, number];
  readonly ms?: readonly [number, number];
}

/** Clients that misbehave for a while. A target can host them: what they send is what clients may send. */
export function fleetFault({ mischief, share, ms, ...fault }: FleetFault): Fault {
  return {
    ...fault,
    unavailable: notAllowed,
    draw: (_host, rng) => ({
      victim: 'fleet',
      with: {
        mischief: typeof mischief === 'function' ? mischief(rng) : mischief,
        share: Number(rng.between(...share).toFixed(2)),
      },
    }),
    disturbance: (drawn) => disturbanceOf(drawn, ms),
    async inject({ fleet }, { with: drawn }) {
      return fleet.disturb(disturbanceOf(drawn, ms));
    },
  };
}

function disturbanceOf({ mischief, share }: PlannedFault['with'], ms: FleetFault['ms']): FleetDisturbance {
  return { mischief: mischief as Mischief, share: Number(share), ...(ms ? { ms } : {}) };
}

export interface OperatorFault extends Pick<Fault, 'name' | 'describe' | 'lasts_ms'> {
  readonly deed: OperatorDisturbance['deed'];
  readonly every_ms: readonly [number, number];
}

/** People who do one thing over and over, to the harness's own DAGs. */
export function operatorFault({ deed, every_ms, ...fault }: OperatorFault): Fault {
  return {
    ...fault,
    unavailable: notAllowed,
    draw: (_host, rng) => ({
      victim: 'operators',
      with: { every_ms: Math.round(rng.between(...every_ms)), seed: drawSeed(rng) },
    }),
    async inject({ operators }, { with: drawn }) {
      return operators.disturb({ deed, every_ms: Number(drawn.every_ms), seed: Number(drawn.seed) });
    },
  };
}

export function drawSeed(rng: Rng): number {
  return Math.floor(rng.between(0, SEEDS));
}
