/**
 * What it costs that rows are read for sightings while they are recorded.
 *
 *     npm run bench:sightings
 *
 * Rows of operations and commits as a run has them, most of them heartbeats, go into a run folder, in turns of the
 * event loop: directly, and through the sightings. Interleaved, so that what drifts weighs on all alike. CPU time of
 * the whole process, garbage collection and writing included.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';

import { actionWords } from '../harness/judge/action-words.ts';
import type { Recorder } from '../harness/model/run-context.ts';
import { Sightings } from '../harness/record/sightings/sightings.ts';
import { RunClock } from '../harness/run-folder/clock.ts';
import { RunFolder } from '../harness/run-folder/writer.ts';
import { spread } from './spread.ts';

const OPERATIONS = 50_000;
const TASKS = 2_000;
const ROUNDS = 9;
/** Operations between two turns of the event loop. */
const AT_ONCE = 50;

const scratch = mkdtempSync(path.join(tmpdir(), 'wt-bench-'));
const clock = new RunClock();
const micros: Record<'recorded' | 'read as well', number[]> = { recorded: [], 'read as well': [] };
try {
  for (let round = -1; round < ROUNDS; round++) {
    for (const setting of ['recorded', 'read as well'] as const) {
      const folder = path.join(scratch, `${round}-${setting}`);
      const record = new RunFolder(folder);
      const isRead = setting === 'read as well';
      const sightings = new Sightings({ record, clock, actions: actionWords, say: () => undefined });
      const before = process.cpuUsage();
      await fill(isRead ? sightings : record);
      await sightings.close();
      await record.flush();
      const { user, system } = process.cpuUsage(before);
      await record.close();
      rmSync(folder, { recursive: true });
      // The first round warms up.
      if (round >= 0) micros[setting].push((user + system) / (3 * OPERATIONS));
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
const ratios = micros['read as well'].map((time, round) => time / (micros.recorded[round] ?? time));
console.log(`µs of CPU a row, min / median / max of ${ROUNDS} rounds of ${3 * OPERATIONS} rows`);
console.log(`  recorded       ${spread(micros.recorded, 2)}`);
console.log(`  read as well   ${spread(micros['read as well'], 2)}  × ${spread(ratios, 2)}`);
const began = performance.now();
const before = process.cpuUsage();
await actionWords([{ kind: null, statement: "UPDATE task_instance SET dag_version_id = 'v2'" }]);
const { user, system } = process.cpuUsage(before);
const cpuMs = ((user + system) / 1000).toFixed(0);
console.log(
  `  the words of one deadlock, once a run: ${cpuMs} ms of CPU, ${(performance.now() - began).toFixed(0)} ms`,
);

async function fill(record: Recorder): Promise<void> {
  for (let op = 1; op <= OPERATIONS; op++) {
    record.append('operations', operation(op));
    record.append('commits', commit(2 * op));
    record.append('commits', commit(2 * op + 1));
    if (op % AT_ONCE === 0) await turn();
  }
}

function idsOf(number: number) {
  const task = number % TASKS;
  return {
    dag_id: `wt_storm_${task % 3}`,
    run_id: `scheduled__2026-11-29T15:14:${task % 60}+00:00`,
    task_id: `leaf_${task % 40}`,
    map_index: -1,
    try_number: 1,
  };
}

/** Seven of ten are heartbeats. */
function operation(op: number): object {
  const kind = op % 10 < 7 ? 'heartbeat' : op % 10 === 7 ? 'run' : op % 10 === 8 ? 'rtif' : 'state';
  const at = op / 2;
  return {
    op,
    actor: 'life',
    life: op % TASKS,
    worker: `w-${op % TASKS}`,
    kind,
    ...idsOf(op),
    ti_id: `01a227df-c12b-7cab-bd45-${String(op % TASKS).padStart(12, '0')}`,
    target: null,
    attempt: 1,
    duplicate_of: null,
    intended_ms: at,
    sent_ms: at + 0.125,
    ended_ms: at + 20.5,
    outcome: op % 100 === 9 ? 'refused' : 'ok',
    status: op % 100 === 9 ? 409 : 200,
    reason: null,
    found_state: null,
    requested: null,
    message: null,
    cause: null,
    correlation_id: `5f2a9c31-${op}`,
    retry_after: null,
  };
}

function commit(seq: number): object {
  return {
    seq,
    xid: 700 + seq,
    lsn: `0/${seq.toString(16)}`,
    committed_ms: seq / 4,
    relation: 'task_instance',
    change: 'update',
    id: `01a227df-c12b-7cab-bd45-${String(seq % TASKS).padStart(12, '0')}`,
    old_id: null,
    ...idsOf(seq),
    state: seq % 10 < 8 ? 'running' : 'success',
    backfill_id: null,
    row: { max_tries: 1, hostname: `w-${seq % TASKS}`, pid: seq, queued_by_job_id: 1, dag_version_id: 'v1' },
    writer: 'wt-api-execution-1',
    writer_pid: 4_711,
    statement: 'UPDATE task_instance SET last_heartbeat_at=$1::TIMESTAMP WITH TIME ZONE WHERE task_instance.id = $2',
  };
}
