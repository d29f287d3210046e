import type { Birth } from '../life/birth.ts';
import type { Over } from '../life/over.ts';
import type { LifeEnd } from '../model/operation.ts';
import type { ConnectionUse } from './api-client.ts';

/** What the fleet knows of a life while it is played, and what it has to hear of it. */
export interface Hooks {
  isRevoked(): boolean;
  /** Once, when `/run` was accepted, `atMs` on the run's clock. */
  onStarted(atMs: number): void;
  /** Before it asks to be deferred. */
  onLeaving(): void;
  /** The run is over: it ends where it is. */
  readonly over: Over;
}

/** Whoever plays lives. Each request is in the record before `play` resolves. */
export interface Engine {
  play(birth: Birth, hooks: Hooks): Promise<LifeEnd>;
  /** Where the engine can tell: the bound on its connections, and the requests that wait for one. */
  readonly connections?: ConnectionUse;
  /** When all lives have ended. Idempotent. */
  close(): Promise<void>;
}
