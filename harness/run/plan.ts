import { randomInt } from 'node:crypto';

import type { Argv } from 'yargs';
import { problemsOf } from '../../workloads/problems.ts';
import { collectUsageErrors } from '../console/usage-errors.ts';
import { drawFaults, unknownFaults } from '../faults/draw.ts';
import { readOwnFiles } from '../judge/invariant-file.ts';
import { INVARIANT_FORM, listInvariants } from '../judge/invariants.ts';
import { validateThresholds } from '../judge/thresholds.ts';
import { didYouMean } from '../model/closest.ts';
import { UsageError } from '../model/errors.ts';
import { isRecord } from '../model/json.ts';
import {
  type ChaosSpec,
  EXECUTOR_BEHAVIOURS,
  type ExecutorBehaviour,
  LONGEST_LOAD_S,
  PLAN,
  type Plan,
  type Scenario,
} from '../model/scenario.ts';
import { shapeProblems } from '../model/shape-problems.ts';
import { brokenScenario, loadScenario } from './catalogue.ts';
import type { GivenFlags } from './flag-words.ts';
import { checkTargetScenario, hostOf, type Subject } from './subject.ts';

export interface PlanFlags {
  readonly seed?: number | undefined;
  readonly duration?: string | undefined;
  readonly schedulers?: number | undefined;
  readonly apiServers?: number | undefined;
  readonly faults?: string | undefined;
  readonly executorBehaviour?: string | undefined;
  /** The folder of the user's own invariants, which a scenario may aim at. */
  readonly invariants?: string | undefined;
}

/** Of a new run of a scenario that does not say. */
const DEFAULT_BEHAVIOUR: ExecutorBehaviour = 'local';

/** For faults that are asked for by name: a window every few seconds, one at a time. */
const ASKED_FOR: Omit<ChaosSpec, 'faults'> = { pause_ms: [3_000, 8_000] };

/** The flags that shape the load, the same for every command that runs one. */
export function planOptions<T>(args: Argv<T>): Argv<T & PlanFlags> {
  return args
    .option('seed', { type: 'number', describe: 'Random seed; the same seed draws the same plan (default: a new one)' })
    .option('duration', { type: 'string', describe: 'Duration of the load: 60s, 5m, 1h (default: the scenario’s)' })
    .option('schedulers', { type: 'number', describe: 'Number of schedulers' })
    .option('api-servers', { type: 'number', describe: 'Number of API servers for the workers' })
    .option('faults', {
      type: 'string',
      describe:
        'Faults to inject: names from `list` separated by commas (kill:scheduler chooses the victim), all, or none',
    })
    .option('executor-behaviour', {
      type: 'string',
      choices: EXECUTOR_BEHAVIOURS,
      describe:
        "Behave as Airflow's LocalExecutor, as its CeleryExecutor, or calmly (default: the scenario’s, or local)",
    }) as Argv<T & PlanFlags>;
}

/** Those of `planOptions`, by their names. */
export function planGiven(flags: PlanFlags): GivenFlags {
  const { seed, duration, schedulers, apiServers, faults, executorBehaviour } = flags;
  const behaviour = { 'executor-behaviour': executorBehaviour };
  return { seed, duration, schedulers, 'api-servers': apiServers, faults, ...behaviour };
}

/** Applies `change` to the scenario, then the flags. Throws a UsageError that lists every problem of both. */
export async function resolvePlan(
  scenarioName: string,
  flags: PlanFlags,
  subject: Subject,
  change: (scenario: Scenario) => Scenario = (scenario) => scenario,
): Promise<Plan> {
  const [, plan] = await collectUsageErrors(
    async () => shapeOf(flags),
    async (known) => {
      const loaded = await loadScenario(scenarioName, known?.seed ?? 0);
      const { problems, whole } = await checkedScenario(loaded.scenario, flags.invariants);
      const wanted = whole && shaped(change(whole), known, flags);
      const seed = known?.seed ?? 0;
      const [, , faults] = await collectUsageErrors(
        async () => {
          if (problems.length > 0) throw brokenScenario(loaded.title, problems);
        },
        async () => wanted && checkTargetScenario(subject, wanted),
        // A wrong flag is reported with the flags.
        async () => (wanted && (known || flags.faults === undefined) ? faultsOf(wanted, subject, seed) : []),
      );
      if (wanted === undefined) throw new Error('a scenario without problems is whole');
      return { seed, scenario: wanted, faults };
    },
  );
  return plan;
}

/** Throws a UsageError that lists every problem of a stored plan, which may have been edited. */
export async function checkStoredPlan(plan: Plan, title: string, invariants: string | undefined): Promise<void> {
  const faults = (plan.faults ?? []).map(({ fault }) => fault);
  const problems = [
    ...shapeProblems(PLAN.omit({ scenario: true }).loose(), plan, 'plan'),
    ...(await checkedScenario(plan.scenario, invariants)).problems,
    ...unknownFaults([...new Set(faults)]),
  ];
  if (problems.length > 0) throw brokenScenario(title, problems);
}

