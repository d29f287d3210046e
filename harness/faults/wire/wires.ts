import { statementsOn } from '../../model/airflow/statements.ts';
import { roundMs } from '../../model/clock.ts';
import { StackError } from '../../model/errors.ts';
import { Rng } from '../../model/rng.ts';
import type { PlannedFault } from '../../model/scenario.ts';
import type { Stack } from '../../model/stack.ts';
import type { Wire, WireHit, WireRule } from '../../model/wire.ts';

import { type Heal, type Host, numberOf, type Site } from '../fault.ts';
import { drawProcess, pickFrom, roleOf } from '../victims.ts';

/** Statements that decide over tasks, by the name that a plan gives them, and which processes run them under load. */
const STATEMENTS = {
  'UPDATE task_instance': { pattern: statementsOn('UPDATE', 'task_instance'), roles: ['api-execution', 'scheduler'] },
  // Written by a worker's last request, and by nothing else of the API server.
  'start of a try': {
    pattern: statementsOn('UPDATE', 'task_instance', String.raw`\s+SET\s(?:(?!\sWHERE\s)[\s\S])*\bhostname\s*=`),
    roles: ['api-execution'],
  },
  heartbeat: {
    // From 3.2 on its WHERE names the host.
    pattern: statementsOn(
      'UPDATE',
      'task_instance',
      String.raw`\s+SET\s(?!(?:(?!\sWHERE\s)[\s\S])*\bhostname\s*=)[\s\S]*\blast_heartbeat_at\s*=`,
    ),
    roles: ['api-execution'],
  },
  'rendered fields': {
    pattern: statementsOn('INSERT INTO', 'rendered_task_instance_fields'),
    roles: ['api-execution'],
  },
  XCom: { pattern: statementsOn('INSERT INTO', 'xcom'), roles: ['api-execution'] },
  'end of a try': {
    pattern: statementsOn('UPDATE', 'task_instance', String.raw`[\s\S]*\bduration\s*=`),
    roles: ['api-execution'],
  },
  'UPDATE dag_run': { pattern: statementsOn('UPDATE', 'dag_run'), roles: ['scheduler'] },
  'INSERT INTO dag_run': { pattern: statementsOn('INSERT INTO', 'dag_run'), roles: ['api-core', 'scheduler'] },
  'INSERT INTO backfill': { pattern: statementsOn('INSERT INTO', 'backfill'), roles: ['api-core'] },
  'SELECT FOR UPDATE': { pattern: /\bFOR\s+(NO\s+KEY\s+)?UPDATE\b/i, roles: ['api-execution', 'scheduler'] },
  COMMIT: { pattern: /^\s*COMMIT\b/i, roles: ['api-execution', 'api-core', 'dag-processor', 'triggerer', 'scheduler'] },
} as const;

export type StatementName = keyof typeof STATEMENTS;

/** How many hits a window's `detail` lists, and to how many characters each statement is cut. */
const HITS_LISTED = 20;
const STATEMENT_LENGTH = 120;

/** Why a stack cannot host a fault on the wire. */
export function noWires({ ours }: Host): string | null {
  return ours
    ? null
    : 'stands between a process and its database, and the processes of a target are not ours to put it there';
}

/** A kind of statement and a process that runs it. */
export function drawStatement(names: readonly StatementName[], host: Host, rng: Rng): Victim {
  const processesThatRun = (statement: StatementName) => {
    const roles: readonly string[] = STATEMENTS[statement].roles;
    return host.processes.filter((name) => roles.includes(roleOf(name)));
  };
  const statement = pickFrom(
    names.filter((name) => processesThatRun(name).length > 0),
    rng,
  );
  return { victim: drawProcess(processesThatRun(statement), rng), statement };
}

interface Victim {
  readonly victim: string;
  readonly statement: StatementName;
}

const PATTERN = /^\/(.+)\/i$/s;

/** The pattern of the statement that was drawn, or that a plan spells out: `/^\s*INSERT INTO log\b/i`. */
export function patternOf({ with: drawn, fault }: PlannedFault): RegExp {
  const [, spelled] = PATTERN.exec(String(drawn.statement)) ?? [];
  if (spelled !== undefined) return new RegExp(spelled, 'i');
  const known: Readonly<Record<string, { readonly pattern: RegExp }>> = STATEMENTS;
  const found = known[String(drawn.statement)];
  if (!found)
    throw new StackError(`The fault ${fault} of the plan names a statement that is not known: ${drawn.statement}.`);
  return found.pattern;
}

/** Decides for each match whether it is a hit: the share that was drawn, by a generator of the window's own. */
export function hitsOf(planned: PlannedFault): () => boolean {
  const rng = new Rng(numberOf(planned, 'seed'), 'wire');
  const share = numberOf(planned, 'share');
  return () => rng.chance(share);
}

/** The proxy before that process. Rejects for a stack that was started without. */
export function wireOf(stack: Stack, victim: string): Wire {
  const wire = stack.wires?.get(victim);
  if (!wire) throw new StackError(`There is no proxy between ${victim} and PostgreSQL: the stack was started without.`);
  return wire;
}

/** Puts a rule on the victim's wire until it is healed, and lists its hits. */
export async function impose(
  { stack, clock }: Site,
  { victim }: PlannedFault,
  rule: WireRule,
  onHit: (hit: WireHit) => void = () => undefined,
): Promise<Heal> {
  const hits: string[] = [];
  const handle = wireOf(stack, victim).add(rule, (hit) => {
    const { pid, statement } = hit;
    onHit(hit);
    const text = statement.replace(/\s+/g, ' ').slice(0, STATEMENT_LENGTH);
    if (hits.length < HITS_LISTED) hits.push(`at ${roundMs(clock.now())} ms, pid ${pid}: ${text}`);
  });
  return async () => {
    handle.remove();
    return [`${handle.hits} hits`, ...hits].join('; ');
  };
}
