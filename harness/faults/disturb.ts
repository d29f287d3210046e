import { StackError } from '../model/errors.ts';
import type { PlannedFault } from '../model/fault.ts';
import type { FleetHazard, Misbehaviour, OperatorHazard } from '../model/misbehaviour.ts';
import type { Rng } from '../model/rng.ts';
import { type Fault, notAllowed } from './fault.ts';

/** Seeds of what is drawn while a window is open. */
const SEEDS = 1_000_000;

export interface FleetFault extends Pick<Fault, 'name' | 'describe' | 'lasts_ms'> {
  readonly misbehaviour: Misbehaviour | ((rng: Rng) => Misbehaviour);
  /** How likely each occasion is taken; drawn for the window, evenly. */
  readonly share: readonly [number, number];
  readonly ms?: readonly [number, number];
}

/** Clients that misbehave for a while. A target can host them: what they send is what clients may send. */
export function fleetFault({ misbehaviour, share, ms, ...fault }: FleetFault): Fault {
  return {
    ...fault,
    unavailable: notAllowed,
    draw: (_host, rng) => ({
      victim: 'fleet',
      with: {
        misbehaviour: typeof misbehaviour === 'function' ? misbehaviour(rng) : misbehaviour,
        share: Number(rng.between(...share).toFixed(2)),
      },
    }),
    hazard: (drawn) => hazardOf(drawn, ms),
    async inject({ fleet }, { with: drawn }) {
      return fleet.openWindow(hazardOf(drawn, ms));
    },
  };
}

function hazardOf({ misbehaviour, share }: PlannedFault['with'], ms: FleetFault['ms']): FleetHazard {
  if (misbehaviour === undefined) throw new StackError('The plan names no misbehaviour: another version made it.');
  return { misbehaviour: misbehaviour as Misbehaviour, share: Number(share), ...(ms ? { ms } : {}) };
}

export interface OperatorFault extends Pick<Fault, 'name' | 'describe' | 'lasts_ms'> {
  readonly action: OperatorHazard['action'];
  readonly every_ms: readonly [number, number];
}

/** People who do one thing over and over, to the harness's own DAGs. */
export function operatorFault({ action, every_ms, ...fault }: OperatorFault): Fault {
  return {
    ...fault,
    unavailable: notAllowed,
    draw: (_host, rng) => ({
      victim: 'operators',
      with: { every_ms: Math.round(rng.between(...every_ms)), seed: drawSeed(rng) },
    }),
    async inject({ operators }, { with: drawn }) {
      return operators.openWindow({ action, every_ms: Number(drawn.every_ms), seed: Number(drawn.seed) });
    },
  };
}

export function drawSeed(rng: Rng): number {
  return Math.floor(rng.between(0, SEEDS));
}
