import type { Operation } from '../../model/operation.ts';
import { OTHER_CLIENT } from '../discreet-record.ts';
import type { ServerLogRow } from '../server-log.ts';
import type { Inquiry, Spotted } from './inquiry.ts';
import { type RecentRows, subjectOfRow, wasUnderWay } from './recent.ts';

/** What a process does, in words that follow its name, by the request that it serves and its statement. */
export type ActionWords = (
  sides: readonly { readonly kind: string | null; readonly statement: string }[],
) => Promise<readonly (string | null)[]>;

interface Side {
  readonly pid: number;
  readonly process: string;
  readonly statement: string;
  readonly xid: number | null;
  readonly isVictim: boolean;
}

/** Clients that are no part of the stack: the harness's own, and a fault's; of a target also those of others. */
const OURS = /^wt-(harness|bystander)/;
const UNKNOWN = 'an unknown process';

/** Of a record of PostgreSQL's log with SQLSTATE 40P01: who was doing what, and which request it failed. */
export function lookAtDeadlock(row: ServerLogRow, recent: RecentRows, actions: ActionWords): Inquiry {
  return (last) => {
    const sides = sidesOf(row, recent);
    if (sides.some(({ process }) => OURS.test(process) || process === OTHER_CLIENT)) return 'ordinary';
    const served = sides.map((side) => requestOf(side, row.at_ms, recent));
    const isKnown = sides.every(({ process }, index) => served[index] !== undefined || /scheduler/.test(process));
    return isKnown || last ? sentenceOf(row, sides, served, actions, recent) : undefined;
  };
}

/** The victim first. The detail names processes by pid, says who waits for which transaction, and has statements. */
function sidesOf({ pid, detail, statement, xid, application_name }: ServerLogRow, recent: RecentRows): Side[] {
  const text = `\n${detail ?? ''}`;
  const xids = new Map(
    [...text.matchAll(/on transaction (\d+); blocked by process (\d+)/g)].map(([, of, by]) => [Number(by), Number(of)]),
  );
  const found = text.split(/\n\s*(?=Process \d+: )/).flatMap((part) => {
    const [, number, said = ''] = /^Process (\d+): ([\s\S]*)$/.exec(part) ?? [];
    return number === undefined ? [] : [{ pid: Number(number), statement: said.trim() }];
  });
  const sides = found.map((side): Side => {
    const isVictim = side.pid === pid;
    // The detail's statements are cut; the victim's own, which is logged with it, is whole.
    const whole = isVictim && (statement?.length ?? 0) > side.statement.length ? (statement ?? '') : side.statement;
    const named = (isVictim && application_name) || recent.nameOf(side.pid);
    return {
      pid: side.pid,
      process: named || recent.commitOf(xids.get(side.pid) ?? null)?.writer || UNKNOWN,
      statement: whole,
      xid: xids.get(side.pid) ?? (isVictim ? (xid ?? null) : null),
      isVictim,
    };
  });
  return sides.sort((a, b) => Number(b.isVictim) - Number(a.isVictim));
}

/** The request that a process served: its statement or its commit names the task instance; or it alone failed then. */
function requestOf(side: Side, atMs: number, recent: RecentRows): Operation | undefined {
  if (/scheduler/.test(side.process)) return undefined;
  const committed = recent.commitOf(side.xid);
  const then = recent.operations.filter((row) => row.ti_id !== null && wasUnderWay(row, atMs));
  const named = then.find(({ ti_id }) => side.statement.includes(ti_id ?? '') || ti_id === committed?.id);
  if (named !== undefined || !side.isVictim) return named;
  const failed = then.filter(({ status }) => (status ?? 0) >= 500);
  return failed.length === 1 ? failed[0] : undefined;
}

async function sentenceOf(
  row: ServerLogRow,
  sides: readonly Side[],
  served: readonly (Operation | undefined)[],
  actions: ActionWords,
  recent: RecentRows,
): Promise<Spotted> {
  const words = await actions(sides.map(({ statement }, index) => ({ kind: served[index]?.kind ?? null, statement })));
  const parties = sides.map((side, index) => {
    const subject = subjectOf(side, served[index], recent);
    const action = words[index] ?? null;
    return `${side.process}${action === null ? '' : `, which ${action}${subject === '' ? '' : ` for ${subject}`}`}`;
  });
  const failed = sides[0]?.isVictim ? served[0] : undefined;
  const answered =
    failed === undefined || (failed.status ?? 0) < 500
      ? ''
      : `, and the request ${failed.kind} for ${subjectOfRow(failed)} was answered ${failed.status}`;
  const who = parties.length === 0 ? 'processes that its log does not name' : parties.join(', and ');
  return {
    at_ms: row.at_ms,
    name: `the deadlock of ${[...new Set(sides.map(({ process }) => process))].join(' and ')}`,
    sentence:
      `PostgreSQL detected a deadlock of ${who}; it cancelled the statement of ` +
      `${sides[0]?.isVictim ? sides[0].process : (row.application_name ?? UNKNOWN)}${answered}.`,
    op: failed?.op ?? null,
    seq: null,
  };
}

/** The literals of the statement, where the client writes them in; else what the transaction committed in the end. */
function subjectOf({ statement, xid }: Side, served: Operation | undefined, recent: RecentRows): string {
  if (served !== undefined) return subjectOfRow(served);
  const literal = (column: string) => new RegExp(`\\b${column} = '([^']+)'`).exec(statement)?.[1];
  const [dag, run] = [literal('dag_id'), literal('run_id')];
  if (dag !== undefined && run !== undefined) return `${dag}/${run}`;
  const named = /\btask_instance\.id = '([^']+)'/.exec(statement)?.[1];
  const changed = named === undefined ? undefined : recent.changeOf(named);
  if (changed !== undefined) return subjectOfRow(changed);
  const committed = recent.commitOf(xid);
  return committed === undefined ? '' : subjectOfRow({ ...committed, task_id: null, map_index: null });
}
