import type { JudgedEpisode, ReplayOutcome, StepRow } from './episode.ts';

/** What came of one file: the episodes of one run, and what they come to. */
export interface ReplayedFile {
  readonly race: string;
  readonly title: string;
  readonly file: string;
  readonly build: string;
  readonly outcome: ReplayOutcome;
  /** How many episodes of the script had which outcome. */
  readonly counts: Readonly<Partial<Record<JudgedEpisode['outcome'], number>>>;
  /** Episodes of the script that were played, and that were asked for: more, if it was interrupted. */
  readonly times: number;
  readonly wanted: number;
  readonly controls: readonly {
    readonly kind: JudgedEpisode['kind'];
    readonly broken: number;
    readonly times: number;
  }[];
  /** Of an episode, the median; null if none was played. */
  readonly seconds: number | null;
  /** Of the episode that is shown: why its order did not come about, or what was violated. */
  readonly why: string | null;
  /** Of that episode. */
  readonly steps: readonly StepRow[];
  readonly others: readonly string[];
  /** The run folder. */
  readonly run: string;
}

/** What `windtunnel replay --json` prints. */
export interface Replay {
  readonly build: string;
  readonly outcome: ReplayOutcome;
  readonly files: readonly ReplayedFile[];
}

/** The first that is among them; without any, nothing was played. */
const WORST_FIRST: readonly ReplayOutcome[] = ['broken', 'by-the-hold', 'not-reached', 'excluded', 'held'];

export function worstOf(outcomes: readonly ReplayOutcome[]): ReplayOutcome {
  return WORST_FIRST.find((one) => outcomes.includes(one)) ?? 'not-reached';
}

/** What the episodes of one file come to. Controls must hold, or it is the hold itself that breaks something. */
export function replayOutcome(episodes: readonly JudgedEpisode[]): ReplayOutcome {
  const of = episodes.filter(({ kind }) => kind === 'script').map(({ outcome }) => outcome);
  const controls = episodes.filter(({ kind }) => kind !== 'script').map(({ outcome }) => outcome);
  if (of.includes('broken')) return controls.includes('broken') ? 'by-the-hold' : 'broken';
  if (of.length > 0) return worstOf(of);
  // Only controls: many of them end where the order does not come about, which is what they are for.
  return controls.includes('broken')
    ? 'by-the-hold'
    : controls.some((one) => one !== 'not-reached')
      ? 'held'
      : worstOf([]);
}
