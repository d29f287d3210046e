import type { Operation } from '../../model/operation.ts';
import type { Inquiry, Spotted } from './inquiry.ts';
import { CLOCK_TOLERANCE_MS, type CommittedRow, tenths } from './recent.ts';

interface BackfillLife {
  readonly id: string;
  readonly dagId: string;
  readonly createdMs: number;
  isCompleted: boolean;
  runs: number;
  /** The commit of its first run. */
  first: CommittedRow | undefined;
  /** When the request that creates it was answered. */
  answeredMs: number | undefined;
  readonly unfinished: Set<string>;
}

const ENDED = ['success', 'failed'];

/** The backfills of a run, of which the commits show when a scheduler completes one too early. */
export class Backfills {
  readonly #lives = new Map<string, BackfillLife>();

  takeOperation({ kind, outcome, target, ended_ms }: Operation): void {
    if (kind !== 'backfill' || outcome !== 'ok') return;
    const life = this.#lives.get(target ?? '');
    if (life) life.answeredMs = ended_ms ?? undefined;
  }

  /** What there is to look into, if the commit completes a backfill. */
  takeCommit(row: CommittedRow): Inquiry | undefined {
    if (row.relation === 'backfill') return this.#backfill(row);
    if (row.relation === 'dag_run' && row.backfill_id !== null) this.#run(row);
    return undefined;
  }

  #backfill(row: CommittedRow): Inquiry | undefined {
    const id = String(row.id);
    if (row.change === 'insert') {
      const life = { id, dagId: row.dag_id ?? '', createdMs: row.committed_ms, isCompleted: false, runs: 0 };
      this.#lives.set(id, { ...life, first: undefined, answeredMs: undefined, unfinished: new Set() });
    }
    const life = this.#lives.get(id);
    if (life === undefined || life.isCompleted || (row.row.completed_at ?? null) === null) return undefined;
    life.isCompleted = true;
    // Who cancels one completes it, whatever runs it has.
    return row.writer?.includes('scheduler') ? lookAtCompletion(life, row) : undefined;
  }

  #run(row: CommittedRow): void {
    const life = this.#lives.get(String(row.backfill_id));
    if (life === undefined) return;
    const run = String(row.id);
    if (row.change === 'delete' || ENDED.includes(row.state ?? '')) life.unfinished.delete(run);
    else life.unfinished.add(run);
    if (row.change !== 'insert') return;
    life.runs++;
    life.first ??= row;
  }
}

function lookAtCompletion(life: BackfillLife, completed: CommittedRow): Inquiry {
  const seen = (how: string): Spotted => ({
    at_ms: completed.committed_ms,
    name: `the early completion of backfill ${life.id} of ${life.dagId}`,
    sentence:
      `Backfill ${life.id} of ${life.dagId} was marked completed by ${completed.writer} ` +
      `${tenths(completed.committed_ms - life.createdMs)} after it was created, ${how}.`,
    op: null,
    seq: completed.seq,
  });
  const { runs, unfinished } = life;
  const open = unfinished.size;
  if (open > 0) return () => seen(`while ${open} of its ${runs} runs had not ended`);
  if (runs > 0) return () => 'ordinary';
  return (last) => {
    const { first, answeredMs } = life;
    const later = (atMs: number) => tenths(atMs - completed.committed_ms);
    const none = 'before any of its runs existed';
    if (first !== undefined) return seen(`${none}: the first was created ${later(first.committed_ms)} later`);
    if (answeredMs === undefined)
      return last ? seen(`${none}: the request that creates it was still under way`) : undefined;
    if (answeredMs <= completed.committed_ms + CLOCK_TOLERANCE_MS) return 'ordinary';
    return seen(`${none}: the request that creates it was answered ${later(answeredMs)} later`);
  };
}
