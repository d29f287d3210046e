import type { Claims, Reply } from '../../behaviour.ts';
import type { Api } from '../api.ts';
import type { Method } from '../http.ts';
import type { Version } from './versions.ts';

/** A worker's request that has passed its token's check. */
export interface Call {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | readonly string[]>>;
  readonly body: unknown;
  readonly claims: Claims;
  readonly version: Version;
}

/** A route of the Execution API below `/execution`. */
export interface Route {
  readonly method: Method;
  readonly path: string;
  /** The token must be that of the task instance in the path (`:id`). */
  readonly self?: true;
  /** Tokens of the queue are taken, too. */
  readonly queued?: true;
  readonly since?: Version;
  answer(api: Api, call: Call): Promise<Reply>;
}

/** A path parameter; the route's path has it. */
export function param(call: Pick<Call, 'params'>, name: string): string {
  return call.params[name] ?? '';
}
