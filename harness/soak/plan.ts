import { drawFaults } from '../faults/draw.ts';
import { needWires } from '../faults/index.ts';
import { validateThresholds } from '../judge/thresholds.ts';
import { UsageError } from '../model/errors.ts';
import { Rng } from '../model/rng.ts';
import type { Plan, Scenario } from '../model/scenario.ts';
import type { Keep } from '../model/soak.ts';
import type { ThresholdResult } from '../model/verdict.ts';
import { hostOf, type Subject } from '../run/subject.ts';

const MOST_SEED = 2 ** 31;
const UNITS = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9 } as const;

/** The plan of a window: the same for the same seed and number, in every session. */
export function windowPlan({ seed, scenario }: Plan, number: number, subject: Subject): Plan {
  const own = Math.floor(new Rng(seed, 'window', number).next() * MOST_SEED);
  const { chaos } = scenario;
  return { seed: own, scenario, faults: chaos ? drawFaults(chaos, hostOf(subject, scenario), own) : [] };
}

/** Whether any window has a fault of the database connections: the stack is made once, for all windows. */
export function anyWires(plan: Plan, windows: number, subject: Subject): boolean {
  for (let number = 1; number <= windows; number++)
    if (needWires(windowPlan(plan, number, subject).faults ?? [])) return true;
  return false;
}

/** A threshold that ends the soak when a window violates it. */
interface Stop {
  readonly metric: string;
  readonly threshold: string;
}

/** `'deadlocks: count<1'` as a threshold, and what is wrong with those that are none. */
export function stopsOf(texts: readonly string[]): { readonly stops: readonly Stop[]; readonly problems: string[] } {
  const problems: string[] = [];
  const stops = texts.flatMap((text): Stop[] => {
    const cut = text.lastIndexOf(':');
    const stop = { metric: text.slice(0, cut).trim(), threshold: text.slice(cut + 1).trim() };
    const wrong = validateThresholds({ [stop.metric]: [stop.threshold] });
    if (cut < 1) problems.push(`--stop-on is like 'deadlocks: count<1', not "${text}"`);
    else problems.push(...wrong.map((problem) => `--stop-on '${text}': ${problem}`));
    return cut < 1 || wrong.length > 0 ? [] : [stop];
  });
  return { stops, problems };
}

/** A scenario with these thresholds beside its own. */
export function withStops(scenario: Scenario, stops: readonly Stop[]): Scenario {
  if (stops.length === 0) return scenario;
  const thresholds: Record<string, NonNullable<Scenario['thresholds']>[string]> = { ...scenario.thresholds };
  for (const { metric, threshold } of stops) {
    thresholds[metric] = [...(thresholds[metric] ?? []), { threshold, abortOnFail: true }];
  }
  return { ...scenario, thresholds };
}

/** The first violated threshold with `abortOnFail`, in words; undefined if there is none. */
export function stopReason({ thresholds }: Scenario, results: readonly ThresholdResult[]): string | undefined {
  const broken = results.find(
    ({ metric, expression, verdict }) =>
      verdict === 'fail' &&
      thresholds?.[metric]?.some(
        (one) => typeof one === 'object' && one.threshold === expression && one.abortOnFail === true,
      ),
  );
  return broken && `${broken.metric}: ${broken.expression} does not hold (it was ${broken.value})`;
}

/** `--keep-windows` and `--disk`. */
export function keepOf(windows: number, disk: string): Keep {
  const { amount, unit } = /^(?<amount>\d+(?:\.\d+)?)\s*(?<unit>[KMG]?B)$/i.exec(disk.trim())?.groups ?? {};
  const bytes = Number(amount) * UNITS[(unit?.toUpperCase() ?? 'B') as keyof typeof UNITS];
  const problems = [
    ...(bytes >= 1e6 ? [] : [`--disk must be like 500MB or 5GB, and at least 1MB, not "${disk}"`]),
    ...(Number.isInteger(windows) && windows >= 0
      ? []
      : [`--keep-windows must be a whole number from 0, not ${windows}`]),
  ];
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return { windows, bytes };
}
