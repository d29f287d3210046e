import type { FoundPlace } from '../../harness/model/airflow/source.ts';
import type { Finding, Timeline, TimelineEntry } from '../../harness/model/finding.ts';
import { groupBy } from '../../harness/model/group-by.ts';
import type { Manifest } from '../../harness/model/manifest.ts';
import type { DagSpec } from '../../harness/model/scenario.ts';
import type { Deadlock, Judgement } from '../../harness/model/verdict.ts';
import { knownRaceNamed } from '../../harness/races/index.ts';
import type { LogAround } from '../../harness/run-folder/logs-around.ts';
import { commandToRepeat } from '../commands.ts';
import { deadlockOf, storyLines } from '../deadlocks.ts';
import { CLOCKS, contrastWords, faultWords, howOften, offset, stateChange } from '../finding-words.ts';
import { count, counted, excerpt, LIMITS, listed, seconds } from '../words.ts';
import { code, document, markdownTable, plain } from './document.ts';
import { heldStatements, howOftenBroken, orderTable, type ReplayedOrder } from './replayed-order.ts';

/** GitHub takes 65,536 characters; what is left of it, the logs may have. */
const MOST_CHARACTERS = 60_000;
/** More columns than these are no table any more: the others share the last one. */
const MOST_ACTORS = 5;
const NOT_APPLICABLE = 'Not Applicable';

/** In how many runs, or episodes of replays, of a build the finding was there. */
export interface IssueSighting {
  readonly build: string;
  readonly of: 'run' | 'episode';
  /** Those that have it. */
  readonly seen: number;
  /** Those that have it, or that put its invariant to the test. */
  readonly tested: number;
  readonly occurrences: number;
  readonly load_s: number;
}

export interface IssueFacts {
  readonly judgement: Judgement;
  readonly manifest: Manifest;
  readonly finding: Finding;
  readonly sightings: readonly IssueSighting[];
  /** From so many seconds before the moment to as many after it. */
  readonly around_s: number;
  readonly logs: readonly LogAround[];
  /** Where it is in the source of that build; undefined: the source is not here. */
  readonly places: readonly FoundPlace[] | undefined;
  /** Of a replay. */
  readonly replay?: ReplayedOrder | undefined;
}

/** A finding under the headings of Airflow's bug form, to be read, completed and sent by a person. */
export function airflowIssue(facts: IssueFacts): string {
  const { manifest, finding } = facts;
  const release = manifest.identity.airflow ?? manifest.build;
  const answers: readonly (readonly [question: string, answer: string])[] = [
    ['Under which category would you file this issue?', 'Airflow Core'],
    ['Apache Airflow version', plain(release)],
    ['What happened and how to reproduce it?', document([...happened(facts), ...steps(facts)]).trimEnd()],
    ['What you think should happen instead?', expected(finding)],
    ['Operating System', plain(`${manifest.machine.platform} ${manifest.machine.arch}`)],
    ['Deployment', 'Virtualenv installation'],
    ['Apache Airflow Provider(s)', NOT_APPLICABLE],
    ['Versions of Apache Airflow Providers', NOT_APPLICABLE],
    ['Official Helm Chart version', NOT_APPLICABLE],
    ['Kubernetes Version', NOT_APPLICABLE],
    ['Helm Chart configuration', NOT_APPLICABLE],
    ['Docker Image customizations', NOT_APPLICABLE],
  ];
  const areas = (facts.places ?? []).map(({ does }) => (does.startsWith('scheduler') ? 'area:Scheduler' : 'area:API'));
  const labels = [
    'kind:bug',
    'needs-triage',
    ...new Set(areas),
    `affected_version:${release.replace(/^(\d+\.\d+).*/, '$1')}`,
  ];
  const head = document([
    `<!-- Suggested title: ${inComment(finding.title)} -->\n<!-- Suggested labels: ${inComment(labels.join(', '))} -->`,
    ...alreadyReported(finding),
    ...answers.map(([question, answer]) => `### ${question}\n\n${answer}`),
    '### Anything else?',
    ...anythingElse(facts),
  ]).trimEnd();
  const last = `Drafted-by: windtunnel v${plain(manifest.windtunnel)} (no human review before posting)`;
  return document([head, ...logs(facts, MOST_CHARACTERS - head.length), last]);
}

