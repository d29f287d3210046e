import type { PlannedFault } from '../model/fault.ts';
import type { PlannedHazard } from '../model/misbehaviour.ts';
import { bulkChanges } from './bulk-changes.ts';
import { bystanderLock } from './bystander-lock.ts';
import { clearStorm } from './clear-storm.ts';
import { deleteRuns } from './delete-runs.ts';
import { duplicateDelivery } from './duplicate-delivery.ts';
import { executorEvents } from './executor-events.ts';
import { exhaustConnections } from './exhaust-connections.ts';
import type { Fault } from './fault.ts';
import { impostors } from './impostors.ts';
import { kill } from './kill.ts';
import { killBackend } from './kill-backend.ts';
import { lateEnd } from './late-end.ts';
import { lateStart } from './late-start.ts';
import { lostAnswers } from './lost-answers.ts';
import { lostCommit } from './lost-commit.ts';
import { lostCommitAnswer } from './lost-commit-answer.ts';
import { markStorm } from './mark-storm.ts';
import { pause } from './pause.ts';
import { pauseDags } from './pause-dags.ts';
import { restartPostgres } from './restart-postgres.ts';
import { revokeSlow } from './revoke-slow.ts';
import { silentDeath } from './silent-death.ts';
import { skewedClocks } from './skewed-clocks.ts';
import { slowCpu } from './slow-cpu.ts';
import { slowDisk } from './slow-disk.ts';
import { storm } from './storm.ts';
import { terminateConnections } from './terminate-connections.ts';
import { wireCut } from './wire-cut.ts';
import { wireDelay } from './wire-delay.ts';
import { wireLatency } from './wire-latency.ts';
import { wireReset } from './wire-reset.ts';
import { zombies } from './zombies.ts';

/**
 * All faults, in the order of `windtunnel list`: of processes, of the database, of the wire between them, of clients, of
 * API users, of the executor.
 */
export const FAULTS: readonly Fault[] = [
  pause,
  kill,
  slowCpu,
  killBackend,
  terminateConnections,
  restartPostgres,
  exhaustConnections,
  slowDisk,
  bystanderLock,
  wireDelay,
  wireLatency,
  wireCut,
  wireReset,
  lostCommit,
  lostCommitAnswer,
  lostAnswers,
  duplicateDelivery,
  lateStart,
  lateEnd,
  silentDeath,
  zombies,
  impostors,
  skewedClocks,
  storm,
  clearStorm,
  markStorm,
  deleteRuns,
  pauseDags,
  bulkChanges,
  executorEvents,
  revokeSlow,
];

/** Whether a stack must be started with proxies before its processes, for these windows. */
export function needWires(windows: readonly PlannedFault[]): boolean {
  const names = new Set(windows.map(({ fault }) => fault));
  return FAULTS.some(({ name, needsWires }) => needsWires && names.has(name));
}

/** What the windows of a plan will make of the fleet, and when, if the load begins at `begunMs`. */
export function fleetHazards(windows: readonly PlannedFault[], begunMs: number): PlannedHazard[] {
  return windows.flatMap(({ fault: wanted, at_ms, for_ms, with: drawn }) => {
    const hazard = FAULTS.find(({ name }) => name === wanted)?.hazard?.(drawn);
    const opensMs = begunMs + at_ms;
    return hazard ? [{ hazard, opensMs, closesMs: opensMs + for_ms }] : [];
  });
}
