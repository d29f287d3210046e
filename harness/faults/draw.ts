import { didYouMean } from '../model/closest.ts';
import { UsageError } from '../model/errors.ts';
import { Rng } from '../model/rng.ts';
import type { ChaosSpec, PlannedFault } from '../model/scenario.ts';
import type { Fault, Host } from './fault.ts';
import { FAULTS } from './index.ts';
import { pickFrom, roleOf, sameVictim } from './victims.ts';

/**
 * The end of the load is without faults, to see whether the stack recovers: a quarter of the load, but no longer than a
 * lost worker or scheduler takes to be noticed.
 */
const QUIET_SHARE = 0.25;
const QUIET_MS = 75_000;
/** A window that would be shorter than this is not opened. */
const SHORTEST_MS = 500;
/** Draws before a track gives up on finding a victim that no other window has. */
const TRIES = 20;

/** All windows of a run, drawn from its seed. UsageError: all faults that are unknown or that the stack cannot host. */
export function drawFaults(chaos: ChaosSpec, host: Host, seed: number): PlannedFault[] {
  const faults = hostable(chaos.faults, host);
  if (faults.length === 0) throw new UsageError('None of the faults can be injected into this stack.');
  const loadMs = host.scenario.duration_s * 1_000;
  const endMs = loadMs - Math.min(QUIET_MS, loadMs * QUIET_SHARE);
  const windows: PlannedFault[] = [];
  for (let track = 0; track < (chaos.at_once ?? 1); track++) {
    const rng = new Rng(seed, 'faults', track);
    for (let at = rng.between(...chaos.pause_ms); at < endMs; ) {
      const window = drawWindow({ chaos, faults, at, endMs, taken: windows }, rng);
      if (window) windows.push(window);
      at += (window?.for_ms ?? 0) + Math.max(SHORTEST_MS, rng.between(...chaos.pause_ms));
    }
  }
  return windows.sort((a, b) => a.at_ms - b.at_ms);
}

/** A fault, and the host with only those processes that it may choose from. */
interface Candidate {
  readonly fault: Fault;
  readonly host: Host;
}

interface Draw {
  readonly chaos: ChaosSpec;
  readonly faults: readonly Candidate[];
  readonly at: number;
  readonly endMs: number;
  readonly taken: readonly PlannedFault[];
}

function drawWindow({ chaos, faults, at, endMs, taken }: Draw, rng: Rng): PlannedFault | undefined {
  for (let tries = 0; tries < TRIES; tries++) {
    const { fault, host } = pickFrom(faults, rng);
    const forMs = Math.min(rng.between(...(chaos.lasts_ms ?? fault.lasts_ms)), endMs - at);
    if (forMs < SHORTEST_MS) return undefined;
    const window = {
      fault: fault.name,
      ...fault.draw(host, rng),
      at_ms: Math.round(at),
      for_ms: Math.round(forMs),
    };
    if (!taken.some((other) => clash(other, window))) return window;
  }
  return undefined;
}

function clash(a: PlannedFault, b: PlannedFault): boolean {
  return sameVictim(a, b) && a.at_ms < b.at_ms + b.for_ms && b.at_ms < a.at_ms + a.for_ms;
}

/** The faults of these names: `kill`, or `kill:scheduler` and `kill:scheduler-2`. UsageError as in `drawFaults`. */
export function hostable(wanted: readonly string[] | 'all', host: Host): Candidate[] {
  if (wanted === 'all') {
    return FAULTS.filter((fault) => fault.unavailable(host) === null).map((fault) => ({ fault, host }));
  }
  const problems: string[] = [];
  const chosen = wanted.flatMap((words) => {
    const [name, victim] = words.split(':');
    const fault = FAULTS.find((other) => other.name === name);
    const why = fault?.unavailable(host);
    if (why) problems.push(`The fault ${name} cannot be injected here: it ${why}.`);
    if (!fault || why || victim === undefined) return fault ? [{ fault, host }] : [];
    const processes = host.processes.filter((process) => process === victim || roleOf(process) === victim);
    const narrowed = { fault, host: { ...host, processes } };
    if (chooses(narrowed)) return [narrowed];
    problems.push(`The fault ${name} cannot choose the victim "${victim}": there is ${host.processes.join(', ')}.`);
    return [];
  });
  problems.push(...unknownFaults(wanted));
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return chosen;
}

/** A sentence for each of these faults that there is not. */
export function unknownFaults(wanted: readonly string[]): string[] {
  const names = wanted.map((words) => words.split(':')[0]);
  const known = FAULTS.map(({ name }) => name);
  const unknown = names.filter((name): name is string => name !== undefined && !known.includes(name));
  return unknown.map(
    (name) => `There is no fault "${name}"${didYouMean(name, known)}: \`windtunnel list\` names them.`,
  );
}

/** Whether the fault can damage one of these processes. Not all faults choose a process, and some only of one role. */
function chooses({ fault, host }: Candidate): boolean {
  try {
    return host.processes.includes(fault.draw(host, new Rng(0)).victim);
  } catch {
    return false; // It can damage none of them.
  }
}
