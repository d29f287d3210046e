import type { WallClock } from '../model/clock.ts';
import type { PlannedFault } from '../model/fault.ts';
import type { ExecutorHazard, FleetHazard, HazardTarget, OperatorHazard } from '../model/misbehaviour.ts';
import type { Rng } from '../model/rng.ts';
import type { Scenario } from '../model/scenario.ts';
import type { Stack } from '../model/stack.ts';

/** What is known of a stack when the plan is drawn, before anything has started. */
export interface Host {
  /** The harness starts it: its processes, its wires and its settings are ours to break. */
  readonly ours: boolean;
  /** A target's file says `allow_faults: true`. */
  readonly allowFaults: boolean;
  /** Its processes by name, without PostgreSQL. */
  readonly processes: readonly string[];
  readonly scenario: Scenario;
}

/** Where a fault is injected. */
export interface Site {
  readonly stack: Stack;
  readonly clock: WallClock;
  readonly fleet: HazardTarget<FleetHazard>;
  readonly operators: HazardTarget<OperatorHazard>;
  /** What the schedulers' executors hear of the ends of lives. */
  readonly executor: HazardTarget<ExecutorHazard>;
  /**
   * From now on the process of that name (`postgres` too), once dead, stays dead, and that is not held against it. Call
   * the result to let it go: it resolves when the process has been started again, if it was dead. Safe to call twice.
   */
  hold(process: string): () => Promise<void>;
}

/**
 * Undoes a fault. Safe to call twice, and when its victim has gone; not to be aborted. Resolves with what the fault did
 * meanwhile, for the window's `detail`, or undefined.
 */
export type Heal = () => Promise<string | undefined>;

/** One kind of damage. Adding one is adding a file and a line in index.ts. */
export interface Fault {
  readonly name: string;
  /** One sentence for `windtunnel list`. */
  readonly describe: string;
  /** How long its window lasts, milliseconds. */
  readonly lasts_ms: readonly [number, number];
  /** Each process must reach PostgreSQL through a proxy of ours. */
  readonly needsWires?: true;
  /** Why this stack cannot host it, as the rest of a sentence that begins with its name; null: it can. */
  unavailable(host: Host): string | null;
  /** Draws the victim, and whatever else is a matter of chance. */
  draw(host: Host, rng: Rng): Pick<PlannedFault, 'victim' | 'with'>;
  /** What its window makes of the fleet, where that is all that it does: told in advance to those who play lives elsewhere. */
  hazard?(drawn: PlannedFault['with']): FleetHazard;
  /** Resolves when the damage is done. Rejects, with nothing left behind, where it could not be. */
  inject(site: Site, planned: PlannedFault): Promise<Heal>;
}

/** For faults that need what only a stack of ours has. */
export function notOurs({ ours }: Host): string | null {
  return ours ? null : 'breaks processes, and those of a target are not ours';
}

/** For faults that a target can host, if its owner allows it. */
export function notAllowed({ ours, allowFaults }: Host): string | null {
  return ours || allowFaults ? null : 'breaks the target: its file must say `allow_faults: true`';
}
