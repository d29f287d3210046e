import type { SubjectKeys } from '../director/points.ts';
import type { OpenRun, Row } from '../judge/open-run.ts';
import type { Finding } from '../model/finding.ts';
import type { DagSpec } from '../model/scenario.ts';
import type { Deadlock } from '../model/verdict.ts';
import { literal } from '../run-folder/files.ts';
import { type Cue, cueOfRequest, cuesOf, type OfRun, type TaskChange, taskChangesOf } from './history.ts';
import type { Names } from './point-of.ts';
import { type TracedStatement, tracedStatements } from './traced.ts';

/** No script comes out of a finding: at which step, and why. */
export class NoScript extends Error {}

/** What a process did that has to do with the violation: its last statement, and what led to it. */
export interface HarmfulAct {
  readonly statement: TracedStatement;
  /** Of the same connection, those that touched the rows of the violation; the last is `statement`. */
  readonly chain: readonly TracedStatement[];
  /** What made it: a request; null for what a process does by itself. */
  readonly cue: Cue | null;
  /** The committed change that it made; null where it failed. */
  readonly change: TaskChange | null;
}

/** All of a run that concerns one occurrence of a finding. */
export interface Slice {
  readonly finding: Finding;
  readonly spec: DagSpec;
  /** Those that it takes, in the order of the DAG. */
  readonly tasks: readonly string[];
  readonly names: Names;
  readonly changes: readonly TaskChange[];
  readonly cues: readonly Cue[];
  /** What did the harm. Two that block each other, or that write the same row at once, are both. */
  readonly acts: readonly [HarmfulAct, ...HarmfulAct[]];
  /** The newest version of the DAG before the harm, where versions are part of the matter; null else. */
  readonly revisedMs: number | null;
  /** What else proves it that a process did by itself, before the harm and on another connection. */
  readonly beside: readonly HarmfulAct[];
}

/** How long before its harm a act may have read what it acts on. */
const LOOK_BACK_MS = 40_000;
/** Of a request's answer the clocks of the harness and of the wires are the same; of a commit they are not. */
const NEAR_MS = 50;

export async function sliceOf(run: OpenRun, finding: Finding, deadlock: Deadlock | undefined): Promise<Slice> {
  const of = await runOfFinding(run, finding, deadlock);
  const spec = run.manifest.plan.scenario.dags.find(({ dag_id }) => `_${of.dagId}`.endsWith(`_${dag_id}`));
  if (!spec) throw new NoScript(`slice: the plan of the run has no DAG ${of.dagId}`);
  const named = await tasksOfFinding(run, finding, of);
  const inRun = new Set(withUpstream(spec, named));
  const tasks = spec.tasks.map(({ task_id }) => task_id).filter((task) => inRun.has(task));
  const names = await namesOf(run, of, tasks);
  const changes = await taskChangesOf(run, of);
  const acts = await actsOf(run, { finding, deadlock, of, tasks, changes });
  const [first, ...others] = acts;
  if (!first) throw new NoScript('slice: no statement of the trace made what the violation names');
  return {
    ...{
      finding,
      spec,
      tasks,
      names,
      changes,
      beside: await besideOf(run, { finding, deadlock, of, tasks, changes }, first),
    },
    cues: await cuesOf(run, of, tasks),
    acts: [first, ...others],
    revisedMs: await revision(run, of, finding, acts),
  };
}

/** A backfill has no run yet: then the run is that of nothing. */
async function runOfFinding(run: OpenRun, { worst }: Finding, deadlock: Deadlock | undefined): Promise<OfRun> {
  const ops = [...worst.operations, ...(deadlock?.sides.flatMap(({ operation }) => operation ?? []) ?? [])];
  const rows = await run.rows(`
    SELECT dag_id, run_id, task_id IS NOT NULL AS of_task, kind FROM operations WHERE op IN (${listOf(ops)})
    UNION ALL SELECT dag_id, run_id, task_id IS NOT NULL, relation FROM commits WHERE seq IN (${listOf(worst.commits)})
    ORDER BY 3 DESC`);
  const found = rows.find(({ dag_id, run_id }) => dag_id !== null && run_id !== null) ?? rows[0];
  const [dagId, runId] = deadlock?.sides.flatMap(({ subject }) => (subject ? [subject.split('/')] : []))[0] ?? [];
  if (found && found.dag_id !== null) {
    const isOfBackfill = rows.some(({ kind }) => kind === 'backfill');
    return { dagId: String(found.dag_id), runId: isOfBackfill ? '' : String(found.run_id ?? '') };
  }
  if (dagId !== undefined && runId !== undefined) return { dagId, runId };
  throw new NoScript('slice: the violation names no DAG');
}

