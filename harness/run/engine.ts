import type { Argv } from 'yargs';
import { findK6, type K6Binary } from '../fleet/engines/k6-binary.ts';
import { UsageError } from '../model/errors.ts';
import { SECRET_LENGTH } from '../model/secret.ts';
import type { EngineFlags } from '../model/soak.ts';
import { flagNames, type GivenFlags } from './flag-words.ts';
import { notWhole } from './plan.ts';
import { type Subject, subjectName } from './subject.ts';

const DEFAULT_VUS = 200;
const MOST_VUS = 50_000;
const MOST_PROCESSES = 32;
/** A process of its own and a second of processor time for each start. */
const MOST_REAL_WORKERS = 64;

/** What plays the lives, if not this process alone. */
/** `isAll`: a workload waits for a real worker, and none is played by a simulated one. */
export type EngineChoice = K6Choice | { readonly realWorkers: number; readonly isAll?: true };

export interface K6Choice {
  /** What is started here; undefined: each k6 is started elsewhere and asks at `listen`. */
  readonly k6: (K6Binary & { readonly vus: readonly number[] }) | undefined;
  readonly listen: string;
  readonly token: string | undefined;
}

export function engineOptions<T>(args: Argv<T>): Argv<T & EngineFlags> {
  return args
    .option('engine', { type: 'string', describe: 'What plays the workers: native (this process, the default) or k6' })
    .option('vus', { type: 'number', describe: `With k6: lives that it plays at once (default: ${DEFAULT_VUS})` })
    .option('k6-processes', {
      type: 'number',
      describe: 'With k6: number of k6 processes to start (default: 1); 0: they are started elsewhere',
    })
    .option('worker-listen', {
      type: 'string',
      describe: 'With k6: the host and port to listen on for its workers (default: any port of 127.0.0.1)',
    })
    .option('real-workers', {
      type: 'number',
      describe: 'Up to so many lives at once are played by real workers of the build (default: 0)',
    }) as Argv<T & EngineFlags>;
}

/** Those of a command's flags that are about the engine. */
export function engineFlags({ engine, vus, k6Processes, workerListen, realWorkers }: EngineFlags): EngineFlags {
  return { engine, vus, k6Processes, workerListen, realWorkers };
}

/** The same, by their names. */
export function engineGiven({ engine, vus, k6Processes, workerListen, realWorkers }: EngineFlags): GivenFlags {
  return { engine, vus, 'k6-processes': k6Processes, 'worker-listen': workerListen, 'real-workers': realWorkers };
}

/**
 * Undefined: the native one. Throws a UsageError that lists every problem of the flags. `isOneOfMany`: of a command
 * that plays run after run.
 */
export async function resolveEngine(flags: EngineFlags, isOneOfMany = false): Promise<EngineChoice | undefined> {
  const { engine = 'native', vus, k6Processes = 1, workerListen = '127.0.0.1:0', realWorkers = 0 } = flags;
  const problems: string[] = [];
  const whole = (flag: string, value: number, least: number, most: number) =>
    problems.push(...notWhole(flag, value, least, most));
  if (engine !== 'native' && engine !== 'k6') problems.push(`--engine must be native or k6, not "${engine}"`);
  if (engine === 'native') {
    const { engine: _, 'real-workers': _real, ...idle } = engineGiven(flags);
    for (const flag of flagNames(idle)) problems.push(`${flag} needs --engine k6`);
  }
  whole('real-workers', realWorkers, 0, MOST_REAL_WORKERS);
  if (engine === 'k6' && realWorkers > 0) problems.push('--real-workers needs --engine native');
  whole('k6-processes', k6Processes, 0, MOST_PROCESSES);
  if (vus !== undefined) whole('vus', vus, Math.max(1, k6Processes), MOST_VUS);
  if (vus !== undefined && k6Processes === 0)
    problems.push('--vus needs a k6 that is started here: --k6-processes 0 starts none');
  const port = Number(/^.+:(\d{1,5})$/.exec(workerListen)?.[1]);
  if (!(port <= 65_535))
    problems.push(`--worker-listen must be a host and a port like 127.0.0.1:8700, not "${workerListen}"`);
  const token = process.env.WINDTUNNEL_TOKEN;
  if (engine === 'k6' && k6Processes === 0 && !token && !isOneOfMany) {
    problems.push('--k6-processes 0 needs WINDTUNNEL_TOKEN, a secret of yours that each k6 gets, too');
  }
  if (engine === 'k6' && token && token.length < SECRET_LENGTH)
    problems.push(
      `WINDTUNNEL_TOKEN must have at least ${SECRET_LENGTH} characters: \`openssl rand -hex 32\` makes one`,
    );
  if (isOneOfMany && k6Processes === 0)
    problems.push(
      '--k6-processes 0 is for `run`: a k6 ends with its run, and here the next one would wait for another',
    );
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  if (engine === 'native') return realWorkers > 0 ? { realWorkers } : undefined;
  const shared = share(vus ?? DEFAULT_VUS, k6Processes);
  return { k6: k6Processes === 0 ? undefined : { ...(await findK6()), vus: shared }, listen: workerListen, token };
}

/** As evenly as whole numbers are. */
function share(all: number, among: number): number[] {
  return Array.from({ length: among }, (_, i) => Math.floor(all / among) + (i < all % among ? 1 : 0));
}

/** For the manifest: `native`, `native, 4 real workers`, `k6 1.8.1, 60 + 60 VUs`. */
export function engineName(choice: EngineChoice | undefined): string {
  if (!choice) return 'native';
  if ('realWorkers' in choice) return `native, ${choice.realWorkers} real workers`;
  const { k6 } = choice;
  return k6 ? `k6 ${k6.version}, ${k6.vus.join(' + ')} VUs` : 'k6, started elsewhere';
}

/** UsageError: real workers are of an Airflow that is installed here. */
export function checkRealWorkers(engine: EngineChoice | undefined, subjects: readonly Subject[]): void {
  if (!engine || !('realWorkers' in engine)) return;
  const without = subjects.filter((subject) => !('build' in subject && subject.build.kind === 'airflow'));
  if (without.length === 0) return;
  const names = [...new Set(without.map(subjectName))].join(' and ');
  throw new UsageError(`--real-workers needs a build of Airflow that is started here: ${names} has no workers.`);
}
