import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Manifest } from '../../harness/model/manifest.ts';
import type { Judgement } from '../../harness/model/verdict.ts';
import { literalManifest } from '../../harness/testing/literal-run.ts';
import { isStored, judgedRun } from '../judged-run.ts';
import { queried } from '../program.ts';
import type { ContractAnswer, ContractRun } from './page.ts';
import { contractPlan } from './plan.ts';

/**
 * One row: what was answered in one window to one kind of request. `answered`: its answers; `again`: those of the next
 * sending; `became`: where the task went that asked for an end, against what was asked for.
 */
const ANSWERS = `
  WITH windows AS (
    SELECT "window", victim, opened_ms, until_ms, regexp_extract(detail, 'statement (.*?); most', 1) AS statement
    FROM fault_windows WHERE fault = 'answer-sqlstate'
  ), met AS (
    SELECT windows."window", role_of(process) AS role, a.sqlstate, windows.statement, o.op, o.kind, o.status,
      o.requested, o.cause, (SELECT arg_min(coalesce(n.status::VARCHAR, n.cause), n.attempt) FROM operations n
        WHERE n.kind = o.kind AND n.life = o.life AND n.ti_id = o.ti_id AND n.requested IS NOT DISTINCT FROM o.requested
        AND n.target IS NOT DISTINCT FROM o.target AND n.attempt > o.attempt AND n.sent_ms > o.sent_ms
        AND n.attempt = o.attempt + 1) AS again,
      (SELECT arg_min(state, seq) FROM task_instance_changes
        WHERE old_ti_id = o.ti_id AND old_state = 'running' AND state <> 'running'
          AND committed_ms >= o.sent_ms - 250) AS became,
      (SELECT count(*) FROM server_log WHERE source LIKE 'api-%' AND message LIKE '%the task to failed%'
        AND contains(message, o.correlation_id)) AS says_failed
    FROM answered_statements a
    JOIN windows ON a.process = 'wt-' || victim AND a.at_ms BETWEEN opened_ms AND until_ms + 100
    LEFT JOIN operations o USING (op)
  )
  SELECT "window"::INTEGER AS "window", role, sqlstate, statement, kind, requested, count(*)::INTEGER AS hits,
    list(coalesce(status::VARCHAR, cause) ORDER BY op) AS answered, list(again ORDER BY op) AS again,
    list(CASE WHEN kind = 'state' THEN coalesce(became, 'not ended') END ORDER BY op) AS became,
    sum(says_failed)::INTEGER AS says_failed
  FROM met GROUP BY ALL ORDER BY "window", kind, requested`;

/** Processes of the stack that ended by themselves. */
const ENDED = `SELECT source, count(*)::INTEGER AS times FROM server_log
  WHERE severity = 'FATAL' AND source NOT IN ('postgres', 'wire') GROUP BY source ORDER BY source`;

/** Plays the plan on this build, or judges the run that is stored there, and reads what became of each answer. */
export async function answersOf(folder: string, build: string, seed: number): Promise<ContractRun> {
  const verdict = await judgement(folder, build, seed);
  const answers = (await queried(folder, ANSWERS)) as unknown as ContractAnswer[];
  const ended = (await queried(folder, ENDED)) as unknown as ContractRun['ended'];
  const { started_at } = JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')) as Manifest;
  const findings = verdict.findings.map(({ known_race, title, root, occurrences: count }) => ({
    ...(known_race === null ? { name: root.invariant, variant: root.variant } : { name: known_race, variant: title }),
    count,
    is_known: known_race !== null,
  }));
  return { build, seed, at: started_at, load_seconds: verdict.load_seconds, answers, ended, findings };
}

async function judgement(folder: string, build: string, seed: number): Promise<Judgement> {
  if (isStored(folder)) return judgedRun(folder, { scenario: '' });
  const plan = `${folder}.plan`;
  rmSync(plan, { recursive: true, force: true });
  mkdirSync(plan, { recursive: true });
  const manifest = { ...literalManifest({}), build, plan: contractPlan(seed) };
  writeFileSync(path.join(plan, 'manifest.json'), JSON.stringify(manifest));
  return judgedRun(folder, { scenario: plan });
}