async function tasksOfFinding(run: OpenRun, { worst }: Finding, { dagId, runId }: OfRun): Promise<string[]> {
  const rows = await run.rows(`
    SELECT DISTINCT task_id FROM (
      SELECT dag_id, run_id, task_id FROM operations WHERE op IN (${listOf(worst.operations)})
      UNION ALL SELECT dag_id, run_id, task_id FROM commits WHERE seq IN (${listOf(worst.commits)})
    ) WHERE dag_id = ${literal(dagId)} AND run_id = ${literal(runId)} AND task_id IS NOT NULL`);
  const [, , task] = worst.subject.split('/');
  const named = rows.map(({ task_id }) => String(task_id));
  return task === undefined ? named : [...new Set([...named, task.replace(/\[\d+\]$/, '')])];
}

function withUpstream(spec: DagSpec, tasks: readonly string[]): string[] {
  const all = new Set(tasks);
  for (const task of all) for (const one of specOf(spec, task)?.upstream ?? []) all.add(one);
  // Without a task there is no DAG: the first stands for all.
  const [first] = spec.tasks;
  return all.size > 0 || !first ? [...all] : [first.task_id];
}

export function specOf({ tasks }: DagSpec, task: string): DagSpec['tasks'][number] | undefined {
  return tasks.find(({ task_id }) => task_id === task);
}

async function namesOf(run: OpenRun, { dagId, runId }: OfRun, tasks: readonly string[]): Promise<Names> {
  const where = `dag_id = ${literal(dagId)} AND run_id = ${literal(runId)}`;
  const ids = await run.rows(`SELECT DISTINCT task_id, ti_id FROM task_instance_changes WHERE ${where}`);
  const [ofRun] = await run.rows(`SELECT dag_run_id FROM dag_run_changes WHERE ${where} LIMIT 1`);
  const subjects = new Map<string, SubjectKeys>(
    tasks.map((task) => {
      const tiIds = new Set(ids.filter(({ task_id }) => task_id === task).map(({ ti_id }) => String(ti_id)));
      return [task, { dagId, run: runId, task, tiIds, runKey: undefined }];
    }),
  );
  const runKey = ofRun?.dag_run_id === undefined ? undefined : String(ofRun.dag_run_id);
  subjects.set('r', { dagId, run: runId, task: undefined, tiIds: new Set(), runKey });
  const names = runId === '' ? [] : [...tasks, 'r'];
  return { names, subjectOf: (name) => [subjects.get(name)].filter((one) => one !== undefined) };
}

interface OfFinding {
  readonly finding: Finding;
  readonly deadlock: Deadlock | undefined;
  readonly of: OfRun;
  readonly tasks: readonly string[];
  readonly changes: readonly TaskChange[];
}

async function actsOf(run: OpenRun, facts: OfFinding): Promise<HarmfulAct[]> {
  const { deadlock, finding, of, tasks } = facts;
  const { operations, commits } = finding.worst;
  if (deadlock) {
    const [victim, ...others] = deadlock.sides;
    const blocker = others.find(({ pid }) => pid === victim?.blocked_by) ?? others[0];
    const sides = [victim, blocker].filter((side) => side !== undefined);
    const acts = await Promise.all(
      sides.map(async ({ pid, operation, process }) => {
        const [row] = await run.rows(`
          SELECT n FROM statements JOIN statement_kinds USING (kind)
          WHERE pid = ${pid} AND sent_ms <= ${deadlock.at_ms + NEAR_MS} AND answered_ms >= ${deadlock.at_ms - NEAR_MS}
            AND verb NOT IN ('rollback', 'commit', 'begin') ORDER BY answered_ms - sent_ms DESC LIMIT 1`);
        if (!row) throw new NoScript(`slice: the trace has no statement of ${process} at the deadlock`);
        return actOf(run, facts, { n: Number(row.n), op: operation, seq: null });
      }),
    );
    return acts;
  }
  const made = await run.rows(`
    SELECT seq, n, op, process FROM written_by JOIN statements USING (n)
      LEFT JOIN (SELECT seq, min(op) AS op FROM carried_out GROUP BY seq) AS by_request USING (seq)
    WHERE seq IN (${listOf(commits)}) ORDER BY sent_ms DESC LIMIT 1`);
  const [last] = made;
  if (last) {
    // Of a row that no request names, such as a run of a backfill, the request of the violation made it.
    const op = numberOf(last.op) ?? (String(last.process).startsWith('api-') ? (operations[0] ?? null) : null);
    return [await actOf(run, facts, { n: Number(last.n), op, seq: Number(last.seq) })];
  }
  const found: HarmfulAct[] = [];
  const taken = new Set<number>();
  for (const op of operations) {
    const n = await statementOf(run, op, of, taken);
    if (n === undefined) continue;
    taken.add(n);
    found.push(await actOf(run, facts, { n, op, seq: null }));
  }
  // Of two that came at once both are held; else it is the one that failed.
  const words = found.map(({ cue }) => cue?.words);
  const areAtOnce = found.length === 2 && words[0] !== undefined && words[0] === words[1] && tasks.length > 0;
  return areAtOnce ? found : found.slice(0, 1);
}

