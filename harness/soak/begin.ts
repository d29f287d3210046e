import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { checkMetrics } from '../console/metrics.ts';
import { collectUsageErrors } from '../console/usage-errors.ts';
import { checkLimits } from '../judge/bounds.ts';
import { readOwnInvariants } from '../judge/invariants.ts';
import type { KnownBaseline } from '../known/against.ts';
import { knownOf } from '../known/options.ts';
import { UsageError } from '../model/errors.ts';
import { LONGEST_LOAD_S } from '../model/scenario.ts';
import { SOAK_FORMAT, type Soak } from '../model/soak.ts';
import { checkRealWorkers, engineFlags, resolveEngine } from '../run/engine.ts';
import { runFolderName } from '../run/manifest.ts';
import { parseSeconds, resolvePlan, shapeOf } from '../run/plan.ts';
import { checkTargetFlags, subjectOf } from '../run/subject.ts';
import { checkEnvironment } from '../system/environment.ts';
import { checkSoakFolder } from './folder.ts';
import { type SoakFlags, USUAL } from './options.ts';
import { keepOf, stopsOf, withStops } from './plan.ts';

/** A year: what a soak keeps of each window is held in memory. */
const LONGEST_S = 365 * 24 * 3600;
const SHORTEST_WINDOW_S = 5;

export interface NewSoak {
  readonly folder: string;
  readonly soak: Soak;
  readonly known: KnownBaseline | undefined;
}

/** A new soak, of which nothing is written yet. Throws a UsageError that lists every problem of the flags. */
export async function newSoak(flags: SoakFlags): Promise<NewSoak> {
  const { scenario, window = USUAL.window } = flags;
  const { stops, problems: wrongStops } = stopsOf(flags.stopOn ?? []);
  const [subject, plan, windows, keep, known, engine] = await collectUsageErrors(
    async () => subjectOf({ ...flags, target: flags.target && path.resolve(flags.target) }),
    async (subject = subjectOf({})) => {
      // An invalid window is reported by windowsOf.
      const duration = windowSeconds(window) === undefined ? undefined : window;
      if (scenario === undefined) {
        const [, none] = await collectUsageErrors(
          async () => shapeOf({ ...flags, duration }),
          async (): Promise<never> => {
            throw new UsageError('Name a scenario (`windtunnel list` shows them), or give --resume FOLDER.');
          },
        );
        return none;
      }
      return resolvePlan(scenario, { ...flags, duration }, subject, (one) => withStops(one, stops));
    },
    async () => windowsOf(flags.duration ?? USUAL.duration, window),
    async () => keepOf(flags.keepWindows ?? USUAL.keepWindows, flags.disk ?? USUAL.disk),
    () => knownOf(flags.known),
    () => resolveEngine(flags, true),
    () => readOwnInvariants(flags.invariants),
    async () => {
      if (wrongStops.length > 0) throw new UsageError(wrongStops.join('\n'));
    },
    async () => checkTargetFlags(flags),
    async () => checkMetrics(flags),
    async () => checkLimits(),
    async () => checkEnvironment(),
    async () => flags.out === undefined || checkSoakFolder(flags.out),
  );
  checkRealWorkers(engine, [subject]);
  const id = randomBytes(3).toString('hex');
  const folder = path.resolve(flags.out ?? path.join('runs', `soak-${runFolderName({ subject, plan }, id)}`));
  const soak: Soak = {
    format: SOAK_FORMAT,
    id,
    subject: 'build' in subject ? { build: subject.build.name } : subject,
    plan: { seed: plan.seed, scenario: plan.scenario },
    engine: engineFlags(flags),
    ...(flags.invariants === undefined ? {} : { invariants: path.resolve(flags.invariants) }),
    ...(known === undefined ? {} : { known_file: known.path }),
    windows_planned: windows,
    keep,
    started_at: new Date().toISOString(),
    state: 'running',
    why: null,
    verdict: 'unknown',
    never_tested: [],
    sessions: [],
    gaps: [],
    windows: [],
    drift: [],
  };
  return { folder, soak, known };
}

/** Undefined: no window can be so long. */
function windowSeconds(text: string): number | undefined {
  const seconds = parseSeconds(text);
  return seconds !== undefined && seconds >= SHORTEST_WINDOW_S && seconds <= LONGEST_LOAD_S ? seconds : undefined;
}

function windowsOf(duration: string, window: string): number {
  const [whole = LONGEST_S + 1, one] = [parseSeconds(duration), windowSeconds(window)];
  const problems = [
    ...(whole > LONGEST_S
      ? [`--duration must be like 30m or 8h, and at most ${LONGEST_S / 3600}h, not "${duration}"`]
      : []),
    ...(one === undefined
      ? [`--window must be like 30s or 10m, from ${SHORTEST_WINDOW_S}s to ${LONGEST_LOAD_S / 3600}h, not "${window}"`]
      : []),
  ];
  if (one === undefined || problems.length > 0) throw new UsageError(problems.join('\n'));
  if (!Number.isInteger(whole / one)) {
    throw new UsageError(`--duration ${duration} is not a whole number of windows of ${window}: change one of them.`);
  }
  return whole / one;
}
