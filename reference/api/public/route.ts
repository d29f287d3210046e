import type { Tx } from '../../behaviour.ts';
import { transaction } from '../../database/connect.ts';
import type { Api } from '../api.ts';
import type { Method } from '../http.ts';
import { Refusal } from '../refusal.ts';

/** A user's request that has passed its token's check. */
export interface PublicCall {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | readonly string[]>>;
  readonly body: unknown;
  readonly user: string;
}

/** A route of the public API below `/api/v2`. */
export interface PublicRoute {
  readonly method: Method;
  readonly path: string;
  /** Needs no token. */
  readonly open?: true;
  /** 200 unless it says otherwise; a 204 has no body. */
  readonly status?: 201 | 204;
  /** Resolves with the body of the answer. */
  answer(api: Api, call: PublicCall): Promise<unknown>;
}

/** A path parameter; the route's path has it. */
export function param(call: Pick<PublicCall, 'params'>, name: string): string {
  return call.params[name] ?? '';
}

/** The fields that `update_mask` names. */
export function updateMask(call: Pick<PublicCall, 'query'>): readonly string[] {
  return [call.query.update_mask ?? []].flat();
}

/** Whether a PATCH may change this field: an empty mask keeps none away. */
export function letsThrough(mask: readonly string[], field: string): boolean {
  return mask.length === 0 || mask.includes(field);
}

/** A writing request in one transaction, with a row in `log` that says which user did what. */
export function logged<T>(api: Api, call: PublicCall, event: string, action: (tx: Tx) => Promise<T>): Promise<T> {
  return transaction(api.pool, async (tx) => {
    const result = await action(tx);
    await logAction(tx, call, event);
    return result;
  });
}

export async function logAction(db: Pick<Tx, 'query'>, call: PublicCall, event: string): Promise<void> {
  const body = typeof call.body === 'object' && call.body !== null ? (call.body as Record<string, unknown>) : {};
  const named = (...keys: readonly string[]) =>
    keys.map((key) => call.params[key] ?? body[key]).find((value): value is string => typeof value === 'string') ??
    null;
  await db.query(
    `INSERT INTO log (dttm, dag_id, task_id, event, run_id, owner, owner_display_name, extra)
     VALUES (now(), $1, $2, $3, $4, $5, $5, $6)`,
    [named('dag', 'dag_id'), named('task'), event, named('run', 'dag_run_id'), call.user, JSON.stringify(body)],
  );
}

/** What a model's own check of a whole body says. */
export function invalidBody(message: string, input: unknown): Refusal {
  const msg = `Value error, ${message}`;
  return Refusal.of(422, [{ type: 'value_error', loc: ['body'], msg, input, ctx: { error: {} } }]);
}