async function besideOf(run: OpenRun, facts: OfFinding, { statement }: HarmfulAct): Promise<HarmfulAct[]> {
  const { pid } = statement.seen;
  const rows = await run.rows(`
    SELECT seq, n FROM written_by JOIN statements USING (n) ANTI JOIN carried_out USING (seq)
    WHERE seq IN (${listOf(facts.finding.worst.commits)}) AND pid <> ${pid} AND sent_ms < ${statement.sentMs}
    ORDER BY n`);
  const acts: HarmfulAct[] = [];
  for (const row of rows) acts.push(await actOf(run, facts, { n: Number(row.n), op: null, seq: Number(row.seq) }));
  return acts;
}

/** What a request did last, or where it failed. */
async function statementOf(
  run: OpenRun,
  op: number,
  { dagId, runId }: OfRun,
  taken: ReadonlySet<number>,
): Promise<number | undefined> {
  const rows = await run.rows(`
    SELECT statements.n FROM statements JOIN statement_kinds USING (kind) JOIN accesses USING (n), (
      SELECT *, coalesce(ended_ms, sent_ms + 6000) AS until_ms FROM operations WHERE op = ${op}
    ) AS asked
    WHERE statements.process LIKE 'api-%' AND statements.sent_ms BETWEEN asked.sent_ms AND until_ms
      AND (statements.sqlstate IS NOT NULL OR (statement_kinds.target IS NOT NULL AND statement_kinds.target <> 'log'))
      AND (accesses.id = asked.ti_id OR accesses.ti_id = asked.ti_id OR (accesses.dag_id = ${literal(dagId)} AND
        accesses.run_id = ${literal(runId)} AND accesses.task_id IS NOT DISTINCT FROM asked.task_id))
      AND statements.n NOT IN (${listOf([...taken])})
      -- Of two requests for the same row the refused one is that which failed.
      ORDER BY (statements.sqlstate IS NULL) = (asked.outcome <> 'ok'), statements.n DESC LIMIT 1`);
  return numberOf(rows[0]?.n) ?? undefined;
}

async function actOf(
  run: OpenRun,
  { of, tasks, changes }: OfFinding,
  { n, op, seq }: { readonly n: number; readonly op: number | null; readonly seq: number | null },
): Promise<HarmfulAct> {
  const ids = changes.filter(({ task }) => tasks.includes(task)).map(({ seq: one }) => one);
  const which = `
    SELECT process, pid, tx FROM statements WHERE n = ${n}
    UNION
    SELECT other.process, other.pid, other.tx
    FROM statements AS own JOIN statements AS other USING (process, pid) JOIN accesses ON accesses.n = other.n
    WHERE own.n = ${n} AND other.n <= ${n} AND other.sent_ms >= own.sent_ms - ${LOOK_BACK_MS} AND (
      accesses.id IN (SELECT ti_id FROM task_instance_changes WHERE seq IN (${listOf(ids)}))
      OR (accesses.dag_id = ${literal(of.dagId)} AND accesses.run_id = ${literal(of.runId)}))`;
  const chain = await tracedStatements(run, which, [n]);
  const statement = chain.at(-1);
  if (!statement || statement.n !== n) throw new NoScript('slice: the trace lacks the statement that did the harm');
  const change = changes.find((one) => one.seq === seq) ?? null;
  const cue = op === null ? undefined : await cueOfRequest(run, op, tasks);
  if (op !== null && !cue) throw new NoScript(`slice: no sentence of a script says what request ${op} did`);
  return { statement: withState(statement, change), chain, cue: cue ?? null, change };
}

/** Of many rows in one message the trace keeps the beginning: what became of this one its commit says. */
function withState(statement: TracedStatement, change: TaskChange | null): TracedStatement {
  const { kind } = statement.seen;
  if (change?.state == null || kind.target !== 'task_instance' || !kind.set.includes('state')) return statement;
  const state = {
    clause: 'set',
    relation: kind.target,
    column: 'state',
    operator: '=',
    values: [change.state],
  } as const;
  return { ...statement, seen: { ...statement.seen, conditions: [state] } };
}

async function revision(
  run: OpenRun,
  { dagId }: OfRun,
  { root }: Finding,
  acts: readonly HarmfulAct[],
): Promise<number | null> {
  if (!root.invariant.includes('dag-version')) return null;
  const until = Math.max(...acts.map(({ statement }) => statement.sentMs));
  const [row] = await run.rows(`
    SELECT max(committed_ms) AS at_ms FROM commits
    WHERE relation = 'dag_version' AND change = 'insert' AND dag_id = ${literal(dagId)} AND committed_ms <= ${until}`);
  return numberOf(row?.at_ms);
}

function numberOf(cell: Row[string] | undefined): number | null {
  return cell === null || cell === undefined ? null : Number(cell);
}

/** For `IN (…)`, which takes no empty list: no number is negative. */
function listOf(numbers: readonly number[]): string {
  return numbers.length === 0 ? '-1' : numbers.join(', ');
}
