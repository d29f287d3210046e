import type { Behaviour } from './behaviour.ts';
import type { Settings } from './settings.ts';

/**
 * What every process of the stack is started with. A role resolves when `signal` ended it, and rejects when it broke.
 */
export interface Role {
  readonly settings: Settings;
  readonly behaviour: Behaviour;
  readonly signal: AbortSignal;
}