/** Nothing in it ends the comment. */
function inComment(text: string): string {
  return excerpt(text, LIMITS.sentence).replace(/[<>]/g, '').replace(/-{2,}/g, '–');
}

function alreadyReported({ known_race }: Finding): string[] {
  const race = known_race === null ? undefined : knownRaceNamed(known_race);
  if (!race?.reported) return [];
  return [`> This is known as ${race.reported}: add to that report instead of sending this.`];
}

function happened(facts: IssueFacts): string[] {
  const { judgement, manifest, finding, sightings } = facts;
  const { title, worst, timeline, faults, contrast } = finding;
  const deadlock = deadlockOf(finding, judgement.deadlocks);
  const patches = manifest.patches?.map(({ name }) => name) ?? [];
  const { replay } = facts;
  const story = deadlock ? [deadlockSteps(deadlock)] : timeline === null ? [] : [actorTable(timeline), plain(CLOCKS)];
  return [
    '**Issue Description**',
    plain(replay ? `${title}.` : `${title}: ${howOften(finding)}, in ${seconds(judgement.load_seconds)} of load.`),
    ...(patches.length === 0 ? [] : [plain(`The installed package is patched: ${listed(patches)}.`)]),
    plain(`For example: ${replay?.shown.violations[0]?.sentence ?? worst.sentence}`),
    ...(replay ? [plain(howOftenBroken(replay)), orderTable(replay)] : story),
    ...(deadlock && replay ? [deadlockSteps(deadlock)] : []),
    ...(deadlock ? sideStatements(deadlock) : replay ? heldStatements(replay, withoutColumns) : []),
    ...placeTable(facts),
    ...(contrast?.lines.length
      ? [plain(`What the affected have in common: ${contrastWords(contrast).lines[0]}.`)]
      : []),
    ...(replay
      ? [
          'A proxy in front of PostgreSQL held the statements that are marked so until the next step had come about. ' +
            'Airflow is unmodified, and nothing else was done to it.',
        ]
      : faults.length === 0
        ? ['No fault had been injected: this is what the release does under load.']
        : [plain(`Faults that were injected at that time: ${faults.map(faultWords).join('; ')}.`)]),
    'How often it was seen:',
    markdownTable(
      ['version', 'seen in', 'times', 'load'],
      sightings.map(({ build, of, seen, tested, occurrences, load_s }) => [
        plain(build.replace(/^airflow@/, '')),
        tested === 0 ? 'not put to the test' : `${seen} of ${counted(tested, of)}`,
        count(occurrences),
        of === 'episode' ? 'none' : seconds(load_s),
      ]),
    ),
  ];
}

function deadlockSteps(deadlock: Deadlock): string {
  return storyLines(deadlock)
    .map((line, i) => `${i + 1}. ${plain(line)}`)
    .join('\n');
}

/** Each statement once: several sides may have sent the same. */
function sideStatements({ sides }: Deadlock): string[] {
  return [...groupBy(sides, ({ statement }) => withoutColumns(statement))].map(([statement, those]) => {
    const who = listed(those.map(({ process, pid }) => `${process} (pid ${pid})`));
    return `${plain(`${who}:`)}\n\n${code(excerpt(statement, LIMITS.statement), 'sql')}`;
  });
}

/** With a link to that line where the tag of the release has the same file. */
function placeTable({ places, manifest: { identity, build, patches } }: IssueFacts): string[] {
  if (places === undefined)
    return ['Where this is in the source was not looked up: what the run was of is not installed here any more.'];
  const tag = patches?.length || build !== `airflow@${identity.airflow}` ? undefined : identity.airflow;
  const rows = places.map(({ does, file, within, line, text }) => {
    if (line === null) return [plain(does), plain(`${file}: not found in this release`), ''];
    const url = `https://github.com/apache/airflow/blob/${tag}/airflow-core/src/airflow/${file}#L${line}`;
    const name = plain(`${file}:${line}`);
    return [plain(does), tag === undefined ? name : `[${name}](${url})`, plain(`in ${within}: ${text}`)];
  });
  return rows.length === 0 ? [] : ['Where it is in the source:', markdownTable(['what', 'where', 'line'], rows)];
}