/** The scenario as the flags change it. */
function shaped(
  { chaos: usualChaos, ...usual }: Scenario,
  shape: Shape | undefined,
  { faults, executorBehaviour }: PlanFlags,
): Scenario {
  const chaos = chaosOf(faults, usualChaos);
  return {
    ...usual,
    duration_s: shape?.duration ?? usual.duration_s,
    schedulers: shape?.schedulers ?? usual.schedulers,
    api_servers: shape?.apiServers ?? usual.api_servers,
    executor_behaviour:
      EXECUTOR_BEHAVIOURS.find((one) => one === executorBehaviour) ?? usual.executor_behaviour ?? DEFAULT_BEHAVIOUR,
    ...(chaos ? { chaos } : {}),
  };
}

function faultsOf(scenario: Scenario, subject: Subject, seed: number): Plan['faults'] & {} {
  return scenario.chaos ? drawFaults(scenario.chaos, hostOf(subject, scenario), seed) : [];
}

interface Shape {
  readonly seed: number;
  /** Seconds. */
  readonly duration: number | undefined;
  readonly schedulers: number | undefined;
  readonly apiServers: number | undefined;
}

/** What the flags say, whatever the scenario is. Throws a UsageError that lists every problem of them. */
export function shapeOf({ seed, duration: text, schedulers, apiServers, faults }: PlanFlags): Shape {
  const problems: string[] = [];
  if (schedulers !== undefined) problems.push(...notWhole('schedulers', schedulers, 1, 32));
  if (apiServers !== undefined) problems.push(...notWhole('api-servers', apiServers, 1, 32));
  const duration = text === undefined ? undefined : parseSeconds(text);
  if (text !== undefined && (duration === undefined || duration > LONGEST_LOAD_S)) {
    problems.push(`--duration must be like 60s, 5m or 1h, from 1s to ${LONGEST_LOAD_S / 3600}h, not "${text}"`);
  }
  if (seed !== undefined && !(Number.isSafeInteger(seed) && seed >= 0)) {
    problems.push(`--seed must be a whole number from 0, not ${seed}`);
  }
  problems.push(...problemsOfFaults(faults));
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return { seed: seed ?? randomInt(2 ** 31), duration, schedulers, apiServers };
}

/** What is wrong with `--faults`: names with commas, `all` or `none`. */
export function problemsOfFaults(text: string | undefined): string[] {
  const names = (text ?? 'all').split(',').map((name) => name.trim());
  if (names.length === 1 && ['all', 'none'].includes(names[0] ?? '')) return [];
  const alone = names.filter((name) => ['all', 'none'].includes(name));
  return [
    ...(alone.length > 0
      ? [`--faults ${text}: give ${[...new Set(alone)].join(' or ')} alone, or names of faults.`]
      : []),
    ...(names.includes('') ? [`--faults "${text}" has an empty name: names are separated by one comma each.`] : []),
    ...unknownFaults(names.filter((name) => name !== '' && !alone.includes(name))),
  ];
}

/** What is wrong with the value of a flag that wants a whole number of this range; nothing, or one sentence. */
export function notWhole(flag: string, value: number, least: number, most: number): string[] {
  if (Number.isInteger(value) && value >= least && value <= most) return [];
  return [`--${flag} must be a whole number from ${least} to ${most.toLocaleString('en')}, not ${value}`];
}

function chaosOf(flag: string | undefined, usual: ChaosSpec | undefined): ChaosSpec | undefined {
  if (flag === undefined) return usual;
  if (flag.trim() === 'none') return undefined;
  const names = flag.split(',').map((name) => name.trim());
  return { ...ASKED_FOR, ...usual, faults: names.length === 1 && names[0] === 'all' ? 'all' : names };
}

interface CheckedScenario {
  readonly problems: readonly string[];
  /** The scenario, if all in it is what it must be, but for what it asks of the judge. */
  readonly whole: Scenario | undefined;
}

/** What is wrong with a scenario, all of it: its shape, its names, and what it asks of the judge and of the nemesis. */
async function checkedScenario(scenario: unknown, folder: string | undefined): Promise<CheckedScenario> {
  const inItself = problemsOf(scenario);
  const { aims, thresholds, chaos } = isRecord(scenario) ? scenario : {};
  const faults = isRecord(chaos) && Array.isArray(chaos.faults) ? chaos.faults.filter(isText) : [];
  const unknown = unknownFaults(faults).map((problem) => `chaos.faults: ${problem}`);
  // What is wrong with the user's own invariants is said where they are read and tried; here it is their names.
  const own = folder === undefined ? [] : await readOwnFiles(folder, INVARIANT_FORM).catch(() => []);
  const known = (await listInvariants(own)).map(({ name }) => name);
  const asked = [
    ...(Array.isArray(aims) ? aims.filter(isText) : [])
      .filter((aim) => !known.includes(aim))
      .map((aim) => `aims: there is no invariant "${aim}"${didYouMean(aim, known)}; \`windtunnel list\` names them`),
    ...(thresholds === undefined ? [] : validateThresholds(thresholds)),
  ];
  const isWhole = inItself.length === 0 && unknown.length === 0;
  return { problems: [...inItself, ...unknown, ...asked], whole: isWhole ? (scenario as Scenario) : undefined };
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** `60s`, `5m`, `1h` or a bare number of seconds; undefined for anything else, and for less than a second. */
export function parseSeconds(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(s|m|h)?$/.exec(text.trim());
  if (!match) return undefined;
  const value = Number(match[1]) * { s: 1, m: 60, h: 3600 }[(match[2] ?? 's') as 's' | 'm' | 'h'];
  return value >= 1 ? value : undefined;
}
