import type { LifeOutcome } from '../handoff/workload.ts';
import { isSince } from '../model/airflow/releases.ts';
import type { LifeEnd, Operation } from '../model/operation.ts';
import type { Rng } from '../model/rng.ts';
import { type ExecutorBehaviour, executorBehaviourOf, type Scenario } from '../model/scenario.ts';

/** How a life ended, as far as its executor knows. */
export interface Ending {
  readonly end: LifeEnd;
  /** The request that ended it, as its last try was answered; absent where all was answered with 2xx. */
  readonly failed?: Pick<Operation, 'kind' | 'reason' | 'found_state'> | undefined;
  /** Of a real worker: whether its supervisor raised. */
  readonly raised?: boolean | undefined;
}

/** The end of nothing that an executor watches: the machine has gone, or the run has. */
const UNNOTICED: readonly LifeEnd[] = ['revoked', 'silent', 'lost', 'run-ended'];

/**
 * What the executor reports to its scheduler of the end of a life; null: nothing. `release` is Airflow's; undefined:
 * the newest.
 *
 * A real executor runs `supervise` of the Task SDK and reports whether it returned (success, whatever became of the
 * task) or raised. `calm` reports whether the task was the life's to the end, as no real one does.
 */
export function newsOf(behaviour: ExecutorBehaviour, release: string | undefined, ending: Ending): LifeOutcome | null {
  const { end } = ending;
  if (UNNOTICED.includes(end)) return null;
  // Nothing ran: a pod that could not be scheduled.
  if (end === 'never-started') return 'fail';
  if (behaviour === 'calm') return end === 'reported' ? 'success' : end === 'gave-up' ? null : 'fail';
  if (end === 'refused' && isIgnored(behaviour, release, ending)) return null;
  return (ending.raised ?? (end === 'raised' || end === 'refused')) ? 'fail' : 'success';
}

/** Celery's worker drops a message of a task that runs already: its result stays open (`Ignore`). */
function isIgnored(behaviour: ExecutorBehaviour, release: string | undefined, { failed }: Ending): boolean {
  const isKnown = failed?.reason === 'invalid_state' && failed.found_state === 'running';
  // `TaskAlreadyRunningError` came with 3.1.9.
  return behaviour === 'celery' && isKnown && (release === undefined || isSince(release, '3.1.9'));
}

/** From the last answer to the news of a LocalExecutor: `npm run news-delay` has what was measured. */
const QUICK_MS = [0, 50] as const;
/** The loop of its supervisor sleeps where the pipes of the process close before its end can be seen: once in 288. */
const SLEEP = { share: 1 / 288, ms: 5_000 };

/**
 * How long after the last request of a life its executor knows of the end, milliseconds. `late` is how often something
 * that comes after the end report takes its time: an upload of the log, a listener.
 */
export function newsDelayMs(scenario: Executing, { end, failed }: Ending, rng: Rng): number {
  if (executorBehaviourOf(scenario) === 'calm' || end === 'never-started') return 0;
  const { executor_late_news: late } = scenario;
  const quick = rng.between(...QUICK_MS);
  // Without a start there is neither a loop nor a log.
  if (failed?.kind === 'run') return quick;
  if (late && rng.chance(late.share)) return rng.between(...late.ms);
  return rng.chance(SLEEP.share) ? SLEEP.ms + quick : quick;
}

type Executing = Pick<Scenario, 'executor_behaviour' | 'executor_late_news'>;
