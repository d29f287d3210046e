import type { WallClock } from '../model/clock.ts';
import { StackError } from '../model/errors.ts';
import type { ExecutorHazard, FleetHazard, HazardTarget, OperatorHazard } from '../model/misbehaviour.ts';
import type { Rng } from '../model/rng.ts';
import type { Recorder } from '../model/run-context.ts';
import type { PlannedFault, Scenario } from '../model/scenario.ts';
import type { Stack } from '../model/stack.ts';

/** Seeds of what is drawn while a window is open. */
const SEEDS = 1_000_000;

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
  /** What the schedulers' executors report about the ends of lives. */
  readonly executor: HazardTarget<ExecutorHazard>;
  readonly record: Recorder;
  /**
   * From now on the process of that name (or `postgres`) is not started again when it ends, and its end is no
   * violation. Call the result to release it: it resolves when the process, if it had ended, runs again. Safe to call
   * twice.
   */
  hold(process: string): () => Promise<void>;
}

/**
 * Undoes a fault. Safe to call twice, and when its victim has gone; cannot be cancelled. Resolves with what the fault
 * did, for the window's `detail`, or undefined.
 */
export type Heal = () => Promise<string | undefined>;

/** One kind of damage: see docs/adding-a-fault.md. */
export interface Fault {
  readonly name: string;
  /** One sentence for `windtunnel list`. */
  readonly describe: string;
  /** How long its window lasts, milliseconds. */
  readonly lasts_ms: readonly [number, number];
  /** Each process must reach PostgreSQL through a proxy of ours. */
  readonly needsWires?: true;
  /**
   * Its windows cut connections to the database, refuse or lose them: those of the victim, or all if it is `postgres`.
   * A function: those for which this was drawn do.
   */
  readonly cutsConnections?: true | ((drawn: PlannedFault['with']) => boolean);
  /** In its windows workers report wrong times. */
  readonly skewsClocks?: true;
  /** Why this stack cannot host it, as the rest of a sentence that begins with its name; null: it can. */
  unavailable(host: Host): string | null;
  /** Draws the victim and everything else that is random. */
  draw(host: Host, rng: Rng): Pick<PlannedFault, 'victim' | 'with'>;
  /** For a fault of clients: what its window does to the fleet. Remote workers get the hazards of a run in advance. */
  hazard?(drawn: PlannedFault['with']): FleetHazard;
  /** Resolves when the damage is done. Rejects, with nothing left behind, if it cannot be done. */
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

export function drawSeed(rng: Rng): number {
  return Math.floor(rng.between(0, SEEDS));
}

/** Whether this window cuts, refuses or loses connections. */
export function cutsConnections(fault: Fault | undefined, drawn: PlannedFault['with']): boolean {
  const cuts = fault?.cutsConnections ?? false;
  return typeof cuts === 'function' ? cuts(drawn) : cuts;
}

/** A number that was drawn, by its name. */
export function numberOf({ with: drawn, fault }: PlannedFault, name: string): number {
  const value = Number(drawn[name]);
  if (!Number.isFinite(value)) throw new StackError(`The fault ${fault} of the plan lacks the number "${name}".`);
  return value;
}
