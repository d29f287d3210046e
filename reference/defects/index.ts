import type { Behaviour } from '../behaviour.ts';
import { acknowledgedRolledBack } from './acknowledged-rolled-back.ts';
import { apiLeaksMemory } from './api-leaks-memory.ts';
import { backfillCompleteOnFailure } from './backfill-complete-on-failure.ts';
import { backfillCreationBreaks } from './backfill-creation-breaks.ts';
import { backfillCutoffShort } from './backfill-cutoff-short.ts';
import { backfillExistsGuard } from './backfill-exists-guard.ts';
import { backfillFlush } from './backfill-flush.ts';
import { backfillNoGuard } from './backfill-no-guard.ts';
import { dagStarved } from './dag-starved.ts';
import { deadlock503 } from './deadlock-503.ts';
import { deadlockFreshSession } from './deadlock-fresh-session.ts';
import { deadlockSameTransaction } from './deadlock-same-transaction.ts';
import type { Defect } from './defect.ts';
import { doubleDispatch } from './double-dispatch.ts';
import { endAcceptedTwice } from './end-accepted-twice.ts';
import { executorEventStale } from './executor-event-stale.ts';
import { heartbeatFromImpostor } from './heartbeat-from-impostor.ts';
import { historyDoubled } from './history-doubled.ts';
import { historyLost } from './history-lost.ts';
import { historyWrongTry } from './history-wrong-try.ts';
import { lockOverSlowCall } from './lock-over-slow-call.ts';
import { lostCommitAcknowledged } from './lost-commit-acknowledged.ts';
import { mapIndexLost } from './map-index-lost.ts';
import { maxActiveRunsExceeded } from './max-active-runs-exceeded.ts';
import { maxActiveTasksIgnored } from './max-active-tasks-ignored.ts';
import { missingIs500 } from './missing-is-500.ts';
import { orphanResetLive } from './orphan-reset-live.ts';
import { poolOversubscribed } from './pool-oversubscribed.ts';
import { requeueUnguarded } from './requeue-unguarded.ts';
import { resumedToQueued } from './resumed-to-queued.ts';
import { retryDelayIgnored } from './retry-delay-ignored.ts';
import { retryReportRefused } from './retry-report-refused.ts';
import { rtifFirstStays } from './rtif-first-stays.ts';
import { rtifMerge } from './rtif-merge.ts';
import { rtifRetryOnce } from './rtif-retry-once.ts';
import { runEndedEarly } from './run-ended-early.ts';
import { runningUpstreamFailed } from './running-upstream-failed.ts';
import { scheduleLosesDates } from './schedule-loses-dates.ts';
import { scheduleUnguarded } from './schedule-unguarded.ts';
import { schedulerCrashes } from './scheduler-crashes.ts';
import { silenceNotRechecked } from './silence-not-rechecked.ts';
import { silenceUnnoticed } from './silence-unnoticed.ts';
import { skipGuardQueued } from './skip-guard-queued.ts';
import { skipGuardWithoutNull } from './skip-guard-without-null.ts';
import { skipUnguarded } from './skip-unguarded.ts';
import { startByImpostor } from './start-by-impostor.ts';
import { startCountedAgain } from './start-counted-again.ts';
import { startNotRepeatable } from './start-not-repeatable.ts';
import { stateLockJoined } from './state-lock-joined.ts';
import { supersededTryAccepted } from './superseded-try-accepted.ts';
import { tokenRefusedAfterRefresh } from './token-refused-after-refresh.ts';
import { triggersLeftBehind } from './triggers-left-behind.ts';
import { tryNumberSkipped } from './try-number-skipped.ts';
import { versionUpdateSkipLocked } from './version-update-skip-locked.ts';
import { versionWritesState } from './version-writes-state.ts';
import { xcomsSurviveTheirTry } from './xcoms-survive-their-try.ts';

/**
 * Everything that can be switched on, in the order that `windtunnel list` shows. A new one is a file and a line here.
 */
export const DEFECTS: readonly Defect[] = [
  skipUnguarded,
  skipGuardWithoutNull,
  skipGuardQueued,
  scheduleUnguarded,
  requeueUnguarded,
  runningUpstreamFailed,
  stateLockJoined,
  deadlockSameTransaction,
  deadlockFreshSession,
  deadlock503,
  versionUpdateSkipLocked,
  rtifMerge,
  rtifRetryOnce,
  backfillNoGuard,
  backfillCutoffShort,
  backfillFlush,
  backfillCreationBreaks,
  backfillExistsGuard,
  backfillCompleteOnFailure,
  acknowledgedRolledBack,
  apiLeaksMemory,
  dagStarved,
  doubleDispatch,
  endAcceptedTwice,
  retryReportRefused,
  executorEventStale,
  heartbeatFromImpostor,
  historyDoubled,
  historyLost,
  historyWrongTry,
  lockOverSlowCall,
  mapIndexLost,
  maxActiveRunsExceeded,
  maxActiveTasksIgnored,
  missingIs500,
  orphanResetLive,
  poolOversubscribed,
  resumedToQueued,
  retryDelayIgnored,
  rtifFirstStays,
  runEndedEarly,
  scheduleLosesDates,
  schedulerCrashes,
  silenceNotRechecked,
  silenceUnnoticed,
  startByImpostor,
  startCountedAgain,
  supersededTryAccepted,
  tokenRefusedAfterRefresh,
  triggersLeftBehind,
  tryNumberSkipped,
  versionWritesState,
  xcomsSurviveTheirTry,
  // These show only where something breaks.
  lostCommitAcknowledged,
  startNotRepeatable,
];

/**
 * The defects of a build by their names, each after those that it stands on. Throws an Error with one sentence for
 * everything that is wrong with the names.
 */
export function chosenDefects(names: readonly string[]): readonly Defect[] {
  const chosen = new Map<string, Defect>();
  const problems: string[] = [];
  const choose = (name: string): void => {
    if (chosen.has(name)) return;
    const defect = DEFECTS.find((candidate) => candidate.name === name);
    if (!defect) {
      problems.push(`there is no defect "${name}"`);
      return;
    }
    for (const below of defect.on ?? []) choose(below);
    chosen.set(name, defect);
  };
  for (const name of names) choose(name);
  if (problems.length > 0) throw new Error(problems.join('; '));
  return [...chosen.values()];
}

/** `normal` with the defects switched on, one over the other. */
export function withDefects(normal: Behaviour, defects: readonly Defect[]): Behaviour {
  let behaviour = normal;
  for (const defect of defects) behaviour = Object.assign({}, behaviour, defect.change(behaviour));
  return behaviour;
}
