import type { Argv } from 'yargs';
import { findK6, K6_WORKER, type K6Binary } from '../fleet/engines/k6-binary.ts';
import type { EngineFlags } from '../model/engine-flags.ts';
import { UsageError } from '../model/errors.ts';
import type { SupervisedProcess } from '../model/stack.ts';
import type { RunFolder } from '../run-folder/writer.ts';
import type { ProcessTable } from '../system/process-table.ts';
import { notWhole } from './plan.ts';
import type { RunParts } from './record.ts';

const DEFAULT_VUS = 200;
const MOST_VUS = 50_000;
const MOST_PROCESSES = 32;

/** The k6 that plays the lives, if not this process. */
export interface EngineChoice {
  /** What is started here; none: k6 is started elsewhere and comes to `listen`. */
  readonly k6: (K6Binary & { readonly vus: readonly number[] }) | undefined;
  readonly listen: string;
  readonly token: string | undefined;
}

export function engineOptions<T>(args: Argv<T>): Argv<T & EngineFlags> {
  return args
    .option('engine', { type: 'string', describe: 'Who plays the workers: native (this process, the default) or k6' })
    .option('vus', { type: 'number', describe: `With k6: lives that it plays at once (default: ${DEFAULT_VUS})` })
    .option('k6-processes', {
      type: 'number',
      describe: 'With k6: how many to start (default: 1); 0: they are started elsewhere',
    })
    .option('lend-at', {
      type: 'string',
      describe: 'With k6: the host and port where lives are lent (default: any port of 127.0.0.1)',
    }) as Argv<T & EngineFlags>;
}

/** Those of a command's flags that are about the engine. */
export function engineFlags({ engine, vus, k6Processes, lendAt }: EngineFlags): EngineFlags {
  return { engine, vus, k6Processes, lendAt };
}

/** The flags as they were given, for the command that repeats a run. */
export function engineWords(flags: EngineFlags): string[] {
  const { k6Processes, lendAt, ...others } = engineFlags(flags);
  const given = { ...others, 'k6-processes': k6Processes, 'lend-at': lendAt };
  return Object.entries(given).flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag}`, String(value)]));
}

/**
 * Undefined: the native one. Whatever is wrong with the flags is said at once. `isOneOfMany`: of a command that plays
 * run after run.
 */
export async function resolveEngine(flags: EngineFlags, isOneOfMany = false): Promise<EngineChoice | undefined> {
  const { engine = 'native', vus, k6Processes = 1, lendAt = '127.0.0.1:0' } = flags;
  const problems: string[] = [];
  const whole = (flag: string, value: number, least: number, most: number) =>
    problems.push(...notWhole(flag, value, least, most));
  if (engine !== 'native' && engine !== 'k6') problems.push(`--engine must be native or k6, not "${engine}"`);
  if (engine === 'native') {
    const idle = Object.entries({ vus: flags.vus, 'k6-processes': flags.k6Processes, 'lend-at': flags.lendAt });
    for (const [flag, value] of idle) if (value !== undefined) problems.push(`--${flag} needs --engine k6`);
  }
  whole('k6-processes', k6Processes, 0, MOST_PROCESSES);
  if (vus !== undefined) whole('vus', vus, Math.max(1, k6Processes), MOST_VUS);
  if (vus !== undefined && k6Processes === 0)
    problems.push('--vus is for those who start k6: --k6-processes 0 starts none');
  if (!/^.+:\d{1,5}$/.test(lendAt))
    problems.push(`--lend-at must be a host and a port like 127.0.0.1:8700, not "${lendAt}"`);
  const token = process.env.WINDTUNNEL_TOKEN;
  if (engine === 'k6' && k6Processes === 0 && !token && !isOneOfMany) {
    problems.push('--k6-processes 0 needs WINDTUNNEL_TOKEN, a secret of yours that each k6 is given, too');
  }
  if (isOneOfMany && k6Processes === 0)
    problems.push(
      '--k6-processes 0 is for `run`: a k6 ends with its run, and here the next one would wait for another',
    );
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  if (engine === 'native') return undefined;
  const shared = share(vus ?? DEFAULT_VUS, k6Processes);
  return { k6: k6Processes === 0 ? undefined : { ...(await findK6()), vus: shared }, listen: lendAt, token };
}

/** As evenly as whole numbers are. */
function share(all: number, among: number): number[] {
  return Array.from({ length: among }, (_, i) => Math.floor(all / among) + (i < all % among ? 1 : 0));
}

/** What the run needs of the choice: k6 processes are in the process table and end with the run. */
export function startEngine(
  choice: EngineChoice,
  { table, record, note }: { readonly table: ProcessTable; readonly record: RunFolder; note(line: string): void },
): Pick<RunParts, 'k6' | 'helpers'> {
  const started: SupervisedProcess[] = [];
  const { listen, token, k6 } = choice;
  return {
    helpers: () => started,
    k6: {
      listen,
      token,
      vus: k6?.vus ?? [],
      onOpen: (url) => {
        if (!k6) note(`lives are lent at ${url}: start k6 with WINDTUNNEL_LEASES=${url} and the same WINDTUNNEL_TOKEN`);
      },
      start: (index, env) => {
        const name = `k6-${index + 1}`;
        const helper = table.start(name, k6?.path ?? 'k6', K6_WORKER, {
          env: { ...process.env, ...env },
          cwd: record.path,
          log: record.log(name),
          isOurs: true,
        });
        started.push(helper);
        return helper;
      },
    },
  };
}
