import { readFile } from 'node:fs/promises';

import type { DuckDBConnection } from '@duckdb/node-api';

import type { Timeline } from '../../model/finding.ts';
import { isRecord } from '../../model/json.ts';
import { type Row, rowsOf } from '../open-run.ts';
import type { Incident } from './incidents.ts';
import { inOneOrder, type Ours, type Theirs } from './order.ts';
import { commitWords, faultEntries, requestWords, type StoryRow, type UntimedEntry } from './words.ts';

const SQL = new URL('timeline.sql', import.meta.url);

/** The consequences show within some heartbeats; what follows later concerns the next part of the subject's life. */
const AFTERMATH_MS = 5_000;

/** More are not read; what proves the violations is always among them. */
const TIMELINE_ROWS = 30;

/** What happened to the subject of an incident's root, nearest to it, in one order. */
export async function readFindingTimeline(connection: DuckDBConnection, incident: Incident): Promise<Timeline> {
  const { subject, at_ms } = incident.root;
  const story = await readStory(connection, incident);
  const requests = story.rows.filter(({ source }) => source === 'operation');
  const ours: (Ours & { readonly entry: UntimedEntry })[] = [
    ...requests.flatMap((row) => requestWords(row, story.task_id)),
    ...story.faults.flatMap(faultEntries).map((entry) => ({ at_ms: entry.at_ms, end: null, entry })),
  ];
  const others = story.rows.filter(({ source }) => source !== 'operation');
  const theirs = others.map((row): Theirs & { readonly entry: UntimedEntry } => {
    const by = row.source === 'commit' ? requestOf(row, requests, story.tolerance_ms) : failedBy(row);
    const entry = { ...commitWords(row, story.task_id), by: by?.op ?? null };
    return { at_ms: row.at_ms, seq: row.source === 'commit' ? row.number : null, by, entry };
  });
  const entries = merged(inOneOrder(ours, theirs).map(({ entry }) => entry));
  return {
    // Of a deadlock between two processes, the task whose request it failed.
    subject: story.subject ?? subject,
    at_ms,
    entries: entries.map((entry) => ({ ...entry, offset_ms: entry.at_ms - at_ms })),
    left_out: story.left_out,
  };
}

interface Story {
  /** The nearest to the root, in any order. */
  readonly rows: readonly StoryRow[];
  readonly faults: readonly Row[];
  readonly left_out: number;
  readonly tolerance_ms: number;
  /** The task that the story is about: requests about another one say so. */
  readonly task_id: string | null;
  readonly subject: string | null;
}

async function readStory(connection: DuckDBConnection, { root, members }: Incident): Promise<Story> {
  const sql = (await readFile(SQL, 'utf8'))
    .replaceAll('$root', String(root.v))
    .replaceAll('$members', `[${members.map(({ v }) => v).join(', ')}]`);
  await connection.run('DROP TABLE IF EXISTS story');
  await connection.run(sql);
  const [known] = await rowsOf(
    connection,
    `SELECT count(*) FILTER (source <> 'focus') AS rows, clock_tolerance_ms() AS tolerance_ms,
       any_value(row ->> 'task_id') FILTER (source = 'focus') AS task_id,
       any_value(row ->> 'subject') FILTER (source = 'focus') AS subject FROM story`,
  );
  const shown = await rowsOf(
    connection,
    `SELECT source, number, at_ms, proves, row::VARCHAR AS row FROM story
     WHERE source <> 'focus' AND (proves OR at_ms <= ${AFTERMATH_MS} + (
       SELECT max(until_ms) FROM story WHERE proves AND source <> 'focus'))
     ORDER BY NOT proves, abs(at_ms - ${root.at_ms}), number, source LIMIT ${TIMELINE_ROWS}`,
  );
  const rows = shown.map((row): StoryRow => {
    const parsed: unknown = JSON.parse(String(row.row));
    return {
      source: String(row.source),
      number: Number(row.number),
      at_ms: Number(row.at_ms),
      proves: row.proves === true,
      row: isRecord(parsed) ? parsed : {},
    };
  });
  const times = [root.at_ms, ...rows.map(({ at_ms }) => at_ms)];
  const faults = await rowsOf(
    connection,
    `SELECT fault, victim, opened_ms, closed_ms FROM fault_windows
     WHERE opened_ms <= ${Math.max(...times)} AND coalesce(closed_ms, 'infinity') >= ${Math.min(...times)}
     ORDER BY opened_ms LIMIT 10`,
  );
  return {
    rows,
    faults,
    left_out: Number(known?.rows ?? 0) - rows.length,
    tolerance_ms: Number(known?.tolerance_ms ?? 0),
    task_id: typeof known?.task_id === 'string' ? known.task_id : null,
    subject: typeof known?.subject === 'string' ? known.subject : null,
  };
}

