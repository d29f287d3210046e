import type { LifeEnd } from '../../model/operation.ts';
import type { Hooks as LifeHooks } from '../../worker/context.ts';
import type { Birth } from '../../worker/life-spec.ts';

/** What the fleet knows of a life while it is played, and what it has to hear of it. */
export interface Hooks extends LifeHooks {
  isRevoked(): boolean;
  /** Called when it is. */
  onRevoked(listener: () => void): void;
}

/** Connections that may be had in all, and requests that wait for one of them. */
export interface ConnectionUse {
  readonly limit: number;
  readonly waiting: number;
}

/** Whoever plays lives. Each request is in the record before `play` resolves. */
export interface Engine {
  play(birth: Birth, hooks: Hooks): Promise<LifeEnd>;
  /** Where the engine can tell: the bound on its connections, and the requests that wait for one. */
  readonly connections?: ConnectionUse;
  /** For an engine that does not hear at once of the end of the run: when that will be, at the latest. */
  willEndAt?(atMs: number): void;
  /** When all lives have ended. Idempotent. */
  close(): Promise<void>;
}
