import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { REAL_CLIENT, STEADY_HABITS } from '../../workloads/shapes.ts';
import { collectUsageErrors } from '../console/usage-errors.ts';
import { dagOfEpisode, episodeCounts, episodesOf, type HowOften, slugOf } from '../director/director.ts';
import { type RaceScript, readScript } from '../director/script.ts';
import { listInvariants } from '../judge/invariants.ts';
import type { Build } from '../model/build.ts';
import { didYouMean } from '../model/closest.ts';
import { UsageError } from '../model/errors.ts';
import type { DagSpec, Scenario } from '../model/scenario.ts';
import { notWhole } from '../run/plan.ts';
import { DEFAULT_BUILD } from '../run/subject.ts';
import { checkNewFile, checkNewFolder } from '../run-folder/out.ts';
import { knownBuild } from '../stacks/start-build.ts';
import { checkEnvironment } from '../system/environment.ts';
import { type ReplayFlags, USUAL_TIMES } from './options.ts';

/** With what a race file of a known race ends; it stands beside the race's own file. */
const ENDING = '.race.yaml';
const SHIPPED = fileURLToPath(new URL('../races/', import.meta.url));
/** An upper bound for the plan: the load ends with the script. */
const LONGEST_EPISODE_S = 60;

export interface WantedReplay {
  readonly build: Build;
  readonly scripts: readonly RaceScript[];
  readonly often: HowOften;
}

/** What the flags ask for. Throws a UsageError that lists every problem of them, and of the files. */
export async function resolveReplay(flags: ReplayFlags): Promise<WantedReplay> {
  const { files = [], build, times = USUAL_TIMES, control = false, out, junit } = flags;
  const [, known, ...scripts] = await collectUsageErrors(
    async () => {
      const problems = notWhole('times', times, 1, 200);
      if (files.length === 0) problems.push(`Name a file of a race, or one of ${shippedRaces().join(', ')}.`);
      if (problems.length > 0) throw new UsageError(problems.join('\n'));
    },
    async () => knownBuild(build ?? DEFAULT_BUILD),
    ...files.map((file) => async () => checkedScript(fileNamed(file))),
  );
  await collectUsageErrors(
    async () => checkEnvironment(),
    async () => out === undefined || checkNewFolder(out, 'folder of the replay'),
    async () => junit === undefined || checkNewFile(junit, 'file for JUnit'),
  );
  return { build: known, scripts, often: episodeCounts(times, control) };
}

/** Names of the races that have a file here. */
export function shippedRaces(): string[] {
  return readdirSync(SHIPPED)
    .filter((file) => file.endsWith(ENDING))
    .map((file) => file.slice(0, -ENDING.length))
    .sort();
}

function fileNamed(word: string): string {
  if (existsSync(word)) return word;
  const name = word.replace(/^#/, '');
  const known = shippedRaces();
  if (known.includes(name)) return path.join(SHIPPED, `${name}${ENDING}`);
  const what = word.includes('/') || word.endsWith('.yaml') ? 'There is no file' : 'There is no race file';
  throw new UsageError(`${what} ${word}${didYouMean(name, known)}: give a path, or one of ${known.join(', ')}.`);
}

async function checkedScript(file: string): Promise<RaceScript> {
  const script = readScript(file);
  const known = (await listInvariants()).map(({ name }) => name);
  const unknown = Object.keys(script.race.breaks).filter((name) => !known.includes(name));
  if (unknown.length === 0) return script;
  const problems = unknown.map((name) => `there is no invariant "${name}"${didYouMean(name, known)}`);
  throw new UsageError(`${file}: breaks: ${problems.join(', ')}; \`windtunnel list\` names them.`);
}

/** Scripts that can share a stack have the same. */
export function settingOf({ race: { stack = {} }, steps }: RaceScript): string {
  const { schedulers = 1, heartbeat_timeout_s, queued_timeout_s } = stack;
  return JSON.stringify([schedulers, heartbeat_timeout_s, queued_timeout_s, defers(steps)]);
}

/** Whether a stack of it needs a triggerer. */
function defers(steps: RaceScript['steps']): boolean {
  return steps.some(({ action }) => action.do === 'work' && action.cue.act === 'defer');
}

/** A run in which the script is the load: one DAG for each episode. */
export function scenarioOf(script: RaceScript, often: HowOften): Scenario {
  const { race, stack = {}, breaks } = script.race;
  const episodes = episodesOf(often);
  return {
    name: `replay-${slugOf(script)}`,
    describe: `The script of ${race}, ${often.script} times, and its controls, ${often.controls} times`,
    duration_s: episodes * LONGEST_EPISODE_S,
    schedulers: stack.schedulers ?? 1,
    api_servers: 1,
    dags: Array.from({ length: episodes }, (_, i) => dagOfScript(script, i + 1)),
    // Lives wait for their cues. Those that ask to be called again do so after as long as heartbeats are apart.
    fleet: { ...REAL_CLIENT, heartbeat_ms: 1_000, habits: { ...STEADY_HABITS, defers: defers(script.steps) ? 1 : 0 } },
    executor_behaviour: stack.executor ?? 'calm',
    operators: [],
    aims: Object.keys(breaks),
    ...(stack.queued_timeout_s === undefined ? {} : { queued_timeout_s: stack.queued_timeout_s }),
    ...(stack.heartbeat_timeout_s === undefined ? {} : { heartbeat_timeout_s: stack.heartbeat_timeout_s }),
  };
}

/** That of one episode. */
export function dagOfScript(script: RaceScript, number: number): DagSpec {
  const { dag, max_active_runs = 16, max_active_tasks } = script.race;
  return {
    dag_id: dagOfEpisode(script, number),
    schedule: null,
    past_runs: 0,
    max_active_runs,
    ...(max_active_tasks === undefined ? {} : { max_active_tasks }),
    tasks: Object.entries(dag).map(([task_id, spec]) => {
      const { after = [], rule, retries, mapped, branch } = spec ?? {};
      const skips = Object.entries(dag).flatMap(([other, its]) => (its?.after?.includes(task_id) ? [other] : []));
      return {
        task_id,
        upstream: after,
        duration_ms: [0, 0],
        ...(rule === undefined ? {} : { trigger_rule: rule }),
        ...(retries === undefined ? {} : { retries }),
        ...(mapped === undefined ? {} : { mapped }),
        ...(branch ? { skips } : {}),
      };
    }),
  };
}
