import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { roundMs } from '../../model/clock.ts';
import { StackError } from '../../model/errors.ts';
import type { PlannedHazard } from '../../model/misbehaviour.ts';
import type { RunClock } from '../../run-folder/clock.ts';
import type { RunFolder } from '../../run-folder/writer.ts';
import type { EngineParts } from '../fleet.ts';
import type { Engine } from './engine.ts';
import { LeaseDesk } from './remote-worker-server.ts';

/** k6 starts all its VUs, each with a JavaScript of its own, before the first one asks. */
const READY_MS = 120_000;
/** One that is started elsewhere may have to be started first. */
const ELSEWHERE_MS = 600_000;
/** After the last life: a VU that waits for a life is told at once. */
const END_MS = 15_000;

export interface K6Options {
  /** Where lives are lent. */
  readonly listen: string;
  /** Of the run; absent: one that nobody else knows. */
  readonly token?: string | undefined;
  /** VUs of each k6 that is started here; none: others come and ask. */
  readonly vus: readonly number[];
  /** Told where, when lives can be asked for. */
  onOpen(url: string): void;
  start(
    index: number,
    env: Readonly<Record<string, string>>,
  ): { readonly name: string; readonly ended: Promise<string> };
}

export interface K6Site {
  readonly executionUrls: readonly string[];
  readonly clock: RunClock;
  readonly record: RunFolder;
  windows(): readonly PlannedHazard[];
  onError(error: Error): void;
  /** The run is not to be. */
  readonly stop: AbortSignal;
}

/**
 * The real k6 plays the lives. One that dies takes the leases of its lives with it, and the rest goes on; when the last
 * has died, so has the load.
 */
export async function openK6(options: K6Options, parts: EngineParts, site: K6Site): Promise<Engine> {
  const { clock, record, onError } = site;
  const complain = (severity: 'ERROR' | 'WARNING', message: string) =>
    record.append('server_log', { at_ms: roundMs(clock.now()), source: 'harness', severity, message });
  let lost = 0;
  const token = options.token ?? randomBytes(16).toString('hex');
  const desk = await LeaseDesk.open({
    ...parts,
    ...site,
    listen: options.listen,
    token,
    onLost: ({ life, worker }) => {
      record.append('samples', { at_ms: roundMs(clock.now()), source: 'fleet', metric: 'lives_lost', value: ++lost });
      complain('WARNING', `life ${life} on ${worker} was not heard of again: its k6 is taken to be dead`);
    },
  });
  options.onOpen(desk.url);
  const env = { WINDTUNNEL_LEASES: desk.url, WINDTUNNEL_TOKEN: token };
  let alive = options.vus.length;
  let over = false;
  const processes = options.vus.map((vus, i) => options.start(i, { ...env, WINDTUNNEL_VUS: String(vus) }));
  const ends = processes.map(async ({ name, ended }) => {
    const how = await ended;
    alive--;
    if (over) return;
    complain('ERROR', `${name} ${how} in mid-run`);
    if (alive === 0) onError(new StackError(`${name}, the last k6, ${how}: logs/${name}.log of the run says why.`));
  });
  try {
    const wanted = options.vus.reduce((sum, vus) => sum + vus, 0);
    await desk.asked(Math.max(1, wanted), wanted > 0 ? READY_MS : ELSEWHERE_MS, site.stop);
  } catch (error) {
    over = true;
    await desk.close();
    throw error;
  }
  return {
    play: (birth, hooks) => desk.play(birth, hooks),
    willEndAt: (atMs) => desk.willEndAt(atMs),
    close: async () => {
      over = true;
      desk.dismiss();
      const late = new AbortController();
      await Promise.race([Promise.all(ends), sleep(END_MS, undefined, { signal: late.signal }).catch(() => undefined)]);
      late.abort();
      await desk.close();
    },
  };
}
