import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { roundMs } from '../../model/clock.ts';
import { StackError } from '../../model/errors.ts';
import type { PlannedHazard } from '../../model/misbehaviour.ts';
import { note, type RunContext } from '../../model/run-context.ts';
import type { SampleMetric } from '../../model/tables.ts';
import type { Hazards } from '../../worker/hazards.ts';
import type { OperationLog } from '../../worker/requests.ts';
import type { Engine } from './engine.ts';
import { RemoteWorkerServer } from './remote-worker-server.ts';

/** k6 starts all its VUs, each with a JavaScript of its own, before the first one asks. */
const READY_MS = 120_000;
/** One that is started elsewhere may have to be started first. */
const ELSEWHERE_MS = 600_000;
/** After the last life: a VU that waits for a life is answered at once. */
const END_MS = 15_000;

export interface K6Options {
  /** Host and port where k6 workers ask for lives. */
  readonly listen: string;
  /** Of the run; absent: a random one, for the k6 that are started here. */
  readonly token?: string | undefined;
  /** VUs of each k6 that is started here; none: they are started elsewhere. */
  readonly vus: readonly number[];
  /** Called with the URL when lives can be asked for. */
  onOpen(url: string): void;
  start(
    index: number,
    env: Readonly<Record<string, string>>,
  ): { readonly name: string; readonly ended: Promise<string> };
}

export interface K6Site {
  readonly executionUrls: readonly string[];
  readonly operationLog: OperationLog;
  readonly hazards: Hazards;
  /** Windows of the plan with their times; none before the load. */
  windows(): readonly PlannedHazard[];
  /** Aborted: k6 is not waited for. */
  readonly stop: AbortSignal;
}

/**
 * The real k6 plays the lives. One that dies takes the leases of its lives with it, and the others continue; when the
 * last one that was started here has died, the run ends.
 */
export async function openK6(
  context: Pick<RunContext, 'record' | 'clock' | 'fail'>,
  options: K6Options,
  site: K6Site,
): Promise<Engine> {
  const { record, clock, fail } = context;
  let lost = 0;
  const token = options.token ?? randomBytes(16).toString('hex');
  const server = await RemoteWorkerServer.open({
    ...site,
    clock,
    onReading: (source, { atMs, offsetMs, roundTripMs }) => {
      const add = (metric: SampleMetric, value: number) =>
        record.append('samples', { at_ms: roundMs(atMs), source, metric, value: roundMs(value) });
      add('clock_offset_ms', offsetMs);
      add('clock_round_trip_ms', roundTripMs);
    },
    listen: options.listen,
    token,
    onLost: ({ life, worker }) => {
      record.append('samples', { at_ms: roundMs(clock.now()), source: 'fleet', metric: 'lives_lost', value: ++lost });
      note(context, 'WARNING', `life ${life} on ${worker} sent no more progress reports: its k6 is taken to be dead`);
    },
  });
  options.onOpen(server.url);
  const env = { WINDTUNNEL_URL: server.url, WINDTUNNEL_TOKEN: token };
  let alive = options.vus.length;
  let closing = false;
  const processes = options.vus.map((vus, i) => options.start(i, { ...env, WINDTUNNEL_VUS: String(vus) }));
  const ends = processes.map(async ({ name, ended }) => {
    const how = await ended;
    alive--;
    if (closing) return;
    note(context, 'ERROR', `${name} ${how} in mid-run`);
    if (alive === 0) fail(new StackError(`${name}, the last k6, ${how}: logs/${name}.log of the run says why.`));
  });
  try {
    const wanted = options.vus.reduce((sum, vus) => sum + vus, 0);
    await server.workersAsk(Math.max(1, wanted), wanted > 0 ? READY_MS : ELSEWHERE_MS, site.stop);
  } catch (error) {
    closing = true;
    await server.close();
    throw error;
  }
  return {
    play: (spec, hooks) => server.play(spec, hooks),
    willEndAt: (atMs) => server.willEndAt(atMs),
    close: async () => {
      closing = true;
      server.dismiss();
      const late = new AbortController();
      await Promise.race([Promise.all(ends), sleep(END_MS, undefined, { signal: late.signal }).catch(() => undefined)]);
      late.abort();
      await server.close();
    },
  };
}
