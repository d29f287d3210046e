import { stuckInQueued } from './49889.ts';
import { skippedIsScheduled } from './60330.ts';
import { deferredNotCounted } from './61700.ts';
import { backfillCompletesEarly } from './62561.ts';
import { skipOverwrites } from './63266.ts';
import { renderedFieldsTwice } from './63581.ts';
import { failedAsItIsScheduled } from './66374.ts';
import { stateAndVersion } from './66734.ts';
import { triggerNotIdempotent } from './66905.ts';
import { lostWhileQueued } from './67238.ts';
import { failedInTheQueue } from './67287.ts';
import { dagsOfOneAsset } from './70128.ts';
import { strandedEvents } from './70970.ts';
import { failedAsItPokes } from './71172.ts';
import { leftOnOldVersion } from './72153.ts';
import { failedAsItRuns } from './72716.ts';
import { backfillsAtOnce } from './backfills-at-once.ts';
import { clearedResumed } from './cleared-resumed.ts';
import { dagRows } from './dag-rows.ts';
import { deleteDeadlock } from './delete-deadlock.ts';
import { eventsUnlocked } from './events-unlocked.ts';
import { fieldsOfDeleted } from './fields-of-deleted.ts';
import { marksDeadlock } from './marks-deadlock.ts';
import { maxActiveRuns } from './max-active-runs.ts';
import { notFollowed } from './not-followed.ts';
import { othersEnd } from './others-end.ts';
import type { KnownRace } from './race.ts';
import { rankedQueue } from './ranked-queue.ts';
import { silentRetry } from './silent-retry.ts';
import { staleDecision } from './stale-decision.ts';
import { staleHeartbeatTimeout } from './stale-heartbeat-timeout.ts';
import { takenAsFailure } from './taken-as-failure.ts';
import { unlockedClear } from './unlocked-clear.ts';
import { unlockedRun } from './unlocked-run.ts';
import { upstreamMarked } from './upstream-marked.ts';
import { versionOfNextTry } from './version-of-next-try.ts';

export { type KnownRace, type ScriptBuilds, scriptBuilds } from './race.ts';

/**
 * All known races. A new one is a file and a line here. The order is that of the track record
 * (records/track-record.md).
 */
export const KNOWN_RACES: readonly KnownRace[] = [
  skipOverwrites,
  stateAndVersion,
  renderedFieldsTwice,
  backfillCompletesEarly,
  skippedIsScheduled,
  deferredNotCounted,
  lostWhileQueued,
  stuckInQueued,
  failedAsItRuns,
  failedInTheQueue,
  failedAsItIsScheduled,
  failedAsItPokes,
  leftOnOldVersion,
  triggerNotIdempotent,
  dagsOfOneAsset,
  strandedEvents,
  othersEnd,
  staleHeartbeatTimeout,
  upstreamMarked,
  notFollowed,
  clearedResumed,
  takenAsFailure,
  unlockedClear,
  deleteDeadlock,
  dagRows,
  eventsUnlocked,
  staleDecision,
  unlockedRun,
  marksDeadlock,
  fieldsOfDeleted,
  backfillsAtOnce,
  rankedQueue,
  maxActiveRuns,
  silentRetry,
  versionOfNextTry,
];

export function knownRaceNamed(name: string): KnownRace | undefined {
  return KNOWN_RACES.find((race) => race.name === name);
}

/** The race that violations of this invariant and variant are, if it is a known one. */
export function knownRace(invariant: string, variant: string): KnownRace | undefined {
  return KNOWN_RACES.find(({ marks }) =>
    marks.some((mark) => mark.invariant === invariant && (mark.variants === null || mark.variants.includes(variant))),
  );
}

/** The race that a defect or remedy of the reference stack belongs to. */
export function raceOfDefect(defect: string): KnownRace | undefined {
  return KNOWN_RACES.find(({ reference, related }) =>
    [...(reference?.split('+').slice(1) ?? []), ...(related ?? [])].includes(defect),
  );
}
