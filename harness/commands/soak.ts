import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';

import type { CommandModule } from 'yargs';
import { soakText } from '../../reports/soak.ts';
import { exitCodeOfError, exitCodeOfVerdict } from '../console/exit-code.ts';
import { interruptSignal } from '../console/interrupt.ts';
import { NO_NUMBERS } from '../console/live-line.ts';
import { METRICS_OPTIONS, type MetricsFlags, whileServing } from '../console/metrics.ts';
import { allAtOnce } from '../console/usage-errors.ts';
import type { EngineFlags } from '../model/engine-flags.ts';
import { InterruptedError, messageOf, UsageError } from '../model/errors.ts';
import { SOAK_FORMAT, type Soak } from '../model/soak.ts';
import { engineFlags, engineOptions, engineWords, resolveEngine } from '../run/engine.ts';
import type { Subject } from '../run/host.ts';
import { wantsColor } from '../run/judge-run.ts';
import { folderName } from '../run/perform-run.ts';
import { type PlanFlags, planOptions, resolvePlan, seconds } from '../run/plan.ts';
import { lastWritten, SoakFolder } from '../soak/folder.ts';
import { keepOf, withStops } from '../soak/plan.ts';
import { SoakSession } from '../soak/session.ts';
import { knownBuild } from '../stacks/start-build.ts';
import { bornAt } from '../system/proc.ts';
import { heal } from '../system/process-table.ts';

interface SoakFlags extends PlanFlags, EngineFlags, MetricsFlags {
  readonly scenario?: string | undefined;
  readonly build?: string | undefined;
  readonly target?: string | undefined;
  readonly window: string;
  readonly stopOn?: readonly string[] | undefined;
  readonly keepWindows: number;
  readonly disk: string;
  readonly out?: string | undefined;
  readonly resume?: string | undefined;
  readonly json?: boolean | undefined;
}

const DEFAULT_BUILD = 'airflow@3.3.2';
const DEFAULT_DURATION = '8h';

export const soakCommand: CommandModule<object, SoakFlags> = {
  command: 'soak [scenario]',
  describe: 'Run a scenario for hours in windows, each judged while the next one runs; --resume goes on after a crash',
  builder: (args) =>
    engineOptions(planOptions(args))
      .positional('scenario', { type: 'string', describe: 'A name from `list`, or a .ts file' })
      .option('build', { type: 'string', describe: 'What to install and start, e.g. airflow@3.2.2' })
      .option('target', { type: 'string', describe: 'The file of a running stack, e.g. from `windtunnel up`' })
      .option('window', {
        type: 'string',
        default: '10m',
        describe: 'How long each window is; --duration is a whole number of them',
      })
      .option('stop-on', {
        type: 'string',
        array: true,
        describe:
          "A threshold that ends the soak when a window does not keep it, as k6 writes it: 'deadlocks: count<1'",
      })
      .option('keep-windows', { type: 'number', default: 3, describe: 'Windows without a violation that stay whole' })
      .option('disk', { type: 'string', default: '5GB', describe: 'What all windows together may take' })
      .option('out', { type: 'string', describe: 'The folder of the soak (default: one below runs/)' })
      .option('resume', { type: 'string', describe: 'Go on with the soak in this folder; what it plays is kept there' })
      .options(METRICS_OPTIONS)
      .option('json', { type: 'boolean', describe: 'Print the index as one JSON document' }) as never,

  async handler(flags) {
    // The port is taken before there is a folder, which a port in use must not leave behind.
    let session: SoakSession | undefined;
    const served = {
      label: flags.resume ?? flags.target ?? flags.build ?? DEFAULT_BUILD,
      read: () => session?.now() ?? { ...NO_NUMBERS, phase: 'starting', elapsedMs: 0 },
      note: (text: string) => console.error(text),
    };
    await whileServing(flags, served, () =>
      play(flags, (begun) => {
        session = begun;
      }),
    );
  },
};

async function play(flags: SoakFlags, onSession: (session: SoakSession) => void): Promise<void> {
  const folder = flags.resume === undefined ? await begin(flags) : await takeUp(flags, flags.resume);
  const signal = interruptSignal();
  const session = await newSession(folder, signal);
  onSession(session);
  let failure: unknown;
  try {
    await session.judgeLeftOver();
    await session.run();
  } catch (error) {
    failure = error;
  }
  await end(folder, session, signal, failure);
  const { soak } = folder;
  process.stdout.write(
    flags.json ? `${JSON.stringify(soak, null, 2)}\n` : `${soakText(soak, { color: wantsColor() })}\n`,
  );
  if (soak.state === 'interrupted') process.exitCode = exitCodeOfError(new InterruptedError(soak.why ?? ''));
  else if (failure !== undefined) process.exitCode = exitCodeOfError(failure);
  else process.exitCode = exitCodeOfVerdict(soak.verdict);
  if (soak.state !== 'completed') console.error(`To go on with it: windtunnel soak --resume ${folder.path}`);
}