/** The request that committed this: the nearest one that asked for it and was under way, within the clock tolerance. */
function requestOf(commit: StoryRow, requests: readonly StoryRow[], tolerance_ms: number): Theirs['by'] {
  const asked = requests.filter(({ row }) => {
    if (row.outcome === 'refused' || !asksFor(row, commit.row)) return false;
    const over = row.ended_ms === null || row.outcome === 'unknown' ? Infinity : Number(row.ended_ms);
    return Number(row.sent_ms) <= commit.at_ms + tolerance_ms && over >= commit.at_ms - tolerance_ms;
  });
  const nearest = asked.toSorted(
    (a, b) => Math.abs(Number(a.row.sent_ms) - commit.at_ms) - Math.abs(Number(b.row.sent_ms) - commit.at_ms),
  )[0];
  return nearest ? { op: nearest.number, accepted: nearest.row.outcome === 'ok' } : null;
}

/** The 5xx reports the deadlock, as a 2xx reports a commit. */
function failedBy({ row }: StoryRow): Theirs['by'] {
  return typeof row.operation === 'number' ? { op: row.operation, accepted: true } : null;
}

function asksFor(request: StoryRow['row'], commit: StoryRow['row']): boolean {
  const writer = String(commit.writer ?? 'wt-api-');
  if (!writer.startsWith('wt-api-')) return false;
  const task = commit.relation === 'task_instance';
  switch (request.kind) {
    case 'run':
      return task && commit.id === request.ti_id && commit.state === 'running';
    case 'state':
      return task && (commit.old_ti_id ?? commit.id) === request.ti_id && commit.state !== 'running';
    case 'skip_downstream':
      return task && commit.state === 'skipped' && String(request.target).split(' ').includes(String(commit.task_id));
    case 'rtif':
      return commit.relation === 'rendered_task_instance_fields' && commit.task_id === request.task_id;
    case 'trigger_run':
      return commit.relation === 'dag_run' && `${commit.dag_id}/${commit.run_id}` === request.target;
    case 'backfill':
      return commit.backfill_id !== null && String(commit.backfill_id) === String(request.target);
    case 'trigger':
      return commit.relation === 'dag_run' && commit.change === 'insert' && commit.run_id === request.run_id;
    default:
      return false;
  }
}

/** An answer that follows its request at once becomes one entry with it, and so do accepted heartbeats in a row. */
function merged(entries: readonly UntimedEntry[]): UntimedEntry[] {
  const result: UntimedEntry[] = [];
  let beats = 0;
  for (const one of entries) {
    const last = result.at(-1);
    if (one.event === 'answer' && last?.event === 'request' && last.operation === one.operation) {
      result[result.length - 1] = {
        ...last,
        event: 'exchange',
        what: `${last.what}: ${one.what}`,
        outcome: one.outcome,
      };
    } else {
      result.push(one);
      continue;
    }
    const [before, now] = [result.at(-2), result.at(-1)];
    if (!before || !now || !isQuietBeat(before) || !isQuietBeat(now) || before.actor !== now.actor) {
      beats = 1;
      continue;
    }
    beats++;
    result.splice(-2, 2, { ...before, what: `${beats} heartbeats: accepted` });
  }
  return result;
}

function isQuietBeat({ event, what, outcome, proves }: UntimedEntry): boolean {
  return event === 'exchange' && outcome === 'ok' && !proves && /^(\d+ )?heartbeats?:/.test(what);
}
