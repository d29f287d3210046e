import type { Birth } from '../life/birth.ts';
import type { Over } from '../life/over.ts';
import type { LifeEnd } from '../model/operation.ts';
import type { ConnectionUse } from './api-client.ts';

/** What the fleet knows of a life while it is played, and what it has to hear of it. */
export interface Hooks {
  isRevoked(): boolean;
  /** Called when it is. */
  onRevoked(listener: () => void): void;
  /** Once, when `/run` was accepted, `atMs` on the run's clock. */
  onStarted(atMs: number): void;
  /** Before it asks to be deferred. */
  onLeaving(): void | Promise<void>;
  /** The run is over: it ends where it is. */
  readonly over: Over;
}

/** Whoever plays lives. Each request is in the record before `play` resolves. */
export interface Engine {
  play(birth: Birth, hooks: Hooks): Promise<LifeEnd>;
  /** Where the engine can tell: the bound on its connections, and the requests that wait for one. */
  readonly connections?: ConnectionUse;
  /** Where it has threads of its own: the longest pause of their event loops since this was asked last, milliseconds. */
  takeLoopDelayMs?(): number;
  /** When all lives have ended. Idempotent. */
  close(): Promise<void>;
}
