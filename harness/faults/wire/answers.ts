import { roundMs } from '../../model/clock.ts';
import { StackError } from '../../model/errors.ts';
import type { PlannedFault } from '../../model/scenario.ts';
import type { WireError, WireHit, WireRule } from '../../model/wire.ts';

import { type Fault, numberOf, type Site } from '../fault.ts';
import { drawProcess, pickFrom } from '../victims.ts';
import { drawStatement, impose, noWires, patternOf, type StatementName, wireOf } from './wires.ts';

/** With what a statement is answered, in PostgreSQL's words. */
const OF_STATEMENTS = {
  '40P01': 'deadlock detected',
  '40001': 'could not serialize access due to concurrent update',
  '55P03': 'canceling statement due to lock timeout',
  '57014': 'canceling statement due to statement timeout',
  '25006': 'cannot execute this statement in a read-only transaction',
} as const;
/** With what a new session is refused. */
const OF_SESSIONS = {
  '53300': 'sorry, too many clients already',
  '57P03': 'the database system is starting up',
} as const;

/** What each kind of request, and the scheduler, would not survive; `COMMIT` of a transaction that changed a task. */
const ANSWERED: readonly StatementName[] = [
  'start of a try',
  'heartbeat',
  'rendered fields',
  'XCom',
  'end of a try',
  'SELECT FOR UPDATE',
  'UPDATE task_instance',
  'UPDATE dag_run',
  'INSERT INTO dag_run',
  'INSERT INTO backfill',
  'COMMIT',
];

/** What makes the COMMIT of a transaction one that a request misses. */
const WRITES = /^\s*(INSERT|UPDATE|DELETE)\b/i;

/**
 * PostgreSQL's errors at any place, without waiting until they come about: what a process makes of a deadlock, of a
 * serialization failure or of a server that is full. The transaction is aborted as after a real one.
 */
export const answerSqlstate: Fault = {
  name: 'answer-sqlstate',
  describe: "Some of one process's statements or new connections are answered with an error, such as a deadlock's",
  lasts_ms: [2_000, 10_000],
  needsWires: true,
  cutsConnections: ({ sqlstate }) => String(sqlstate) in OF_SESSIONS,
  unavailable: noWires,
  draw: (host, rng) => {
    const most = Math.floor(rng.between(1, 6));
    const sqlstate = pickFrom([...Object.keys(OF_STATEMENTS), ...Object.keys(OF_SESSIONS)], rng);
    if (sqlstate in OF_SESSIONS) return { victim: drawProcess(host.processes, rng), with: { sqlstate, most } };
    const { victim, statement } = drawStatement(ANSWERED, host, rng);
    // Of these errors a COMMIT has only this one.
    return { victim, with: { sqlstate: statement === 'COMMIT' ? '40001' : sqlstate, statement, most } };
  },

  async inject(site, planned) {
    const error = errorOf(planned);
    const most = numberOf(planned, 'most');
    const onHit = (hit: WireHit) => recordAnswer(site, error, hit);
    if (!(error.sqlstate in OF_SESSIONS)) return impose(site, planned, ruleOf(planned, error, most), onHit);
    const heal = await impose(site, planned, { do: 'refuse', error, most }, onHit);
    // A pool that has its connections already would ask for none.
    const reset = wireOf(site.stack, planned.victim).resetIdle();
    return async () => `${reset} idle connections reset; ${await heal()}`;
  },
};

function ruleOf(planned: PlannedFault, error: WireError, most: number): WireRule {
  const statement = patternOf(planned);
  return { do: 'answer', statement, error, most, ...(statement.test('COMMIT') ? { having: WRITES } : {}) };
}

function errorOf({ with: { sqlstate }, fault }: PlannedFault): WireError {
  const messages: Readonly<Record<string, string>> = { ...OF_STATEMENTS, ...OF_SESSIONS };
  const message = messages[String(sqlstate)];
  if (message === undefined)
    throw new StackError(`The fault ${fault} of the plan names an SQLSTATE that is not known: ${sqlstate}.`);
  return { sqlstate: String(sqlstate), message, detail: 'Answered by windtunnel: PostgreSQL had no such error.' };
}

/** By these rows the judge knows which errors PostgreSQL never had: of a COMMIT, with what it would have committed. */
function recordAnswer({ record, clock }: Site, { sqlstate, message, detail }: WireError, hit: WireHit): void {
  const { pid, application, statement } = hit;
  record.append('server_log', {
    at_ms: roundMs(clock.now()),
    source: 'wire',
    pid: pid === 0 ? null : pid,
    application_name: application,
    // FATAL would say that a process has ended.
    severity: 'ERROR',
    sqlstate,
    message,
    detail,
    statement: statement === '' ? null : statement,
  });
}
