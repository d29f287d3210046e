import { randomInt } from 'node:crypto';

import type { Argv } from 'yargs';

import { findScenario } from '../../workloads/catalogue.ts';
import { listInvariants } from '../judge/invariants.ts';
import { validateThresholds } from '../judge/thresholds.ts';
import { UsageError } from '../model/errors.ts';
import type { Plan, Scenario } from '../model/scenario.ts';

export interface PlanFlags {
  readonly seed?: number | undefined;
  readonly duration?: string | undefined;
  readonly schedulers?: number | undefined;
  readonly apiServers?: number | undefined;
}

/** The flags that shape the load, the same for every command that runs one. */
export function planOptions<T>(args: Argv<T>): Argv<T & PlanFlags> {
  return args
    .option('seed', { type: 'number', describe: 'Repeat the choices of an earlier run' })
    .option('duration', { type: 'string', describe: 'How long the load lasts: 60s, 5m, 1h' })
    .option('schedulers', { type: 'number', describe: 'How many schedulers' })
    .option('api-servers', { type: 'number', describe: 'How many API servers for the workers' }) as Argv<T & PlanFlags>;
}

/** Flags win over the scenario. Whatever is wrong with them is said at once. */
export async function resolvePlan(scenarioName: string, flags: PlanFlags): Promise<Plan> {
  const problems: string[] = [];
  const count = (flag: string, value: number | undefined) => {
    if (value !== undefined && !(Number.isInteger(value) && value >= 1 && value <= 32)) {
      problems.push(`--${flag} must be a whole number from 1 to 32, not ${value}`);
    }
    return value;
  };
  const schedulers = count('schedulers', flags.schedulers);
  const apiServers = count('api-servers', flags.apiServers);
  const duration = flags.duration === undefined ? undefined : seconds(flags.duration);
  if (flags.duration !== undefined && duration === undefined) {
    problems.push(`--duration must be like 60s, 5m or 1h, and at least 1s, not "${flags.duration}"`);
  }
  if (flags.seed !== undefined && !(Number.isSafeInteger(flags.seed) && flags.seed >= 0)) {
    problems.push(`--seed must be a whole number from 0, not ${flags.seed}`);
  }
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  const scenario = await findScenario(scenarioName);
  await checkAims(scenario);
  return {
    seed: flags.seed ?? randomInt(2 ** 31),
    scenario: {
      ...scenario,
      duration_s: duration ?? scenario.duration_s,
      schedulers: schedulers ?? scenario.schedulers,
      api_servers: apiServers ?? scenario.api_servers,
    },
  };
}

/** What a scenario asks of the judge; the shape of the rest is the catalogue's to check. */
async function checkAims({ name, aims, thresholds }: Scenario): Promise<void> {
  const known = new Set((await listInvariants()).map((invariant) => invariant.name));
  const problems = [
    ...aims
      .filter((aim) => !known.has(aim))
      .map((aim) => `aims: there is no invariant "${aim}"; \`windtunnel list\` names them`),
    ...validateThresholds(thresholds ?? {}),
  ];
  if (problems.length > 0) {
    throw new UsageError(
      `The scenario ${name} has ${problems.length} problem(s):\n${problems.map((p) => `  - ${p}`).join('\n')}`,
    );
  }
}

/** `60s`, `5m`, `1h` or a bare number of seconds; undefined for anything else, and for less than a second. */
export function seconds(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(s|m|h)?$/.exec(text.trim());
  if (!match) return undefined;
  const value = Number(match[1]) * { s: 1, m: 60, h: 3600 }[(match[2] ?? 's') as 's' | 'm' | 'h'];
  return value >= 1 ? value : undefined;
}