/** From the flags to a folder with an index; whatever is wrong with them is said before anything starts. */
async function begin(flags: SoakFlags): Promise<SoakFolder> {
  const { scenario, window } = flags;
  const [subject, plan, windows, keep] = await allAtOnce(
    async () => subjectOf(flags),
    async (subject = { build: DEFAULT_BUILD }) => {
      if (scenario === undefined)
        throw new UsageError('Name a scenario (`windtunnel list` has them), or --resume FOLDER.');
      // What is wrong with the window itself is said where the windows are counted.
      const duration = seconds(window) === undefined ? undefined : window;
      return resolvePlan(scenario, { ...flags, duration }, subject, (one) => withStops(one, flags.stopOn ?? []));
    },
    async () => windowsOf(flags.duration ?? DEFAULT_DURATION, window),
    async () => keepOf(flags.keepWindows, flags.disk),
    () => resolveEngine(flags, true),
  );
  const id = randomBytes(3).toString('hex');
  const soak: Soak = {
    format: SOAK_FORMAT,
    id,
    subject,
    plan: { seed: plan.seed, scenario: plan.scenario },
    engine: engineFlags(flags),
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
  return SoakFolder.create(
    path.resolve(flags.out ?? path.join('runs', `soak-${folderName({ subject, plan }, id)}`)),
    soak,
  );
}

function subjectOf({ build, target }: SoakFlags): Subject {
  if (build !== undefined && target !== undefined) throw new UsageError('Give --build or --target, not both.');
  return target === undefined ? { build: knownBuild(build ?? DEFAULT_BUILD).name } : { target: path.resolve(target) };
}

function windowsOf(duration: string, window: string): number {
  const [whole, one] = [seconds(duration), seconds(window)];
  const problems = [
    ...(whole === undefined ? [`--duration must be like 30m or 8h, not "${duration}"`] : []),
    ...(one === undefined || one < 5 ? [`--window must be like 30s or 10m, and at least 5s, not "${window}"`] : []),
  ];
  if (whole === undefined || one === undefined || problems.length > 0) throw new UsageError(problems.join('\n'));
  if (!Number.isInteger(whole / one)) {
    throw new UsageError(
      `--duration ${duration} is no whole number of windows of ${window}: choose another of the two.`,
    );
  }
  return whole / one;
}

/** The folder of a soak that ended before its time, made fit to go on: nothing runs of it, and the gap is written down. */
async function takeUp(flags: SoakFlags, resume: string): Promise<SoakFolder> {
  const given = (
    ['scenario', 'build', 'target', 'seed', 'duration', 'schedulers', 'apiServers', 'faults', 'stopOn', 'out'] as const
  ).filter((name) => flags[name] !== undefined);
  const [word] = engineWords(flags);
  if (word !== undefined) throw new UsageError(`${resume} has its engine: --resume cannot be given with ${word}.`);
  if (given.length > 0)
    throw new UsageError(`${resume} has its plan: --resume cannot be given with ${given.join(', ')}.`);
  const folder = SoakFolder.open(path.resolve(resume));
  const { sessions, windows, windows_planned, gaps } = folder.soak;
  const last = sessions.at(-1);
  if (last && last.harness.born !== '' && bornAt(last.harness.pid) === last.harness.born)
    throw new UsageError(
      `The soak in ${resume} is still running, as process ${last.harness.pid}: end it with Ctrl-C first.`,
    );
  const done = new Set(windows.filter(({ ended }) => ended === 'completed').map(({ number }) => number));
  if (done.size >= windows_planned && windows.every(({ judged }) => judged !== null))
    throw new UsageError(`The soak in ${resume} is complete: there is nothing to go on with.`);
  // A killed harness leaves its stack; two at a time would not fit on the machine.
  if (last) await heal([], { of: last.harness });
  const open = windows.find(({ ended }) => ended === null);
  // Killed before its manifest was written, a window holds nothing; its name is needed again.
  const begun = open !== undefined && existsSync(path.join(folder.runFolder(open), 'manifest.json'));
  const written = lastWritten(begun ? folder.runFolder(open) : path.join(folder.path, 'windows'));
  if (open && !begun) rmSync(folder.runFolder(open), { recursive: true, force: true });
  const from = (written ?? new Date(last?.started_at ?? folder.soak.started_at)).toISOString();
  await folder.update({
    state: 'running',
    why: null,
    gaps: [...gaps, { from, to: new Date().toISOString(), window: open?.number ?? null }],
    windows: windows.flatMap((one) => (one !== open ? [one] : begun ? [{ ...one, ended: 'broken-off' as const }] : [])),
  });
  return folder;
}

async function newSession(folder: SoakFolder, signal: AbortSignal): Promise<SoakSession> {
  const { sessions } = folder.soak;
  const engine = await resolveEngine(folder.soak.engine ?? {}, true);
  const number = sessions.length + 1;
  const harness = { pid: process.pid, born: bornAt(process.pid) ?? '' };
  const session = { number, started_at: new Date().toISOString(), harness, identity: null };
  await folder.update({ sessions: [...sessions, session] });
  return new SoakSession(folder, { number, engine, signal });
}

async function end(folder: SoakFolder, session: SoakSession, signal: AbortSignal, failure: unknown): Promise<void> {
  if (signal.aborted) await folder.update({ state: 'interrupted', why: messageOf(signal.reason) });
  else if (session.stopped !== undefined) await folder.update({ state: 'stopped', why: session.stopped });
  else if (failure !== undefined) {
    await folder.update({ state: 'stack-failed', why: messageOf(failure) });
    console.error(messageOf(failure));
  } else await folder.update({ state: 'completed', why: null });
}
