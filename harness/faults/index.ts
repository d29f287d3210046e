import type { PlannedHazard } from '../model/misbehaviour.ts';
import type { PlannedFault } from '../model/scenario.ts';
import { CLIENT_FAULTS } from './client.ts';
import { bystanderLock, fieldsLock } from './database/bystander-lock.ts';
import { killBackend, terminateConnections } from './database/cut-connections.ts';
import { exhaustConnections } from './database/exhaust-connections.ts';
import { restartPostgres } from './database/restart-postgres.ts';
import { slowDisk } from './database/slow-disk.ts';
import { EXECUTOR_FAULTS } from './executor.ts';
import type { Fault } from './fault.ts';
import { OPERATOR_FAULTS } from './operator.ts';
import { kill } from './process/kill.ts';
import { pause } from './process/pause.ts';
import { slowCpu } from './process/slow-cpu.ts';
import { answerSqlstate } from './wire/answers.ts';
import { wireLatency, wireReset } from './wire/network.ts';
import { lostCommit, lostCommitAnswer, wireCut, wireDelay } from './wire/statements.ts';

/**
 * All faults, in the order of `windtunnel list`: of processes, of the database, of the wire between them, of clients,
 * of API users, of the executor.
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
  fieldsLock,
  wireDelay,
  wireLatency,
  wireCut,
  wireReset,
  lostCommit,
  lostCommitAnswer,
  answerSqlstate,
  ...CLIENT_FAULTS,
  ...OPERATOR_FAULTS,
  ...EXECUTOR_FAULTS,
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
