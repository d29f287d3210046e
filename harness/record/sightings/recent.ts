import type { Operation } from '../../model/operation.ts';
import type { ServerLogRow } from '../server-log.ts';

/** What a sighting reads of a row of `commits`. */
export interface CommittedRow {
  readonly seq: number;
  readonly xid: number | null;
  readonly committed_ms: number;
  readonly relation: string;
  readonly change: string;
  readonly id: string | null;
  readonly old_id: string | null;
  readonly dag_id: string | null;
  readonly run_id: string | null;
  readonly task_id: string | null;
  readonly map_index: number | null;
  readonly state: string | null;
  readonly backfill_id: number | string | null;
  readonly row: Readonly<Record<string, unknown>>;
  readonly writer: string | null;
}

/** What is read of a row of `faults`. */
export interface FaultRow {
  readonly window: number | null;
  readonly opened_ms: number;
  readonly closed_ms: number | null;
}

/** A row of `backends` or `lock_waits`. */
export interface NamedBackend {
  readonly pid: number;
  readonly application_name: string;
}

/** As the judge has it (00-limits.sql): the clocks of requests and of commits differ by less. */
export const CLOCK_TOLERANCE_MS = 250;
/** As the judge has it: so long after a fault was healed, what it cut may still be recovering. */
const RESTART_MS = 5_000;
/** How far back a cause is looked for: at a thousand requests a second, half a second of them. */
const KEPT = { operations: 512, commits: 512, logs: 128, left: 10_000 } as const;

/** The latest rows of a run, of which a sentence takes its cause. Taking one in costs less than a microsecond. */
export class RecentRows {
  /** Without heartbeats, which are the cause of nothing. */
  readonly operations = new Ring<Operation>(KEPT.operations);
  readonly logs = new Ring<ServerLogRow>(KEPT.logs);
  readonly #commits = new Ring<CommittedRow>(KEPT.commits);
  readonly #names = new Map<number, string>();
  readonly #running = new Set<string>();
  /** By the id that was run: the commit that took the task instance out of RUNNING. */
  readonly #left = new Map<string, CommittedRow>();
  readonly #faults = new Map<number | null, FaultRow>();
  #committedMs = 0;

  takeOperation(row: Operation): void {
    if (row.kind !== 'heartbeat') this.operations.push(row);
  }

  takeCommit(row: CommittedRow): void {
    this.#committedMs = row.committed_ms;
    if (row.relation !== 'task_instance') return;
    this.#commits.push(row);
    const id = row.old_id ?? row.id ?? '';
    if (row.state === 'running' && row.old_id === null && row.change !== 'delete') this.#running.add(id);
    else if (this.#running.delete(id)) this.#leave(id, row);
  }

  takeLog(row: ServerLogRow): void {
    this.logs.push(row);
    if (row.pid && row.application_name) this.#names.set(row.pid, row.application_name);
  }

  takeName({ pid, application_name }: NamedBackend): void {
    if (application_name !== '') this.#names.set(pid, application_name);
  }

  takeFault(row: FaultRow): void {
    this.#faults.set(row.window, row);
  }

  nameOf(pid: number): string | undefined {
    return this.#names.get(pid);
  }

  /** The last change of a task instance by this transaction. */
  commitOf(xid: number | null): CommittedRow | undefined {
    return xid === null ? undefined : this.#commits.find((row) => row.xid === xid);
  }

  /** The last change of a task instance, if it was a moment ago: a running one changes with each heartbeat. */
  changeOf(tiId: string): CommittedRow | undefined {
    return this.#commits.find((row) => row.id === tiId);
  }

  leftRunning(tiId: string | null): CommittedRow | undefined {
    return tiId === null ? undefined : this.#left.get(tiId);
  }

  /** Whether the record shows it RUNNING, and has all commits up to this moment. */
  isRunningAt(tiId: string | null, atMs: number): boolean {
    return tiId !== null && this.#running.has(tiId) && this.#committedMs > atMs + CLOCK_TOLERANCE_MS;
  }

  /** Whether a fault was open in this time, or had just been healed. */
  metFault(fromMs: number, untilMs: number): boolean {
    return [...this.#faults.values()].some(
      ({ opened_ms, closed_ms }) => opened_ms <= untilMs && (closed_ms === null || closed_ms + RESTART_MS >= fromMs),
    );
  }

  #leave(id: string, row: CommittedRow): void {
    this.#left.set(id, row);
    if (this.#left.size <= KEPT.left) return;
    for (const oldest of this.#left.keys()) {
      this.#left.delete(oldest);
      break;
    }
  }
}

/** So many of the latest, the newest found first. */
class Ring<Row> {
  readonly #rows: Row[] = [];
  readonly #size: number;
  #next = 0;

  constructor(size: number) {
    this.#size = size;
  }

  push(row: Row): void {
    this.#rows[this.#next] = row;
    this.#next = (this.#next + 1) % this.#size;
  }

  find(wanted: (row: Row) => boolean): Row | undefined {
    for (let back = 1; back <= this.#rows.length; back++) {
      const row = this.#rows[(this.#next - back + this.#size) % this.#size];
      if (row !== undefined && wanted(row)) return row;
    }
    return undefined;
  }

  filter(wanted: (row: Row) => boolean): Row[] {
    return this.#rows.filter(wanted);
  }
}

/** `dag/run/task[map_index]`, or what of it there is. */
export function subjectOfRow({
  dag_id,
  run_id,
  task_id,
  map_index,
}: Pick<Operation, 'dag_id' | 'run_id' | 'task_id' | 'map_index'>): string {
  const mapped = (map_index ?? -1) >= 0 ? `[${map_index}]` : '';
  return `${[dag_id, run_id, task_id].filter((part) => part !== null).join('/')}${mapped}`;
}

/** Whether a request was under way at a moment of PostgreSQL's clock. */
export function wasUnderWay({ sent_ms, ended_ms }: Operation, atMs: number): boolean {
  return sent_ms <= atMs + CLOCK_TOLERANCE_MS && (ended_ms ?? atMs) >= atMs - CLOCK_TOLERANCE_MS;
}

/** `1.2 s`, as the findings have it. */
export function tenths(ms: number): string {
  return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
}