/** An entity has fifty columns, and what matters comes after them. */
function withoutColumns(statement: string): string {
  return statement.replace(/^(\s*SELECT\s)[^(]{200,}?(\sFROM\s)/i, '$1…$2');
}

/** One row an event, one column an actor, as reports that were accepted have it. */
function actorTable({ subject, entries, left_out }: Timeline): string {
  const actors = [...new Set(entries.map(({ actor }) => actor))];
  const columns = actors.length <= MOST_ACTORS ? actors : [...actors.slice(0, MOST_ACTORS - 1), 'others'];
  const rows = entries.map((entry) => {
    const own = columns.indexOf(entry.actor);
    const column = own < 0 ? columns.length - 1 : own;
    return [
      offset(entry.offset_ms),
      ...columns.map((_, i) => (i === column ? eventWords(entry, own < 0) : '')),
      entry.proves ? '✗' : '',
    ];
  });
  const hidden = left_out > 0 ? ` ${counted(left_out, 'row')} further away left out.` : '';
  const head = plain(`${subject}; ✗ marks what proves it.${hidden}`);
  return `${head}\n\n${markdownTable(['', ...columns.map(plain), ''], rows)}`;
}

function eventWords(entry: TimelineEntry, isNamed: boolean): string {
  const arrow = entry.event === 'answer' ? '← ' : '';
  const words = [isNamed ? `${entry.actor}:` : '', entry.what, stateChange(entry)].filter((word) => word !== '');
  return plain(`${arrow}${words.join(' ')}`);
}

function steps({ judgement, manifest, finding, replay }: IssueFacts): string[] {
  const { scenario } = manifest.plan;
  const { postgres = '', airflow } = manifest.identity;
  const dag = dagOfFinding(finding, scenario.dags) ?? scenario.dags[0];
  return [
    '**Steps to reproduce:**',
    plain(
      `${counted(scenario.schedulers, 'scheduler')}, ${counted(scenario.api_servers, 'API server')} for workers and ` +
        `one for users, PostgreSQL ${postgres}, on ${counted(manifest.machine.cpus, 'core')}. Workers are simulated: ` +
        `they send what the workers of Airflow ${airflow ?? 'itself'} send.${replay ? '' : ` ${scenario.describe}.`}`,
    ),
    ...(replay?.script
      ? [
          code(`windtunnel replay script.race.yaml --build ${judgement.build}`),
          'with this file, which says the order:',
          code(replay.script.trimEnd(), 'yaml'),
        ]
      : [code(commandToRepeat(judgement.run, manifest.repeat))]),
    ...(dag
      ? [
          `${replay ? 'The DAG.' : `The DAG of the example, one of ${scenario.dags.length}.`} ` +
            'How often it shows without windtunnel is what `windtunnel export RUN FINDING --as dag` measures.',
          code(dagFile(dag), 'python'),
        ]
      : []),
  ];
}

/** The DAG that its timeline is of; undefined: it is of none, or of several. */
export function dagOfFinding({ timeline, worst }: Finding, dags: readonly DagSpec[]): DagSpec | undefined {
  const subject = timeline?.subject ?? worst.subject;
  return dags.find(({ dag_id }) => new RegExp(`(^|_)${dag_id}(/|$)`).test(subject));
}

const OPERATORS = [
  ['BashOperator', 'airflow.providers.standard.operators.bash'],
  ['BranchPythonOperator', 'airflow.providers.standard.operators.python'],
] as const;

export interface DagFileOptions {
  /** Only backfills start it: they need a schedule, which has ended. */
  readonly isBackfilled?: boolean;
  /** Another one is another version of the DAG. */
  readonly revision?: number;
}

/** The DAG with tasks that sleep as long as the simulated ones work. */
export function dagFile(
  { dag_id, schedule, max_active_runs, tasks }: DagSpec,
  { isBackfilled = false, revision = 1 }: DagFileOptions = {},
): string {
  const text = (value: string) => JSON.stringify(value);
  const lines = tasks.flatMap(({ task_id, trigger_rule, retries, mapped, skips, duration_ms }, i) => {
    const common = [
      `task_id=${text(task_id)}`,
      ...(trigger_rule === undefined ? [] : [`trigger_rule=${text(trigger_rule)}`]),
      ...(retries === undefined ? [] : [`retries=${retries}`, 'retry_delay=timedelta(seconds=1)']),
    ].join(', ');
    const [least, most] = duration_ms.map((ms) => ms / 1000);
    const [from, to] = [Math.ceil(least ?? 0), Math.ceil(most ?? 0)];
    const nap = from === to ? `sleep ${from}` : `sleep $(shuf -i ${from}-${to} -n 1)`;
    const next = tasks.filter((other) => other.upstream.includes(task_id)).map((other) => other.task_id);
    const followed = next.filter((one) => !skips?.includes(one));
    if (skips !== undefined)
      return [
        `    def follow_${i}():`,
        `        time.sleep(random.uniform(${least}, ${most}))`,
        `        return [${followed.map(text).join(', ')}]`,
        `    t${i} = BranchPythonOperator(${common}, python_callable=follow_${i})`,
      ];
    if (mapped === undefined) return [`    t${i} = BashOperator(${common}, bash_command=${text(nap)})`];
    return [`    t${i} = BashOperator.partial(${common}).expand(bash_command=[${text(nap)}] * ${mapped})`];
  });
  const variable = (id: string) => `t${tasks.findIndex(({ task_id }) => task_id === id)}`;
  const edges = [...groupBy(tasks, ({ upstream }) => upstream.map(variable).join(', '))].flatMap(([from, group]) => {
    const to = group.map(({ task_id }) => variable(task_id));
    if (from === '') return [];
    return from.includes(',') ? to.map((one) => `    [${from}] >> ${one}`) : [`    ${from} >> [${to.join(', ')}]`];
  });
  const body = [...lines, ...edges];
  const uses = (word: string) => body.some((line) => line.includes(word));
  return [
    ...['random', 'time'].filter((module) => uses(`${module}.`)).map((module) => `import ${module}`),
    `from datetime import datetime${uses('timedelta(') ? ', timedelta' : ''}`,
    '',
    ...OPERATORS.filter(([name]) => uses(name)).map(([name, from]) => `from ${from} import ${name}`),
    'from airflow.sdk import DAG',
    '',
    'with DAG(',
    `    ${text(dag_id)}, schedule=${isBackfilled ? text('* * * * *') : schedule === null ? 'None' : text(schedule)},`,
    `    start_date=datetime(2026, 1, 1),${isBackfilled ? ' end_date=datetime(2026, 4, 1),' : ''} catchup=False,`,
    `    max_active_runs=${max_active_runs},${revision === 1 ? '' : ` description="revision ${revision}",`}`,
    '):',
    ...body,
  ].join('\n');
}

function expected({ invariants }: Finding): string {
  return invariants.map(({ claim }) => plain(claim)).join('\n\n');
}

function anythingElse({ judgement, manifest }: IssueFacts): string[] {
  const { operations = 0, deadlocks = 0, http_5xx = 0 } = judgement.counts;
  const { airflow = 'unknown', python = 'unknown', postgres = 'unknown' } = manifest.identity;
  return [
    plain(`As the processes report it: Airflow ${airflow}, Python ${python}, PostgreSQL ${postgres}.`),
    plain(
      `Found by windtunnel, which plays workers and users against an unmodified Airflow and judges what is ` +
        `committed. In that run: ${counted(operations, 'request')}, ${counted(deadlocks, 'deadlock')}, ` +
        `${count(http_5xx)} answers 5xx.`,
    ),
  ];
}

/** Shares what is left: a log that is longer loses its beginning and its end, for the moment is in the middle. */
function logs({ logs: all, around_s }: IssueFacts, room: number): string[] {
  if (all.length === 0) return [];
  const each = Math.max(0, Math.floor((room - 300 * all.length) / all.length));
  return all.map(({ name, text, at }) => {
    const shown = nearest(text, at, each);
    const left = shown === text ? 'whole' : `the nearest ${count(shown.length)} of ${count(text.length)} characters`;
    const title = `${name}, ${around_s} s before and after, ${left}`;
    return document([`<details><summary>${plain(title)}</summary>`, code(shown), '</details>']).trimEnd();
  });
}

/** Whole lines. */
function nearest(text: string, at: number, characters: number): string {
  if (text.length <= characters) return text;
  const from = Math.max(0, Math.min(at - Math.floor(characters / 2), text.length - characters));
  const [begin, end] = [text.indexOf('\n', from) + 1, text.lastIndexOf('\n', from + characters)];
  return end > begin ? text.slice(from === 0 ? 0 : begin, end) : '';
}
