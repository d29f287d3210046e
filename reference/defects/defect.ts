import type { Behaviour } from '../behaviour.ts';

/** A bug, or a remedy for one, that can be switched on: `reference+<name>`. */
export interface Defect {
  readonly name: string;
  /**
   * Absent: a bug. `remedy`: it was proposed as the cure of a race; some remedies are wrong, and then they are
   * caught, too. `circumstance`: nothing wrong by itself, but what others need to show.
   */
  readonly kind?: 'remedy' | 'circumstance';
  /** One line for `windtunnel list`. */
  readonly summary: string;
  /** What goes wrong, to whom, and how it would be met in production. A few sentences. */
  readonly story: string;
  /** Invariants that catch it, the clearest first; empty for a remedy that cures. */
  readonly caughtBy: readonly string[];
  /** The scenario that suits it, and how long its load must last to show it (the calibration's default if absent). */
  readonly scenario: string;
  readonly durationS?: number;
  /** What must break for it to show, as `--faults` has it; absent: nothing. */
  readonly faults?: string;
  /** Switches that it stands on: they are on with it. */
  readonly on?: readonly string[];
  /** Statements run on the new database: where a constraint of Airflow's would hide the slip. */
  readonly schema?: string;
  /** The members of the behaviour that it replaces. `below` is what it replaces them in. */
  change(below: Behaviour): Partial<Behaviour>;
}

/**
 * Whether a defect that affects one in `n` affects this key. A hash decides, so that a replayed request meets the same.
 */
export function oneIn(n: number, key: string): boolean {
  let hash = 2166136261; // FNV-1a, 32 bits.
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 16777619);
  return (hash >>> 0) % n === 0;
}
