import type { Finding } from '../../harness/model/finding.ts';
import type { DagSpec, OperatorSpec, Scenario } from '../../harness/model/scenario.ts';
import { counted, listed, seconds } from '../words.ts';
import { code, document, plain } from './document.ts';

/** A DAG with what it takes to see a finding without windtunnel, and how often it was seen so. */
export interface DagAlone {
  readonly finding: Finding;
  readonly build: string;
  /** What was played beside it. */
  readonly scenario: Scenario;
  readonly dag: DagSpec;
  /** Of its file. */
  readonly text: string;
  /** Of Airflow, by the names of their environment variables. */
  readonly settings: Readonly<Record<string, string>>;
  /** Operators that were not played, because they choose among simulated workers. */
  readonly left_out: readonly string[];
  readonly times: number;
  readonly load_s: number;
  readonly cpus: number;
  readonly postgres: string;
  readonly windtunnel: string;
  /** The folder of the run that it was measured in. */
  readonly run: string;
}

/** How often it was seen, in a line. */
export function rateWords({ times, load_s, build, scenario, cpus }: DagAlone): string {
  const schedulers = counted(scenario.schedulers, 'scheduler');
  const where = `on ${build} with its own workers and ${schedulers}, on ${counted(cpus, 'core')}`;
  return times === 0
    ? `It was not seen in ${seconds(load_s)} ${where}.`
    : `It was seen ${times === 1 ? 'once' : `${times} times`} in ${seconds(load_s)} ${where}.`;
}

/** Steps that need no windtunnel. */
export function dagSteps(alone: DagAlone): string {
  const { finding, dag, scenario, settings, left_out, postgres, windtunnel, build } = alone;
  const release = build.replace('airflow@', 'apache-airflow==');
  const others = scenario.operators.map((operator) => operatorWords(operator, dag));
  if (scenario.churn) {
    const every = seconds(scenario.churn.every_ms / 1000);
    others.push(`Every ${every} change the \`description\` in the file: that makes a new version of the DAG.`);
  }
  const schedulers = counted(scenario.schedulers, 'process', 'processes');
  const steps = [
    `Install ${release} with PostgreSQL ${postgres}, with the settings below, and run \`airflow db migrate\`.`,
    `Put \`${dag.dag_id}.py\` into the DAGs folder.`,
    `Start \`airflow api-server\`, \`airflow dag-processor\` and ${schedulers} of \`airflow scheduler\`.`,
    ...others,
  ];
  return document([
    `# ${plain(finding.title)}`,
    plain(rateWords(alone)),
    ...(left_out.length === 0
      ? []
      : [plain(`In the run where it was found, operators also did this, and here they did not: ${listed(left_out)}.`)]),
    steps.map((step, i) => `${i + 1}. ${step}`).join('\n'),
    'Settings:',
    code(
      Object.entries(settings)
        .map(([name, value]) => `export ${name}=${value}`)
        .join('\n'),
      'sh',
    ),
    'What must hold, and did not:',
    finding.invariants.map(({ claim }) => `- ${plain(claim)}`).join('\n'),
    'It was measured with the workers of that release, which windtunnel started in the place of an executor, and ' +
      'counted in their requests and in the rows that PostgreSQL committed. Airflow is unmodified.',
    `Drafted-by: windtunnel v${plain(windtunnel)} (no human review before posting)`,
  ]);
}

function operatorWords(operator: OperatorSpec, { dag_id }: DagSpec): string {
  if (operator.operator === 'backfill') {
    const { runs, max_active_runs, pause_ms } = operator;
    const create = `airflow backfill create --dag-id ${dag_id} --max-active-runs ${max_active_runs}`;
    return `Create backfills of ${runs} minutes of the past, ${seconds(pause_ms / 1000)} apart: \`${create} …\`.`;
  }
  const every_ms = 'every_ms' in operator ? operator.every_ms : undefined;
  const when = every_ms === undefined ? 'Again and again' : `Every ${seconds(every_ms / 1000)}`;
  return `${when}: \`airflow dags trigger ${dag_id}\`.`;
}
