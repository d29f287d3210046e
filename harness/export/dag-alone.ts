import { randomBytes } from 'node:crypto';
import path from 'node:path';

import { shellWord } from '../../reports/commands.ts';
import { dagFile, dagOfFinding } from '../../reports/markdown/airflow-issue.ts';
import type { DagAlone } from '../../reports/markdown/dag-steps.ts';
import { STEADY_HABITS } from '../../workloads/shapes.ts';
import { Progress } from '../console/progress.ts';
import { findingNamed, haveOneCause } from '../judge/finding-named.ts';
import { judge } from '../judge/judge.ts';
import type { Build } from '../model/build.ts';
import { UsageError } from '../model/errors.ts';
import type { DagSpec, Scenario } from '../model/scenario.ts';
import { datedFolderName } from '../run/manifest.ts';
import { runScenario } from '../run/run.ts';
import { processesOf } from '../run/subject.ts';
import { readManifest } from '../run-folder/manifest.ts';
import { airflowTuning } from '../stacks/airflow/settings.ts';
import { ExportedDag } from './exported-dag.ts';
import type { IssueOptions } from './issue.ts';

/** As many tasks at once as a small machine bears. */
const WORKERS = 16;
const SEED = 1;

export interface WantedDag {
  readonly run: string;
  readonly finding: string;
  readonly build: Build & { readonly kind: 'airflow' };
  readonly minutes: number;
  readonly out: string;
  readonly own: IssueOptions['own'];
}

/**
 * The DAG of a finding, and how often it shows with workers of Airflow's own. UsageError: the finding is of no DAG.
 */
export async function measuredDag(wanted: WantedDag, signal: AbortSignal): Promise<DagAlone> {
  const { run, build, minutes, own } = wanted;
  const judgement = await judge(run, { own });
  const finding = findingNamed(judgement, wanted.finding);
  const manifest = await readManifest(run);
  const dag = dagOfFinding(finding, manifest.plan.scenario.dags);
  if (!dag) throw new UsageError(`The finding is of no single DAG, so that there is none to export: ${finding.title}.`);
  const { scenario, isBackfilled, left_out } = aloneWith(manifest.plan.scenario, dag, minutes);
  const textOf = (revision: number) => `${dagFile(dag, { isBackfilled, revision })}\n`;
  const id = randomBytes(3).toString('hex');
  const out = path.resolve('runs', datedFolderName('alone', { build }, id));
  const words = ['windtunnel', 'export', run, wanted.finding, '--as', 'dag', '--build', build.name];
  words.push('--minutes', String(minutes));
  const played = await runScenario({
    subject: { build },
    plan: { seed: SEED, scenario },
    out,
    repeat: words.map(shellWord).join(' '),
    progress: new Progress(`${build.name} alone`, scenario.duration_s),
    signal,
    engine: { realWorkers: WORKERS, isAll: true },
    dags: (dagsFolder) => new ExportedDag(path.join(dagsFolder, `${dag.dag_id}.py`), textOf),
    own: own ?? [],
  });
  if (played.failure !== undefined) throw played.failure;
  const { folder, judgement: alone } = played;
  const its = alone.findings.filter((one) => haveOneCause(one, finding));
  const times = its.reduce((sum, one) => sum + one.occurrences, 0);
  const { identity, machine, windtunnel } = await readManifest(folder);
  const settings = {
    AIRFLOW__CORE__EXECUTOR: 'LocalExecutor',
    ...airflowTuning(processesOf(scenario)),
    AIRFLOW__CORE__PARALLELISM: String(WORKERS),
  };
  return {
    ...{ finding, build: build.name, scenario, dag, text: textOf(1), settings, left_out, times },
    ...{ load_s: alone.load_seconds, cpus: machine.cpus, postgres: identity.postgres ?? '', windtunnel, run: folder },
  };
}

/** What of the scenario remains with one DAG and no lives: clears and marks choose among lives. */
function aloneWith({ chaos: _, ...scenario }: Scenario, dag: DagSpec, minutes: number) {
  const its = scenario.operators.filter(({ dags }) => dags.includes(dag.dag_id));
  const played = its.filter(({ operator }) => operator === 'trigger' || operator === 'backfill');
  const isBackfilled = dag.schedule === null && its.some(({ operator }) => operator === 'backfill');
  const { churn, ...rest } = scenario;
  const alone: Scenario = {
    ...rest,
    name: `alone-${dag.dag_id}`,
    describe: `${dag.dag_id} of ${scenario.name}, without lives: workers of Airflow's own do its tasks`,
    duration_s: minutes * 60,
    // The file has its schedule, without catch-up: no date of it must have a run.
    dags: [{ ...dag, schedule: null, past_runs: 0 }],
    operators: played.map((operator) => ({ ...operator, dags: [dag.dag_id] })),
    ...(churn?.dags.includes(dag.dag_id) ? { churn: { ...churn, dags: [dag.dag_id] } } : {}),
    aims: [],
    fleet: { ...scenario.fleet, habits: { ...STEADY_HABITS, xcom: 0, fails: 0 } },
  };
  const left_out = its.filter((one) => !played.includes(one)).map(({ operator }) => operator);
  return { scenario: alone, isBackfilled, left_out: [...new Set(left_out)] };
}
