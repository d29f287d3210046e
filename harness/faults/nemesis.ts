import { setTimeout as sleep } from 'node:timers/promises';
import { roundMs } from '../model/clock.ts';
import { messageOf } from '../model/errors.ts';
import { note } from '../model/run-context.ts';
import type { PlannedFault } from '../model/scenario.ts';
import { cutsConnections, type Fault, type Heal, type Site } from './fault.ts';
import { FAULTS } from './index.ts';
import { sameVictim } from './victims.ts';

/** How long injecting or healing may take. After that the window is recorded as it is, and the run continues. */
const ACTION_MS = 45_000;
const HEALTH_EVERY_MS = 2_000;
const FREE_EVERY_MS = 50;
/** After the last window: as long as a restarted Airflow takes to import itself on two busy cores, and then some. */
const RECOVERY_MS = 60_000;

export interface NemesisOptions extends Site {
  readonly faults: readonly PlannedFault[];
}

/**
 * Opens and closes the windows of the plan, and heals whatever happens: at the end of a window, of the load, and when
 * the run is interrupted. What a killed harness leaves of a stack of ours, broken or not, `windtunnel heal` removes.
 */
export class Nemesis {
  readonly #options: NemesisOptions;
  readonly #open = new Set<PlannedFault>();
  #windows = 0;

  constructor(options: NemesisOptions) {
    this.#options = options;
  }

  /** The open windows: `kill scheduler-1`. */
  get open(): readonly string[] {
    return [...this.#open].map(({ fault, victim }) => `${fault} ${victim}`);
  }

  /** From the beginning of the load until `signal`. Resolves when every window is closed. */
  async run(signal: AbortSignal): Promise<void> {
    const { faults, clock } = this.#options;
    if (faults.length === 0) return;
    const begunMs = clock.now();
    await Promise.all([
      this.#watchHealth(signal),
      ...faults.map((fault) => this.#window(fault, begunMs + fault.at_ms, signal)),
    ]);
  }

  /** After the load: waits until the stack is healthy, at most a minute. Its readings are in `samples`. */
  async awaitRecovery(signal: AbortSignal): Promise<void> {
    const { faults, clock } = this.#options;
    if (faults.length === 0) return;
    const deadline = clock.now() + RECOVERY_MS;
    while (!(await this.#noteHealth()) && clock.now() < deadline && !signal.aborted) await sleep(HEALTH_EVERY_MS);
  }

  async #window(planned: PlannedFault, atMs: number, signal: AbortSignal): Promise<void> {
    const { clock, record } = this.#options;
    await sleep(Math.max(0, atMs - clock.now()), undefined, { signal }).catch(() => undefined);
    // A window that is late must not overlap the next one of its victim, unless the plan says so.
    while (!signal.aborted && [...this.#open].some((other) => isOverdue(other, planned))) await sleep(FREE_EVERY_MS);
    if (signal.aborted) return;
    this.#open.add(planned);
    const window = ++this.#windows;
    const fault = FAULTS.find(({ name }) => name === planned.fault);
    const row = {
      window,
      fault: planned.fault,
      victim: planned.victim,
      opened_ms: roundMs(clock.now()),
      cuts_connections: cutsConnections(fault, planned.with),
      skews_clocks: fault?.skewsClocks ?? false,
    };
    // On disk before the damage is done, so that a killed run can be judged.
    record.append('faults', { ...row, closed_ms: null, detail: detailOf(planned, undefined) });
    let result: string | undefined;
    try {
      const heal = await inTime(`inject ${planned.fault}`, this.#inject(fault, planned), (late) => late());
      await sleep(planned.for_ms, undefined, { signal }).catch(() => undefined);
      result = await inTime(`heal ${planned.fault}`, heal(), () => undefined);
    } catch (error) {
      result = messageOf(error);
      note(this.#options, 'ERROR', result);
    }
    this.#open.delete(planned);
    record.append('faults', { ...row, closed_ms: roundMs(clock.now()), detail: detailOf(planned, result) });
  }

  #inject(fault: Fault | undefined, planned: PlannedFault): Promise<Heal> {
    if (!fault)
      return Promise.reject(new Error(`the plan names the fault ${planned.fault}, which this version does not have`));
    return fault.inject(this.#options, planned);
  }

  async #watchHealth(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#noteHealth();
      await sleep(HEALTH_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #noteHealth(): Promise<boolean> {
    const { stack, clock, record } = this.#options;
    const healthy = await stack.healthy();
    record.append('samples', {
      at_ms: roundMs(clock.now()),
      source: 'stack',
      metric: 'healthy',
      value: healthy ? 1 : 0,
    });
    return healthy;
  }
}

/** Whether `other` should have been closed when `next` was to open, and has the same victim. */
function isOverdue(other: PlannedFault, next: PlannedFault): boolean {
  return sameVictim(other, next) && other.at_ms + other.for_ms <= next.at_ms;
}

/** `late` gets a result that comes after the deadline: a fault that was injected too late is healed at once. */
async function inTime<T>(what: string, action: Promise<T>, late: (result: T) => unknown): Promise<T> {
  const timer = new AbortController();
  const deadline = sleep(ACTION_MS, 'late' as const, { signal: timer.signal }).catch(() => 'late' as const);
  const done = action.then((result) => ({ result }));
  try {
    const first = await Promise.race([done, deadline]);
    if (first !== 'late') return first.result;
    void done.then(({ result }) => late(result)).catch(() => undefined); // It failed, so nothing was done.
    throw new Error(`could not ${what} within ${ACTION_MS / 1000} s`);
  } finally {
    timer.abort();
  }
}

function detailOf({ with: drawn }: PlannedFault, result: string | undefined): string | null {
  const words = [...Object.entries(drawn).map(([name, value]) => `${name} ${value}`), ...(result ? [result] : [])];
  return words.length > 0 ? words.join('; ') : null;
}
