import { setTimeout as sleep } from 'node:timers/promises';

import { type Clock, roundMs } from '../model/clock.ts';
import { note, type Recorder } from '../model/run-context.ts';
import type { Seen, SeenTimes, StatementKind } from '../model/seen.ts';
import { TRACED_ROLE, type Wire } from '../model/wire.ts';
import { withClient } from '../system/postgres-client.ts';

/** As much as the commit stream knows of a statement that writes: by that the two find each other. */
const TEXT_LENGTH = 240;
/** An answer that PostgreSQL has counted is here by then. */
const ON_THE_WAY_MS = 50;
const ANSWER_MS = 10_000;

/**
 * What `pg_stat_statements` counted of the processes' statements. Nothing where the server has forgotten some of them,
 * after a crash or for want of room.
 */
const COUNTED = `
  SELECT sum(calls)::float8 AS calls
    FROM pg_stat_statements JOIN pg_roles ON pg_roles.oid = userid CROSS JOIN pg_stat_statements_info AS info
   WHERE rolname = $1 AND info.dealloc = 0 AND info.stats_reset < now() - make_interval(secs => $2)`;

interface TraceOptions {
  readonly record: Recorder;
  readonly clock: Clock;
}

/** Writes down every statement of the processes of a stack, and the rows that it touched. */
export class Trace {
  readonly #record: Recorder;
  readonly #clock: Clock;
  /** The harness's monotonic clock at the start of the run's. */
  readonly #originMs: number;
  readonly #kinds = new Map<StatementKind, number>();
  readonly #watching: Promise<{ unwatch(): void }>[] = [];
  #statements = 0;
  /** Those that were carried out. */
  #done = 0;
  #begunMs: number | undefined;

  constructor({ record, clock }: TraceOptions) {
    this.#record = record;
    this.#clock = clock;
    this.#originMs = performance.now() - clock.now();
  }

  /**
   * From now on, which is before the processes are started: all of their statements are there. Resolves when the
   * wires know the database's columns, without which the first answers' rows had no keys; or when it does not answer,
   * for then they ask again.
   */
  readonly begin = async (wires: ReadonlyMap<string, Wire>): Promise<void> => {
    this.#begunMs = this.#clock.now();
    for (const wire of wires.values()) this.#watching.push(wire.watch((seen, times) => this.#write(seen, times)));
    await Promise.allSettled(this.#watching);
  };

  /** Compares it with what the server counted, while the processes still run, and ends it. */
  async end(dsn: string): Promise<void> {
    const before = this.#done;
    const sinceS = (this.#clock.now() - (this.#begunMs ?? 0)) / 1000;
    const counted = await withClient(
      dsn,
      async (client) =>
        (await client.query<{ calls: number | null }>(COUNTED, [TRACED_ROLE, sinceS])).rows[0]?.calls ?? undefined,
      { queryMs: ANSWER_MS },
    );
    await sleep(ON_THE_WAY_MS);
    if (counted === undefined) {
      note({ record: this.#record, clock: this.#clock }, 'WARNING', 'it is not known whether the trace is complete');
    } else {
      // The processes did not wait for the question.
      this.#sample('statements_traced', Math.min(Math.max(counted, before), this.#done));
      this.#sample('statements_counted', counted);
    }
    for (const watching of this.#watching) void watching.then(({ unwatch }) => unwatch()).catch(() => undefined);
  }

  #sample(metric: 'statements_traced' | 'statements_counted', value: number): void {
    this.#record.append('samples', { at_ms: roundMs(this.#clock.now()), source: 'postgres', metric, value });
  }

  #write(seen: Seen, { sent, answered }: SeenTimes): void {
    const n = ++this.#statements;
    const { kind, answer } = seen;
    if (answer && answer.sqlstate === undefined) this.#done++;
    this.#record.append('statements', {
      n,
      process: seen.process,
      pid: seen.pid,
      tx: seen.tx,
      place: seen.place,
      kind: this.#numberOf(kind),
      packet: seen.packet,
      sent_ms: roundMs(sent - this.#originMs),
      // What is undefined is left out of the line.
      answered_ms: answered === undefined ? undefined : roundMs(answered - this.#originMs),
      row_count: answer?.rows,
      sqlstate: answer?.sqlstate,
      text: kind.target === undefined ? undefined : seen.message.slice(0, TEXT_LENGTH),
    });
    for (const { mode, row } of seen.touches) {
      const { relation, columns } = row;
      this.#record.append('accesses', {
        n,
        mode,
        relation,
        id: columns.id,
        dag_id: columns.dag_id,
        run_id: columns.run_id,
        task_id: columns.task_id,
        map_index: columns.map_index === undefined ? undefined : Number(columns.map_index),
        ti_id: columns.task_instance_id ?? columns.ti_id,
        dag_run_id: columns.dag_run_id,
        backfill_id: columns.backfill_id,
        key: columns.key,
      });
    }
  }

  #numberOf(kind: StatementKind): number {
    const known = this.#kinds.get(kind);
    if (known !== undefined) return known;
    const number = this.#kinds.size + 1;
    this.#kinds.set(kind, number);
    this.#record.append('statement_kinds', {
      kind: number,
      verb: kind.verb,
      target: kind.target,
      tables: kind.tables.join(' '),
      locks: kind.locks.join(' '),
      lock_mode: kind.lockMode,
      waits: kind.waits,
      counted: kind.counted.join(' '),
      set_columns: kind.set.join(' '),
      where_columns: kind.where.join(' '),
      upserts: kind.upserts,
      text: kind.text,
    });
    return number;
  }
}
